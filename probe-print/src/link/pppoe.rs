//! PPP over Ethernet (RFC 2516).

use super::ppp;
use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put, put_name},
};

const HEADER: usize = 6;
/// An offer request may not be longer.
const MAX_REQUEST: usize = 1484 - HEADER;
const REQUEST: u8 = 0x09;
/// Characters of a tag's text that are shown.
const SHOWN: usize = 79;

const CODES: &[(u8, &str)] = &[
    (REQUEST, "PADI"),
    (0x07, "PADO"),
    (0x19, "PADR"),
    (0x65, "PADS"),
    (0xa7, "PADT"),
    // Data.
    (0, ""),
];

const TAGS: &[(u16, &str)] = &[
    (0, "EOL"),
    (0x0101, "Service-Name"),
    (0x0102, "AC-Name"),
    (0x0103, "Host-Uniq"),
    (0x0104, "AC-Cookie"),
    (0x0105, "Vendor-Specific"),
    (0x0110, "Relay-Session-ID"),
    (0x0120, "PPP-Max-Payload"),
    (0x0201, "Service-Name-Error"),
    (0x0202, "AC-System-Error"),
    (0x0203, "Generic-Error"),
];

/// Prints a frame of a capture that begins with PPPoE, and says how long its header is.
pub(crate) fn frame(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
    let mut header = 0;
    t.part(|t| print(t, p, length).map(|length| header = length))?;
    Ok(header)
}

/// Prints discovery, or the PPP frame of a session; says how long the header is.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
    t.protocol = "pppoe";
    if length < HEADER {
        put!(t, " (length {length} < {HEADER})");
        return Err(Stop::Invalid);
    }
    let length = length - HEADER;
    p.slice(0, HEADER)?;
    let (first, code, session) = (p.u8(0)?, p.u8(1)?, p.u16(2)?);
    let mut stated = usize::from(p.u16(4)?);
    if first >> 4 != 1 {
        put!(t, " [ver {}]", first >> 4);
    }
    if first & 0xf != 1 {
        put!(t, " [type {}]", first & 0xf);
    }
    put!(t, "PPPoE ");
    put_name!(t, CODES, code, "PAD-{code:x}");
    if code == REQUEST && stated > MAX_REQUEST {
        put!(t, " [len {stated}!]");
    }
    if stated > length {
        put!(t, " [len {stated} > {length}!]");
        stated = length;
    }
    if session != 0 {
        put!(t, " [ses 0x{session:x}]");
    }
    let payload = p.from(HEADER);
    if code == 0 {
        put!(t, " ");
        let mut header = HEADER;
        t.part(|t| ppp::print(t, payload, stated).map(|ppp| header += ppp))?;
        return Ok(header);
    }
    let mut at = 0;
    // Each tag takes at least four bytes.
    while at < stated {
        let (kind, size) = (payload.u16(at)?, usize::from(payload.u16(at + 2)?));
        at += 4;
        tag(t, kind, payload.slice(at, size)?);
        at += size;
        if kind == 0 {
            break;
        }
    }
    Ok(HEADER)
}

/// Prints a tag: as text, if that is what most of it is.
fn tag(t: &mut Text<'_>, kind: u16, value: &[u8]) {
    put!(t, " [");
    put_name!(t, TAGS, kind, "TAG-0x{kind:x}");
    if !value.is_empty() {
        let shown = value.get(..SHOWN).unwrap_or(value);
        let is_text = |byte: &&u8| (0x20..0x7f).contains(*byte);
        if 2 * shown.iter().filter(is_text).count() > shown.len() {
            put!(t, " \"");
            for byte in shown {
                let c = if is_text(&byte) { *byte } else { b'.' };
                t.out.push(c);
            }
            put!(t, "\"");
        } else {
            put!(t, " 0x");
            for byte in value {
                put!(t, "{byte:02X}");
            }
        }
    }
    put!(t, "]");
}

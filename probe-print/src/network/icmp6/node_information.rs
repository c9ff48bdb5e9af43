//! Node information queries of ICMPv6 (RFC 4620).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

const HEADER: usize = 16;
/// A query of the KAME system has no body but the nonce.
const WHO_ARE_YOU: usize = 12;
const QUERY: u8 = 139;

const NOTHING: u16 = 0;
const SUPPORTED: u16 = 1;
const NAME: u16 = 2;
const ADDRESSES: u16 = 3;

const ADDRESS_FLAGS: [(u16, &str); 7] =
    [(0x40, "a"), (0x20, "G"), (0x10, "S"), (0x08, "L"), (0x04, "C"), (0x02, "A"), (0x01, "T")];

/// Prints a query or a reply, from the ICMPv6 header on.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    match p.u8(0)? {
        QUERY if p.len() == WHO_ARE_YOU => {
            put!(t, " who-are-you request");
            Ok(())
        }
        QUERY => query(t, p),
        _ if length > p.len() => Err(Stop::Short),
        _ => reply(t, p),
    }
}

fn note(t: &mut Text<'_>, text: &str) {
    if t.style.verbose > 0 {
        put!(t, ", {text}");
    }
}

/// What is asked, and about whom.
fn query(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    put!(t, " node information query");
    p.need(0, HEADER)?;
    let (kind, flags) = (p.u16(4)?, p.u16(6)?);
    put!(t, " (");
    match kind {
        NOTHING => put!(t, "noop"),
        SUPPORTED => supported(t, flags),
        NAME => put!(t, "DNS name"),
        ADDRESSES => {
            put!(t, "node addresses");
            // Truncation is for replies.
            address_flags(t, flags, 6);
        }
        _ => put!(t, "unknown"),
    }
    let subject = p.from(HEADER);
    match (kind, p.u8(1)?) {
        (NOTHING | SUPPORTED, _) if !subject.is_empty() => note(t, "invalid len"),
        (NOTHING | SUPPORTED, _) => {}
        _ if subject.is_empty() => put!(t, ", 03 draft"),
        (_, 0) if subject.len() < 16 => {}
        (_, 0) if subject.len() > 16 => note(t, "invalid subject len"),
        (_, 0) => put!(t, ", subject={}", t.v6(subject, 0)?),
        (_, 1) => {
            put!(t, ", subject=DNS name");
            name(t, subject)?;
        }
        (_, 2) if subject.len() < 4 => {}
        (_, 2) if subject.len() > 4 => note(t, "invalid subject len"),
        (_, 2) => put!(t, ", subject={}", t.v4(subject, 0)?),
        _ => put!(t, ", unknown subject"),
    }
    put!(t, ")");
    Ok(())
}

fn reply(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    p.need(0, HEADER)?;
    put!(t, " node information reply (");
    let body = p.from(HEADER);
    let code = p.u8(1)?;
    if code != 0 {
        if let 1 | 2 = code {
            put!(t, "{}", if code == 1 { "refused" } else { "unknown" });
            if !body.is_empty() {
                note(t, "invalid length");
            }
        }
        put!(t, ")");
        return Ok(());
    }
    if t.style.verbose > 0 {
        put!(t, "success, ");
    }
    let flags = p.u16(6)?;
    match p.u16(4)? {
        NOTHING => {
            put!(t, "noop");
            if !body.is_empty() {
                note(t, "invalid length");
            }
        }
        SUPPORTED => supported(t, flags),
        NAME => {
            put!(t, "DNS name");
            name(t, body.from(4))?;
            if flags & 1 != 0 {
                put!(t, " [TTL={}]", body.u32(0)?);
            }
        }
        ADDRESSES => {
            put!(t, "node addresses");
            for at in (0..body.len()).step_by(20) {
                if body.has(at, 20) {
                    put!(t, " {}({})", t.v6(body, at + 4)?, body.u32(at)?);
                }
            }
            address_flags(t, flags, 7);
        }
        _ => put!(t, "unknown"),
    }
    put!(t, ")");
    Ok(())
}

fn supported(t: &mut Text<'_>, flags: u16) {
    put!(t, "supported qtypes");
    if flags != 0 {
        put!(t, " [{}]", if flags & 1 == 0 { "" } else { "C" });
    }
}

fn address_flags(t: &mut Text<'_>, flags: u16, count: usize) {
    if flags == 0 {
        return;
    }
    put!(t, " [");
    for (bit, name) in ADDRESS_FLAGS.iter().take(count) {
        if flags & bit != 0 {
            put!(t, "{name}");
        }
    }
    put!(t, "]");
}

/// A name: in a draft one string, now in labels, never compressed.
fn name(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let first = usize::from(p.u8(0)?);
    if first + 1 == p.len() {
        note(t, "03 draft");
        put!(t, ", \"");
        t.characters(p.from(1).all());
        put!(t, "\"");
        return Ok(());
    }
    put!(t, ", \"");
    let mut at = 0;
    // Each label takes at least one byte.
    while at < p.len() {
        let length = usize::from(p.u8(at)?);
        at += 1;
        if length == 0 {
            // The end of a name that is whole, of one that is not, or of none.
            match p.from(at).all() {
                [] => put!(t, "."),
                [0] => {}
                _ => put!(t, "???"),
            }
            break;
        }
        let Ok(label) = p.slice(at, length) else {
            put!(t, "???");
            break;
        };
        t.characters(label);
        at += length;
        if at + 1 < p.len() && p.u8(at)? != 0 {
            put!(t, ".");
        }
    }
    put!(t, "\"");
    Ok(())
}

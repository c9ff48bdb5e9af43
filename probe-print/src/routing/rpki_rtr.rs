//! What routers ask a cache of the RPKI (RFC 6810).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, name_of, put},
};

const NAMES: &[(u8, &str)] = &[
    (NOTIFY, "Serial Notify"),
    (QUERY, "Serial Query"),
    (RESET_QUERY, "Reset Query"),
    (RESPONSE, "Cache Response"),
    (PREFIX_4, "IPV4 Prefix"),
    (PREFIX_6, "IPV6 Prefix"),
    (END, "End of Data"),
    (RESET, "Cache Reset"),
    (ERROR, "Error Report"),
];
const NOTIFY: u8 = 0;
const QUERY: u8 = 1;
const RESET_QUERY: u8 = 2;
const RESPONSE: u8 = 3;
const PREFIX_4: u8 = 4;
const PREFIX_6: u8 = 6;
const END: u8 = 7;
const RESET: u8 = 8;
const ERROR: u8 = 10;

const ERRORS: &[(u16, &str)] = &[
    (0, "Corrupt Data"),
    (1, "Internal Error"),
    (2, "No Data Available"),
    (3, "Invalid Request"),
    (4, "Unsupported Protocol Version"),
    (5, "Unsupported PDU Type"),
    (6, "Withdrawal of Unknown Record"),
    (7, "Duplicate Announcement Received"),
];

const HEADER: usize = 8;

/// Prints the messages of a segment, with `-v` what they say.
pub(crate) fn print(t: &mut Text<'_>, mut p: Bytes<'_>, mut length: usize) -> Result<(), Stop> {
    t.protocol = "rpki_rtr";
    if t.style.verbose == 0 {
        put!(t, ", RPKI-RTR");
        return Ok(());
    }
    // Every message takes at least its header off the length.
    while length > 0 {
        let size = message(t, p, length, true)?;
        length -= size;
        p = p.from(size);
    }
    Ok(())
}

/// Prints a message and says how many bytes it took. One inside an error is the `outer` one's.
fn message(t: &mut Text<'_>, p: Bytes<'_>, length: usize, outer: bool) -> Result<usize, Stop> {
    let version = p.u8(0)?;
    if version != 0 {
        put!(t, "\n\tRPKI-RTRv{version} (unknown)");
        return Ok(length);
    }
    if length < HEADER {
        put!(t, "({length} bytes is too few to decode)");
        return t.invalid_rest(p, length);
    }
    p.slice(0, HEADER)?;
    let (kind, size) = (p.u8(1)?, p.u32(4)? as usize);
    let name = name_of(NAMES, kind).unwrap_or("Unknown");
    put!(t, "\n\tRPKI-RTRv{version}, {name} PDU ({kind}), length: {size}");
    if !(HEADER..=length).contains(&size) {
        return t.invalid_rest(p, length);
    }
    match body(t, p, kind, size, outer) {
        Err(Stop::Invalid) => return t.invalid_rest(p, length),
        printed => printed?,
    }
    if t.style.verbose > 1 || name_of(NAMES, kind).is_none() {
        t.unknown(p, size, "\n\t  ");
    }
    Ok(size)
}

/// Prints what is behind the header; [`Stop::Invalid`] where a length cannot be.
fn body(t: &mut Text<'_>, p: Bytes<'_>, kind: u8, size: usize, outer: bool) -> Result<(), Stop> {
    let margin = if outer { "\n\t  " } else { "\n\t    " };
    match (kind, size) {
        (NOTIFY | QUERY | END, 12) => {
            put!(t, "{margin}Session ID: 0x{:04x}, Serial: {}", p.u16(2)?, p.u32(8)?);
        }
        (RESET_QUERY | RESET, HEADER) => {}
        (RESPONSE, HEADER) => put!(t, "{margin}Session ID: 0x{:04x}", p.u16(2)?),
        (PREFIX_4, 20) => {
            let (bits, most) = (p.u8(9)?, p.u8(10)?);
            let (system, flags) = (p.u32(16)?, p.u8(8)?);
            put!(t, "{margin}IPv4 Prefix {}/{bits}-{most}", t.v4(p, 12)?);
            put!(t, ", origin-as {system}, flags 0x{flags:02x}");
        }
        (PREFIX_6, 32) => {
            let (bits, most) = (p.u8(9)?, p.u8(10)?);
            let (system, flags) = (p.u32(28)?, p.u8(8)?);
            put!(t, "{margin}IPv6 Prefix {}/{bits}-{most}", t.v6(p, 12)?);
            put!(t, ", origin-as {system}, flags 0x{flags:02x}");
        }
        (ERROR, _) => return error(t, p, size, outer),
        (NOTIFY | QUERY | END | RESET_QUERY | RESET | RESPONSE | PREFIX_4 | PREFIX_6, _) => {
            return Err(Stop::Invalid);
        }
        _ => {
            p.slice(0, size)?;
        }
    }
    Ok(())
}

fn error(t: &mut Text<'_>, p: Bytes<'_>, size: usize, outer: bool) -> Result<(), Stop> {
    let margin = if outer { "\n\t  " } else { "\n\t    " };
    let mut at = HEADER + 4;
    if size < at {
        return Err(Stop::Invalid);
    }
    p.slice(0, at)?;
    let (code, inner) = (p.u16(2)?, p.u32(HEADER)? as usize);
    let name = name_of(ERRORS, code).unwrap_or("Unknown");
    put!(t, "{margin}Error code: {name} ({code}), Encapsulated PDU length: {inner}");
    if inner > 0 {
        if size - at < inner {
            return Err(Stop::Invalid);
        }
        if outer {
            put!(t, "\n\t    -----encapsulated PDU-----");
            t.part(|t| message(t, p.from(at), inner, false).map(|_| ()))?;
        } else {
            p.slice(at, inner)?;
        }
        at += inner;
    }
    if size < at + 4 {
        return Err(Stop::Invalid);
    }
    let length = p.u32(at)? as usize;
    at += 4;
    if length > 0 {
        // tcpdump adds in 32 bits, which may wrap.
        if (size as u32) < (at as u32).wrapping_add(length as u32) {
            return Err(Stop::Invalid);
        }
        put!(t, "{margin}Error text: ");
        t.string(p.from(at), length)?;
    }
    Ok(())
}

//! GRE (RFC 2784, RFC 2890), and the PPTP version of it (RFC 2637).

use super::mpls;
use crate::{
    address::v4,
    assigned_numbers::ETHERTYPES,
    bytes::{Bytes, Fields, Stop},
    link::{ethernet, ppp},
    network::{ip, ip6, ipx, osi},
    text::{Text, bits, name_of, put},
};

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGMENT: u16 = 0x0080;

const FLAGS: &[(u32, &str)] = &[
    (CHECKSUM as u32, "checksum present"),
    (ROUTING as u32, "routing present"),
    (KEY as u32, "key present"),
    (SEQUENCE as u32, "sequence# present"),
    (0x0800, "source routing present"),
    (ACKNOWLEDGMENT as u32, "ack present"),
];

/// Address families of source routes (RFC 1702).
const SOURCE_IP: u16 = 0x0800;
const SOURCE_SYSTEMS: u16 = 0xfffe;

/// The next field: both the length and the captured bytes must have it.
fn take<'a>(fields: &mut Fields<'a>, size: usize) -> Result<Bytes<'a>, Stop> {
    fields.claimed(size)?;
    fields.rest().need(0, size)?;
    fields.slice(size).map(Bytes::new)
}

fn half(fields: &mut Fields<'_>) -> Result<u16, Stop> {
    take(fields, 2)?.u16(0)
}

fn word(fields: &mut Fields<'_>) -> Result<u32, Stop> {
    take(fields, 4)?.u32(0)
}

/// Prints a GRE packet and what it carries.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "gre";
    let mut fields = Fields::new(p, length);
    let flags = half(&mut fields)?;
    let version = flags & 7;
    put!(t, "GREv{version}");
    if version > 1 {
        put!(t, " ERROR: unknown-version");
        return Ok(());
    }
    if t.style.verbose > 0 {
        put!(t, ", Flags [{}]", bits(FLAGS, flags.into(), ", ", "none"));
    }
    let protocol = head(t, &mut fields, flags)?;
    payload(t, &fields, length, flags, protocol)
}

/// The protocol, and the optional fields.
fn head(t: &mut Text<'_>, fields: &mut Fields<'_>, flags: u16) -> Result<u16, Stop> {
    let plain = flags & 7 == 0;
    let protocol = half(fields)?;
    if plain && flags & (CHECKSUM | ROUTING) != 0 {
        let sum = half(fields)?;
        if t.style.verbose > 0 {
            put!(t, ", sum 0x{sum:x}");
        }
        put!(t, ", off 0x{:x}", half(fields)?);
    }
    if flags & KEY != 0 {
        let key = word(fields)?;
        if plain { put!(t, ", key=0x{key:x}") } else { put!(t, ", call {}", key & 0xffff) }
    }
    if flags & SEQUENCE != 0 {
        put!(t, ", seq {}", word(fields)?);
    }
    if plain && flags & ROUTING != 0 {
        // Source routes (RFC 1701): each entry takes at least four bytes.
        loop {
            let entry = take(fields, 4)?;
            let (family, sizes) = (entry.u16(0)?, entry.u16(2)?);
            if family == 0 && sizes & 0xff == 0 {
                break;
            }
            let (offset, size) = (usize::from(sizes >> 8), usize::from(sizes & 0xff));
            match family {
                SOURCE_IP => {
                    put!(t, ", (rtaf=ip");
                    let printed = hops(t, *fields, offset, size, 4);
                    put!(t, ")");
                    printed?;
                }
                SOURCE_SYSTEMS => {
                    put!(t, ", (rtaf=asn");
                    let printed = hops(t, *fields, offset, size, 2);
                    put!(t, ")");
                    printed?;
                }
                _ => put!(t, ", (rtaf=0x{family:x})"),
            }
            fields.claimed(size)?;
            fields.skip(size);
        }
    }
    if !plain && flags & ACKNOWLEDGMENT != 0 {
        put!(t, ", ack {}", word(fields)?);
    }
    if !plain && flags & SEQUENCE == 0 {
        put!(t, ", no-payload");
    }
    Ok(protocol)
}

/// The hops of a source route (RFC 1702), of so many bytes each; a star is before the next.
fn hops(
    t: &mut Text<'_>,
    mut fields: Fields<'_>,
    offset: usize,
    size: usize,
    hop: usize,
) -> Result<(), Stop> {
    if !offset.is_multiple_of(hop) {
        put!(t, ", badoffset={offset}");
    } else if !size.is_multiple_of(hop) {
        put!(t, ", badlength={size}");
    } else if offset >= size {
        put!(t, ", badoff/len={offset}/{size}");
    } else {
        for at in (0..size).step_by(hop) {
            let p = take(&mut fields, hop)?;
            put!(t, " {}", if at == offset { "*" } else { "" });
            if hop == 4 { put!(t, "{}", v4(p, 0)?) } else { put!(t, "{:x}", p.u16(0)?) }
        }
    }
    Ok(())
}

fn payload(
    t: &mut Text<'_>,
    fields: &Fields<'_>,
    length: usize,
    flags: u16,
    protocol: u16,
) -> Result<(), Stop> {
    let plain = flags & 7 == 0;
    if t.style.link_header {
        let name = name_of(ETHERTYPES, protocol).unwrap_or("unknown");
        put!(t, ", proto {name} (0x{protocol:04x})");
    }
    put!(t, ", length {length}");
    if !plain && flags & SEQUENCE == 0 {
        return Ok(());
    }
    let separator = if t.style.verbose == 0 { ": " } else { "\n\t" };
    put!(t, "{separator}");
    let (p, rest) = (fields.rest(), fields.left());
    match protocol {
        0x0800 if plain => ip::print(t, p, rest),
        0x86dd if plain => ip6::print(t, p, rest),
        0x8137 if plain => ipx::print(t, p),
        0x00fe if plain => osi::print(t, p, rest),
        0x6558 if plain => ethernet::print(t, p, rest).map(|_| ()),
        0x8847 if plain => mpls::print(t, p, rest),
        0x880b if !plain => ppp::print(t, p, rest).map(drop),
        _ => {
            put!(t, "gre-proto-0x{protocol:x}");
            Ok(())
        }
    }
}

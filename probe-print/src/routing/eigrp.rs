//! Cisco's EIGRP (RFC 7868).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, bits, name_of, put},
};

const HEADER: usize = 20;
const FIELD: usize = 4;
const VERSION: u8 = 2;

const KINDS: &[(u8, &str)] =
    &[(1, "Update"), (3, "Query"), (4, "Reply"), (5, "Hello"), (6, "IPX SAP"), (7, "Probe")];

const FLAGS: &[(u32, &str)] =
    &[(1, "Init"), (2, "Conditionally Received"), (4, "Restart"), (8, "End-of-Table")];

const FIELDS: &[(u16, &str)] = &[
    (0x0001, "General Parameters"),
    (0x0002, "Authentication"),
    (0x0003, "Sequence"),
    (0x0004, "Software Version"),
    (0x0005, "Next Multicast Sequence"),
    (0x0102, "IP Internal routes"),
    (0x0103, "IP External routes"),
    (0x0202, "AppleTalk Internal routes"),
    (0x0203, "AppleTalk External routes"),
    (0x0204, "AppleTalk Cable setup"),
    (0x0302, "IPX Internal routes"),
    (0x0303, "IPX External routes"),
];

const ORIGINS: &[(u8, &str)] = &[
    (1, "IGRP"),
    (2, "EIGRP"),
    (3, "Static"),
    (4, "RIP"),
    (5, "Hello"),
    (6, "OSPF"),
    (7, "IS-IS"),
    (8, "EGP"),
    (9, "BGP"),
    (10, "IDRP"),
    (11, "Connected"),
];

/// Prints kind and length; with `-v` all fields.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "eigrp";
    p.need(0, HEADER)?;
    let (version, kind) = (p.u8(0)?, p.u8(1)?);
    if version != VERSION {
        put!(t, "EIGRP version {version} packet not supported");
        return Ok(());
    }
    let name = name_of(KINDS, kind);
    let short = name.map_or_else(|| format!("unknown ({kind})"), Into::into);
    if t.style.verbose == 0 {
        put!(t, "EIGRP {short}, length: {length}");
        return Ok(());
    }
    let Some(mut left) = length.checked_sub(HEADER) else {
        put!(t, "EIGRP {short}, length: {length} (too short, < {HEADER})");
        return Ok(());
    };
    let name = name.map_or_else(|| format!("unknown, type: {kind}"), Into::into);
    put!(t, "\n\tEIGRP v{version}, opcode: {name} ({kind}), chksum: 0x{:04x}", p.u16(2)?);
    put!(t, ", Flags: [{}]", bits(FLAGS, p.u32(4)?, ", ", "none"));
    put!(t, "\n\tseq: 0x{:08x}, ack: 0x{:08x}", p.u32(8)?, p.u32(12)?);
    put!(t, ", VRID: {}, AS: {}, length: {left}", p.u16(16)?, p.u16(18)?);
    let mut at = HEADER;
    while left > 0 {
        p.need(at, FIELD)?;
        let (kind, size) = (p.u16(at)?, usize::from(p.u16(at + 2)?));
        if size < FIELD || size > left {
            t.unknown(p.from(at + FIELD), left, "\n\t    ");
            return Ok(());
        }
        let name = name_of(FIELDS, kind).unwrap_or("Unknown");
        put!(t, "\n\t  {name} TLV (0x{kind:04x}), length: {size}");
        p.need(at, size)?;
        let (value, length) = (p.from(at + FIELD), size - FIELD);
        t.part(|t| field(t, kind, value, length))?;
        if t.style.verbose > 1 {
            t.unknown(value, length, "\n\t    ");
        }
        at += size;
        left -= size;
    }
    Ok(())
}

fn field(t: &mut Text<'_>, kind: u16, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let least = match kind {
        0x0001 | 0x0204 => 8,
        0x0004 => 4,
        0x0102 => 22,
        0x0103 => 42,
        0x0202 => 24,
        0x0203 => 40,
        _ => {
            if t.style.verbose <= 1 {
                t.unknown(p, length, "\n\t    ");
            }
            return Ok(());
        }
    };
    if length < least {
        put!(t, " (too short, < {})", FIELD + least);
        return Ok(());
    }
    match kind {
        0x0001 => {
            put!(t, "\n\t    holdtime: {}s", p.u16(6)?);
            for number in 0..5 {
                put!(t, ", k{} {}", number + 1, p.u8(number)?);
            }
        }
        0x0004 => {
            put!(t, "\n\t    IOS version: {}.{}", p.u8(0)?, p.u8(1)?);
            put!(t, ", EIGRP version {}.{}", p.u8(2)?, p.u8(3)?);
        }
        0x0102 => {
            prefix(t, p, 20)?;
            metric(t, p.from(4))?;
        }
        0x0103 => {
            prefix(t, p, 40)?;
            put!(t, "\n\t      origin-router {}", t.v4(p, 4)?);
            origin(t, p.from(8), p.from(22), p.u32(16)?)?;
            metric(t, p.from(24))?;
        }
        0x0204 => {
            put!(t, "\n\t    Cable-range: {}-{}", p.u16(0)?, p.u16(2)?);
            put!(t, ", Router-ID {}", p.u32(4)?);
        }
        0x0202 => {
            cable(t, p, 20)?;
            metric(t, p.from(4))?;
        }
        _ => {
            cable(t, p, 36)?;
            put!(t, "\n\t      origin-router {}", p.u32(4)?);
            origin(t, p.from(8), p.from(16), p.u16(18)?.into())?;
            metric(t, p.from(20))?;
        }
    }
    Ok(())
}

/// A prefix of as many bytes as it needs, and the next hop.
fn prefix(t: &mut Text<'_>, p: Bytes<'_>, at: usize) -> Result<(), Stop> {
    let bits = p.u8(at)?;
    if bits > 32 {
        put!(t, "\n\t    illegal prefix length {bits}");
        return Err(Stop::Here);
    }
    let address: [u8; 4] = p.filled(at + 1, usize::from(bits).div_ceil(8))?;
    let text = t.v4(Bytes::new(&address), 0)?.to_string();
    put!(t, "\n\t    IPv4 prefix: {text:>15}/{bits}, nexthop: ");
    match p.u32(0)? {
        0 => put!(t, "self"),
        _ => put!(t, "{}", t.v4(p, 0)?),
    }
    Ok(())
}

fn cable(t: &mut Text<'_>, p: Bytes<'_>, at: usize) -> Result<(), Stop> {
    put!(t, "\n\t     Cable-Range: {}-{}, nexthop: ", p.u16(at)?, p.u16(at + 2)?);
    match p.u32(0)? {
        0 => put!(t, "self"),
        _ => put!(t, "{}.{}", p.u16(0)?, p.u16(2)?),
    }
    Ok(())
}

/// Where a route from outside comes from.
fn origin(t: &mut Text<'_>, p: Bytes<'_>, kind: Bytes<'_>, metric: u32) -> Result<(), Stop> {
    let name = name_of(ORIGINS, kind.u8(0)?).unwrap_or("unknown");
    put!(t, ", origin-as {}, origin-proto {name}, flags [0x{:02x}]", p.u32(0)?, kind.u8(1)?);
    put!(t, ", tag 0x{:08x}, metric {metric}", p.u32(4)?);
    Ok(())
}

fn metric(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    put!(t, "\n\t      delay {} ms, bandwidth {} Kbps", p.u32(0)? / 100, p.u32(4)?);
    put!(t, ", mtu {}, hop {}", p.u24(8)?, p.u8(11)?);
    put!(t, ", reliability {}, load {}", p.u8(12)?, p.u8(13)?);
    Ok(())
}

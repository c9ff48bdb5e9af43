//! Whom and what an IS-IS router can reach.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{NODE, SYSTEM, id};
use crate::{
    address::V6,
    bytes::{Bytes, Fields, Stop},
    routing::traffic::{
        BANDWIDTH_MODELS, ENCODINGS, PROTECTIONS, SWITCHINGS, TIME_DIVISION, megabits,
    },
    text::{Text, bits, name_of, put, put_name},
};

const INDENT: &str = "\n\t      ";
const DEEPER: &str = "\n\t        ";

const TOPOLOGIES: &[(u16, &str)] = &[
    (0, "IPv4 unicast"),
    (1, "In-Band Management"),
    (2, "IPv6 unicast"),
    (3, "Multicast"),
    (4095, "Development, Experimental or Proprietary"),
];

const LINKS: &[(u8, &str)] = &[
    (3, "Administrative groups"),
    (4, "Link Local/Remote Identifier"),
    (5, "Link Remote Identifier"),
    (6, "IPv4 interface address"),
    (8, "IPv4 neighbor address"),
    (9, "Maximum link bandwidth"),
    (10, "Reservable link bandwidth"),
    (11, "Unreserved bandwidth"),
    (12, "Bandwidth Constraints (old)"),
    (18, "Traffic Engineering Metric"),
    (19, "Link Attribute"),
    (20, "Link Protection Type"),
    (21, "Interface Switching Capability"),
    (22, "Bandwidth Constraints"),
    (29, "SPB Metric"),
    (32, "LAN Adjacency Segment Identifier"),
    (250, "Reserved for cisco specific extensions"),
    (251, "Reserved for cisco specific extensions"),
    (252, "Reserved for cisco specific extensions"),
    (253, "Reserved for cisco specific extensions"),
    (254, "Reserved for cisco specific extensions"),
    (255, "Reserved for future expansion"),
];

const LINK_ATTRIBUTES: &[(u32, &str)] = &[
    (1, "Local Protection Available"),
    (2, "Link excluded from local protection path"),
    (4, "Local maintenance required"),
];
const INDICATIONS: &[(u8, &str)] = &[(0, "Standard SONET/SDH"), (1, "Arbitrary SONET/SDH")];

const SEGMENT_FLAGS: &[(u32, &str)] = &[
    (0x80, "Address family IPv6"),
    (0x40, "Backup"),
    (0x20, "Value"),
    (0x10, "Local significance"),
    (0x08, "Set of adjacencies"),
    (0x04, "Persistent"),
];

const PREFIX_FIELDS: &[(u8, &str)] = &[
    (1, "32-Bit Administrative tag"),
    (2, "64-Bit Administrative tag"),
    (3, "Prefix SID"),
    (117, "Management Prefix Color"),
];

const PREFIX_FLAGS: &[(u32, &str)] = &[
    (0x80, "Readvertisement"),
    (0x40, "Node"),
    (0x20, "No-PHP"),
    (0x10, "Explicit NULL"),
    (0x08, "Value"),
    (0x04, "Local"),
];

/// Prints a field of neighbours or prefixes.
pub(super) fn print(t: &mut Text<'_>, kind: u8, mut field: Fields<'_>) -> Result<(), Stop> {
    match kind {
        2 => return neighbors(t, field, true),
        3 => return neighbors(t, field, false),
        222 | 235 | 237 => {
            field.claimed(2)?;
            topology(t, field.u16()?);
        }
        _ => {}
    }
    while field.left() > 0 {
        let used = match kind {
            22 | 24 | 222 => neighbor(t, field, kind != 24)?,
            135 | 235 => prefix(t, field, false)?,
            _ => prefix(t, field, true)?,
        };
        if field.left() < used {
            put!(t, " [remaining tlv length {} < {used}]", field.left());
            t.invalid();
            break;
        }
        field.skip(used);
    }
    Ok(())
}

/// Prints which of several topologies this is about.
pub(super) fn topology(t: &mut Text<'_>, topology: u16) {
    const FLAGS: &[(u32, &str)] = &[(0x4000, "ATT bit set"), (0x8000, "Overload bit set")];
    let number = topology & 0xfff;
    let name = name_of(TOPOLOGIES, number).unwrap_or("Reserved for IETF Consensus");
    let flags = bits(FLAGS, u32::from(topology & 0xf000), ", ", "none");
    put!(t, "{INDENT}{name} Topology (0x{number:03x}), Flags: [{flags}]");
}

fn metric(byte: u8) -> String {
    let side = if byte & 0x40 == 0 { "Internal" } else { "External" };
    format!("{}, {side}", byte & 0x3f)
}

/// Prints the four metrics of old, of which three need not be given.
pub(super) fn metrics(t: &mut Text<'_>, p: Bytes<'_>, indent: &str) -> Result<(), Stop> {
    put!(t, ", Default Metric: {}", metric(p.u8(0)?));
    others(t, p, indent)
}

fn others(t: &mut Text<'_>, p: Bytes<'_>, indent: &str) -> Result<(), Stop> {
    for (at, name) in [(1, "Delay"), (2, "Expense"), (3, "Error")] {
        let byte = p.u8(at)?;
        if byte & 0x80 == 0 {
            put!(t, "{indent}  {name} Metric: {}", metric(byte));
        }
    }
    Ok(())
}

fn neighbors(t: &mut Text<'_>, mut field: Fields<'_>, routers: bool) -> Result<(), Stop> {
    let (name, size) = if routers { ("IS", NODE) } else { ("ES", SYSTEM) };
    if routers {
        if field.left() < 1 {
            return Err(Stop::Here);
        }
        match field.u8()? {
            0 => put!(t, "{INDENT}IsNotVirtual"),
            1 => put!(t, "{INDENT}IsVirtual"),
            flag => put!(t, "{INDENT}bogus virtual flag 0x{flag:02x}"),
        }
    }
    while field.left() > 0 {
        if field.left() < 4 + size {
            return Err(Stop::Here);
        }
        let p = field.rest();
        p.need(0, 4 + size)?;
        put!(t, "{INDENT}{name} Neighbor: {}", id(p, 4, size)?);
        metrics(t, p, "\n\t\t")?;
        field.skip(4 + size);
    }
    Ok(())
}

/// Prints networks of old. `false` where one is cut or too short, which ends the packet without a
/// word.
pub(super) fn networks(t: &mut Text<'_>, mut field: Fields<'_>) -> Result<bool, Stop> {
    const NETWORK: usize = 12;
    while field.left() > 0 {
        if field.left() < NETWORK {
            put!(t, "short IPv4 Reachability ({} vs {NETWORK})", field.left());
            return Ok(false);
        }
        let p = field.rest();
        if !p.has(0, NETWORK) {
            return Ok(false);
        }
        let (host, mask) = (t.v4(p, 4)?.to_string(), p.u32(8)?);
        match mask.leading_ones() {
            ones if ones == mask.count_ones() => put!(t, "{INDENT}IPv4 prefix: {host:>15}/{ones}"),
            _ => put!(t, "{INDENT}IPv4 prefix: {host} mask {}", t.v4(p, 8)?),
        }
        let byte = p.u8(0)?;
        let way = if byte & 0x80 == 0 { "up" } else { "down" };
        put!(t, ", Distribution: {way}, Metric: {}", metric(byte));
        others(t, p, INDENT)?;
        field.skip(NETWORK);
    }
    Ok(true)
}

/// A neighbour, and how many bytes that took.
fn neighbor(t: &mut Text<'_>, field: Fields<'_>, measured: bool) -> Result<usize, Stop> {
    let mut rest = field;
    rest.claimed(NODE)?;
    rest.rest().need(0, NODE)?;
    put!(t, "{INDENT}IS Neighbor: {}", id(rest.rest(), 0, NODE)?);
    rest.skip(NODE);
    if measured {
        rest.claimed(3)?;
        rest.rest().need(0, 3)?;
        put!(t, ", Metric: {}", rest.u24()?);
    }
    rest.claimed(1)?;
    rest.rest().need(0, 1)?;
    let mut sum = usize::from(rest.u8()?);
    if sum == 0 {
        put!(t, ", no sub-TLVs present");
        return Ok(field.left() - rest.left());
    }
    put!(t, ", sub-TLVs present ({sum})");
    let used = |rest: &Fields<'_>| field.left() - rest.left();
    while sum > 0 {
        rest.rest().need(0, 2)?;
        if rest.left() < 2 {
            put!(t, "{DEEPER}Remaining data in TLV shorter than a subTLV header");
            return Ok(field.left());
        }
        if sum < 2 {
            put!(t, "{DEEPER}Remaining data in subTLVs shorter than a subTLV header");
            return Ok(used(&rest) + sum);
        }
        let (kind, size) = (rest.u8()?, usize::from(rest.u8()?));
        sum -= 2;
        let name = name_of(LINKS, kind).unwrap_or("unknown");
        put!(t, "{DEEPER}{name} subTLV #{kind}, length: {size}");
        if sum < size {
            put!(t, " (remaining data in subTLVs shorter than the current subTLV)");
            return Ok(used(&rest) + sum);
        }
        if rest.left() < size {
            put!(t, " (> remaining tlv length)");
            return Ok(field.left());
        }
        rest.rest().need(0, size)?;
        link(t, kind, rest.rest(), size)?;
        rest.skip(size);
        sum -= size;
    }
    Ok(used(&rest))
}

fn link(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    match kind {
        3..=5 => {
            if size >= 4 {
                put!(t, ", 0x{:08x}", p.u32(0)?);
            }
            if size == 8 {
                put!(t, ", 0x{:08x}", p.u32(4)?);
            }
        }
        6 | 8 if size >= 4 => put!(t, ", {}", t.v4(p, 0)?),
        9 | 10 if size >= 4 => put!(t, ", {}", megabits(p, 0)?),
        11 if size >= 32 => {
            for class in 0..8 {
                put!(t, "{DEEPER}  TE-Class {class}: {}", megabits(p, 4 * class)?);
            }
        }
        12 | 22 if size > 0 => {
            let model = p.u8(0)?;
            let name = name_of(BANDWIDTH_MODELS, model).unwrap_or("unknown");
            put!(t, "{DEEPER}Bandwidth Constraints Model ID: {name} ({model})");
            for class in 0..(size - 1) / 4 {
                let rate = megabits(p, 1 + 4 * class)?;
                put!(t, "{DEEPER}  Bandwidth constraint CT{class}: {rate}");
            }
        }
        18 if size >= 3 => put!(t, ", {}", p.u24(0)?),
        19 if size == 2 => {
            let set = p.u16(0)?;
            let names = bits(LINK_ATTRIBUTES, set.into(), ", ", "Unknown");
            put!(t, ", [ {names} ] (0x{set:04x})");
        }
        20 if size >= 2 => {
            let protections = bits(PROTECTIONS, p.u8(0)?.into(), ", ", "none");
            put!(t, ", {protections}, Priority {}", p.u8(1)?);
        }
        21 if size >= 36 => switching(t, p, size)?,
        29 if size >= 6 => {
            put!(t, ", LM: {}, P: {}, P-ID: {}", p.u24(0)?, p.u8(3)?, p.u16(4)?);
        }
        32 if size >= 8 => {
            let flags = p.u8(0)?;
            put!(t, "{DEEPER}  Flags: [{}]", bits(SEGMENT_FLAGS, flags.into(), ", ", "none"));
            put!(t, "{DEEPER}  Weight: {}", p.u8(1)?);
            put!(t, "{DEEPER}  Neighbor System-ID: {}", id(p, 2, SYSTEM)?);
            match flags & 0x30 {
                0x30 => put!(t, "{DEEPER}  Label: {}", p.u24(8)?),
                0 => put!(t, "{DEEPER}  Index: {}", p.u32(8)?),
                _ => t.invalid(),
            }
        }
        6 | 8..=12 | 18..=22 | 29 | 32 => {}
        _ => t.unknown(p, size, "\n\t\t    "),
    }
    Ok(())
}

/// What an interface switches, and up to which bandwidth (RFC 5307, section 1.4).
fn switching(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    const HEAD: usize = 36;
    let (kind, encoding) = (p.u8(0)?, p.u8(1)?);
    let name = name_of(SWITCHINGS, kind).unwrap_or("Unknown");
    put!(t, "{DEEPER}  Interface Switching Capability:{name}");
    put!(t, ", LSP Encoding: {}", name_of(ENCODINGS, encoding).unwrap_or("Unknown"));
    put!(t, "{DEEPER}  Max LSP Bandwidth:");
    for level in 0..8 {
        put!(t, "{DEEPER}    priority level {level}: {}", megabits(p, 4 + 4 * level)?);
    }
    let (p, left) = (p.from(HEAD), size - HEAD);
    match kind {
        1..=4 if left >= 6 => {
            put!(t, "{DEEPER}  Min LSP Bandwidth: {}", megabits(p, 0)?);
            put!(t, "{DEEPER}  Interface MTU: {}", p.u16(4)?);
        }
        TIME_DIVISION if left >= 8 => {
            put!(t, "{DEEPER}  Min LSP Bandwidth: {}", megabits(p, 0)?);
            let indication = p.u8(4)?;
            put!(t, "{DEEPER}  Indication ");
            put_name!(t, INDICATIONS, indication, "Unknown ({indication})");
        }
        1..=4 | TIME_DIVISION => {}
        _ if left > 0 => t.unknown(p, left, "\n\t\t    "),
        _ => {}
    }
    Ok(())
}

/// A prefix, and how many bytes it took.
fn prefix(t: &mut Text<'_>, field: Fields<'_>, six: bool) -> Result<usize, Stop> {
    // It may go on behind the field's end, and says so afterwards.
    let start = field.rest();
    let mut rest = Fields::new(start, usize::MAX);
    let used = |rest: &Fields<'_>| start.len() - rest.rest().len();
    let metric = rest.u32()?;
    let status = rest.u8()?;
    let width = if six { rest.u8()? } else { status & 0x3f };
    let (name, most) = if six { ("IPv6", 128) } else { ("IPv4", 32) };
    if width > most {
        put!(t, "{INDENT}{name} prefix: bad bit length {width}");
        return Err(Stop::Short);
    }
    let size = usize::from(width).div_ceil(8);
    let address: [u8; 16] = rest.rest().filled(0, size)?;
    rest.skip(size);
    if six {
        put!(t, "{INDENT}IPv6 prefix: {}/{width}", V6(Ipv6Addr::from(address)));
    } else {
        let [a, b, c, d, ..] = address;
        let text = Ipv4Addr::new(a, b, c, d).to_string();
        put!(t, "{INDENT}IPv4 prefix: {text:>15}/{width}");
    }
    let way = if status & 0x80 == 0 { "up" } else { "down" };
    put!(t, ", Distribution: {way}, Metric: {metric}");
    if six {
        put!(t, ", {}", if status & 0x40 == 0 { "Internal" } else { "External" });
    }
    if status & if six { 0x20 } else { 0x40 } != 0 {
        put!(t, ", sub-TLVs present");
        let mut sum = u32::from(rest.u8()?);
        let used = used(&rest) + sum as usize;
        put!(t, " ({sum})");
        // The count wraps in tcpdump, too, which then reads on to the end of the bytes.
        while sum > 0 {
            let (kind, size) = (rest.u8()?, rest.u8()?);
            prefix_field(t, kind, rest.rest(), size.into())?;
            rest.skip(size.into());
            sum = sum.wrapping_sub(2 + u32::from(size));
        }
        return Ok(used);
    }
    Ok(used(&rest))
}

fn prefix_field(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    const LABEL: u8 = 0x08;
    let name = name_of(PREFIX_FIELDS, kind).unwrap_or("unknown");
    put!(t, "{DEEPER}{name} subTLV #{kind}, length: {size}");
    if !p.has(0, size) {
        // The packet says it again.
        t.truncated();
        return Err(Stop::Short);
    }
    match kind {
        1 | 117 => {
            for at in (0..size / 4).map(|index| 4 * index) {
                put!(t, ", 0x{:08x} (={})", p.u32(at)?, p.u32(at)?);
            }
        }
        2 => {
            for at in (0..size / 8).map(|index| 8 * index) {
                put!(t, ", 0x{:016x}", p.u64(at)?);
            }
        }
        3 => {
            let (flags, algorithm) = (p.u8(0)?, p.u8(1)?);
            let label = flags & LABEL != 0;
            if size < if label { 5 } else { 6 } {
                t.truncated();
                return Err(Stop::Short);
            }
            put!(t, ", Flags [{}]", bits(PREFIX_FLAGS, flags.into(), ", ", "None"));
            let name = match algorithm {
                0 => "SPF",
                1 => "strict-SPF",
                _ => "Unknown",
            };
            put!(t, ", Algo {name} ({algorithm})");
            if label { put!(t, ", label {}", p.u24(2)?) } else { put!(t, ", index {}", p.u32(2)?) }
        }
        _ => t.unknown(p, size, "\n\t\t    "),
    }
    Ok(())
}

//! The fields of IS-IS, most of which say what a router has and whom it knows.

use super::{LSP, NODE, PROTOCOLS, SYSTEM, id, reach, verify};
use crate::{
    bytes::{Bytes, Fields, Stop},
    ouis::OUIS,
    text::{Text, bits, name_of, put, put_name},
};

const NAMES: &[(u8, &str)] = &[
    (1, "Area address(es)"),
    (2, "IS Reachability"),
    (3, "ES Neighbor(s)"),
    (4, "Partition DIS"),
    (5, "Prefix Neighbors"),
    (6, "IS Neighbor(s)"),
    (7, "Instance Identifier"),
    (8, "Padding"),
    (9, "LSP entries"),
    (10, "Authentication"),
    (12, "Checksum"),
    (13, "Purge Originator Identifier"),
    (14, "LSP Buffersize"),
    (22, "Extended IS Reachability"),
    (24, "IS Alias ID"),
    (42, "DECnet Phase IV"),
    (66, "Lucent Proprietary"),
    (128, "IPv4 Internal Reachability"),
    (129, "Protocols supported"),
    (130, "IPv4 External Reachability"),
    (131, "Inter-Domain Information Type"),
    (132, "IPv4 Interface address(es)"),
    (133, "IPv4 authentication (deprecated)"),
    (134, "Traffic Engineering Router ID"),
    (135, "Extended IPv4 Reachability"),
    (137, "Hostname"),
    (138, "Shared Risk Link Group"),
    (143, "Multi-Topology-Aware Port Capability"),
    (144, "Multi-Topology Capability"),
    (176, "Nortel Proprietary"),
    (177, "Nortel Proprietary"),
    (211, "Restart Signaling"),
    (222, "Multi Topology IS Reachability"),
    (229, "Multi Topology"),
    (232, "IPv6 Interface address(es)"),
    (235, "Multi-Topology IPv4 Reachability"),
    (236, "IPv6 reachability"),
    (237, "Multi-Topology IP6 Reachability"),
    (240, "Point-to-point Adjacency State"),
    (241, "Hello PDU Sequence Number"),
    (242, "IS-IS Router Capability"),
    (250, "Vendor Private"),
];

const DOMAINS: &[(u8, &str)] =
    &[(0, "Reserved"), (1, "Routing-Domain Specific"), (AUTONOMOUS_SYSTEM, "AS Number Tag")];
const AUTONOMOUS_SYSTEM: u8 = 2;

const ADJACENCIES: &[(u8, &str)] = &[(0, "Up"), (1, "Initializing"), (2, "Down")];
const RESTARTS: &[(u32, &str)] = &[
    (1, "Restart Request"),
    (2, "Restart Acknowledgement"),
    (4, "Suppress adjacency advertisement"),
];
const ROUTER_FLAGS: &[(u32, &str)] = &[(1, "S bit"), (2, "D bit")];

/// Prints the fields behind the header of `at` bytes. One that is too short ends
/// [here](Stop::Here), and the next one follows all the same.
pub(super) fn print(
    t: &mut Text<'_>,
    packet: Bytes<'_>,
    at: usize,
    left: usize,
    length: usize,
) -> Result<(), Stop> {
    let mut fields = Fields::new(packet.from(at), left);
    while fields.left() > 0 {
        fields.claimed(2)?;
        fields.rest().need(0, 2)?;
        let (kind, size) = (fields.u8()?, usize::from(fields.u8()?));
        let name = name_of(NAMES, kind).unwrap_or("unknown");
        put!(t, "\n\t    {name} TLV #{kind}, length: {size}");
        fields.claimed(size)?;
        let field = fields.part(size);
        let printed = match kind {
            // What the checksum covers begins with the packet.
            12 => {
                if size >= 2 {
                    field.rest().need(0, 2)?;
                    let found = field.rest().u16(0)?;
                    put!(t, "\n\t      checksum: 0x{found:04x} ");
                    let place = packet.len() - field.rest().len();
                    verify(t, packet, found, place, Some(length));
                }
                Ok(())
            }
            128 | 130 => {
                if !reach::networks(t, field)? {
                    return Ok(());
                }
                Ok(())
            }
            2 | 3 | 22 | 24 | 135 | 222 | 235..=237 => reach::print(t, kind, field),
            _ => value(t, kind, field),
        };
        if printed != Err(Stop::Here) {
            printed?;
        }
        if t.style.verbose > 1 {
            t.unknown(field.rest(), size, "\n\t      ");
        }
    }
    Ok(())
}

/// Asks for so many bytes of a field.
fn claimed(field: &Fields<'_>, length: usize) -> Result<(), Stop> {
    field.claimed(length).or(Err(Stop::Here))
}

fn value(t: &mut Text<'_>, kind: u8, mut field: Fields<'_>) -> Result<(), Stop> {
    let (p, size) = (field.rest(), field.left());
    match kind {
        1 => {
            while field.left() > 0 {
                let length = usize::from(field.u8()?);
                claimed(&field, length)?;
                let address = area(field.slice(length)?);
                put!(t, "\n\t      Area address (length: {length}): {address}");
            }
        }
        4 | 6 => {
            let name = if kind == 6 { "SNPA: " } else { "" };
            while field.left() > 0 {
                claimed(&field, SYSTEM)?;
                put!(t, "\n\t      {name}{}", id(field.rest(), 0, SYSTEM)?);
                field.skip(SYSTEM);
            }
        }
        5 => return prefix_neighbors(t, field),
        7 => {
            claimed(&field, 4)?;
            let count = (size - 2) / 2;
            put!(t, "\n\t      Instance ID: {}, ITIDs({count}): ", field.u16()?);
            for index in 0..count {
                put!(t, "{}{}", if index == 0 { "" } else { ", " }, field.u16()?);
            }
        }
        8 => {}
        9 => {
            while field.left() > 0 {
                claimed(&field, 16)?;
                let p = field.rest();
                put!(t, "\n\t      lsp-id: {}", id(p, 2, LSP)?);
                put!(t, ", seq: 0x{:08x}", p.u32(10)?);
                put!(t, ", lifetime: {:>5}s", p.u16(0)?);
                put!(t, ", chksum: 0x{:04x}", p.u16(14)?);
                field.skip(16);
            }
        }
        10 => return authentication(t, field),
        13 => {
            claimed(&field, 1)?;
            let count = field.u8()?;
            if count == 0 {
                put!(t, " No system IDs supplied");
                return Ok(());
            }
            let names = ["Purge Originator System-ID", "Received from System-ID"];
            for name in names.iter().take(count.into()) {
                claimed(&field, SYSTEM)?;
                put!(t, "\n\t      {name}: {}", id(field.rest(), 0, SYSTEM)?);
                field.skip(SYSTEM);
            }
        }
        14 if size >= 2 => put!(t, "\n\t      LSP Buffersize: {}", p.u16(0)?),
        14 => {}
        129 => {
            put!(t, "\n\t      NLPID(s): ");
            for index in 0..size {
                let protocol = p.u8(index)?;
                let name = name_of(PROTOCOLS, protocol).unwrap_or("unknown");
                let separator = if index + 1 == size { "" } else { ", " };
                put!(t, "{name} (0x{protocol:02x}){separator}");
            }
        }
        131 if size > 0 => {
            let kind = field.u8()?;
            put!(t, "\n\t      Inter-Domain Information Type: ");
            put_name!(t, DOMAINS, kind, "Unknown (0x{kind:02x})");
            match kind {
                AUTONOMOUS_SYSTEM => {
                    claimed(&field, 2)?;
                    put!(t, "AS Number: {}", field.u16()?);
                }
                _ => t.unknown(field.rest(), field.left(), "\n\t      "),
            }
        }
        131 => {}
        132 => {
            while field.left() > 0 {
                claimed(&field, 4)?;
                put!(t, "\n\t      IPv4 interface address: {}", t.v4(field.rest(), 0)?);
                field.skip(4);
            }
        }
        134 => {
            claimed(&field, 4)?;
            put!(t, "\n\t      Traffic Engineering Router ID: {}", t.v4(p, 0)?);
        }
        137 => {
            put!(t, "\n\t      Hostname: ");
            t.padded(p, size)?;
        }
        138 => return shared_risk(t, field),
        143 => {
            claimed(&field, 2)?;
            let topology = field.u16()?;
            put!(t, "\n\t       RES: {}, MTID(s): {}", topology >> 12, topology & 0xfff);
            t.part(|t| port_capabilities(t, field))?;
        }
        144 => {
            claimed(&field, 2)?;
            let topology = field.u16()?;
            put!(t, "\n\t      O: {}, RES: {}", topology >> 15, topology >> 12 & 7);
            put!(t, ", MTID(s): {}", topology & 0xfff);
            bridging(t, field)?;
        }
        211 => {
            if size == 0 {
                return Ok(());
            }
            p.need(0, 1)?;
            put!(t, "\n\t      Flags [{}]", bits(RESTARTS, p.u8(0)?.into(), ", ", "none"));
            if size >= 3 {
                p.need(1, 2)?;
                put!(t, ", Remaining holding time {}s", p.u16(1)?);
            }
            if size == 3 + SYSTEM {
                put!(t, ", for {}", id(p, 3, SYSTEM)?);
            }
        }
        229 => {
            while field.left() > 0 {
                if field.left() == 1 {
                    put!(t, "\n\t      invalid MT-ID");
                    break;
                }
                reach::topology(t, field.u16()?);
            }
        }
        232 => {
            while field.left() > 0 {
                claimed(&field, 16)?;
                put!(t, "\n\t      IPv6 interface address: {}", t.v6(field.rest(), 0)?);
                field.skip(16);
            }
        }
        240 => {
            if size >= 1 {
                let state = p.u8(0)?;
                let name = name_of(ADJACENCIES, state).unwrap_or("unknown");
                put!(t, "\n\t      Adjacency State: {name} ({state})");
            }
            let mut left = size.saturating_sub(1);
            // As in tcpdump, the places are fixed, and the length only says how many.
            if left > 4 {
                put!(t, "\n\t      Extended Local circuit-ID: 0x{:08x}", p.u32(1)?);
                left -= 4;
            }
            if left >= SYSTEM {
                put!(t, "\n\t      Neighbor System-ID: {}", id(p, 5, SYSTEM)?);
                left -= SYSTEM;
            }
            if left >= 4 {
                let circuit = p.u32(11)?;
                put!(t, "\n\t      Neighbor Extended Local circuit-ID: 0x{circuit:08x}");
            }
        }
        241 if size >= 4 => put!(t, "\n\t      Sequence number: {}", p.u32(0)?),
        241 => {}
        242 if size < 5 => {
            put!(t, " [object length {size} < 5]");
            t.invalid();
        }
        242 => {
            put!(t, "\n\t      Router-ID {}", t.v4(p, 0)?);
            put!(t, ", Flags [{}]", bits(ROUTER_FLAGS, p.u8(4)?.into(), ", ", "none"));
            field.skip(5);
            capabilities(t, field)?;
        }
        250 if size >= 3 => {
            let vendor = field.u24()?;
            let name = name_of(OUIS, vendor).unwrap_or("Unknown");
            put!(t, "\n\t      Vendor: {name} ({vendor})");
            t.unknown(field.rest(), field.left(), "\n\t\t");
        }
        250 => {}
        _ if t.style.verbose <= 1 => t.unknown(p, size, "\n\t\t"),
        _ => {}
    }
    Ok(())
}

/// An address of the network service.
fn area(bytes: &[u8]) -> String {
    if bytes.is_empty() || bytes.len() > 20 {
        return "isonsap_string: illegal length".into();
    }
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        text.push_str(&format!("{byte:02x}"));
        if index % 2 == 0 && index + 1 < bytes.len() {
            text.push('.');
        }
    }
    text
}

fn prefix_neighbors(t: &mut Text<'_>, mut field: Fields<'_>) -> Result<(), Stop> {
    if field.left() < 4 {
        return Ok(());
    }
    field.rest().need(0, 4)?;
    put!(t, "\n\t      Metric Block");
    reach::metrics(t, field.rest(), "\n\t\t")?;
    field.skip(4);
    while field.left() > 0 {
        let digits = usize::from(field.u8()?);
        if digits < 2 {
            put!(t, "\n\t\tAddress: prefix length {digits} < 2");
            break;
        }
        if field.left() < digits / 2 {
            break;
        }
        let address = area(field.slice(digits / 2)?);
        put!(t, "\n\t\tAddress: {address}/{}", digits * 4);
    }
    Ok(())
}

fn authentication(t: &mut Text<'_>, mut field: Fields<'_>) -> Result<(), Stop> {
    claimed(&field, 1)?;
    let method = field.u8()?;
    let name = match method {
        1 => "simple text password".into(),
        54 => "HMAC-MD5 password".into(),
        3 => "Generic Crypto key-id".into(),
        255 => "Routing Domain private password".into(),
        _ => format!("unknown Authentication type 0x{method:02x}"),
    };
    put!(t, "\n\t      {name}: ");
    match method {
        1 => t.padded(field.rest(), field.left())?,
        54 => {
            t.hex_digits(field.rest(), field.left())?;
            if field.left() != 16 {
                put!(t, ", (invalid subTLV) ");
            }
            put!(t, " (unchecked)");
        }
        3 => {
            claimed(&field, 2)?;
            put!(t, "{}, password: ", field.u16()?);
            t.hex_digits(field.rest(), field.left())?;
        }
        _ => t.unknown(field.rest(), field.left(), "\n\t\t  "),
    }
    Ok(())
}

fn shared_risk(t: &mut Text<'_>, mut field: Fields<'_>) -> Result<(), Stop> {
    if field.left() < NODE {
        return Ok(());
    }
    put!(t, "\n\t      IS Neighbor: {}", id(field.rest(), 0, NODE)?);
    field.skip(NODE);
    if field.left() < 1 {
        return Ok(());
    }
    let numbered = field.u8()? & 1 == 1;
    put!(t, ", Flags: [{}]", if numbered { "numbered" } else { "unnumbered" });
    for name in ["interface", "neighbor"] {
        if field.left() < 4 {
            return Ok(());
        }
        put!(t, "\n\t      IPv4 {name} address: {}", t.v4(field.rest(), 0)?);
        field.skip(4);
    }
    while field.left() > 0 {
        claimed(&field, 4)?;
        put!(t, "\n\t      Link-ID: 0x{:08x}", field.u32()?);
    }
    Ok(())
}

/// A part of a field: its kind, its length, and what is in it. `None` where it is longer than the field.
fn part_of<'a>(
    t: &mut Text<'_>,
    field: &mut Fields<'a>,
    indent: &str,
    names: &[(u8, &'static str)],
) -> Result<Option<(u8, Fields<'a>)>, Stop> {
    let (kind, size) = (field.u8()?, usize::from(field.u8()?));
    let name = name_of(names, kind).unwrap_or("unknown");
    put!(t, "\n\t{indent}{name} subTLV #{kind}, length: {size}");
    if field.left() < size {
        put!(t, " (> containing TLV length)");
        return Ok(None);
    }
    Ok(Some((kind, field.part(size))))
}

/// What a port can do in shortest path bridging (RFC 6329).
fn port_capabilities(t: &mut Text<'_>, mut field: Fields<'_>) -> Result<(), Stop> {
    const CONFIGURATION: usize = 51;
    const DIGEST: usize = 33;
    const NAMES: &[(u8, &str)] = &[(4, "SPB MCID"), (5, "SPB Digest"), (6, "SPB BVID")];
    while field.left() > 2 {
        let Some((kind, mut part)) = part_of(t, &mut field, "       ", NAMES)? else {
            return Ok(());
        };
        let size = part.left();
        let p = part.rest();
        p.need(0, size)?;
        match kind {
            4 if size < 2 * CONFIGURATION => {
                put!(t, " (too short)");
                return Ok(());
            }
            4 => {
                for (at, name) in [(0, "MCID"), (CONFIGURATION, "AUX-MCID")] {
                    put!(t, "\n\t         {name}: ID: {}, Name: ", p.u8(at)?);
                    t.padded(p.from(at + 1), 32)?;
                    put!(t, "\n\t              Lvl: {}, Digest: ", p.u16(at + 33)?);
                    for byte in p.slice(at + 35, 16)? {
                        put!(t, "{byte:02x} ");
                    }
                }
            }
            5 if size < DIGEST => {
                put!(t, " (too short)");
                return Ok(());
            }
            5 => {
                let flags = part.u8()?;
                put!(t, "\n\t        RES: {} V: {}", flags >> 5, flags >> 4 & 1);
                put!(t, " A: {} D: {}", flags >> 2 & 3, flags & 3);
                put!(t, "\n\t         Digest: ");
                for index in 1..=8 {
                    put!(t, "{:08x} ", part.u32()?);
                    if index == 4 {
                        put!(t, "\n\t                 ");
                    }
                }
            }
            6 => {
                while part.left() > 0 {
                    if part.left() < 4 {
                        put!(t, " (too short)");
                        return Ok(());
                    }
                    put!(t, "\n\t           ECT: {:08x}", part.u32()?);
                    if part.left() < 2 {
                        put!(t, " (too short)");
                        return Ok(());
                    }
                    let tree = part.u16()?;
                    put!(t, " BVID: {}, U:{:x}", tree >> 4, tree >> 3 & 1);
                    put!(t, " M:{:x} ", tree >> 2 & 1);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What shortest path bridging tells of a bridge (RFC 6329, sections 14 and 16).
fn bridging(t: &mut Text<'_>, mut field: Fields<'_>) -> Result<(), Stop> {
    const INSTANCE: usize = 19;
    const TREE: usize = 8;
    const SERVICE: usize = 8;
    const NAMES: &[(u8, &str)] =
        &[(1, "SPB Instance"), (3, "SPBM Service Identifier and Unicast Address")];
    while field.left() > 2 {
        let Some((kind, mut part)) = part_of(t, &mut field, "      ", NAMES)? else {
            return Ok(());
        };
        let size = part.left();
        let p = part.rest();
        if !p.has(0, size) {
            t.truncated();
            return Ok(());
        }
        match kind {
            1 if size < INSTANCE => {
                put!(t, " (too short)");
                return Ok(());
            }
            1 => {
                put!(t, "\n\t        CIST Root-ID: {:08x} {:08x}", p.u32(0)?, p.u32(4)?);
                put!(t, ", Path Cost: {:08x}, Prio: {}", p.u32(8)?, p.u16(12)?);
                let source = p.u32(14)?;
                put!(t, "\n\t        RES: {}, V: {}", source >> 21, source >> 20 & 1);
                let trees = p.u8(18)?;
                put!(t, ", SPSource-ID: {}, No of Trees: {trees:x}", source & 0xf_ffff);
                part.skip(INSTANCE);
                for _ in 0..trees {
                    if part.left() < TREE {
                        t.truncated();
                        return Ok(());
                    }
                    let (flags, path, ids) = (part.u8()?, part.u32()?, part.u24()?);
                    put!(t, "\n\t         U:{}, M:{}", flags >> 7, flags >> 6 & 1);
                    put!(t, ", A:{}, RES:{}, ECT: {path:08x}", flags >> 5 & 1, flags & 0x1f);
                    put!(t, ", BVID: {}, SPVID: {}", ids >> 12, ids & 0xfff);
                }
            }
            3 if size < SERVICE => {
                t.truncated();
                return Ok(());
            }
            3 => {
                put!(t, "\n\t        BMAC: {:08x}{:04x}", p.u32(0)?, p.u16(4)?);
                put!(t, ", RES: {}, VID: {}", p.u16(6)? >> 12, p.u16(6)? & 0xfff);
                part.skip(SERVICE);
                while part.left() >= 4 {
                    let service = part.u32()?;
                    put!(t, "\n\t        T: {}, R: {}", service >> 31, service >> 30 & 1);
                    put!(t, ", RES: {}, ISID: {}", service >> 24 & 0x3f, service & 0xff_ffff);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a router can do: segment routing (RFC 8667).
fn capabilities(t: &mut Text<'_>, mut field: Fields<'_>) -> Result<(), Stop> {
    const SEGMENTS: u8 = 2;
    const FAMILIES: &[(u32, &str)] = &[(0x80, "ipv4"), (0x40, "ipv6")];
    while field.left() >= 2 {
        let (kind, size) = (field.u8()?, usize::from(field.u8()?));
        let name = if kind == SEGMENTS { "SR-Capabilities" } else { "unknown" };
        put!(t, "\n\t\t{name} subTLV #{kind}, length: {size}");
        if size > field.left() {
            break;
        }
        let mut part = field.part(size);
        if !part.rest().has(0, size) {
            break;
        }
        if kind != SEGMENTS {
            t.unknown(part.rest(), size, "\n\t\t");
            continue;
        }
        let flags = part.u8()?;
        put!(t, ", Flags [{}]", bits(FAMILIES, flags.into(), ", ", "None"));
        put!(t, ", Range {}", part.u24()?);
        // Where there is less than that, the count wraps, as it does in tcpdump.
        part = Fields::new(part.rest(), (size as u8).wrapping_sub(4).into());
        while part.left() >= 5 {
            let (kind, size) = (part.u8()?, usize::from(part.u8()?));
            if size > part.left() {
                break;
            }
            let label = part.part(size);
            match (kind, size) {
                (1, 3) => put!(t, ", SID value {}", label.rest().u24(0)?),
                (1, 4) => put!(t, ", SID value {}", label.rest().u32(0)?),
                (1, _) => put!(t, ", Unknown SID length{size}"),
                _ => t.unknown(label.rest(), size, "\n\t\t  "),
            }
        }
    }
    Ok(())
}

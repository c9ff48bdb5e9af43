//! The attributes of a path.

use super::{SUBSEQUENT, prefixes, vpn};
use crate::{
    assigned_numbers::FAMILIES,
    bytes::{Bytes, Fields, Stop},
    text::{Text, bits, name_of, put},
};

const NAMES: &[(u8, &str)] = &[
    (1, "Origin"),
    (2, "AS Path"),
    (3, "Next Hop"),
    (4, "Multi Exit Discriminator"),
    (5, "Local Preference"),
    (6, "Atomic Aggregate"),
    (7, "Aggregator"),
    (8, "Community"),
    (9, "Originator ID"),
    (10, "Cluster List"),
    (11, "DPA"),
    (12, "Advertisers"),
    (13, "RCID Path / Cluster ID"),
    (14, "Multi-Protocol Reach NLRI"),
    (15, "Multi-Protocol Unreach NLRI"),
    (16, "Extended Community"),
    (AS4_PATH, "AS4 Path"),
    (18, "Aggregator4"),
    (22, "PMSI Tunnel"),
    (23, "Tunnel Encapsulation"),
    (24, "Traffic Engineering"),
    (25, "IPv6 Extended Community"),
    (26, "Accumulated IGP Metric"),
    (27, "PE Distinguisher Label"),
    (28, "Entropy Label"),
    (32, "Large Community"),
    (128, "Attribute Set"),
    (255, "Reserved for development"),
];
const AS4_PATH: u8 = 17;

const ORIGINS: &[(u8, &str)] = &[(0, "IGP"), (1, "EGP"), (2, "Incomplete")];

const EXTENDED: &[(u16, &str)] = &[
    (0x0002, "target"),
    (0x0102, "target"),
    (0x0202, "target"),
    (0x0003, "origin"),
    (0x0103, "origin"),
    (0x0203, "origin"),
    (0x4004, "link-BW"),
    (0x0005, "ospf-domain"),
    (0x0105, "ospf-domain"),
    (0x0205, "ospf-domain"),
    (0x8005, "ospf-domain"),
    (0x0306, "ospf-route-type"),
    (0x8000, "ospf-route-type"),
    (0x030c, "encapsulation"),
    (0x0107, "ospf-router-id"),
    (0x8001, "ospf-router-id"),
    (0x800a, "layer2-info"),
    (0x8800, "eigrp-general-route (flag, tag)"),
    (0x8801, "eigrp-route-metric (AS, delay)"),
    (0x8802, "eigrp-route-metric (reliability, nexthop, bandwidth)"),
    (0x8803, "eigrp-route-metric (load, MTU)"),
    (0x8804, "eigrp-external-route (remote-AS, remote-ID)"),
    (0x8805, "eigrp-external-route (remote-proto, remote-metric)"),
    (0x0009, "source-AS"),
    (0x010b, "vrf-route-import"),
    (0x000a, "l2vpn-id"),
    (0xf10a, "l2vpn-id"),
];
const EXTENDED_FLAGS: &[(u32, &str)] = &[(0x8000, "vendor-specific"), (0x4000, "non-transitive")];

const OSPF_ROUTES: &[(u8, &str)] = &[
    (1, "Router"),
    (2, "Network"),
    (3, "Summary"),
    (5, "External"),
    (7, "NSSA External"),
    (0x81, "MPLS-VPN Sham"),
];

/// Tunnels for the traffic (RFC 5512, RFC 9012).
const TUNNELS: &[(u16, &str)] = &[
    (1, "L2TPv3 over IP"),
    (2, "GRE"),
    (3, "Transmit Tunnel"),
    (4, "IPsec"),
    (5, "IP in IP with IPsec"),
    (6, "MPLS in IP with IPsec"),
    (7, "IP in IP"),
    (8, "VXLAN"),
    (9, "NVGRE"),
    (10, "MPLS"),
    (11, "MPLS in GRE"),
    (12, "VXLAN GPE"),
    (13, "MPLS in UDP"),
    (14, "IPv6"),
    (15, "SR TE"),
    (16, "Bare"),
    (17, "SR"),
];

/// What a network of layer 2 carries (IANA, "MPLS Pseudowire Types"). The spelling is
/// tcpdump's.
const ENCAPSULATIONS: &[(u8, &str)] = &[
    (0, "Reserved"),
    (1, "Frame Relay"),
    (2, "ATM AAL5 SDU VCC transport"),
    (3, "ATM transparent cell transport"),
    (4, "Ethernet (VLAN) Tagged Mode"),
    (5, "Ethernet Raw Mode"),
    (6, "Cisco HDLC"),
    (7, "PPP"),
    (8, "SONET/SDH Circuit Emulation Service over MPLS"),
    (9, "ATM n-to-one VCC cell transport"),
    (10, "ATM n-to-one VPC cell transport"),
    (11, "IP layer 2 transport"),
    (15, "Frame Relay Port mode"),
    (17, "Structure-agnostic E1 over packet"),
    (18, "Structure-agnostic T1 (DS1) over packet"),
    (19, "VPLS"),
    (20, "Structure-agnostic T3 (DS3) over packet"),
    (21, "Nx64kbit/s Basic Service using Structure-aware"),
    (25, "Frame Relay DLCI"),
    (40, "Structure-agnostic E3 over packet"),
    (41, "Octet-aligned playload for Structure-agnostic DS1 circuits"),
    (42, "E1 Nx64kbit/s with CAS using Structure-aware"),
    (43, "DS1 (ESF) Nx64kbit/s with CAS using Structure-aware"),
    (44, "DS1 (SF) Nx64kbit/s with CAS using Structure-aware"),
];

/// Trees of a provider for multicast (RFC 6514, 5).
const TREES: &[(u8, &str)] = &[
    (1, "RSVP-TE P2MP LSP"),
    (2, "LDP P2MP LSP"),
    (3, "PIM-SSM Tree"),
    (4, "PIM-SM Tree"),
    (5, "PIM-Bidir Tree"),
    (6, "Ingress Replication"),
    (7, "LDP MP2MP LSP"),
];

/// Prints attributes; of the message `behind` bytes follow them. `level` says how many sets of
/// attributes they are inside of. Gives how many bytes are left where one is too short.
pub(super) fn print(
    t: &mut Text<'_>,
    mut fields: Fields<'_>,
    behind: usize,
    level: u8,
) -> Result<usize, Stop> {
    const DEEPEST: u8 = 11;
    let top = level == 0;
    let (separator, what, margin) =
        if top { ("\n\t ", "attrs", "\n\t  ") } else { ("", "attr", "\n\t      ") };
    let too_short = |t: &mut Text<'_>, separator: &str| {
        put!(t, "{separator} [path {what} too short]");
    };
    // Whether the message has so many bytes, where it is looked at.
    let need = |fields: &Fields<'_>, size: usize| {
        fields.rest().need(0, size)?;
        if top && fields.left() + behind < size { Err(Stop::Short) } else { Ok(()) }
    };
    while fields.left() > 0 {
        need(&fields, 2)?;
        if fields.left() < 2 {
            too_short(t, separator);
            break;
        }
        let (flags, kind) = (fields.u8()?, fields.u8()?);
        let wide = if flags & 0x10 == 0 { 1 } else { 2 };
        need(&fields, wide)?;
        if fields.left() < wide {
            too_short(t, separator);
            break;
        }
        let size = if wide == 2 { usize::from(fields.u16()?) } else { fields.u8()?.into() };
        let name = name_of(NAMES, kind).unwrap_or("Unknown Attribute");
        put!(t, "{margin}{name} ({kind}), length: {size}");
        if flags != 0 {
            put!(t, ", Flags [");
            for (bit, letter) in [(0x80, 'O'), (0x40, 'T'), (0x20, 'P'), (0x10, 'E')] {
                if flags & bit != 0 {
                    put!(t, "{letter}");
                }
            }
            if flags & 0xf != 0 {
                put!(t, "+{:x}", flags & 0xf);
            }
            put!(t, "]{}", if top { ": " } else { "" });
        }
        if !top {
            put!(t, ": ");
        }
        if fields.left() < size {
            too_short(t, "");
            break;
        }
        let value = fields.part(size);
        if level == DEEPEST {
            put!(t, "(too many nested levels, not recursing)");
            continue;
        }
        let p = value.rest();
        let left = attribute(t, kind, p, size, level)?;
        if t.style.verbose > 1 {
            t.unknown(p, left, "\n\t    ");
        }
    }
    Ok(fields.left())
}

/// Prints an attribute of so many bytes, some of which tcpdump reads on behind its end. Gives how
/// many bytes a dump shows: what tcpdump has counted down to nothing it does not dump.
fn attribute(
    t: &mut Text<'_>,
    kind: u8,
    p: Bytes<'_>,
    size: usize,
    level: u8,
) -> Result<usize, Stop> {
    let right = match kind {
        1 => size == 1,
        2 | AS4_PATH => size.is_multiple_of(2),
        3..=5 | 9 => size == 4,
        6 => size == 0,
        7 => matches!(size, 6 | 8),
        18 => size == 8,
        8 | 10 => size.is_multiple_of(4),
        16 => size.is_multiple_of(8),
        32 => size > 0 && size.is_multiple_of(12),
        _ => true,
    };
    if !right {
        put!(t, "invalid len");
        return Ok(size);
    }
    match kind {
        1 => put!(t, "{}", name_of(ORIGINS, p.u8(0)?).unwrap_or("Unknown Origin Typecode")),
        2 | AS4_PATH => path(t, kind, p, size)?,
        3 | 9 => put!(t, "{}", t.v4(p, 0)?),
        4 | 5 => put!(t, "{}", p.u32(0)?),
        6 => {}
        7 | 18 if size == 6 => put!(t, " AS #{}, origin {}", p.u16(0)?, t.v4(p, 2)?),
        7 | 18 => put!(t, " AS #{}, origin {}", t.system(p.u32(0)?), t.v4(p, 4)?),
        8 => {
            for at in (0..size).step_by(4) {
                match p.u32(at)? {
                    0xffff_ff01 => put!(t, " NO_EXPORT"),
                    0xffff_ff02 => put!(t, " NO_ADVERTISE"),
                    0xffff_ff03 => put!(t, " NO_EXPORT_SUBCONFED"),
                    community => {
                        let separator = if at + 4 < size { ", " } else { "" };
                        put!(t, "{}:{}{separator}", community >> 16, community & 0xffff);
                    }
                }
            }
        }
        10 => {
            for at in (0..size).step_by(4) {
                put!(t, "{}{}", if at == 0 { "" } else { ", " }, t.v4(p, at)?);
            }
        }
        14 | 15 => multiprotocol(t, p, size, kind == 14)?,
        16 => {
            for at in (0..size).step_by(8) {
                extended(t, p.from(at))?;
            }
        }
        32 => {
            put!(t, "\n\t    ");
            for at in (0..size).step_by(12) {
                put!(t, "{}", if at == 0 { "" } else { ", " });
                put!(t, "{}:{}:{}", p.u32(at)?, p.u32(at + 4)?, p.u32(at + 8)?);
            }
            return Ok(0);
        }
        22 => tree(t, p, size)?,
        26 => metric(t, p, size)?,
        128 => return set(t, p, size, level),
        _ => {
            put!(t, "\n\t    no Attribute {kind} decoder");
            if t.style.verbose <= 1 {
                t.unknown(p, size, "\n\t    ");
            }
        }
    }
    Ok(size)
}

/// The way a route came, AS by AS. Whether an AS takes two bytes or four is not said.
fn path(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, whole: usize) -> Result<(), Stop> {
    if whole == 0 {
        put!(t, "empty");
        return Ok(());
    }
    let mut at = 0;
    while kind != AS4_PATH && at < whole && matches!(p.u8(at)?, 1..=4) {
        at += 2 + 2 * usize::from(p.u8(at + 1)?);
    }
    let size = if at == whole { 2 } else { 4 };
    at = 0;
    while at < whole {
        let (open, close) = match p.u8(at)? {
            1 => ("{ ", "}"),
            2 => ("", ""),
            3 => ("( ", ")"),
            4 => ("({ ", "})"),
            _ => ("?", "?"),
        };
        put!(t, "{open}");
        let count = usize::from(p.u8(at + 1)?);
        for index in 0..count {
            let place = at + 2 + index * size;
            p.need(place, size)?;
            match size {
                2 => put!(t, "{} ", p.u16(place)?),
                _ => put!(t, "{} ", t.system(p.u32(place)?)),
            }
        }
        put!(t, "{close}");
        at += 2 + count * size;
    }
    Ok(())
}

/// Routes of other families than unicast IPv4 (RFC 4760).
fn multiprotocol(t: &mut Text<'_>, p: Bytes<'_>, size: usize, reach: bool) -> Result<(), Stop> {
    p.need(0, 3)?;
    if reach && size < 3 {
        return Err(Stop::Short);
    }
    let (family, subsequent) = (p.u16(0)?, p.u8(2)?);
    let vendor = if subsequent > 128 { "vendor specific " } else { "" };
    put!(t, "\n\t    AFI: {} ({family})", name_of(FAMILIES, family).unwrap_or("Unknown AFI"));
    let name = name_of(SUBSEQUENT, subsequent).unwrap_or("Unknown SAFI");
    put!(t, ", {vendor}SAFI: {name} ({subsequent})");
    let other = vpn::Family::of(family, subsequent);
    if other.is_none() && !matches!((family, subsequent), (1 | 2, 1..=4)) {
        put!(t, "\n\t    no AFI {family} / SAFI {subsequent} decoder");
        if t.style.verbose <= 1 {
            t.unknown(p, size, "\n\t    ");
        }
        return Ok(());
    }
    let six = family == 2;
    let mut fields = Fields::new(p.from(3), size.saturating_sub(3));
    if reach {
        fields.claimed(1)?;
        let length = usize::from(fields.u8()?);
        fields.claimed(length)?;
        let mut hops = fields.part(length);
        if length > 0 {
            put!(t, "\n\t    nexthop: ");
        }
        while hops.left() > 0 {
            if hops.left() < length {
                put!(t, ", ");
            }
            let (hop, left) = (hops.rest(), hops.left());
            let used = match other {
                Some(family) => family.next_hop(t, hop, left)?,
                None if six && left >= 16 => {
                    put!(t, "{}", t.v6(hop, 0)?);
                    Some(16)
                }
                None if !six && left >= 4 => {
                    put!(t, "{}", t.v4(hop, 0)?);
                    Some(4)
                }
                None => None,
            };
            let Some(used) = used else {
                put!(t, "invalid len");
                break;
            };
            hops.skip(used);
        }
        put!(t, ", nh-length: {length}");
        fields.claimed(1)?;
        let points = fields.u8()?;
        match points {
            0 => put!(t, ", no SNPA"),
            _ => put!(t, "\n\t    {points} SNPA"),
        }
        for _ in 0..points {
            fields.claimed(1)?;
            let length = usize::from(fields.u8()?);
            put!(t, "\n\t      {length} bytes");
            fields.claimed(length)?;
            fields.skip(length);
        }
    } else if size == 3 {
        put!(t, "\n\t      End-of-Rib Marker (empty NLRI)");
    }
    match other {
        Some(family) => vpn::print(t, family, fields),
        None => prefixes::of_family(t, fields, size, six, subsequent == 4),
    }
}

fn extended(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let kind = p.u16(0)?;
    let name = name_of(EXTENDED, kind).unwrap_or("unknown extd community typecode");
    let flags = bits(EXTENDED_FLAGS, kind.into(), ", ", "none");
    put!(t, "\n\t    {name} (0x{kind:04x}), Flags [{flags}]: ");
    match kind {
        0x0002 | 0x0003 | 0x000a => {
            put!(t, "{}:{} (= {})", p.u16(2)?, p.u32(4)?, t.v4(p, 4)?);
        }
        0x0102 | 0x0103 | 0x010b | 0xf10a => put!(t, "{}:{}", t.v4(p, 2)?, p.u16(6)?),
        0x0202 | 0x0203 => put!(t, "{}:{}", t.system(p.u32(2)?), p.u16(6)?),
        0x4004 => {
            let bytes = f32::from_bits(p.u32(4)?);
            put!(t, "bandwidth: {:.3} Mbps", bytes * 8.0 / 1_000_000.0);
        }
        0x0005 | 0x0105 | 0x0205 | 0x8005 | 0x0107 | 0x8001 => put!(t, "{}", t.v4(p, 2)?),
        0x0306 | 0x8000 => {
            let route = p.u8(6)?;
            let name = name_of(OSPF_ROUTES, route).map(Into::into);
            let name = name.unwrap_or_else(|| format!("unknown (0x{route:02x})"));
            put!(t, "area:{}, router-type:{name}, metric-type:", t.v4(p, 2)?);
            put!(t, "{}", if p.u8(7)? & 1 == 0 { "" } else { "E2" });
            put!(t, "{}", if matches!(route, 5 | 7) { "E1" } else { "" });
        }
        0x0009 => put!(t, "AS {}", p.u16(2)?),
        0x800a => {
            let name = name_of(ENCAPSULATIONS, p.u8(2)?).unwrap_or("unknown encaps");
            put!(t, "{name} Control Flags [0x{:02x}]:MTU {}", p.u8(3)?, p.u16(4)?);
        }
        0x030c => {
            let name = name_of(TUNNELS, p.u16(6)?).unwrap_or("unknown encaps");
            put!(t, "Tunnel type: {name}");
        }
        _ => t.hex(p.slice(2, 6)?),
    }
    Ok(())
}

/// The tree that a customer's multicast is carried on (RFC 6514).
fn tree(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    const HEAD: usize = 5;
    p.need(0, HEAD)?;
    let left = size.checked_sub(HEAD).ok_or(Stop::Short)?;
    let (flags, kind) = (p.u8(0)?, p.u8(1)?);
    let name = name_of(TREES, kind).unwrap_or("Unknown");
    let leaf = if flags & 1 == 0 { "none" } else { "Leaf Information required" };
    put!(t, "\n\t    Tunnel-type {name} ({kind}), Flags [{leaf}], MPLS Label {}", p.u24(2)? >> 4);
    let p = p.from(HEAD);
    match kind {
        1 => put!(t, "\n\t      Extended-Tunnel-ID {}, P2MP-ID 0x{:08x}", t.v4(p, 0)?, p.u32(4)?),
        2 | 7 => put!(t, "\n\t      Root-Node {}, LSP-ID 0x{:08x}", t.v4(p, 0)?, p.u32(4)?),
        3 => put!(t, "\n\t      Root-Node {}, P-Group {}", t.v4(p, 0)?, t.v4(p, 4)?),
        4 | 5 => put!(t, "\n\t      Sender {}, P-Group {}", t.v4(p, 0)?, t.v4(p, 4)?),
        6 => put!(t, "\n\t      Tunnel-Endpoint {}", t.v4(p, 0)?),
        _ if t.style.verbose <= 1 => t.unknown(p, left, "\n\t      "),
        _ => {}
    }
    Ok(())
}

/// The metric of the network that a route leads out of (RFC 7311).
fn metric(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    const METRIC: u8 = 1;
    let mut fields = Fields::new(p, size);
    while fields.left() >= 3 {
        let (kind, size) = (fields.u8()?, usize::from(fields.u16()?));
        let name = if kind == METRIC { "AIGP" } else { "Unknown" };
        put!(t, "\n\t    {name} TLV ({kind}), length {size}");
        let size = size.checked_sub(3).ok_or(Stop::Short)?;
        fields.claimed(size)?;
        let value = Bytes::new(fields.slice(size)?);
        match (kind, size) {
            (METRIC, ..8) => return Err(Stop::Short),
            (METRIC, _) => put!(t, ", metric {}", value.u64(0)?),
            _ if t.style.verbose <= 1 => t.unknown(value, size, "\n\t      "),
            _ => {}
        }
    }
    Ok(())
}

/// The attributes that a customer sees (RFC 6368).
fn set(t: &mut Text<'_>, p: Bytes<'_>, size: usize, level: u8) -> Result<usize, Stop> {
    p.need(0, 4)?;
    let left = size.checked_sub(4).ok_or(Stop::Short)?;
    put!(t, "\n\t    Origin AS: {}", t.system(p.u32(0)?));
    print(t, Fields::new(p.from(4), left), 0, level + 1)
}

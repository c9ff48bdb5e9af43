//! Routes of virtual private networks: of IPv4, IPv6 and OSI (RFC 4364, RFC 4659), of multicast
//! (RFC 6514, RFC 6037), of layer 2 (RFC 4761), and the constraints on them (RFC 4684).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    address::V6,
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};

const DISTINGUISHER: usize = 8;
/// Of a labeled route: its length, its label, its distinguisher.
const HEAD: usize = 4 + DISTINGUISHER;

/// What the routes are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
    /// Addresses of OSI, with distinguishers or without.
    Osi {
        labeled: bool,
    },
    /// Pseudowires and bridges.
    Layer2,
    Multicast,
    /// Multicast distribution trees.
    Trees,
    /// Route targets that a router wants routes of (RFC 4684).
    Targets,
}

impl Family {
    /// By the numbers of address family and subsequent family.
    pub(super) fn of(family: u16, subsequent: u8) -> Option<Self> {
        Some(match (family, subsequent) {
            (1, 128..=130) => Self::V4,
            (2, 128..=130) => Self::V6,
            (3, 1..=3) => Self::Osi { labeled: false },
            (3, 128..=130) => Self::Osi { labeled: true },
            (25, 65) | (196, 128..=130) => Self::Layer2,
            (1, 5) => Self::Multicast,
            (1, 66) => Self::Trees,
            (1, 132) => Self::Targets,
            _ => return None,
        })
    }

    /// Prints the router that the routes lead to, from the first of so many bytes on, and says
    /// how many it took; none, which ends the list and not the attribute, where they are too few.
    pub(super) fn next_hop(
        self,
        t: &mut Text<'_>,
        p: Bytes<'_>,
        left: usize,
    ) -> Result<Option<usize>, Stop> {
        let size = match self {
            Self::V4 => DISTINGUISHER + 4,
            Self::V6 => DISTINGUISHER + 16,
            Self::Osi { labeled: true } => DISTINGUISHER + 1,
            Self::Osi { labeled: false } => 1,
            Self::Layer2 | Self::Multicast | Self::Trees | Self::Targets => 4,
        };
        if left < size {
            return Ok(None);
        }
        let behind = p.from(DISTINGUISHER);
        match self {
            Self::V4 => put!(t, "RD: {}, {}", distinguisher(t, p)?, t.v4(behind, 0)?),
            Self::V6 => put!(t, "RD: {}, {}", distinguisher(t, p)?, t.v6(behind, 0)?),
            Self::Osi { labeled: false } => {
                put!(t, "{}", osi(p.slice(0, left)?));
                return Ok(Some(left));
            }
            Self::Osi { labeled: true } => {
                let address = osi(behind.slice(0, left - DISTINGUISHER)?);
                put!(t, "RD: {}, {address}", distinguisher(t, p)?);
                // Addresses of IP in those of OSI (RFC 986, RFC 1888).
                if behind.u32(0)? == 0x4700_0601 {
                    put!(t, " = {}", t.v4(behind, 4)?);
                } else if behind.u24(0)? == 0x35_0000 {
                    put!(t, " = {}", t.v6(behind, 3)?);
                }
                return Ok(Some(left));
            }
            Self::Layer2 | Self::Multicast | Self::Trees | Self::Targets => {
                put!(t, "{}", t.v4(p, 0)?);
            }
        }
        Ok(Some(size))
    }
}

/// An address of OSI as tcpdump has it.
fn osi(bytes: &[u8]) -> String {
    const LONGEST: usize = 20;
    if !(1..=LONGEST).contains(&bytes.len()) {
        return "isonsap_string: illegal length".into();
    }
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        text.push_str(if index % 2 == 1 { "." } else { "" });
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// A route distinguisher (RFC 4364, 4.2).
fn distinguisher(t: &Text<'_>, p: Bytes<'_>) -> Result<String, Stop> {
    let address = p.array::<4>(2).map(Ipv4Addr::from);
    Ok(match p.u16(0)? {
        0 => {
            let number = p.u32(4)?;
            format!("{}:{number} (= {})", p.u16(2)?, Ipv4Addr::from(number))
        }
        1 => format!("{}:{}", address?, p.u16(6)?),
        2 => {
            let (system, number) = (t.system(p.u32(2)?), p.u16(6)?);
            format!("{system}:{number} ({}:{number})", address?)
        }
        _ => "unknown RD format".into(),
    })
}

/// Prints routes, of which each printer says how many bytes its own takes: [`Stop::Invalid`] if
/// the length cannot be, [`Stop::Here`] if it has said so.
pub(super) fn print(t: &mut Text<'_>, family: Family, mut fields: Fields<'_>) -> Result<(), Stop> {
    while fields.left() > 0 {
        let p = fields.rest();
        let start = t.out.len();
        let route = match family {
            Family::V4 | Family::V6 | Family::Osi { .. } => labeled(t, family, p),
            Family::Layer2 => layer_2(t, p),
            Family::Multicast => multicast(t, p),
            Family::Trees => tree(t, p),
            Family::Targets => target(t, p),
        };
        match route {
            Ok(size) => fields.skip(size),
            Err(Stop::Invalid) => {
                let what = if family == Family::Layer2 { "" } else { "prefix " };
                put!(t, "\n\t    (illegal {what}length)");
                break;
            }
            Err(Stop::Here) => break,
            Err(stop) => {
                t.out.truncate(start);
                return Err(stop);
            }
        }
    }
    Ok(())
}

/// A prefix with a label and a distinguisher, which its length counts.
fn labeled(t: &mut Text<'_>, family: Family, p: Bytes<'_>) -> Result<usize, Stop> {
    const LABEL_AND_DISTINGUISHER: u8 = 24 + 64;
    let bits = p.u8(0)?;
    let least =
        if family == (Family::Osi { labeled: false }) { 0 } else { LABEL_AND_DISTINGUISHER };
    let width = bits.checked_sub(least).ok_or(Stop::Invalid)?;
    let size = usize::from(width).div_ceil(8);
    let address = match family {
        Family::V4 if width <= 32 => {
            let address = p.prefix::<4>(HEAD, width)?;
            Ipv4Addr::from(address).to_string()
        }
        Family::V6 if width <= 128 => {
            let address = p.prefix::<16>(HEAD, width)?;
            V6(Ipv6Addr::from(address)).to_string()
        }
        Family::Osi { labeled } if width <= 152 => {
            // Without a label, too, tcpdump takes the address from behind where one would be.
            let at = if labeled { HEAD } else { 4 };
            let address = p.prefix::<19>(at, width)?;
            osi(address.get(..size).unwrap_or_default())
        }
        _ => return Err(Stop::Invalid),
    };
    if least == 0 {
        put!(t, "\n\t      {address}/{width}");
        return Ok(1 + size);
    }
    let (name, label) = (distinguisher(t, p.from(4))?, p.u24(1)?);
    let bottom = if label & 1 == 1 { "(bottom)" } else { "(BOGUS: Bottom of Stack NOT set!)" };
    put!(t, "\n\t      RD: {name}, {address}/{width}, label:{} {bottom}", label >> 4);
    Ok(HEAD + size)
}

/// A block of labels for the sites of a layer 2 network.
fn layer_2(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    /// Where only who takes part is said.
    const MEMBER: usize = 12;
    const BLOCK: usize = 15;
    /// tcpdump puts no more into its text.
    const MOST: usize = 163;
    let length = usize::from(p.u16(0)?);
    let body = p.from(2);
    if length == MEMBER {
        body.need(0, MEMBER)?;
        put!(t, "\n\t      RD: {}, BGPNH: {}", distinguisher(t, body)?, t.v4(body, 8)?);
        return Ok(2 + length);
    }
    if length <= 17 {
        return Err(Stop::Short);
    }
    body.need(0, BLOCK)?;
    put!(t, "\n\t      ");
    let start = t.out.len();
    put!(t, "RD: {}, CE-ID: {}", distinguisher(t, body)?, body.u16(8)?);
    put!(t, ", Label-Block Offset: {}, Label Base {}", body.u16(10)?, body.u24(12)? >> 4);
    let mut rest = body.from(BLOCK);
    let mut left = length - BLOCK;
    // As in tcpdump, `left` counts values only; what is read ends with the route.
    while left > 0 {
        if left < 3 {
            put!(t, "\n\t\tran past the end");
            break;
        }
        let (kind, bits) = (rest.u8(0)?, rest.u16(1)?);
        let size = usize::from(bits).div_ceil(8);
        rest = rest.from(3);
        if kind == 1 {
            put!(t, "\n\t\tcircuit status vector ({kind}) length: {bits}: 0x");
            let bytes = rest.slice(0, size.min(left)).or(Err(Stop::Short))?;
            t.hex(bytes);
            rest = rest.from(bytes.len());
        } else {
            put!(t, "\n\t\tunknown TLV #{kind}, length: {bits}");
        }
        match left.checked_sub(size) {
            Some(less) => left = less,
            None => {
                put!(t, " (ran past the end)");
                break;
            }
        }
    }
    t.out.truncate(start + MOST);
    Ok(2 + length)
}

const MULTICAST: &[(u8, &str)] = &[
    (1, "Intra-AS I-PMSI"),
    (2, "Inter-AS I-PMSI"),
    (3, "S-PMSI"),
    (4, "Intra-AS Segment-Leaf"),
    (5, "Source-Active"),
    (6, "Shared Tree Join"),
    (7, "Source Tree Join"),
];

fn multicast(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    let (kind, length) = (p.u8(0)?, p.u8(1)?);
    let body = p.from(2);
    let after = match kind {
        2 | 6 | 7 => DISTINGUISHER + 4,
        1 | 3 | 5 => DISTINGUISHER,
        _ => 0,
    };
    body.need(0, after)?;
    let name = name_of(MULTICAST, kind).unwrap_or("Unknown");
    put!(t, "\n\t      Route-Type: {name} ({kind}), length: {length}");
    if after > 0 {
        put!(t, ", RD: {}", distinguisher(t, body)?);
    }
    let rest = body.from(after);
    let length = u32::from(length);
    match kind {
        1 => put!(t, ", Originator {}", host(t, rest, length.wrapping_sub(8).wrapping_mul(8))?),
        2 | 6 | 7 => put!(t, ", Source-AS {}", t.system(body.u32(DISTINGUISHER)?)),
        _ => {}
    }
    match kind {
        3 => {
            let left = length.wrapping_sub(source_and_group(t, rest)?);
            rest.need(0, left as usize)?;
            // As in tcpdump, from where source and group begin.
            put!(t, ", Originator {}", host(t, rest, left.wrapping_mul(8))?);
        }
        5..=7 => {
            source_and_group(t, rest)?;
        }
        _ => {}
    }
    Ok(length as usize + 2)
}

/// An address of so many bits.
fn host(t: &Text<'_>, p: Bytes<'_>, bits: u32) -> Result<String, Stop> {
    Ok(match bits {
        32 => t.v4(p, 0)?.to_string(),
        128 => t.v6(p, 0)?.to_string(),
        _ => format!("bogus address length {bits}"),
    })
}

/// Source and group, each behind its length in bits; says how many bytes they take.
fn source_and_group(t: &mut Text<'_>, p: Bytes<'_>) -> Result<u32, Stop> {
    let mut at = 0;
    for name in ["Source", "Group"] {
        let bits = p.u8(at)?;
        let size = usize::from(bits / 8);
        if !p.has(at + 1, size) {
            break;
        }
        if bits != 0 {
            put!(t, ", {name} {}", host(t, p.from(at + 1), bits.into())?);
        }
        at += 1 + size;
    }
    Ok(at as u32)
}

fn tree(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    const SIZE: usize = 16;
    if usize::from(p.u8(0)?) != 8 * SIZE {
        return Err(Stop::Invalid);
    }
    let body = p.from(1);
    body.need(0, DISTINGUISHER)?;
    let (host, group) = (t.v4(body, DISTINGUISHER)?, t.v4(body, DISTINGUISHER + 4)?);
    put!(t, "\n\t      RD: {}, VPN IP Address: {host}", distinguisher(t, body)?);
    put!(t, ", MC Group Address: {group}");
    Ok(1 + SIZE)
}

/// Who wants the routes of a target: a system's number, and the target or a part of it.
fn target(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    const SYSTEM: u8 = 32;
    const TARGET: u8 = 64;
    let illegal = |t: &mut Text<'_>| {
        put!(t, "\n\t      (illegal prefix length)");
        Err(Stop::Here)
    };
    let width = match p.u8(0)? {
        0 => {
            put!(t, "\n\t      default route target");
            return Ok(1);
        }
        bits @ SYSTEM.. => bits - SYSTEM,
        _ => return illegal(t),
    };
    let system = t.system(p.u32(1)?);
    if width > TARGET {
        return illegal(t);
    }
    let (bytes, size) = (p.prefix::<8>(5, width)?, usize::from(width).div_ceil(8));
    put!(t, "\n\t      origin AS: {system}, ");
    let mut digits = String::new();
    for (index, byte) in bytes.iter().take(size).enumerate() {
        digits.push_str(&format!("{byte:02x}"));
        digits.push_str(if index % 2 == 1 && index + 1 < size { " " } else { "" });
    }
    let target = Bytes::new(&bytes);
    let (first, last) = (target.u32(2)?, target.u16(6)?);
    match (width, target.u16(0)?) {
        (0, _) => put!(t, "route-target: 0:0/0"),
        (1..16, _) => put!(t, "route-target: partial-type: ({digits}/{width})"),
        (_, 0x0002) => {
            put!(t, "route-target: {}:{}/{width} ({digits})", target.u16(2)?, target.u32(4)?);
        }
        (_, 0x0102) => {
            put!(t, "route-target: {}:{last}/{width} ({digits})", Ipv4Addr::from(first));
        }
        (_, 0x0202) => {
            put!(t, "route-target: {}:{last}/{width} ({digits})", t.system(first));
        }
        (_, kind) => put!(t, "route target: unknown-type({kind:04x}) ({digits}/{width})"),
    }
    Ok(5 + size)
}

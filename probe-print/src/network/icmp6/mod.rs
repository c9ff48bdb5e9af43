//! ICMPv6 (RFC 4443), with neighbour discovery (RFC 4861) and multicast listener
//! discovery (RFC 2710, RFC 3810).

mod mld;
mod nd_options;
mod node_information;
mod renumbering;
mod rpl;

use super::outer::Outer;
use crate::{
    bytes::{Bytes, Stop},
    checksum,
    color::Tint,
    dump,
    text::{Text, bits, put, put_name},
};

const PROTOCOL: u8 = 58;

/// The packet that an error quotes.
const QUOTED: usize = 8;
const QUOTED_SOURCE: usize = QUOTED + 8;
const QUOTED_DESTINATION: usize = QUOTED + 24;

const TYPES: &[(u8, &str)] = &[
    (1, "destination unreachable"),
    (2, "packet too big"),
    (3, "time exceeded in-transit"),
    (4, "parameter problem"),
    (128, "echo request"),
    (129, "echo reply"),
    (130, "multicast listener query"),
    (131, "multicast listener report"),
    (132, "multicast listener done"),
    (133, "router solicitation"),
    (134, "router advertisement"),
    (135, "neighbor solicitation"),
    (136, "neighbor advertisement"),
    (137, "redirect"),
    (138, "router renumbering"),
    (139, "who-are-you request"),
    (140, "who-are-you reply"),
    (141, "inverse neighbor solicitation"),
    (142, "inverse neighbor advertisement"),
    (143, "multicast listener report v2"),
    (144, "ha discovery request"),
    (145, "ha discovery reply"),
    (146, "mobile router solicitation"),
    (147, "mobile router advertisement"),
    (155, "RPL"),
    (200, "mtrace response"),
    (201, "mtrace message"),
];

const UNREACHABLE: &[(u8, &str)] = &[
    (0, "unreachable route"),
    (1, " unreachable prohibited"),
    (2, "beyond scope"),
    (3, "unreachable address"),
    (4, "unreachable port"),
];

const ROUTER_FLAGS: &[(u32, &str)] =
    &[(0x80, "managed"), (0x40, "other stateful"), (0x20, "home agent"), (0x02, "ipv6 only")];

const NEIGHBOR_FLAGS: &[(u32, &str)] =
    &[(1 << 31, "router"), (1 << 30, "solicited"), (1 << 29, "override")];

/// Where the fields of the header are (RFC 4443, section 2.1).
mod field {
    pub const TYPE: usize = 0;
    pub const CODE: usize = 1;
    pub const CHECKSUM: usize = 2;
}

pub(super) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
    fragmented: bool,
) -> Result<(), Stop> {
    t.protocol = "icmp6";
    if length == 0 {
        put!(t, "ICMP6, length 0");
        return Err(Stop::Invalid);
    }
    let verbose = t.style.verbose;
    if verbose > 0
        && !fragmented
        && let Ok(bytes) = p.slice(0, length)
    {
        checksum::print_named(
            t,
            "icmp6",
            p.u16(field::CHECKSUM)?,
            outer.checksum(PROTOCOL, bytes)?,
        );
    }
    let kind = p.u8(field::TYPE)?;
    t.tint = match kind {
        0..128 => Tint::Trouble,
        133..=137 => Tint::Neighbours,
        _ => Tint::Control,
    };
    put!(t, "ICMP6, ");
    put_name!(t, TYPES, kind, "unknown icmp6 type ({kind})");
    if verbose > 0 && matches!(kind, 133..=137 | 145 | 147) {
        put!(t, ", length {length}");
    }
    let code = p.u8(field::CODE)?;
    match kind {
        1 => unreachable(t, p, length, code)?,
        2 => {
            put!(t, ", mtu {}", p.u32(4)?);
        }
        3 => match code {
            0 => put!(t, " for {}", t.v6(p, QUOTED_DESTINATION)?),
            1 => put!(t, " (reassembly)"),
            _ => put!(t, ", unknown code ({code})"),
        },
        4 => parameter_problem(t, p, code)?,
        128 | 129 => {
            put!(t, ", id {}, seq {}", p.u16(4)?, p.u16(6)?);
        }
        130 => {
            t.part(|t| mld::query(t, p, length))?;
        }
        131 | 132 => {
            t.part(|t| mld::address(t, p))?;
        }
        143 => {
            t.part(|t| mld::report(t, p, length))?;
        }
        138 => {
            t.part(|t| renumbering::print(t, p))?;
        }
        133..=137 | 147 => discovery(t, p, length, kind)?,
        144 | 146 => {
            put!(t, ", id 0x{:04x}", p.u16(4)?);
        }
        145 => {
            if verbose > 0 {
                put!(t, ", id 0x{:04x}", p.u16(4)?);
                for at in (8..length).step_by(16) {
                    put!(t, ", {}", t.v6(p, at)?);
                }
            }
        }
        139 | 140 => {
            t.part(|t| node_information::print(t, p, length))?;
        }
        155 => {
            t.part(|t| rpl::print(t, p.from(4), length.saturating_sub(4), code))?;
        }
        141 | 142 => {}
        _ => {
            put!(t, ", length {length}");
            if verbose <= 1 {
                unknown(t, p, length);
            }
            return Ok(());
        }
    }
    if verbose == 0 {
        put!(t, ", length {length}");
    }
    Ok(())
}

/// What is not understood, as far as it was captured.
fn unknown(t: &mut Text<'_>, p: Bytes<'_>, length: usize) {
    dump::hex(p.limit(length).all(), "\n\t", 0, t.out);
}

/// Destination unreachable.
fn unreachable(t: &mut Text<'_>, p: Bytes<'_>, length: usize, code: u8) -> Result<(), Stop> {
    put!(t, ", ");
    put_name!(t, UNREACHABLE, code, "unknown unreach code ({code})");
    match code {
        0 | 1 | 3 => put!(t, " {}", t.v6(p, QUOTED_DESTINATION)?),
        2 => {
            let (to, from) = (t.v6(p, QUOTED_DESTINATION)?, t.v6(p, QUOTED_SOURCE)?);
            put!(t, " {to}, source address {from}");
        }
        4 => {
            let (protocol, port) = quoted_port(p.from(QUOTED)).ok_or(Stop::Short)?;
            let to = t.v6(p, QUOTED_DESTINATION)?;
            match protocol {
                6 => put!(t, ", {to} tcp port {}", t.tcp(port)),
                _ => put!(t, ", {to} udp port {}", t.udp(port)),
            }
        }
        _ if t.style.verbose <= 1 => {
            unknown(t, p, length);
            // No length is said behind it.
            return Err(Stop::Here);
        }
        _ => {}
    }
    Ok(())
}

/// Protocol and destination port of the packet quoted. Each header moves on by at least
/// eight bytes, so the walk ends.
fn quoted_port(p: Bytes<'_>) -> Option<(u8, u16)> {
    let mut next = p.u8(6).ok()?;
    let mut at = 40;
    while at < p.len() {
        let header = p.from(at);
        at += match next {
            6 | 17 => return Some((next, header.u16(2).ok()?)),
            0 | 43 | 60 => 8 * (usize::from(header.u8(1).ok()?) + 1),
            44 if header.u16(2).ok()? & 0xfff8 == 0 => 8,
            51 => 4 * (usize::from(header.u8(1).ok()?) + 2),
            _ => return None,
        };
        next = header.u8(0).ok()?;
    }
    None
}

fn parameter_problem(t: &mut Text<'_>, p: Bytes<'_>, code: u8) -> Result<(), Stop> {
    p.need(QUOTED_DESTINATION, 16)?;
    let what = match code {
        0 => "erroneous",
        1 => "next header",
        2 => "option",
        3 => "incomplete header chain",
        _ => {
            put!(t, ", code-#{code}");
            return Ok(());
        }
    };
    put!(t, ", {what} - octet {}", p.u32(4)?);
    Ok(())
}

/// Neighbour discovery.
fn discovery(t: &mut Text<'_>, p: Bytes<'_>, length: usize, kind: u8) -> Result<(), Stop> {
    let verbose = t.style.verbose > 0;
    let options = match kind {
        133 => 8,
        134 => {
            if verbose {
                let flags = p.u8(5)?;
                put!(
                    t,
                    "\n\thop limit {}, Flags [{}], pref {}, router lifetime {}s, \
                     reachable time {}ms, retrans timer {}ms",
                    p.u8(4)?,
                    bits(ROUTER_FLAGS, flags.into(), ", ", "none"),
                    nd_options::preference(flags),
                    p.u16(6)?,
                    p.u32(8)?,
                    p.u32(12)?
                );
            }
            16
        }
        135 => {
            put!(t, ", who has {}", t.v6(p, 8)?);
            24
        }
        136 => {
            put!(t, ", tgt is {}", t.v6(p, 8)?);
            if verbose {
                put!(t, ", Flags [{}]", bits(NEIGHBOR_FLAGS, p.u32(4)?, ", ", "none"));
            }
            24
        }
        137 => {
            put!(t, ", {} to {}", t.v6(p, 24)?, t.v6(p, 8)?);
            40
        }
        _ => {
            if verbose {
                put!(t, ", id 0x{:04x}", p.u16(4)?);
                let flags = p.u16(6)?;
                put!(
                    t,
                    "{}{}{}",
                    if flags & 0xc000 == 0 { "" } else { " " },
                    if flags & 0x8000 == 0 { "" } else { "M" },
                    if flags & 0x4000 == 0 { "" } else { "O" }
                );
            }
            8
        }
    };
    if verbose {
        let length = length.saturating_sub(options);
        t.part(|t| nd_options::print(t, p.from(options), length))?;
    }
    Ok(())
}

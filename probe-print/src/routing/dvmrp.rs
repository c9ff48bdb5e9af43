//! DVMRP (RFC 1075): multicast routes, carried in IGMP.

use std::net::Ipv4Addr;

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put, put_name},
};

const HEADER: usize = 8;

const KINDS: &[(u8, &str)] = &[
    (1, "Probe"),
    (2, "Report"),
    (3, "Ask-neighbors(old)"),
    (4, "Neighbors(old)"),
    (5, "Ask-neighbors2"),
    (6, "Neighbors2"),
    (7, "Prune"),
    (8, "Graft"),
    (9, "Graft-ACK"),
];

const FLAGS: &[(u8, &str)] =
    &[(0x01, "tunnel"), (0x02, "srcrt"), (0x40, "querier"), (0x20, "disabled"), (0x10, "down")];

/// Prints a message, from the IGMP header on.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "dvmrp";
    if length < HEADER {
        put!(t, " [length {length} < {HEADER}]");
        return Err(Stop::Invalid);
    }
    let kind = p.u8(1)?;
    put!(t, " ");
    put_name!(t, KINDS, kind, "[type {kind}]");
    let (body, length) = (p.from(HEADER), length - HEADER);
    let verbose = t.style.verbose;
    match kind {
        1 if verbose > 0 => probe(t, body, length)?,
        2 if verbose > 1 => report(t, body, length)?,
        4 => neighbors(t, body, length, false)?,
        6 => {
            put!(t, " (v {}.{}):", p.u8(7)?, p.u8(6)?);
            neighbors(t, body, length, true)?;
        }
        7..=9 => {
            put!(t, " src {} grp {}", t.v4(body, 0)?, t.v4(body, 4)?);
            if kind == 7 {
                put!(t, " timer ");
                t.relative_time(body.u32(8)?);
            }
        }
        _ => {}
    }
    Ok(())
}

fn probe(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    if length < 4 {
        put!(t, " [full length {length} < 4]");
        return Err(Stop::Invalid);
    }
    put!(t, "{}", if t.style.verbose > 1 { "\n\t" } else { " " });
    put!(t, "genid {}", p.u32(0)?);
    if t.style.verbose < 2 {
        return Ok(());
    }
    for at in (4..length).step_by(4) {
        if length < at + 4 {
            put!(t, "[remaining length {} < 4]", length - at);
            t.invalid();
            break;
        }
        put!(t, "\n\tneighbor {}", t.v4(p, at)?);
    }
    Ok(())
}

/// Routes: a mask, and networks under it as far as a bit says that one is the last.
fn report(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let mut at = 0;
    // Each mask takes three bytes, each network two at least.
    while at < length {
        if length < at + 3 {
            put!(t, " [length {} < 3]", length - at);
            return Err(Stop::Invalid);
        }
        let [a, b, c] = p.array(at)?;
        let width = match (a, b, c) {
            (0, 0, 0) => 1,
            (_, 0, 0) => 2,
            (_, _, 0) => 3,
            _ => 4,
        };
        put!(t, "\n\tMask {}", Ipv4Addr::new(255, a, b, c));
        at += 3;
        loop {
            if length < at + width + 1 {
                put!(t, "\n\t  [Truncated Report]");
                return Err(Stop::Invalid);
            }
            let network: [u8; 4] = p.filled(at, width)?;
            let metric = p.u8(at + width)?;
            put!(t, "\n\t  {} metric {}", Ipv4Addr::from(network), metric & 0x7f);
            at += width + 1;
            if metric & 0x80 != 0 {
                break;
            }
        }
    }
    Ok(())
}

fn neighbors(t: &mut Text<'_>, p: Bytes<'_>, length: usize, new: bool) -> Result<(), Stop> {
    let head = if new { 8 } else { 7 };
    let mut at = 0;
    // Each interface takes at least seven bytes.
    while at < length {
        if length < at + head {
            put!(t, " [length {} < {head}]", length - at);
            return Err(Stop::Invalid);
        }
        let local = at;
        let (metric, threshold) = (p.u8(at + 4)?, p.u8(at + 5)?);
        let flags = if new { p.u8(at + 6)? } else { 0 };
        let count = p.u8(at + head - 1)?;
        at += head;
        for _ in 0..count {
            if new && at >= length {
                put!(t, " [invalid ncount]");
                return Err(Stop::Invalid);
            }
            if length < at + 4 {
                put!(t, " [length {} < 4]", length - at);
                return Err(Stop::Invalid);
            }
            put!(t, " [{} ->", t.v4(p, local)?);
            if new {
                put!(t, " ");
                put!(t, "{} ({metric}/{threshold}", t.v4(p, at)?);
                for (bit, name) in FLAGS {
                    if flags & bit != 0 {
                        put!(t, "/{name}");
                    }
                }
                put!(t, ")]");
            } else {
                put!(t, " {}, ({metric}/{threshold})]", t.v4(p, at)?);
            }
            at += 4;
        }
    }
    Ok(())
}

//! PIM: the first line of version 2, and version 1, which comes in IGMP.

mod messages;

pub(crate) use messages::auto_rp;

use crate::{
    bytes::{Bytes, Stop},
    network::outer::Outer,
    text::{Text, name_of, put, put_name},
};

const KINDS: &[(u8, &str)] = &[
    (0, "Hello"),
    (1, "Register"),
    (2, "Register Stop"),
    (3, "Join / Prune"),
    (4, "Bootstrap"),
    (5, "Assert"),
    (6, "Graft"),
    (7, "Graft Acknowledgement"),
    (8, "Candidate RP Advertisement"),
    (9, "Prune Refresh"),
    (10, "DF Election"),
    (11, "ECMP Redirect"),
];

const KINDS_1: &[(u8, &str)] = &[
    (0, "Query"),
    (1, "Register"),
    (2, "Register-Stop"),
    (3, "Join/Prune"),
    (4, "RP-reachable"),
    (5, "Assert"),
    (6, "Graft"),
    (7, "Graft-ACK"),
];

/// A mask that says: this host.
const HOST: u32 = u32::MAX;

/// Prints a message of version 2.
pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
) -> Result<(), Stop> {
    t.protocol = "pim";
    let first = p.u8(0)?;
    let (version, kind) = (first >> 4, first & 0xf);
    let name = name_of(KINDS, kind).unwrap_or("Unknown Type");
    match (version, t.style.verbose) {
        (2, 0) => put!(t, "PIMv{version}, {name}, length {length}"),
        (2, _) => {
            put!(t, "PIMv{version}, length {length}\n\t{name}");
            return messages::print(t, p, length, outer);
        }
        _ => put!(t, "PIMv{version}, length {length}"),
    }
    Ok(())
}

/// Prints a message of version 1, from the IGMP header on.
pub(crate) fn version_1(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "pimv1";
    let verbose = t.style.verbose > 0;
    let kind = p.u8(1)?;
    put!(t, " ");
    put_name!(t, KINDS_1, kind, "[type {kind}]");
    match kind {
        0 => {
            if let Ok(mode) = p.u8(8) {
                match mode >> 4 {
                    0 => put!(t, " Dense-mode"),
                    1 => put!(t, " Sparse-mode"),
                    2 => put!(t, " Sparse-Dense-mode"),
                    mode => put!(t, " mode-{mode}"),
                }
            }
            if verbose {
                put!(t, " (Hold-time ");
                t.relative_time(p.u16(10)?.into());
                put!(t, ")");
            }
        }
        1 => {
            p.need(8, 20)?;
            put!(t, " for {} > {}", t.v4(p, 20)?, t.v4(p, 24)?);
        }
        2 => put!(t, " for {} > {}", t.v4(p, 8)?, t.v4(p, 12)?),
        4 if verbose => {
            put!(t, " group {}", t.v4(p, 8)?);
            if p.u32(12)? != HOST {
                put!(t, "/{}", t.v4(p, 12)?);
            }
            put!(t, " RP {} hold ", t.v4(p, 16)?);
            t.relative_time(p.u16(22)?.into());
        }
        5 => {
            put!(t, " for {} > {}", t.v4(p, 16)?, t.v4(p, 8)?);
            if p.u32(12)? != HOST {
                put!(t, "/{}", t.v4(p, 12)?);
            }
            let preference = p.u32(20)?;
            let tree = if preference >> 31 == 1 { "RP-tree" } else { "SPT" };
            put!(t, " {tree} pref {} metric {}", preference & 0x7fff_ffff, p.u32(24)?);
        }
        3 | 6 | 7 if verbose => {
            let length = length.checked_sub(8).ok_or(Stop::Short)?;
            t.part(|t| join_prune(t, p.from(8), length))?;
        }
        _ => {}
    }
    let version = p.u8(4)? >> 4;
    if version != 1 {
        put!(t, " [v{version}]");
    }
    Ok(())
}

/// Groups that are joined and left.
fn join_prune(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    // One group with one source takes one line.
    if p.has(0, 30) && p.u8(11)? == 1 && u32::from(p.u16(20)?) + u32::from(p.u16(22)?) == 1 {
        put!(t, " RPF {} ", t.v4(p, 0)?);
        let hold = p.u16(6)?;
        if hold != 180 {
            put!(t, "Hold ");
            t.relative_time(hold.into());
        }
        let what = if p.u16(20)? == 0 { "Prune" } else { "Join" };
        let flags = p.u8(25)?;
        put!(t, "{what} ({}/{}, {}", t.v4(p, 26)?, flags & 0x3f, t.v4(p, 12)?);
        if p.u32(16)? != HOST {
            put!(t, "/{}", t.v4(p, 16)?);
        }
        let mode = if p.u8(24)? & 1 == 0 { "Dense" } else { "Sparse" };
        let any = if flags & 0x80 == 0 { "" } else { " WC" };
        let tree = if flags & 0x40 == 0 { "SPT" } else { "RP" };
        put!(t, ") {mode}{any} {tree}");
        return Ok(());
    }
    let need = |end| if length < end { Err(Stop::Short) } else { Ok(()) };
    let much = t.style.verbose > 1;
    need(4)?;
    if much {
        put!(t, "\n");
    }
    put!(t, " Upstream Nbr: {}", t.v4(p, 0)?);
    need(8)?;
    if much {
        put!(t, "\n");
    }
    put!(t, " Hold time: ");
    t.relative_time(p.u16(6)?.into());
    if !much {
        return Ok(());
    }
    need(12)?;
    let groups = p.u8(11)?;
    let mut at = 12;
    for _ in 0..groups {
        need(at + 4)?;
        put!(t, "\n\tGroup: {}", t.v4(p, at)?);
        need(at + 8)?;
        if p.u32(at + 4)? != HOST {
            put!(t, "/{}", t.v4(p, at + 4)?);
        }
        need(at + 12)?;
        let (joined, pruned) = (u32::from(p.u16(at + 8)?), u32::from(p.u16(at + 10)?));
        put!(t, " joined: {joined} pruned: {pruned}");
        at += 12;
        for index in 0..joined + pruned {
            need(at + 6)?;
            let flags = p.u8(at + 1)?;
            put!(t, "\n\t{} ", if index < joined { "Join " } else { "Prune" });
            put!(t, "{}", if p.u8(at)? & 1 == 0 { "Dense " } else { "Sparse " });
            put!(t, "{}", if flags & 0x80 == 0 { "" } else { "WC " });
            put!(t, "{}", if flags & 0x40 == 0 { "SPT " } else { "RP " });
            put!(t, "{}/{}", t.v4(p, at + 2)?, flags & 0x3f);
            at += 6;
        }
    }
    Ok(())
}

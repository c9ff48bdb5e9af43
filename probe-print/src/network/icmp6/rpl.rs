//! RPL (RFC 6550): routes among low-power devices, carried in ICMPv6.

use crate::{
    bytes::{Bytes, Stop},
    dump,
    text::{Text, put, put_name},
};

const GRAPH_ID: usize = 16;

const MODES: &[(u8, &str)] =
    &[(0, "nonstoring"), (1, "storing"), (2, "nonstoring-multicast"), (3, "storing-multicast")];

const OPTIONS: &[(u8, &str)] = &[
    (0, "pad1"),
    (1, "padN"),
    (2, "metrics"),
    (3, "routinginfo"),
    (4, "config"),
    (5, "rpltarget"),
    (6, "transitinfo"),
    (8, "destprefix"),
    (9, "rpltargetdesc"),
];

/// Prints a message, from behind the ICMPv6 header on.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize, code: u8) -> Result<(), Stop> {
    if code & 0x80 != 0 {
        put!(t, ", (SEC) [worktodo]");
        return Ok(());
    }
    put!(t, ", (CLR)");
    let verbose = t.style.verbose > 0;
    match code {
        0 => put!(t, "DODAG Information Solicitation"),
        1 => {
            put!(t, "DODAG Information Object");
            if verbose {
                information(t, p, length)?;
            }
        }
        2 => {
            put!(t, "Destination Advertisement Object");
            if verbose {
                advertisement(t, p, length)?;
            }
        }
        3 => {
            put!(t, "Destination Advertisement Object Ack");
            if verbose {
                acknowledgment(t, p, length)?;
            }
        }
        _ => put!(t, "RPL message, unknown code {code}"),
    }
    Ok(())
}

fn information(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    const SIZE: usize = 8 + GRAPH_ID;
    if length < SIZE {
        put!(t, " [length {length} < {SIZE}]");
        return Err(Stop::Invalid);
    }
    let graph = t.v6(p, 8)?;
    let mode = p.u8(4)?;
    put!(t, " [dagid:{graph},seq:{},instance:{},rank:{},", p.u8(5)?, p.u8(0)?, p.u16(2)?);
    if mode & 0x80 != 0 {
        put!(t, "grounded,");
    }
    put!(t, "mop:");
    let operation = mode >> 3 & 7;
    put_name!(t, MODES, operation, "mop{operation}");
    put!(t, ",prf:{}]", mode & 7);
    if t.style.verbose > 1 {
        options(t, p.from(SIZE), length - SIZE)?;
    }
    Ok(())
}

/// The graph, where it is named, and how long the head is; `None` where that is too
/// long for the message.
fn graph(t: &mut Text<'_>, p: Bytes<'_>, length: usize, named: bool) -> Option<(String, usize)> {
    if !named {
        return Some(("<elided>".into(), 4));
    }
    let id = t.v6(p, 4).ok()?;
    (length >= 4 + GRAPH_ID).then(|| (id.to_string(), 4 + GRAPH_ID))
}

fn advertisement(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    // tcpdump asks for the graph's bytes even where it is not named.
    p.need(0, 4 + GRAPH_ID)?;
    let flags = p.u8(1)?;
    let too_short = length < 4;
    let Some((id, size)) = graph(t, p, length, flags & 0x40 != 0).filter(|_| !too_short) else {
        put!(t, " [|length too short]");
        return Ok(());
    };
    put!(t, " [dagid:{id},seq:{},instance:{}", p.u8(3)?, p.u8(0)?);
    if flags & 0x80 != 0 {
        put!(t, ",acK");
    }
    if flags & 0x40 != 0 {
        put!(t, ",Dagid");
    }
    put!(t, ",{flags:02x}]");
    if t.style.verbose > 1 {
        options(t, p.from(size), length - size)?;
    }
    Ok(())
}

fn acknowledgment(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    p.need(0, 4)?;
    let named = p.u8(1)? & 0x80 != 0;
    if named {
        p.need(4, GRAPH_ID)?;
    }
    let Some((id, size)) = graph(t, p, length, named).filter(|_| length >= 4) else {
        put!(t, " [|dao-length too short]");
        return Ok(());
    };
    put!(t, " [dagid:{id},seq:{},instance:{},status:{}]", p.u8(2)?, p.u8(0)?, p.u8(3)?);
    if t.style.verbose > 1 {
        options(t, p.from(size), length - size)?;
    }
    Ok(())
}

fn options(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let mut at = 0;
    // Each option takes at least one byte.
    while at < length {
        let kind = p.u8(at)?;
        if kind == 0 {
            put!(t, " opt:pad1");
            at += 1;
            continue;
        }
        if length < at + 2 {
            return Err(Stop::Short);
        }
        let size = usize::from(p.u8(at + 1)?) + 2;
        put!(t, " opt:");
        put_name!(t, OPTIONS, kind, "subopt:{kind}");
        put!(t, " len:{size} ");
        p.need(at, size)?;
        if length < at + size {
            return Err(Stop::Short);
        }
        if t.style.verbose > 2 {
            dump::hex(p.slice(at + 2, size - 2)?, " ", 0, t.out);
        }
        at += size;
    }
    Ok(())
}

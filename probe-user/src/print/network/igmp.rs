//! IGMP, versions 1 to 3 (RFC 1112, RFC 2236, RFC 3376).

use crate::print::{
    address::v4,
    bytes::{Bytes, Cut},
    checksum,
    routing::{dvmrp, pim},
    text::{Text, put, put_name},
};

const RECORDS: &[(u8, &str)] =
    &[(1, "is_in"), (2, "is_ex"), (3, "to_in"), (4, "to_ex"), (5, "allow"), (6, "block")];

/// Prints an IGMP message.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "igmp";
    if t.style.quiet {
        put!(t, "igmp");
        return Ok(());
    }
    match p.u8(0)? {
        0x11 if length >= 12 => query(t, p, length)?,
        0x11 => {
            put!(t, "igmp query");
            match p.u8(1)? {
                0 => put!(t, " v1"),
                100 => put!(t, " v2"),
                time => put!(t, " v2 [max resp time {time}]"),
            }
            if p.u32(4)? != 0 {
                put!(t, " [gaddr {}]", t.v4(p, 4)?);
            }
            if length != 8 {
                put!(t, " [len {length}]");
            }
        }
        0x12 => {
            put!(t, "igmp v1 report {}", t.v4(p, 4)?);
            if length != 8 {
                put!(t, " [len {length}]");
            }
        }
        0x16 => put!(t, "igmp v2 report {}", t.v4(p, 4)?),
        0x17 => put!(t, "igmp leave {}", t.v4(p, 4)?),
        0x22 => report(t, p, length)?,
        0x13 if length < 8 => put!(t, "igmp dvmrp [len {length}]"),
        0x13 => {
            put!(t, "igmp dvmrp");
            dvmrp::print(t, p, length)?;
        }
        0x14 => {
            put!(t, "igmp pimv1");
            pim::version_1(t, p, length)?;
        }
        0x1e => trace(t, "mresp", p, length)?,
        0x1f => trace(t, "mtrace", p, length)?,
        kind => put!(t, "igmp-{kind}"),
    }
    if t.style.verbose > 0
        && length >= 4
        && let Ok(bytes) = p.slice(0, length)
        && checksum::residue(&[bytes]) != 0
    {
        put!(t, " bad igmp cksum {:x}!", p.u16(2)?);
    }
    Ok(())
}

/// A query of version 3.
fn query(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    put!(t, "igmp query v3");
    if !length.is_multiple_of(4) {
        put!(t, " [invalid len {length}]");
        return Ok(());
    }
    let code = u32::from(p.u8(1)?);
    // Above 127 the code is a small floating-point number (RFC 3376, 4.1.1).
    let tenths = match code {
        0..128 => code,
        _ => (code & 0xf | 0x10) << ((code >> 4 & 7) + 3),
    };
    if code != 100 {
        put!(t, " [max resp time ");
        match tenths {
            0..600 => put!(t, "{:.1}s", f64::from(tenths) * 0.1),
            _ => t.relative_time(tenths / 10),
        }
        put!(t, "]");
    }
    if p.u32(4)? == 0 {
        return Ok(());
    }
    put!(t, " [gaddr {}", t.v4(p, 4)?);
    let sources = usize::from(p.u16(10)?);
    if sources > 0 {
        if length < 12 + 4 * sources {
            put!(t, " [invalid number of sources]");
        } else if t.style.verbose > 1 {
            addresses(t, p.from(12), sources)?;
        } else {
            put!(t, ", {sources} source(s)");
        }
    }
    put!(t, "]");
    Ok(())
}

/// A report of version 3.
fn report(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    put!(t, "igmp v3 report");
    if length < 16 || !length.is_multiple_of(4) {
        put!(t, " [invalid len {length}]");
        return Ok(());
    }
    let groups = p.u16(6)?;
    put!(t, ", {groups} group record(s)");
    if t.style.verbose == 0 {
        return Ok(());
    }
    let mut at = 8;
    for _ in 0..groups {
        if length < at + 8 {
            put!(t, " [invalid number of groups]");
            return Ok(());
        }
        put!(t, " [gaddr {} ", t.v4(p, at + 4)?);
        let kind = p.u8(at)?;
        put_name!(t, RECORDS, kind, " [v3-report-#{kind}]");
        let sources = usize::from(p.u16(at + 2)?);
        if length < at + 8 + 4 * sources {
            put!(t, " [invalid number of sources {sources}]");
            return Ok(());
        }
        match t.style.verbose {
            1 => put!(t, ", {sources} source(s)"),
            _ => addresses(t, p.from(at + 8), sources)?,
        }
        at += 8 + 4 * sources;
        put!(t, "]");
    }
    Ok(())
}

fn addresses(t: &mut Text<'_>, p: Bytes<'_>, count: usize) -> Result<(), Cut> {
    put!(t, " {{");
    for index in 0..count {
        put!(t, " {}", t.v4(p, 4 * index)?);
    }
    put!(t, " }}");
    Ok(())
}

/// A multicast traceroute.
fn trace(t: &mut Text<'_>, name: &str, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    if length < 24 {
        put!(t, " [invalid len {length}]");
        return Ok(());
    }
    let reply_to = t.v4(p, 16)?;
    let multicast = v4(p, 16)?.is_multicast();
    put!(t, "{name} {}: {} to {} reply-to {reply_to}", p.u24(21)?, t.v4(p, 8)?, t.v4(p, 12)?);
    if multicast {
        put!(t, " with-ttl {}", p.u8(20)?);
    }
    Ok(())
}

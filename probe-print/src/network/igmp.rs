//! IGMP, versions 1 to 3 (RFC 1112, RFC 2236, RFC 3376).

use super::listeners::{self, Family};
use crate::{
    address::v4,
    bytes::{Bytes, Stop},
    checksum,
    routing::{dvmrp, pim},
    text::{Text, put},
};

/// A query of version 3 without its sources.
const QUERY: usize = 12;

pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "igmp";
    if t.style.quiet {
        put!(t, "igmp");
        return Ok(());
    }
    match p.u8(0)? {
        0x11 if length >= QUERY => query(t, p, length)?,
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
            t.part(|t| dvmrp::print(t, p, length))?;
        }
        0x14 => {
            put!(t, "igmp pimv1");
            t.part(|t| pim::version_1(t, p, length))?;
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
fn query(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    put!(t, "igmp query v3");
    if !length.is_multiple_of(4) {
        put!(t, " [invalid len {length}]");
        return Ok(());
    }
    let code = p.u8(1)?;
    let tenths = listeners::time(code.into(), 4);
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
    listeners::sources(t, Family::V4, p.from(QUERY), length.saturating_sub(QUERY), p.u16(10)?)?;
    put!(t, "]");
    Ok(())
}

/// A report of version 3.
fn report(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    put!(t, "igmp v3 report");
    if length < 16 || !length.is_multiple_of(4) {
        put!(t, " [invalid len {length}]");
        return Ok(());
    }
    listeners::report(t, Family::V4, p, length)
}

/// A multicast traceroute.
fn trace(t: &mut Text<'_>, name: &str, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
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

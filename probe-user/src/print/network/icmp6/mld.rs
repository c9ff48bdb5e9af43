//! Multicast listener discovery, versions 1 and 2 (RFC 2710, RFC 3810).

use crate::print::{
    bytes::{Bytes, Cut},
    text::{Text, put, put_name},
};

const V1: usize = 24;
const V2: usize = 28;
const ADDRESS: usize = 16;
const RECORD: usize = 20;

const RECORDS: &[(u8, &str)] =
    &[(1, "is_in"), (2, "is_ex"), (3, "to_in"), (4, "to_ex"), (5, "allow"), (6, "block")];

/// A query of either version.
pub(super) fn query(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    match length {
        V1 => address(t, p),
        V2.. => {
            put!(t, " v2");
            query_v2(t, p, length)
        }
        _ => {
            put!(t, " unknown-version (len {length}) ");
            Ok(())
        }
    }
}

/// The address of a message of version 1.
pub(super) fn address(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Cut> {
    if p.has(0, V1) {
        put!(t, "max resp delay: {} addr: {}", p.u16(4)?, t.v6(p, 8)?);
    }
    Ok(())
}

fn query_v2(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    let verbose = t.style.verbose > 0;
    let code = u32::from(p.u16(4)?);
    if verbose {
        // From 32768 on the code is a floating-point number (RFC 3810, 5.1.3).
        let delay = match code {
            0..32_768 => code,
            _ => (code & 0xfff | 0x1000) << ((code >> 12 & 7) + 3),
        };
        put!(t, " [max resp delay={delay}]");
    }
    put!(t, " [gaddr {}", t.v6(p, 8)?);
    if verbose {
        let flags = p.u8(24)?;
        if flags & 8 != 0 {
            put!(t, " sflag");
        }
        if flags & 7 != 0 {
            put!(t, " robustness={}", flags & 7);
        }
        let code = u32::from(p.u8(25)?);
        let interval = match code {
            0..128 => code,
            _ => (code & 0xf | 0x10) << ((code >> 4 & 7) + 3),
        };
        put!(t, " qqi={interval}");
    }
    let sources = usize::from(p.u16(26)?);
    if sources > 0 {
        if length < V2 + sources * ADDRESS {
            put!(t, " [invalid number of sources]");
        } else if t.style.verbose > 1 {
            addresses(t, p.from(V2), sources)?;
        } else {
            put!(t, ", {sources} source(s)");
        }
    }
    put!(t, "]");
    Ok(())
}

/// A report of version 2.
pub(super) fn report(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    if length < 8 {
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
        if length < at + RECORD {
            put!(t, " [invalid number of groups]");
            return Ok(());
        }
        put!(t, " [gaddr {} ", t.v6(p, at + 4)?);
        let kind = p.u8(at)?;
        put_name!(t, RECORDS, kind, " [v2-report-#{kind}]");
        let sources = usize::from(p.u16(at + 2)?);
        if length < at + RECORD + sources * ADDRESS {
            put!(t, " [invalid number of sources {sources}]");
            return Ok(());
        }
        match t.style.verbose {
            1 => put!(t, ", {sources} source(s)"),
            _ => addresses(t, p.from(at + RECORD), sources)?,
        }
        at += RECORD + sources * ADDRESS;
        put!(t, "]");
    }
    Ok(())
}

fn addresses(t: &mut Text<'_>, p: Bytes<'_>, count: usize) -> Result<(), Cut> {
    put!(t, " {{");
    for index in 0..count {
        put!(t, " {}", t.v6(p, ADDRESS * index)?);
    }
    put!(t, " }}");
    Ok(())
}

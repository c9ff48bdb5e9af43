//! Multicast listener discovery, versions 1 and 2 (RFC 2710, RFC 3810).

use crate::{
    bytes::{Bytes, Stop},
    network::listeners::{self, Family},
    text::{Text, put},
};

const V1: usize = 24;
const V2: usize = 28;

/// A query of either version.
pub(super) fn query(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
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
pub(super) fn address(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    if p.has(0, V1) {
        put!(t, "max resp delay: {} addr: {}", p.u16(4)?, t.v6(p, 8)?);
    }
    Ok(())
}

fn query_v2(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let verbose = t.style.verbose > 0;
    if verbose {
        put!(t, " [max resp delay={}]", listeners::time(p.u16(4)?.into(), 12));
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
        put!(t, " qqi={}", listeners::time(p.u8(25)?.into(), 4));
    }
    listeners::sources(t, Family::V6, p.from(V2), length.saturating_sub(V2), p.u16(26)?)?;
    put!(t, "]");
    Ok(())
}

/// A report of version 2.
pub(super) fn report(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    if length < 8 {
        put!(t, " [invalid len {length}]");
        return Ok(());
    }
    listeners::report(t, Family::V6, p, length)
}

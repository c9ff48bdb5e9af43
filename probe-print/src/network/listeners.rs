//! What hosts listen to: the parts that IGMP version 3 (RFC 3376) and MLD version 2 (RFC 3810)
//! share. Records of groups, lists of sources, and times as small floating-point numbers.

use crate::{
    address::Host,
    bytes::{Bytes, Stop},
    text::{Text, put, put_name},
};

/// Where the records of a report begin, and the part of a record before its addresses.
const RECORDS: usize = 8;
const HEAD: usize = 4;

const KINDS: &[(u8, &str)] =
    &[(1, "is_in"), (2, "is_ex"), (3, "to_in"), (4, "to_ex"), (5, "allow"), (6, "block")];

/// Of which IP the addresses are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// IGMP.
    V4,
    /// MLD.
    V6,
}

impl Family {
    fn size(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    fn address(self, t: &Text<'_>, p: Bytes<'_>, at: usize) -> Result<Host, Stop> {
        match self {
            Self::V4 => t.v4(p, at),
            Self::V6 => t.v6(p, at),
        }
    }
}

/// A time: as it is below the bit of `exponent` that is the highest, above it a number with a
/// mantissa of so many bits and an exponent of three (RFC 3376, 4.1.1; RFC 3810, 5.1.3).
pub(super) fn time(code: u32, mantissa: u32) -> u32 {
    let hidden = 1 << mantissa;
    match code >> (mantissa + 3) {
        0 => code,
        _ => (code & (hidden - 1) | hidden) << ((code >> mantissa & 7) + 3),
    }
}

/// The sources that a query asks about, of which `length` bytes of the message from `p` on
/// have room for some.
pub(super) fn sources(
    t: &mut Text<'_>,
    family: Family,
    p: Bytes<'_>,
    length: usize,
    count: u16,
) -> Result<(), Stop> {
    let count = usize::from(count);
    match t.style.verbose {
        _ if count == 0 => {}
        _ if length < count * family.size() => put!(t, " [invalid number of sources]"),
        0 | 1 => put!(t, ", {count} source(s)"),
        _ => addresses(t, family, p, count)?,
    }
    Ok(())
}

/// The records of a report.
pub(super) fn report(
    t: &mut Text<'_>,
    family: Family,
    p: Bytes<'_>,
    length: usize,
) -> Result<(), Stop> {
    let groups = p.u16(6)?;
    put!(t, ", {groups} group record(s)");
    if t.style.verbose == 0 {
        return Ok(());
    }
    let record = HEAD + family.size();
    let mut at = RECORDS;
    for _ in 0..groups {
        if length < at + record {
            put!(t, " [invalid number of groups]");
            return Ok(());
        }
        put!(t, " [gaddr {} ", family.address(t, p, at + HEAD)?);
        let kind = p.u8(at)?;
        let version = if family == Family::V4 { 3 } else { 2 };
        put_name!(t, KINDS, kind, " [v{version}-report-#{kind}]");
        let sources = usize::from(p.u16(at + 2)?);
        at += record;
        if length < at + sources * family.size() {
            put!(t, " [invalid number of sources {sources}]");
            return Ok(());
        }
        match t.style.verbose {
            1 => put!(t, ", {sources} source(s)"),
            _ => addresses(t, family, p.from(at), sources)?,
        }
        at += sources * family.size();
        put!(t, "]");
    }
    Ok(())
}

fn addresses(t: &mut Text<'_>, family: Family, p: Bytes<'_>, count: usize) -> Result<(), Stop> {
    put!(t, " {{");
    for index in 0..count {
        put!(t, " {}", family.address(t, p, family.size() * index)?);
    }
    put!(t, " }}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times() {
        assert_eq!([time(127, 4), time(128, 4), time(255, 4)], [127, 128, 31 << 10]);
        assert_eq!([time(32_767, 12), time(32_768, 12)], [32_767, 32_768]);
    }
}

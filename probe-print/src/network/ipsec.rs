//! IPsec and its kin: AH (RFC 4302), ESP (RFC 4303), IPComp (RFC 3173).

use super::{ip, outer::Outer};
use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

/// The authentication header, and what it protects.
pub(crate) fn authentication(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
    fragmented: bool,
) -> Result<(), Stop> {
    t.protocol = "ah";
    p.need(0, 1)?;
    let next = p.u8(0)?;
    put!(t, "AH");
    let size = 4 * (usize::from(p.u8(1)?) + 2);
    put!(t, "(");
    if t.style.verbose > 0 {
        put!(t, "length={}({size}-bytes),", p.u8(1)?);
    }
    let reserved = p.u16(2)?;
    if reserved != 0 {
        put!(t, "reserved=0x{reserved:x}[MustBeZero],");
    }
    put!(t, "spi=0x{:08x},", p.u32(4)?);
    put!(t, "seq=0x{:x},", p.u32(8)?);
    put!(t, "icv=0x");
    t.hex(p.limit(size).from(12).all());
    if !p.has(0, size) {
        return Err(Stop::Cut);
    }
    put!(t, "): ");
    let rest = length.saturating_sub(size);
    t.nested(|t| ip::upper(t, p.from(size), rest, next, outer, fragmented))
}

/// What is known of an encrypted payload.
pub(crate) fn esp(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "esp";
    // As in tcpdump, a header that the bytes end with is one too short.
    p.need(0, 9)?;
    put!(t, "ESP(spi=0x{:08x},seq=0x{:x}), length {length}", p.u32(0)?, p.u32(4)?);
    Ok(())
}

/// What is known of a compressed payload.
pub(crate) fn compressed(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    t.protocol = "ipcomp";
    put!(t, "IPComp(cpi=0x{:04x})", p.u16(2)?);
    Ok(())
}

//! VXLAN (RFC 7348), its generic extension, and OTV: Ethernet in UDP.

use super::nsh;
use crate::{
    bytes::{Bytes, Stop},
    link::ethernet,
    network::{ip, ip6},
    text::{Text, bits, put},
};

const HEADER: usize = 8;
const FLAGS: &[(u32, &str)] = &[(0x08, "I")];
const GENERIC_FLAGS: &[(u32, &str)] = &[(0x08, "I"), (0x04, "P"), (0x02, "B"), (0x01, "O")];

fn frame(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let inner = length - HEADER;
    t.nested(|t| ethernet::print(t, p.from(HEADER), inner).map(|_| ()))
}

/// Prints the header and the frame behind it.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "vxlan";
    put!(t, "VXLAN");
    if length < HEADER {
        return Err(Stop::Invalid);
    }
    let flags = p.u8(0)?;
    put!(t, ", flags [{}] (0x{flags:02x}), ", bits(FLAGS, flags.into(), "", "invalid"));
    put!(t, "vni {}\n", p.u24(4)?);
    p.u8(7)?;
    frame(t, p, length)
}

/// Prints the header with a protocol in it, and what is behind it.
pub(crate) fn generic(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "vxlan_gpe";
    put!(t, "VXLAN-GPE, ");
    if length < HEADER {
        put!(t, " (len {length} < {HEADER})");
        return Err(Stop::Invalid);
    }
    let flags = p.u8(0)?;
    put!(t, "flags [{}], ", bits(GENERIC_FLAGS, flags.into(), "", "none"));
    let (next, vni) = (p.u8(3)?, p.u24(4)?);
    p.u8(7)?;
    let separator = if t.style.verbose > 0 { "\n    " } else { ": " };
    put!(t, "vni {vni}{separator}");
    let (inner, rest) = (p.from(HEADER), length - HEADER);
    match next {
        1 => t.nested(|t| ip::print(t, inner, rest)),
        2 => t.nested(|t| ip6::print(t, inner, rest)),
        3 => frame(t, p, length),
        4 => t.nested(|t| nsh::print(t, inner, rest)),
        _ => {
            put!(t, "ERROR: unknown-next-protocol");
            t.invalid();
            Ok(())
        }
    }
}

/// Prints Cisco's overlay transport.
pub(crate) fn overlay(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "otv";
    put!(t, "OTV, ");
    if length < HEADER {
        put!(t, "[length {length} < {HEADER}]");
        t.invalid();
        p.slice(0, length)?;
        return Ok(());
    }
    let flags = p.u8(0)?;
    put!(t, "flags [{}] (0x{flags:02x}), ", if flags & 8 == 0 { "." } else { "I" });
    put!(t, "overlay {}, ", p.u24(1)?);
    put!(t, "instance {}\n", p.u24(4)?);
    p.u8(7)?;
    frame(t, p, length)
}

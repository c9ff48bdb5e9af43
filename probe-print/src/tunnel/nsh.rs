//! The network service header (RFC 8300).

use crate::{
    bytes::{Bytes, Stop},
    link::ethernet,
    network::{ip, ip6},
    text::{Text, put, put_name},
};

const WORD: usize = 4;
const HEADER: usize = 2 * WORD;
const KINDS: &[(u32, &str)] = &[(0, "reserved"), (1, "1"), (2, "2"), (0xf, "experimental")];
const NEXT: &[(u32, &str)] =
    &[(1, "IPv4"), (2, "IPv6"), (3, "Ethernet"), (4, "NSH"), (5, "MPLS"), (0xfe, "Experiment 1")];

/// Prints the header and what is behind it.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "nsh";
    if length < HEADER {
        put!(t, " (packet length {length} < {HEADER})");
        return Err(Stop::Invalid);
    }
    let base = p.u32(0)?;
    let version = base >> 30;
    let words = (base >> 16 & 0x3f) as usize;
    let next = base & 0xff;
    put!(t, "NSH, ");
    if t.style.verbose > 1 {
        put!(t, "ver {version}, ");
    }
    if version != 0 {
        return Ok(());
    }
    put!(t, "flags [{}], ", if base & 0x2000_0000 == 0 { "none" } else { "O" });
    if t.style.verbose > 2 {
        put!(t, "TTL {}, length {words}, md type ", base >> 22 & 0x3f);
        let kind = base >> 8 & 0xf;
        put_name!(t, KINDS, kind, "unknown (0x{kind:02x})");
        put!(t, ", ");
    }
    if t.style.verbose > 1 {
        put!(t, "next-protocol ");
        put_name!(t, NEXT, next, "unknown (0x{next:02x})");
        put!(t, ", ");
    }
    let size = words * WORD;
    if length < size {
        put!(t, " (too many headers for packet length {length})");
        return Err(Stop::Invalid);
    }
    put!(t, "service-path-id 0x{:06x}, ", p.u24(WORD)?);
    put!(t, "service-index 0x{:x}", p.u8(WORD + 3)?);
    if words < 2 {
        put!(t, " (less than two headers)");
        return Err(Stop::Invalid);
    }
    p.slice(0, size)?;
    put!(t, "{}", if t.style.verbose > 0 { "\n    " } else { ": " });
    let (inner, rest) = (p.from(size), length - size);
    match next {
        1 => t.nested(|t| ip::print(t, inner, rest)),
        2 => t.nested(|t| ip6::print(t, inner, rest)),
        3 => t.nested(|t| ethernet::print(t, inner, rest).map(|_| ())),
        _ => {
            put!(t, "ERROR: unknown-next-protocol");
            Ok(())
        }
    }
}

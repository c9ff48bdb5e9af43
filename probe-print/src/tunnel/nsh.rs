//! The network service header (RFC 8300).

use crate::{
    bytes::{Bytes, Stop},
    link::ethernet,
    network::{ip, ip6},
    text::{Text, put, put_name},
};

const WORD: usize = 4;
const HEADER: usize = 2 * WORD;
const KINDS: &[(u32, &str)] =
    &[(0, "reserved"), (FIXED, "1"), (VARIABLE, "2"), (0xf, "experimental")];
const NEXT: &[(u32, &str)] = &[
    (1, "IPv4"),
    (2, "IPv6"),
    (3, "Ethernet"),
    (4, "NSH"),
    (5, "MPLS"),
    (0xfe, "Experiment 1"),
    (0xff, "Experiment 2"),
];

/// How the context is given: four words, or elements of any length.
const FIXED: u32 = 1;
const VARIABLE: u32 = 2;

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
    let verbose = t.style.verbose > 2;
    match base >> 8 & 0xf {
        FIXED if verbose => {
            if words != 6 {
                put!(t, " (invalid length for the MD type)");
                return Err(Stop::Invalid);
            }
            for index in 0..words - 2 {
                let context = p.u32(HEADER + WORD * index)?;
                put!(t, "\n        Context[{index:02}]: 0x{context:08x}");
            }
        }
        VARIABLE if verbose => contexts(t, p.from(HEADER), words - 2)?,
        _ => {}
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

/// Context in elements (RFC 8300, section 2.5.1), in so many words.
fn contexts(t: &mut Text<'_>, p: Bytes<'_>, words: usize) -> Result<(), Stop> {
    let mut word = 0;
    while word < words {
        let element = p.from(word * WORD);
        let size = usize::from(element.u8(3)? & 0x7f);
        let (class, kind) = (element.u16(0)?, element.u8(2)?);
        put!(t, "\n        TLV Class {class}, Type {kind}, Len {size}");
        word += 1 + size.div_ceil(WORD);
        if word > words {
            put!(t, " (length too big)");
            return Err(Stop::Invalid);
        }
        if size > 0 {
            put!(t, "\n            Value: ");
            for index in 0..size {
                let separator = if index == 0 { "0x" } else { ":" };
                put!(t, "{separator}{:02x}", element.u8(WORD + index)?);
            }
            element.need(0, WORD + size.next_multiple_of(WORD))?;
        }
    }
    Ok(())
}

//! Geneve (RFC 8926).

use crate::{
    assigned_numbers::ETHERTYPES,
    bytes::{Bytes, Stop},
    link::ethernet,
    text::{Text, bits, name_of, put},
};

const HEADER: usize = 8;
const ETHERNET: u16 = 0x6558;
const CRITICAL: u8 = 0x80;

const FLAGS: &[(u32, &str)] = &[
    (0x80, "O"),
    (0x40, "C"),
    (0x20, "R1"),
    (0x10, "R2"),
    (0x08, "R3"),
    (0x04, "R4"),
    (0x02, "R5"),
    (0x01, "R6"),
];

/// Prints the header, its options, and what follows them.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "geneve";
    put!(t, "Geneve");
    if length < HEADER {
        put!(t, " [length {length} < {HEADER}]");
        return Err(Stop::Invalid);
    }
    p.need(0, HEADER)?;
    let first = p.u8(0)?;
    let version = first >> 6;
    if version != 0 {
        put!(t, " ERROR: unknown-version {version}");
        return Ok(());
    }
    put!(t, ", Flags [{}]", bits(FLAGS, p.u8(1)?.into(), "", "none"));
    let protocol = p.u16(2)?;
    put!(t, ", vni 0x{:x}", p.u24(4)?);
    let reserved = p.u8(7)?;
    if reserved != 0 {
        put!(t, ", rsvd 0x{reserved:x}");
    }
    if t.style.link_header {
        let name = name_of(ETHERTYPES, protocol).unwrap_or("unknown");
        put!(t, ", proto {name} (0x{protocol:04x})");
    }
    let size = 4 * usize::from(first & 0x3f);
    let length = length - HEADER;
    if length < size {
        put!(t, " truncated-geneve - {} bytes missing", size - length);
        return Ok(());
    }
    let area = Bytes::new(p.slice(HEADER, size).or(Err(Stop::Short))?);
    if size > 0 {
        put!(t, ", options [");
        match t.style.verbose {
            0 => put!(t, "{size} bytes"),
            _ => options(t, area)?,
        }
        put!(t, "]");
    }
    put!(t, "{}", if t.style.verbose == 0 { ": " } else { "\n\t" });
    let (inner, rest) = (p.from(HEADER + size), length - size);
    t.nested(|t| {
        if protocol == ETHERNET {
            ethernet::print(t, inner, rest)?;
        } else if !ethernet::by_type(t, protocol, inner, rest, None)? {
            put!(t, "geneve-proto-0x{protocol:x}");
        }
        Ok(())
    })
}

fn options(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let mut at = 0;
    // Each option takes at least four bytes.
    while at < p.len() {
        if at > 0 {
            put!(t, ", ");
        }
        let (class, kind) = (p.u16(at)?, p.u8(at + 2)?);
        let size = 4 + 4 * usize::from(p.u8(at + 3)? & 0x1f);
        let name = match class {
            0x0100 => "Linux",
            0x0101 => "Open vSwitch",
            0x0102 => "Open Virtual Networking (OVN)",
            0x0103 => "In-band Network Telemetry (INT)",
            0x0104 => "VMware",
            0..=0x00ff => "Standard",
            0xfff0.. => "Experimental",
            _ => "Unknown",
        };
        let critical = if kind & CRITICAL == 0 { "" } else { "(C)" };
        put!(t, "class {name} (0x{class:x}) type 0x{kind:x}{critical} len {size}");
        if at + size > p.len() {
            put!(t, " [bad length]");
            return Ok(());
        }
        if t.style.verbose > 1 && size > 4 {
            put!(t, " data");
            for word in (at + 4..at + size).step_by(4) {
                put!(t, " {:08x}", p.u32(word)?);
            }
        }
        at += size;
    }
    Ok(())
}

//! MPLS label stacks (RFC 3032).

use crate::{
    bytes::{Bytes, Stop},
    link::ethernet,
    network::{ip, ip6, osi},
    text::{Text, put},
};

const ENTRY: usize = 4;

/// The labels below 16 are reserved.
fn name(label: u32) -> Option<&'static str> {
    Some(match label {
        0 => "IPv4 explicit NULL",
        1 => "router alert",
        2 => "IPv6 explicit NULL",
        3 => "implicit NULL",
        4..=15 => "rsvd",
        _ => return None,
    })
}

/// Prints the stack and what it carries.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "mpls";
    put!(t, "MPLS");
    let verbose = t.style.verbose > 0;
    let mut at = 0;
    // Each entry takes four bytes, so the loop ends with the bytes.
    let label = loop {
        if length < at + ENTRY {
            t.invalid();
            p.slice(at, length - at)?;
            return Ok(());
        }
        let entry = p.u32(at)?;
        let label = entry >> 12;
        put!(t, "{}(label {label}", if at > 0 && verbose { "\n\t" } else { " " });
        if let Some(name) = name(label).filter(|_| verbose) {
            put!(t, " ({name})");
        }
        put!(t, ", tc {}", entry >> 9 & 7);
        let last = entry & 0x100 != 0;
        if last {
            put!(t, ", [S]");
        }
        put!(t, ", ttl {})", entry & 0xff);
        at += ENTRY;
        if last {
            break label;
        }
    };
    let (p, length) = (p.from(at), length - at);
    // The stack does not say what follows; the first byte tells.
    let first = match label {
        0 | 3 => 0x45,
        2 => 0x60,
        _ if length < 1 => return Ok(()),
        _ => p.u8(0)?,
    };
    let separator = if verbose { "\n\t" } else { " " };
    match first {
        0x45..=0x4f => {
            put!(t, "{separator}");
            t.nested(|t| ip::print(t, p, length))
        }
        0x60..=0x6f => {
            put!(t, "{separator}");
            t.nested(|t| ip6::print(t, p, length))
        }
        0x81..=0x83 => {
            put!(t, "{separator}");
            t.nested(|t| osi::print(t, p, length))
        }
        _ => {
            ethernet::default(t, p.limit(length));
            if ethernet::shows_default(t) { p.slice(0, length).map(|_| ()) } else { Ok(()) }
        }
    }
}

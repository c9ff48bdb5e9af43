//! Broadcom's header of lawful interception, and the packet behind it.

use super::ethernet;
use crate::{
    bytes::{Bytes, Stop},
    network::{ip, ip6},
    text::{Text, name_of, put},
};

const HEADER: usize = 4;

const DIRECTIONS: &[(u32, &str)] = &[(1, "unused"), (2, "egress"), (3, "ingress")];
const KINDS: &[(u32, &str)] = &[(4, "undecided"), (5, "ipv4"), (6, "ipv6"), (7, "ethernet")];
const SUBTYPES: &[(u32, &str)] = &[(1, "single VLAN tag"), (2, "double VLAN tag"), (3, "untagged")];

/// Prints the header; with `-v` the packet.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "bcm_li";
    if length < HEADER {
        put!(t, " (length {length} < {HEADER})");
        return Err(Stop::Invalid);
    }
    let shim = p.u32(0)?;
    let (packet, length) = (p.from(HEADER), length - HEADER);
    let name = |names, number| name_of(names, number).unwrap_or("unknown");
    let kind = shim >> 25 & 0xf;
    let margin = if t.style.verbose > 0 { "\n    " } else { "" };
    put!(t, "{margin}BCM-LI-SHIM: direction {}", name(DIRECTIONS, shim >> 29));
    put!(t, ", pkt-type {}, pkt-subtype {}", name(KINDS, kind), name(SUBTYPES, shim >> 22 & 7));
    put!(t, ", li-id {}{margin}", shim & 0x3f_ffff);
    if t.style.verbose == 0 {
        return packet.slice(0, length).map(|_| ());
    }
    // Where the header does not say, the version of IP does.
    let kind = match kind {
        4 => u32::from(packet.u8(0)? >> 4) | 0x10,
        kind => kind,
    };
    t.nested(|t| match kind {
        7 => ethernet::print(t, packet, length).map(|_| ()),
        5 | 0x14 => ip::print(t, packet, length),
        6 | 0x16 => ip6::print(t, packet, length),
        0x10.. => {
            put!(t, "unknown payload");
            Ok(())
        }
        _ => {
            t.invalid();
            Ok(())
        }
    })
}

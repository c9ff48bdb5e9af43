//! BSD's loopback: an address family in 4 bytes, and the packet.

use super::ethernet;
use crate::{
    bytes::{Bytes, Stop},
    network::{ip, ip6, ipx, osi},
    text::{Text, name_of, put},
};

const HEADER: usize = 4;

/// Address families. IPv4's is the same everywhere; IPv6 was later than the systems.
mod family {
    pub const INET: u32 = 2;
    pub const NS: u32 = 6;
    pub const ISO: u32 = 7;
    pub const APPLETALK: u32 = 16;
    pub const IPX: u32 = 23;
    /// NetBSD, OpenBSD, BSD/OS, Npcap.
    pub const INET6_BSD: u32 = 24;
    pub const INET6_FREEBSD: u32 = 28;
    pub const INET6_DARWIN: u32 = 30;
}

const FAMILIES: &[(u32, &str)] = &[
    (family::INET, "IPv4"),
    (family::NS, "NS"),
    (family::ISO, "ISO"),
    (family::APPLETALK, "Appletalk"),
    (family::IPX, "IPX"),
    (family::INET6_BSD, "IPv6"),
    (family::INET6_FREEBSD, "IPv6"),
    (family::INET6_DARWIN, "IPv6"),
];

/// Prints a frame and says how long its link-layer header is.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
    t.protocol = "null";
    // The order of the bytes is that of the machine that captured. As tcpdump has it, the number
    // itself tells: none of them is large.
    let family = u32::from_le_bytes(p.array(0)?);
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    if t.style.link_header {
        header(t, family, length);
    }
    let (packet, rest) = (p.from(HEADER), length.saturating_sub(HEADER));
    match family {
        family::INET => t.part(|t| ip::print(t, packet, rest))?,
        family::INET6_BSD | family::INET6_FREEBSD | family::INET6_DARWIN => {
            t.part(|t| ip6::print(t, packet, rest))?;
        }
        family::ISO => t.part(|t| osi::print(t, packet, rest))?,
        family::IPX => t.part(|t| ipx::print(t, packet))?,
        _ => {
            if !t.style.link_header {
                header(t, family, length);
            }
            ethernet::default(t, packet);
        }
    }
    Ok(HEADER)
}

fn header(t: &mut Text<'_>, family: u32, length: usize) {
    match (t.style.quiet, name_of(FAMILIES, family)) {
        (false, name) => put!(t, "AF {} ({family})", name.unwrap_or("Unknown")),
        (true, Some(name)) => put!(t, "{name}"),
        (true, None) => put!(t, "Unknown AF {family}"),
    }
    put!(t, ", length {length}: ");
}

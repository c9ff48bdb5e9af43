//! Cisco's HDLC, and SLARP, by which its ends find and watch each other (RFC 1547, 4.3.1).

use crate::{
    address::v4,
    assigned_numbers::{ETHERTYPES, ethertype},
    bytes::{Bytes, Stop},
    network::{ip, ip6, osi},
    text::{Text, name_of, put, put_name},
    tunnel::mpls,
};

pub(super) const UNICAST: u8 = 0x0f;
pub(super) const BROADCAST: u8 = 0x8f;
const CASTS: &[(u8, &str)] = &[(UNICAST, "unicast"), (BROADCAST, "bcast")];

/// Address, control and type.
const HEADER: usize = 4;
const SLARP: u16 = 0x8035;

/// Prints a frame and says how long its link-layer header is.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
    t.protocol = "chdlc";
    if length < HEADER {
        t.truncated();
        return Ok(p.len());
    }
    let kind = p.u16(2)?;
    if t.style.link_header {
        let cast = p.u8(0)?;
        put_name!(t, CASTS, cast, "0x{cast:02x}");
        let name = name_of(ETHERTYPES, kind).unwrap_or("Unknown");
        put!(t, ", ethertype {name} (0x{kind:04x}), length {length}: ");
    }
    let (p, rest) = (p.from(HEADER), length - HEADER);
    match kind {
        ethertype::IPV4 => t.part(|t| ip::print(t, p, rest))?,
        ethertype::IPV6 => t.part(|t| ip6::print(t, p, rest))?,
        SLARP => t.part(|t| slarp(t, p, rest))?,
        ethertype::MPLS | ethertype::MPLS_MULTICAST => t.part(|t| mpls::print(t, p, rest))?,
        ethertype::OSI => {
            if rest < 2 {
                t.truncated();
                return Ok(HEADER + p.len());
            }
            // A byte of padding may stand before the packet.
            let padding = usize::from(matches!(p.u8(1)?, 0x81..=0x83));
            t.part(|t| osi::print(t, p.from(padding), rest - padding))?;
        }
        _ if t.style.link_header => {}
        _ => put!(t, "unknown CHDLC protocol (0x{kind:04x})"),
    }
    Ok(HEADER)
}

fn slarp(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    const LEAST: usize = 14;
    /// With the time that the link has been up.
    const MOST: usize = 18;
    t.protocol = "chdlc_slarp";
    put!(t, "SLARP (length: {length}), ");
    if length < LEAST {
        t.truncated();
        return Ok(());
    }
    p.slice(0, LEAST)?;
    let unknown = |t: &mut Text<'_>| t.unknown(p.from(4), length - 4, "\n\t");
    match p.u32(0)? {
        0 => put!(t, "request"),
        1 => put!(t, "reply {}/{}", v4(p, 4)?, v4(p, 8)?),
        2 => {
            put!(t, "keepalive: mineseen=0x{:08x}, yourseen=0x{:08x}", p.u32(4)?, p.u32(8)?);
            put!(t, ", reliability=0x{:04x}", p.u16(12)?);
            if length >= MOST {
                let minutes = p.u32(LEAST)? / 1000 / 60;
                let seconds = p.u32(LEAST)? / 1000 % 60;
                let (days, hours) = (minutes / 60 / 24, minutes / 60 % 24);
                put!(t, ", link uptime={days}d{hours}h{}m{seconds}s", minutes % 60);
            }
        }
        code => {
            put!(t, "0x{code:02x} unknown");
            if t.style.verbose <= 1 {
                unknown(t);
            }
        }
    }
    if length > MOST && t.style.verbose > 0 {
        put!(t, ", (trailing junk: {} bytes)", length - MOST);
    }
    if t.style.verbose > 1 {
        unknown(t);
    }
    Ok(())
}

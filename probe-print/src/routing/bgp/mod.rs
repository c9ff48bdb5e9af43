//! BGP (RFC 4271): a word without `-v`, and all messages with it.

mod attributes;
mod open;
mod prefixes;
mod vpn;

pub(super) use prefixes::prefix;

use std::fmt;

use crate::{
    Style,
    assigned_numbers::FAMILIES,
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};

const MARKER: usize = 16;
const HEADER: usize = 19;

const OPEN: u8 = 1;
const UPDATE: u8 = 2;
const NOTIFICATION: u8 = 3;
const KEEPALIVE: u8 = 4;
const REFRESH: u8 = 5;

const KINDS: &[(u8, &str)] = &[
    (OPEN, "Open"),
    (UPDATE, "Update"),
    (NOTIFICATION, "Notification"),
    (KEEPALIVE, "Keepalive"),
    (REFRESH, "Route Refresh"),
];

const SUBSEQUENT: &[(u8, &str)] = &[
    (0, "Reserved"),
    (1, "Unicast"),
    (2, "Multicast"),
    (3, "Unicast+Multicast"),
    (4, "labeled Unicast"),
    (5, "Multicast VPN"),
    (64, "Tunnel"),
    (65, "VPLS"),
    (66, "MDT"),
    (70, "EVPN"),
    (128, "labeled VPN Unicast"),
    (129, "labeled VPN Multicast"),
    (130, "labeled VPN Unicast+Multicast"),
    (132, "Route Target Routing Information"),
];

/// Prints the messages that a segment holds, wherever the first begins.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    t.protocol = "bgp";
    put!(t, ": BGP");
    if t.style.verbose == 0 {
        return Ok(());
    }
    let (mut at, mut start) = (0, 0);
    // Each turn moves on by a byte at least.
    while at < p.len() {
        let Ok(marker) = p.slice(at, MARKER) else {
            // A marker that is cut is looked for byte by byte, too.
            if p.u8(at)? == 0xff {
                break;
            }
            at += 1;
            continue;
        };
        if marker != [0xff; MARKER] {
            at += 1;
            continue;
        }
        p.need(at, HEADER)?;
        if start != at {
            t.truncated();
        }
        let length = usize::from(p.u16(at + MARKER)?);
        let kind = p.u8(at + 18)?;
        if length < HEADER {
            put!(t, "\nmessage length {length} < {HEADER}");
            t.invalid();
            break;
        }
        if !p.has(at, length) {
            put!(t, "\n[|BGP {}]", name_of(KINDS, kind).unwrap_or("Unknown Message Type"));
            break;
        }
        let name = name_of(KINDS, kind).unwrap_or("Unknown");
        put!(t, "\n\t{name} Message ({kind}), length: {length}");
        // As in tcpdump, fields of a message may go on behind its end.
        let message = p.from(at);
        t.part(|t| match kind {
            OPEN => open::print(t, message, length),
            UPDATE => update(t, message, length),
            NOTIFICATION => open::notification(t, message, length),
            KEEPALIVE => Ok(()),
            REFRESH => refresh(t, message, length),
            _ => {
                put!(t, "\n\t  no Message {kind} decoder");
                t.unknown(message, length, "\n\t  ");
                Ok(())
            }
        })?;
        at += length;
        start = at;
    }
    Ok(())
}

/// The number of an autonomous system: plain, or with `-b` as two halves where it takes more
/// than one (ASPLAIN and ASDOT of RFC 5396).
struct System(u32, Style);

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            number @ 0x1_0000.. if self.1.as_dot => {
                write!(f, "{}.{}", number >> 16, number & 0xffff)
            }
            number => number.fmt(f),
        }
    }
}

impl Text<'_> {
    fn system(&self, number: u32) -> System {
        System(number, *self.style)
    }
}

/// `AFI IPv4 (1), SAFI Unicast (1)`.
fn family(t: &mut Text<'_>, p: Bytes<'_>, at: usize, safi_at: usize) -> Result<(), Stop> {
    let (family, subsequent) = (p.u16(at)?, p.u8(safi_at)?);
    put!(t, "AFI {} ({family})", name_of(FAMILIES, family).unwrap_or("Unknown"));
    put!(t, ", SAFI {} ({subsequent})", name_of(SUBSEQUENT, subsequent).unwrap_or("Unknown"));
    Ok(())
}

fn refresh(t: &mut Text<'_>, message: Bytes<'_>, length: usize) -> Result<(), Stop> {
    message.need(HEADER, 4)?;
    if length < HEADER + 4 {
        return Ok(());
    }
    put!(t, "\n\t  ");
    family(t, message, HEADER, HEADER + 3)?;
    if t.style.verbose > 1 {
        t.unknown(message, length, "\n\t  ");
    }
    Ok(())
}

fn update(t: &mut Text<'_>, message: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let mut rest = Fields::new(message.from(HEADER), length - HEADER);
    rest.claimed(2)?;
    let withdrawn = usize::from(rest.u16()?);
    rest.claimed(withdrawn)?;
    let mut undecoded = withdrawn;
    if withdrawn > 1 {
        put!(t, "\n\t  Withdrawn routes:");
        let mut routes = Fields::new(rest.rest(), withdrawn);
        prefixes::old(t, &mut routes, true)?;
        undecoded = routes.left();
    }
    // As in tcpdump, behind an illegal prefix the attributes begin at it.
    rest.skip(if withdrawn > 1 { withdrawn - undecoded } else { withdrawn });
    rest.claimed(2)?;
    let size = usize::from(rest.u16()?);
    if undecoded == 0 && size == 0 && rest.left() == 0 {
        put!(t, "\n\t  End-of-Rib Marker (empty NLRI)");
        return Ok(());
    }
    rest.claimed(size)?;
    let attributes = rest.part(size);
    attributes::print(t, attributes, rest.left(), 0)?;
    if rest.left() > 0 {
        put!(t, "\n\t  Updated routes:");
        return prefixes::old(t, &mut rest, false);
    }
    Ok(())
}

/// `name (number)`.
fn named(t: &mut Text<'_>, names: &[(u8, &'static str)], number: u8, other: &str) {
    match name_of(names, number) {
        Some(name) => put!(t, "{name} ({number})"),
        None => put!(t, "{other} ({number})"),
    }
}

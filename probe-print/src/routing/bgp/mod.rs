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
    bytes::{Bytes, Cut, Fields},
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
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Cut> {
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
        if !p.has(at, HEADER) {
            return t.cut();
        }
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
        let Ok(message) = p.slice(at, length) else {
            put!(t, "\n[|BGP {}]", name_of(KINDS, kind).unwrap_or("Unknown Message Type"));
            break;
        };
        let name = name_of(KINDS, kind).unwrap_or("Unknown");
        put!(t, "\n\t{name} Message ({kind}), length: {length}");
        let message = Bytes::new(message);
        let whole = match kind {
            OPEN => open::print(t, message)?,
            UPDATE => update(t, message)?,
            NOTIFICATION => open::notification(t, message)?,
            KEEPALIVE => true,
            REFRESH => refresh(t, message)?,
            _ => {
                put!(t, "\n\t  no Message {kind} decoder");
                t.unknown(message, length, "\n\t  ");
                true
            }
        };
        if !whole {
            t.truncated();
        }
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
fn family(t: &mut Text<'_>, p: Bytes<'_>, at: usize, safi_at: usize) -> Result<(), Cut> {
    let (family, subsequent) = (p.u16(at)?, p.u8(safi_at)?);
    put!(t, "AFI {} ({family})", name_of(FAMILIES, family).unwrap_or("Unknown"));
    put!(t, ", SAFI {} ({subsequent})", name_of(SUBSEQUENT, subsequent).unwrap_or("Unknown"));
    Ok(())
}

fn refresh(t: &mut Text<'_>, message: Bytes<'_>) -> Result<bool, Cut> {
    if !message.has(HEADER, 4) {
        return Ok(true);
    }
    put!(t, "\n\t  ");
    family(t, message, HEADER, HEADER + 3)?;
    if t.style.verbose > 1 {
        t.unknown(message, message.len(), "\n\t  ");
    }
    Ok(true)
}

/// Prints an update; `false` where it ends too early.
fn update(t: &mut Text<'_>, message: Bytes<'_>) -> Result<bool, Cut> {
    let mut rest = Fields::new(message.from(HEADER), message.len() - HEADER);
    if rest.left() < 2 {
        return Ok(false);
    }
    let withdrawn = usize::from(rest.u16()?);
    if rest.left() < withdrawn {
        return Ok(false);
    }
    let mut routes = rest.part(withdrawn);
    let mut undecoded = withdrawn;
    if withdrawn > 1 {
        put!(t, "\n\t  Withdrawn routes:");
        routes = Fields::new(routes.rest().limit(withdrawn), withdrawn);
        match prefixes::old(t, &mut routes)? {
            true => undecoded = routes.left(),
            false => return Ok(false),
        }
    }
    if rest.left() < 2 {
        return Ok(false);
    }
    let size = usize::from(rest.u16()?);
    if undecoded == 0 && size == 0 && rest.left() == 0 {
        put!(t, "\n\t  End-of-Rib Marker (empty NLRI)");
        return Ok(true);
    }
    if rest.left() < size {
        return Ok(false);
    }
    let attributes = Fields::new(rest.part(size).rest().limit(size), size);
    if !attributes::print(t, attributes, 0)? {
        return Ok(false);
    }
    if rest.left() > 0 {
        put!(t, "\n\t  Updated routes:");
        return prefixes::old(t, &mut rest);
    }
    Ok(true)
}

/// `name (number)`.
fn named(t: &mut Text<'_>, names: &[(u8, &'static str)], number: u8, other: &str) {
    match name_of(names, number) {
        Some(name) => put!(t, "{name} ({number})"),
        None => put!(t, "{other} ({number})"),
    }
}

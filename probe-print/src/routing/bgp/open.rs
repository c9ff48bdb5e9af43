//! How BGP sessions begin and end: Open with its capabilities, and Notification.

use super::{HEADER, family, named};
use crate::{
    bytes::{Bytes, Fields, Stop},
    dump,
    text::{Text, name_of, put},
};

const OPTIONS: &[(u8, &str)] =
    &[(1, "Authentication Information"), (CAPABILITY, "Capabilities Advertisement")];
const CAPABILITY: u8 = 2;

const CAPABILITIES: &[(u8, &str)] = &[
    (1, "Multiprotocol Extensions"),
    (2, "Route Refresh"),
    (3, "Cooperative Route Filtering"),
    (4, "Multiple Routes to a Destination"),
    (5, "Extended Next Hop Encoding"),
    (8, "Multiple Labels"),
    (64, "Graceful Restart"),
    (65, "32-Bit AS Number"),
    (67, "Dynamic Capability"),
    (68, "Multisession BGP"),
    (69, "Multiple Paths"),
    (70, "Enhanced Route Refresh"),
    (71, "Long-lived Graceful Restart"),
    (128, "Route Refresh (Cisco)"),
];

const DIRECTIONS: &[(u8, &str)] = &[(1, "Receive"), (2, "Send"), (3, "Both")];

const ERRORS: &[(u8, &str)] = &[
    (1, "Message Header Error"),
    (2, "OPEN Message Error"),
    (3, "UPDATE Message Error"),
    (4, "Hold Timer Expired"),
    (5, "Finite State Machine Error"),
    (CEASE, "Cease"),
    (7, "Capability Message Error"),
];
const CEASE: u8 = 6;

const HEADER_ERRORS: &[(u8, &str)] =
    &[(1, "Connection Not Synchronized"), (2, "Bad Message Length"), (3, "Bad Message Type")];
const OPEN_ERRORS: &[(u8, &str)] = &[
    (1, "Unsupported Version Number"),
    (2, "Bad Peer AS"),
    (3, "Bad BGP Identifier"),
    (4, "Unsupported Optional Parameter"),
    (5, "Authentication Failure"),
    (6, "Unacceptable Hold Time"),
    (7, "Capability Message Error"),
];
const UPDATE_ERRORS: &[(u8, &str)] = &[
    (1, "Malformed Attribute List"),
    (2, "Unrecognized Well-known Attribute"),
    (3, "Missing Well-known Attribute"),
    (4, "Attribute Flags Error"),
    (5, "Attribute Length Error"),
    (6, "Invalid ORIGIN Attribute"),
    (7, "AS Routing Loop"),
    (8, "Invalid NEXT_HOP Attribute"),
    (9, "Optional Attribute Error"),
    (10, "Invalid Network Field"),
    (11, "Malformed AS_PATH"),
];
const STATE_ERRORS: &[(u8, &str)] = &[
    (0, "Unspecified Error"),
    (1, "In OpenSent State"),
    (2, "In OpenConfirm State"),
    (3, "In Established State"),
];
const CAPABILITY_ERRORS: &[(u8, &str)] = &[
    (1, "Invalid Action Value"),
    (2, "Invalid Capability Length"),
    (3, "Malformed Capability Value"),
    (4, "Unsupported Capability Code"),
];
const CEASES: &[(u8, &str)] = &[
    (1, "Maximum Number of Prefixes Reached"),
    (SHUTDOWN, "Administrative Shutdown"),
    (3, "Peer Unconfigured"),
    (RESET, "Administrative Reset"),
    (5, "Connection Rejected"),
    (6, "Other Configuration Change"),
    (7, "Connection Collision Resolution"),
];
const SHUTDOWN: u8 = 2;
const RESET: u8 = 4;

pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, message: usize) -> Result<(), Stop> {
    const OPEN: usize = 29;
    p.need(0, OPEN)?;
    let most = message.checked_sub(OPEN).ok_or(Stop::Short)?;
    put!(t, "\n\t  Version {}, my AS {}", p.u8(HEADER)?, p.u16(20)?);
    put!(t, ", Holdtime {}s, ID {}", p.u16(22)?, t.v4(p, 24)?);
    let size = usize::from(p.u8(28)?);
    put!(t, "\n\t  Optional parameters, length: {size}");
    let rest = p.from(OPEN);
    let mut at = 0;
    while at < size {
        rest.need(at, 2)?;
        if most < at + 2 {
            return Err(Stop::Short);
        }
        let (kind, length) = (rest.u8(at)?, usize::from(rest.u8(at + 1)?));
        if at + 2 + length > size {
            put!(t, "\n\t     Option {kind}, length: {length}, goes past the end of the options");
            break;
        }
        let name = name_of(OPTIONS, kind).unwrap_or("Unknown");
        put!(t, "\n\t    Option {name} ({kind}), length: {length}");
        match kind {
            CAPABILITY => t.part(|t| capabilities(t, rest.from(at + 2), length))?,
            _ => put!(t, "\n\t      no decoder for option {kind}"),
        }
        at += 2 + length;
    }
    Ok(())
}

fn capabilities(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let mut at = 0;
    while at < length {
        p.need(at, 2)?;
        let (kind, size) = (p.u8(at)?, usize::from(p.u8(at + 1)?));
        let name = name_of(CAPABILITIES, kind).unwrap_or("Unknown");
        put!(t, "\n\t      {name} ({kind}), length: {size}");
        let value = p.slice(at + 2, size).map(Bytes::new).or(Err(Stop::Short))?;
        let least = match kind {
            1 | 65 => 4,
            64 => 2,
            _ => 0,
        };
        if size < least {
            put!(t, " (too short, < {least})");
            return Ok(());
        }
        capability(t, kind, value)?;
        if t.style.verbose > 1 {
            t.unknown(value, size, "\n\t\t");
        }
        at += 2 + size;
    }
    Ok(())
}

fn capability(t: &mut Text<'_>, kind: u8, p: Bytes<'_>) -> Result<(), Stop> {
    let entries = |from: usize| (from..(p.len() + 1).saturating_sub(4)).step_by(4);
    match kind {
        1 => {
            put!(t, "\n\t\t");
            family(t, p, 0, 3)?;
        }
        8 => {
            for at in entries(0) {
                put!(t, "\n\t\t");
                family(t, p, at, at + 2)?;
                put!(t, ", Count: {}", p.u8(at + 3)?);
            }
        }
        64 => {
            let flags = if p.u8(0)? & 0x80 == 0 { "none" } else { "R" };
            put!(t, "\n\t\tRestart Flags: [{flags}], Restart Time {}s", p.u16(0)? & 0xfff);
            for at in entries(2) {
                put!(t, "\n\t\t  ");
                family(t, p, at, at + 2)?;
                let kept = if p.u8(at + 3)? & 0x80 == 0 { "no" } else { "yes" };
                put!(t, ", Forwarding state preserved: {kept}");
            }
        }
        2 | 71 | 128 => {}
        65 => put!(t, "\n\t\t 4 Byte AS {}", t.system(p.u32(0)?)),
        69 if p.is_empty() => put!(t, " (bogus)"),
        69 => {
            for at in entries(0) {
                put!(t, "\n\t\t");
                family(t, p, at, at + 2)?;
                let direction = p.u8(at + 3)?;
                let name = name_of(DIRECTIONS, direction).map(Into::into);
                let name = name.unwrap_or_else(|| format!("Bogus (0x{direction:02x})"));
                put!(t, ", Send/Receive: {name}");
            }
            if !p.len().is_multiple_of(4) {
                t.invalid();
            }
        }
        _ => {
            put!(t, "\n\t\tno decoder for Capability {kind}");
            if t.style.verbose <= 1 {
                t.unknown(p, p.len(), "\n\t\t");
            }
        }
    }
    Ok(())
}

pub(super) fn notification(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    const NOTIFICATION: usize = 21;
    p.need(0, NOTIFICATION)?;
    if length < NOTIFICATION {
        return Ok(());
    }
    let (major, minor) = (p.u8(HEADER)?, p.u8(HEADER + 1)?);
    put!(t, ", ");
    named(t, ERRORS, major, "Unknown Error");
    let (separator, names) = match major {
        1 => (", ", HEADER_ERRORS),
        2 => (", ", OPEN_ERRORS),
        3 => (", ", UPDATE_ERRORS),
        5 => (" ", STATE_ERRORS),
        CEASE => (", ", CEASES),
        7 => (" ", CAPABILITY_ERRORS),
        _ => return Ok(()),
    };
    put!(t, "{separator}subcode ");
    named(t, names, minor, "Unknown");
    let data = p.limit(length).from(NOTIFICATION);
    match (major, minor) {
        (CEASE, 1) if data.len() >= 7 => {
            put!(t, ", ");
            family(t, data, 0, 2)?;
            put!(t, ", Max Prefixes: {}", data.u32(3)?);
        }
        (CEASE, SHUTDOWN | RESET) if !data.is_empty() => {
            let mut rest = Fields::new(data, data.len());
            let length = usize::from(data.u8(0)?);
            if length > data.len() - 1 {
                put!(t, ", invalid Shutdown Communication length");
            } else if length == 0 {
                put!(t, ", empty Shutdown Communication");
                rest.skip(1);
            } else {
                put!(t, ", Shutdown Communication (length: {length}): \"");
                t.characters(data.slice(1, length)?);
                put!(t, "\"");
                rest.skip(1 + length);
            }
            if rest.left() > 0 {
                put!(t, ", Data: (length: {})", rest.left());
                dump::hex(rest.rest().all(), "\n\t\t", 0, t.out);
            }
        }
        _ => {}
    }
    Ok(())
}

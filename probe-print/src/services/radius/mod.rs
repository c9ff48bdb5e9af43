//! RADIUS (RFC 2865, RFC 2866, RFC 5176): who asks, and with `-v` the attributes.

mod attributes;
mod names;

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};

const HEADER: usize = 20;

const COMMANDS: &[(u8, &str)] = &[
    (1, "Access-Request"),
    (2, "Access-Accept"),
    (3, "Access-Reject"),
    (4, "Accounting-Request"),
    (5, "Accounting-Response"),
    (11, "Access-Challenge"),
    (12, "Status-Server"),
    (13, "Status-Client"),
    (40, "Disconnect-Request"),
    (41, "Disconnect-ACK"),
    (42, "Disconnect-NAK"),
    (43, "CoA-Request"),
    (44, "CoA-ACK"),
    (45, "CoA-NAK"),
    (255, "Reserved"),
];

/// Prints command, identifier and length; with `-v` authenticator and attributes.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "radius";
    p.need(0, HEADER)?;
    let stated = usize::from(p.u16(2)?);
    if stated < HEADER {
        return Err(Stop::Short);
    }
    let length = stated.min(length);
    let (command, id) = (p.u8(0)?, p.u8(1)?);
    let name = name_of(COMMANDS, command).unwrap_or("Unknown Command");
    if t.style.verbose == 0 {
        put!(t, "RADIUS, {name} ({command}), id: 0x{id:02x} length: {length}");
        return Ok(());
    }
    put!(t, "RADIUS, length: {length}\n\t{name} ({command}), id: 0x{id:02x}, Authenticator: ");
    t.hex(p.slice(4, 16)?);
    // UDP may claim less than the header that was captured.
    attributes::print(t, Fields::new(p.from(HEADER), length.saturating_sub(HEADER)))
}

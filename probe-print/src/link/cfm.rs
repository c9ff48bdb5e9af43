//! Connectivity fault management (IEEE 802.1ag): the head of a message. What follows it is not
//! shown.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, name_of, put},
};

const HEADER: usize = 4;
const MESSAGES: &[(u8, &str)] = &[
    (1, "Continuity Check Message"),
    (2, "Loopback Reply"),
    (3, "Loopback Message"),
    (4, "Linktrace Reply"),
    (5, "Linktrace Message"),
];

/// Prints message, level and length.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "cfm";
    if length < HEADER {
        put!(t, "\n\t\t packet is too short");
        return Ok(());
    }
    p.need(0, HEADER)?;
    let (level, version) = (p.u8(0)? >> 5, p.u8(0)? & 0x1f);
    if version != 0 {
        put!(t, "CFMv{version} not supported, length {length}");
        return Ok(());
    }
    let kind = p.u8(1)?;
    let name = name_of(MESSAGES, kind);
    let name = name.map_or_else(|| format!("unknown ({kind})"), Into::into);
    put!(t, "CFMv0 {name}, MD Level {level}, length {length}");
    Ok(())
}

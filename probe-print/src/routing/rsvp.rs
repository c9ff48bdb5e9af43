//! RSVP (RFC 2205), with the messages of RFC 2961 and RFC 3209: the head of a message. The
//! objects behind it are not shown.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, name_of, put},
};

const HEADER: usize = 8;
const VERSION: u8 = 1;

const MESSAGES: &[(u8, &str)] = &[
    (1, "Path"),
    (2, "Resv"),
    (3, "PathErr"),
    (4, "ResvErr"),
    (5, "PathTear"),
    (6, "ResvTear"),
    (7, "ResvConf"),
    (12, "Bundle"),
    (13, "Acknowledgement"),
    (14, "Hello (Old)"),
    (15, "Refresh"),
    (20, "Hello"),
];

/// Prints version, message and length; with `-v` the rest of the header.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "rsvp";
    p.need(0, HEADER)?;
    let (first, kind) = (p.u8(0)?, p.u8(1)?);
    let (version, flags) = (first >> 4, first & 0xf);
    if version != VERSION {
        put!(t, "ERROR: RSVP version {version} packet not supported");
        return Ok(());
    }
    let name = name_of(MESSAGES, kind);
    if t.style.verbose == 0 {
        let name = name.map_or_else(|| format!("unknown ({kind})"), Into::into);
        put!(t, "RSVPv{version} {name} Message, length: {length}");
        return Ok(());
    }
    let name = name.map_or_else(|| format!("unknown, type: {kind}"), Into::into);
    let flags = if flags & 1 == 0 { "none" } else { "Refresh reduction capable" };
    put!(t, "\n\tRSVPv{version} {name} Message ({kind}), Flags: [{flags}]");
    put!(t, ", length: {}, ttl: {}, checksum: 0x{:04x}", p.u16(6)?, p.u8(4)?, p.u16(2)?);
    Ok(())
}

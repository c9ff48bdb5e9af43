//! LMP (RFC 4204), by which two optical switches know which of their ends is which: the head of
//! a message. The objects behind it are not shown.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, bits, name_of, put},
};

const HEADER: usize = 8;
const VERSION: u16 = 1;

const MESSAGES: &[(u8, &str)] = &[
    (1, "Config"),
    (2, "Config ACK"),
    (3, "Config NACK"),
    (4, "Hello"),
    (5, "Begin Verify"),
    (6, "Begin Verify ACK"),
    (7, "Begin Verify NACK"),
    (8, "End Verify"),
    (9, "End Verify ACK"),
    (10, "Test"),
    (11, "Test Status Success"),
    (12, "Test Status Failure"),
    (13, "Test Status ACK"),
    (14, "Link Summary"),
    (15, "Link Summary ACK"),
    (16, "Link Summary NACK"),
    (17, "Channel Status"),
    (18, "Channel Status ACK"),
    (19, "Channel Status Request"),
    (20, "Channel Status Response"),
    (50, "Service Config"),
    (51, "Service Config ACK"),
    (52, "Service Config NACK"),
];
const FLAGS: &[(u32, &str)] = &[(1, "Control Channel Down"), (2, "LMP restart")];

/// Prints version, message and length; with `-v` the rest of the header.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "lmp";
    p.slice(0, HEADER)?;
    let (version, kind) = (p.u16(0)? >> 12, p.u8(3)?);
    if version != VERSION {
        put!(t, "LMP version {version} packet not supported");
        return Ok(());
    }
    let name = name_of(MESSAGES, kind);
    if t.style.verbose == 0 {
        let name = name.map_or_else(|| format!("unknown ({kind})"), Into::into);
        put!(t, "LMPv{version} {name} Message, length: {length}");
        return Ok(());
    }
    let name = name.map_or_else(|| format!("unknown, type: {kind}"), Into::into);
    let flags = bits(FLAGS, p.u8(2)?.into(), ", ", "none");
    let stated = usize::from(p.u16(4)?);
    put!(t, "\n\tLMPv{version}, msg-type: {name}, Flags: [{flags}], length: {stated}");
    if stated < HEADER {
        put!(t, " (too short)");
    } else if stated > length {
        put!(t, " (too long)");
    }
    Ok(())
}

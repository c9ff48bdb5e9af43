//! OpenFlow: the messages of versions 1.0 and 1.3, and with `-v` what they say.

mod messages;
mod messages_1_3;
mod names_1_3;
mod stats;
mod structures;
mod vendor;

use crate::{
    bytes::{Bytes, Fields, Stop},
    dump,
    text::{Text, bits, put, put_name},
};

const HEADER: usize = 8;

const VERSIONS: &[(u8, &str)] =
    &[(1, "1.0"), (2, "1.1"), (3, "1.2"), (4, "1.3"), (5, "1.4"), (6, "1.5")];
const VERSION_1_0: u8 = 1;
const VERSION_1_3: u8 = 4;

/// How long a message's body must be.
#[derive(Clone, Copy)]
enum Size {
    Any,
    Exactly(usize),
    AtLeast(usize),
}

use Size::{Any, AtLeast, Exactly};

const MESSAGES_1_0: &[(&str, Size)] = &[
    ("HELLO", Any),
    ("ERROR", AtLeast(4)),
    ("ECHO_REQUEST", Any),
    ("ECHO_REPLY", Any),
    ("VENDOR", AtLeast(4)),
    ("FEATURES_REQUEST", Exactly(0)),
    ("FEATURES_REPLY", AtLeast(24)),
    ("GET_CONFIG_REQUEST", Exactly(0)),
    ("GET_CONFIG_REPLY", Exactly(4)),
    ("SET_CONFIG", Exactly(4)),
    ("PACKET_IN", AtLeast(10)),
    ("FLOW_REMOVED", Exactly(80)),
    ("PORT_STATUS", Exactly(56)),
    ("PACKET_OUT", AtLeast(8)),
    ("FLOW_MOD", AtLeast(64)),
    ("PORT_MOD", Exactly(24)),
    ("STATS_REQUEST", AtLeast(4)),
    ("STATS_REPLY", AtLeast(4)),
    ("BARRIER_REQUEST", Exactly(0)),
    ("BARRIER_REPLY", Exactly(0)),
    ("QUEUE_GET_CONFIG_REQUEST", Exactly(4)),
    ("QUEUE_GET_CONFIG_REPLY", AtLeast(8)),
];

const MESSAGES_1_3: &[(&str, Size)] = &[
    ("HELLO", Any),
    ("ERROR", AtLeast(4)),
    ("ECHO_REQUEST", Any),
    ("ECHO_REPLY", Any),
    ("EXPERIMENTER", AtLeast(8)),
    ("FEATURES_REQUEST", Exactly(0)),
    ("FEATURES_REPLY", Exactly(24)),
    ("GET_CONFIG_REQUEST", Exactly(0)),
    ("GET_CONFIG_REPLY", Exactly(4)),
    ("SET_CONFIG", Exactly(4)),
    ("PACKET_IN", Any),
    ("FLOW_REMOVED", Any),
    ("PORT_STATUS", Exactly(72)),
    ("PACKET_OUT", Any),
    ("FLOW_MOD", Any),
    ("GROUP_MOD", Any),
    ("PORT_MOD", Exactly(32)),
    ("TABLE_MOD", Exactly(8)),
    ("MULTIPART_REQUEST", Any),
    ("MULTIPART_REPLY", Any),
    ("BARRIER_REQUEST", Exactly(0)),
    ("BARRIER_REPLY", Exactly(0)),
    ("QUEUE_GET_CONFIG_REQUEST", Exactly(8)),
    ("QUEUE_GET_CONFIG_REPLY", Any),
    ("ROLE_REQUEST", Exactly(16)),
    ("ROLE_REPLY", Exactly(16)),
    ("GET_ASYNC_REQUEST", Exactly(0)),
    ("GET_ASYNC_REPLY", Exactly(24)),
    ("SET_ASYNC", Exactly(24)),
    ("METER_MOD", Any),
];

/// Prints the messages of a segment, the first of which begins with it.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "openflow";
    put!(t, ": OpenFlow");
    let mut fields = Fields::new(p, length);
    while fields.left() > 0 {
        let version = fields.u8()?;
        put!(t, "\n\tversion ");
        put_name!(t, VERSIONS, version, "unknown (0x{version:02x})");
        if fields.left() < 1 {
            return partial(t, &fields);
        }
        let kind = fields.u8()?;
        let message = match version {
            VERSION_1_0 => MESSAGES_1_0.get(usize::from(kind)),
            VERSION_1_3 => MESSAGES_1_3.get(usize::from(kind)),
            _ => None,
        };
        match message {
            Some((name, _)) => put!(t, ", type {name}"),
            None => put!(t, ", type unknown (0x{kind:02x})"),
        }
        if fields.left() < 2 {
            return partial(t, &fields);
        }
        let stated = usize::from(fields.u16()?);
        let short = if stated < HEADER { " (too short!)" } else { "" };
        put!(t, ", length {stated}{short}");
        if fields.left() < 4 {
            return partial(t, &fields);
        }
        put!(t, ", xid 0x{:08x}", fields.u32()?);
        let Some(size) = stated.checked_sub(HEADER) else {
            return t.invalid_rest(fields.rest(), fields.left());
        };
        // The body may go on in the next segment.
        let body = Fields::new(fields.rest(), size);
        let shown = t.style.verbose > 0 && message.is_some();
        let right = match message {
            Some((_, Exactly(right))) => size == *right,
            Some((_, AtLeast(least))) => size >= *least,
            _ => true,
        };
        t.part(|t| match version {
            _ if !right => t.invalid_rest(body.rest(), size),
            VERSION_1_0 if shown => messages::print(t, kind, body),
            _ if shown => messages_1_3::print(t, kind, body),
            _ => body.rest().slice(0, size).map(|_| ()),
        })?;
        if size > fields.left() {
            break;
        }
        fields.skip(size);
    }
    Ok(())
}

/// A header that goes on in the next segment.
fn partial(t: &mut Text<'_>, fields: &Fields<'_>) -> Result<(), Stop> {
    put!(t, " (end of TCP payload)");
    fields.rest().slice(0, fields.left()).map(|_| ())
}

/// Bytes that only the two ends understand.
fn data(t: &mut Text<'_>, fields: Fields<'_>) -> Result<(), Stop> {
    let length = fields.left();
    if length == 0 {
        return Ok(());
    }
    put!(t, "\n\t data ({length} octets)");
    if let 2.. = t.style.verbose {
        dump::hex_and_text(fields.rest().limit(length).all(), "\n\t  ", t.out);
    }
    fields.rest().slice(0, length).map(|_| ())
}

/// The names of bits, and whether there are bits without.
fn bitmap(t: &mut Text<'_>, names: &[(u32, &str)], value: u32, unassigned: u32) {
    if value & !unassigned != 0 {
        put!(t, " ({})", bits(names, value, ", ", ""));
    }
    if value & unassigned != 0 {
        put!(t, " (bogus)");
    }
}

/// What is left is too short to be what it should be.
fn invalid(t: &mut Text<'_>, fields: &Fields<'_>) -> Result<(), Stop> {
    t.invalid_rest(fields.rest(), fields.left())
}

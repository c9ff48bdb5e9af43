//! AHCP, version 1 (draft-chroboczek-ahcp-00): addresses for networks without structure.

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    address::Link,
    bytes::{Bytes, Fields, Stop},
    text::{Text, put, put_name},
};

const MAGIC: u8 = 43;
const VERSION: u8 = 1;
const HEADER: usize = 24;
const BODY: usize = 4;
const IDENTIFIER: usize = 8;

const MESSAGES: &[(u8, &str)] =
    &[(0, "Discover"), (1, "Offer"), (2, "Request"), (3, "Ack"), (4, "Nack"), (5, "Release")];

const OPTIONS: &[(u8, &str)] = &[
    (PAD, "Pad"),
    (MANDATORY, "Mandatory"),
    (2, "Origin Time"),
    (3, "Expires"),
    (4, "My-IPv6-Address"),
    (5, "My-IPv4-Address"),
    (6, "IPv6 Prefix"),
    (7, "IPv4 Prefix"),
    (8, "IPv6 Address"),
    (9, "IPv4 Address"),
    (10, "IPv6 Prefix Delegation"),
    (11, "IPv4 Prefix Delegation"),
    (12, "Name Server"),
    (13, "NTP Server"),
];
const PAD: u8 = 0;
const MANDATORY: u8 = 1;

/// Prints the version; with `-v` the message, with `-vv` its options.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ahcp";
    put!(t, "AHCP");
    let mut fields = Fields::new(p, length);
    if length < 2 || p.u8(0)? != MAGIC {
        return t.invalid_rest(p, length);
    }
    let version = p.u8(1)?;
    fields.skip(2);
    if version != VERSION {
        put!(t, " Version {version} (unknown)");
        return fields.slice(fields.left()).map(|_| ());
    }
    put!(t, " Version 1");
    if length < HEADER {
        return t.invalid_rest(fields.rest(), fields.left());
    }
    if t.style.verbose == 0 {
        fields.slice(HEADER - 2)?;
    } else {
        put!(t, "\n\tHopcount {}", fields.u8()?);
        put!(t, ", Original Hopcount {}", fields.u8()?);
        put!(t, ", Nonce 0x{:08x}", fields.u32()?);
        put!(t, ", Source Id {}", Link::plain(fields.slice(IDENTIFIER)?));
        put!(t, ", Destination Id {}", Link::plain(fields.slice(IDENTIFIER)?));
    }
    body(t, fields)
}

fn body(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<(), Stop> {
    if fields.left() < BODY {
        return t.invalid_rest(fields.rest(), fields.left());
    }
    let (kind, zero, size) = (fields.u8()?, fields.u8()?, usize::from(fields.u16()?));
    if t.style.verbose > 0 {
        put!(t, "\n\t");
        put_name!(t, MESSAGES, kind, "Unknown-{kind}");
        if zero != 0 {
            put!(t, ", MBZ {zero}");
        }
        put!(t, ", Length {size}");
    }
    if size > fields.left() {
        return t.invalid_rest(fields.rest(), fields.left());
    }
    match t.style.verbose {
        0 | 1 => fields.slice(size).map(|_| ()),
        _ => options(t, fields.part(size)),
    }
}

fn options(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<(), Stop> {
    while fields.left() > 0 {
        let kind = fields.u8()?;
        put!(t, "\n\t ");
        put_name!(t, OPTIONS, kind, "Unknown-{kind}");
        if matches!(kind, PAD | MANDATORY) {
            continue;
        }
        if fields.left() == 0 {
            return t.invalid_rest(fields.rest(), 0);
        }
        let size = usize::from(fields.u8()?);
        if size > fields.left() {
            return t.invalid_rest(fields.rest(), fields.left());
        }
        let value = fields.part(size);
        t.part(|t| option(t, kind, value))?;
    }
    Ok(())
}

fn option(t: &mut Text<'_>, kind: u8, mut value: Fields<'_>) -> Result<(), Stop> {
    let size = value.left();
    match kind {
        2 | 3 if size != 4 => t.invalid_rest(value.rest(), size),
        2 => {
            let time = Timestamp::from_second(value.u32()?.into()).unwrap_or_default();
            let time = time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string();
            put!(t, ": {time} UTC");
            Ok(())
        }
        3 => {
            put!(t, ": {}s", value.u32()?);
            Ok(())
        }
        4 | 8 | 12 | 13 => addresses(t, value, 16, false),
        5 | 9 => addresses(t, value, 4, false),
        6 | 10 => addresses(t, value, 16, true),
        11 => addresses(t, value, 4, true),
        _ => {
            put!(t, " (Length {size})");
            value.slice(size).map(|_| ())
        }
    }
}

/// Addresses of so many bytes, each with the length of its prefix if it has one.
fn addresses(
    t: &mut Text<'_>,
    mut value: Fields<'_>,
    size: usize,
    prefixes: bool,
) -> Result<(), Stop> {
    let mut separator = ": ";
    while value.left() > 0 {
        if value.left() < size + usize::from(prefixes) {
            return t.invalid_rest(value.rest(), value.left());
        }
        let p = value.rest();
        let host = if size == 4 { t.v4(p, 0)? } else { t.v6(p, 0)? };
        value.skip(size);
        if prefixes {
            put!(t, "{separator}{host}/{}", value.u8()?)
        } else {
            put!(t, "{separator}{host}")
        }
        separator = ", ";
    }
    Ok(())
}

//! Cisco's UDLD (RFC 5171): whether a link carries both ways.

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, bits, name_of, put},
};

const HEADER: usize = 4;

const CODES: &[(u8, &str)] =
    &[(0, "Reserved"), (1, "Probe message"), (2, "Echo message"), (3, "Flush message")];

const FLAGS: &[(u32, &str)] = &[
    (1 << 0, "RT"),
    (1 << 1, "RSY"),
    (1 << 2, "MBZ-2"),
    (1 << 3, "MBZ-3"),
    (1 << 4, "MBZ-4"),
    (1 << 5, "MBZ-5"),
    (1 << 6, "MBZ-6"),
    (1 << 7, "MBZ-7"),
];

const FIELDS: &[(u16, &str)] = &[
    (1, "Device-ID TLV"),
    (2, "Port-ID TLV"),
    (3, "Echo TLV"),
    (4, "Message Interval TLV"),
    (5, "Timeout Interval TLV"),
    (6, "Device Name TLV"),
    (7, "Sequence Number TLV"),
];

/// Prints code and flags; with `-v` the fields.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "udld";
    if length < HEADER {
        return t.invalid_rest(p, length);
    }
    let mut fields = Fields::new(p, length);
    let first = fields.u8()?;
    let (version, code, flags) = (first >> 5, first & 0x1f, fields.u8()?);
    let name = name_of(CODES, code).unwrap_or("Reserved");
    let flag_names = bits(FLAGS, flags.into(), ", ", "none");
    put!(t, "UDLDv{version}, Code {name} ({code:x}), Flags [{flag_names}] (0x{flags:02x})");
    put!(t, ", length {length}");
    if t.style.verbose == 0 {
        return fields.slice(fields.left()).map(|_| ());
    }
    put!(t, "\n\tChecksum 0x{:04x} (unverified)", fields.u16()?);
    while fields.left() > 0 {
        if fields.left() < HEADER {
            return t.invalid_rest(fields.rest(), fields.left());
        }
        let (kind, size) = (fields.u16()?, usize::from(fields.u16()?));
        let name = name_of(FIELDS, kind).unwrap_or("Unknown");
        put!(t, "\n\t{name} (0x{kind:04x}) TLV, length {size}");
        let Some(size) = size.checked_sub(HEADER).filter(|&size| 0 < size && size <= fields.left())
        else {
            return t.invalid_rest(fields.rest(), fields.left());
        };
        match (kind, size) {
            (1 | 2 | 6, _) => {
                put!(t, ", ");
                t.padded(fields.rest(), size)?;
            }
            (3, _) => {
                put!(t, ", ");
                t.string(fields.rest(), size)?;
            }
            (4 | 5, 1) => put!(t, ", {}s", fields.rest().u8(0)?),
            (7, 4) => put!(t, ", {}", fields.rest().u32(0)?),
            (4 | 5 | 7, _) => return t.invalid_rest(fields.rest(), fields.left()),
            _ => {
                fields.rest().slice(0, size)?;
            }
        }
        fields.skip(size);
    }
    Ok(())
}

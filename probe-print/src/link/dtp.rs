//! Cisco's DTP: which of two switches tags frames for which VLANs.

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};

const HEADER: usize = 4;
const DOMAIN: u16 = 1;
const STATUS: u16 = 2;
const KIND: u16 = 3;
const NEIGHBOR: u16 = 4;
const FIELDS: &[(u16, &str)] =
    &[(DOMAIN, "Domain"), (STATUS, "Status"), (KIND, "DTP type"), (NEIGHBOR, "Neighbor")];

/// Prints the version; with `-v` the fields.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "dtp";
    if length < 1 {
        put!(t, "[zero packet length]");
        return t.invalid_rest(p, length);
    }
    put!(t, "DTPv{}, length {length}", p.u8(0)?);
    if t.style.verbose == 0 {
        return Ok(());
    }
    let mut fields = Fields::new(p, length);
    fields.skip(1);
    while fields.left() > 0 {
        let (rest, left) = (fields.rest(), fields.left());
        if left < HEADER {
            put!(t, "[{left} bytes remaining]");
            return t.invalid_rest(rest, left);
        }
        let (kind, size) = (rest.u16(0)?, usize::from(rest.u16(2)?));
        // Some switches fill the frame up with zeros.
        if kind == 0 {
            return Ok(());
        }
        let name = name_of(FIELDS, kind).unwrap_or("Unknown");
        put!(t, "\n\t{name} (0x{kind:04x}) TLV, length {size}");
        if size < HEADER || size > left {
            put!(t, "[invalid TLV length {size}]");
            return t.invalid_rest(rest, left);
        }
        match (kind, size) {
            (DOMAIN, _) => {
                put!(t, ", ");
                t.padded(rest.from(HEADER), size - HEADER)?;
            }
            (STATUS | KIND, 5) => put!(t, ", 0x{:x}", rest.u8(HEADER)?),
            (NEIGHBOR, 10) => put!(t, ", {}", t.link(rest.slice(HEADER, 6)?)),
            (STATUS | KIND | NEIGHBOR, _) => return t.invalid_rest(rest, left),
            _ => {
                rest.slice(0, size)?;
            }
        }
        fields.skip(size);
    }
    Ok(())
}

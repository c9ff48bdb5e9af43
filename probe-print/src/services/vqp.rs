//! Cisco's VQP: which VLAN a port is to be in.

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};

const HEADER: usize = 8;
const OBJECT: usize = 6;
const VERSION: u8 = 1;
const MAC: usize = 6;

const MESSAGES: &[(u8, &str)] = &[
    (1, "Request, Join Port"),
    (2, "Response, VLAN"),
    (3, "Request, Reconfirm"),
    (4, "Response, Reconfirm"),
];
const ERRORS: &[(u8, &str)] =
    &[(0, "No error"), (3, "Access denied"), (4, "Shutdown port"), (5, "Wrong VTP domain")];
const OBJECTS: &[(u32, &str)] = &[
    (0x0c01, "Client IP Address"),
    (0x0c02, "Port Name"),
    (0x0c03, "VLAN Name"),
    (0x0c04, "VTP Domain"),
    (0x0c05, "Ethernet Packet"),
    (0x0c06, "MAC Null"),
    (0x0c08, "MAC Address"),
];

/// Prints a message; with `-v` its objects.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "vqp";
    p.slice(0, HEADER)?;
    if length < HEADER {
        return Err(Stop::Invalid);
    }
    let version = p.u8(0)?;
    if version != VERSION {
        put!(t, "VQP version {version} packet not supported");
        return Ok(());
    }
    let (message, error, count) = (p.u8(1)?, p.u8(2)?, p.u8(3)?);
    let message =
        name_of(MESSAGES, message).map_or_else(|| format!("unknown ({message})"), Into::into);
    let name = name_of(ERRORS, error).unwrap_or("unknown");
    if t.style.verbose == 0 {
        put!(t, "VQPv1 {message} Message, error-code {name} ({error}), length {length}");
        return Ok(());
    }
    put!(t, "\n\tVQPv1, {message} Message, error-code {name} ({error})");
    put!(t, ", seq 0x{:08x}, items {count}, length {length}", p.u32(4)?);
    let mut fields = Fields::new(p, length);
    fields.skip(HEADER);
    for _ in 0..count {
        if fields.left() == 0 {
            break;
        }
        fields.rest().slice(0, OBJECT)?;
        if fields.left() < OBJECT {
            return Err(Stop::Invalid);
        }
        let (kind, size) = (fields.u32()?, usize::from(fields.u16()?));
        let name = name_of(OBJECTS, kind).unwrap_or("Unknown");
        put!(t, "\n\t  {name} Object (0x{kind:08x}), length {size}, value: ");
        if kind == 0 || size == 0 {
            return Ok(());
        }
        let value = fields.rest();
        value.slice(0, size)?;
        if size > fields.left() {
            return Err(Stop::Invalid);
        }
        match (kind, size) {
            (0x0c01, 4) => put!(t, "{} (0x{:08x})", t.v4(value, 0)?, value.u32(0)?),
            (0x0c06 | 0x0c08, MAC) => put!(t, "{}", t.link(value.slice(0, MAC)?)),
            (0x0c01 | 0x0c06 | 0x0c08, _) => {
                return Err(Stop::Invalid);
            }
            (0x0c02..=0x0c05, _) => t.padded(value, size)?,
            _ if t.style.verbose <= 1 => t.unknown(value, size, "\n\t    "),
            _ => {}
        }
        fields.skip(size);
    }
    Ok(())
}

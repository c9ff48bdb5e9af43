//! OSPF, versions 2 and 3 (RFC 2328, RFC 5340): the first line.

use super::{
    bytes::{Bytes, Cut},
    text::{Text, name_of, put},
};

const KINDS: &[(u8, &str)] = &[
    (1, "Hello"),
    (2, "Database Description"),
    (3, "LS-Request"),
    (4, "LS-Update"),
    (5, "LS-Ack"),
];

/// The digest behind a packet that has one.
const DIGEST: usize = 16;
const AUTHENTICATION: usize = 14;
const MD5: u16 = 2;

/// Prints a packet of version 2.
pub(super) fn version_2(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "ospf2";
    // The length wraps in tcpdump, too, where a digest is claimed that is not there.
    let length = match p.u16(AUTHENTICATION)? {
        MD5 => (length as u32).wrapping_sub(DIGEST as u32),
        _ => length as u32,
    };
    let kind = p.u8(1)?;
    let name = name_of(KINDS, kind).map_or_else(|| format!("unknown LS-type {kind}"), Into::into);
    put!(t, "OSPFv{}, {name}, length {length}", p.u8(0)?);
    Ok(())
}

/// Prints a packet of version 3.
pub(super) fn version_3(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "ospf3";
    let kind = p.u8(1)?;
    let name =
        name_of(KINDS, kind).map_or_else(|| format!("unknown packet type ({kind})"), Into::into);
    put!(t, "OSPFv{}, {name}, length {length}", p.u8(0)?);
    Ok(())
}

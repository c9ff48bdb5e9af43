//! LSP ping (RFC 8029): whether a label-switched path is there. What is asked about the path is
//! not shown.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, name_of, put},
};

const HEADER: usize = 32;
const VERSION: u16 = 1;
const MESSAGES: &[(u8, &str)] = &[(1, "MPLS Echo Request"), (2, "MPLS Echo Reply")];

/// Prints version, message, number and length.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "lspping";
    if length < HEADER {
        put!(t, "\n\t\t packet is too short");
        return Ok(());
    }
    p.slice(0, HEADER)?;
    let (version, kind) = (p.u16(0)?, p.u8(4)?);
    if version != VERSION {
        put!(t, "LSP-PING version {version} packet not supported");
        return Ok(());
    }
    let name = name_of(MESSAGES, kind);
    let name = name.map_or_else(|| format!("unknown ({kind})"), Into::into);
    put!(t, "LSP-PINGv{version}, {name}, seq {}, length: {length}", p.u32(12)?);
    Ok(())
}

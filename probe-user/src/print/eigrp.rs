//! Cisco's EIGRP (RFC 7868): the first line.

use super::{
    bytes::{Bytes, Cut},
    text::{Text, name_of, need, put},
};

const HEADER: usize = 20;
const VERSION: u8 = 2;

const KINDS: &[(u8, &str)] =
    &[(1, "Update"), (3, "Query"), (4, "Reply"), (5, "Hello"), (6, "IPX SAP"), (7, "Probe")];

/// Prints kind and length.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "eigrp";
    need!(t, p.slice(0, HEADER));
    let (version, kind) = (p.u8(0)?, p.u8(1)?);
    if version != VERSION {
        put!(t, "EIGRP version {version} packet not supported");
        return Ok(());
    }
    let name = name_of(KINDS, kind).map_or_else(|| format!("unknown ({kind})"), Into::into);
    put!(t, "EIGRP {name}, length: {length}");
    Ok(())
}

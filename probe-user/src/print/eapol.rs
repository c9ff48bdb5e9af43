//! EAP over LANs (IEEE 802.1X): the first line.

use super::{
    bytes::{Bytes, Cut},
    text::{Text, name_of, need, put},
};

const HEADER: usize = 4;

const KINDS: &[(u8, &str)] = &[
    (0, "EAP packet"),
    (1, "EAPOL start"),
    (2, "EAPOL logoff"),
    (3, "EAPOL key"),
    (4, "Encapsulated ASF alert"),
];

/// Prints kind, version and length.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Cut> {
    t.protocol = "eap";
    need!(t, p.slice(0, HEADER));
    let kind = p.u8(1)?;
    let name = name_of(KINDS, kind).unwrap_or("unknown");
    put!(t, "{name} ({kind}) v{}, len {}", p.u8(0)?, p.u16(2)?);
    Ok(())
}

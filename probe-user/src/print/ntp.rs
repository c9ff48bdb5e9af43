//! NTP (RFC 5905), its first line.

use super::{
    bytes::{Bytes, Cut},
    text::{Text, put, put_name},
};

const MODES: &[(u8, &str)] = &[
    (0, "unspecified"),
    (1, "symmetric active"),
    (2, "symmetric passive"),
    (3, "Client"),
    (4, "Server"),
    (5, "Broadcast"),
    (6, "Control Message"),
    (7, "Reserved"),
];

/// Prints version, mode and length.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "ntp";
    let first = p.u8(0)?;
    put!(t, "NTPv{}, ", first >> 3 & 7);
    put_name!(t, MODES, first & 7, "Unknown mode");
    put!(t, ", length {length}");
    Ok(())
}

//! ATA over Ethernet: the first line.

use super::{
    bytes::{Bytes, Cut},
    text::{Text, bits, put},
};

const HEADER: usize = 10;
const FLAGS: &[(u32, &str)] = &[(8, "Response"), (4, "Error"), (2, "MBZ-1"), (1, "MBZ-0")];

/// Prints version and flags.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "aoe";
    put!(t, "AoE length {length}");
    if length < 1 {
        t.invalid();
        return Ok(());
    }
    let first = p.u8(0)?;
    put!(t, ", Ver {}", first >> 4);
    if first >> 4 != 1 {
        return Ok(());
    }
    if length < HEADER {
        t.invalid();
        p.slice(0, length)?;
        return Ok(());
    }
    put!(t, ", Flags: [{}]", bits(FLAGS, u32::from(first & 0xf), ", ", "none"));
    Ok(())
}

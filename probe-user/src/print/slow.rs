//! The slow protocols of Ethernet (IEEE 802.3, annex 57A): link aggregation, and what
//! watches links. The first line.

use super::{
    bytes::{Bytes, Cut},
    dump,
    text::{Text, put},
};

const LACP: u8 = 1;
const MARKER: u8 = 2;
const OAM: u8 = 3;
const VERSION: u8 = 1;

/// Prints protocol, version and length.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "slow";
    let too_short = |t: &mut Text<'_>| {
        if t.style.verbose == 0 {
            put!(t, " (packet is too short)");
        } else {
            put!(t, "\n\t\t packet is too short");
        }
    };
    if length < 1 {
        too_short(t);
        return Ok(());
    }
    let kind = p.u8(0)?;
    match kind {
        LACP | MARKER => {
            if length < 2 {
                too_short(t);
                return Ok(());
            }
            let version = p.u8(1)?;
            let name = if kind == LACP { "LACP" } else { "MARKER" };
            match version {
                VERSION => put!(t, "{name}v{version}, length {length}"),
                _ => put!(t, "{name} version {version} packet not supported"),
            }
        }
        OAM => put!(t, "OAM, length {length}"),
        _ => {
            put!(t, "unknown ({kind}), length {length}");
            dump::hex(p.limit(length).all(), "\n\t", 0, t.out);
        }
    }
    Ok(())
}

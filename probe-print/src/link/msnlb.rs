//! The heartbeat of Microsoft's Network Load Balancing, as far as it is known.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

const PRIORITY: usize = 8;
const CLUSTER: usize = 12;
const HOST: usize = 16;

/// Prints who is alive in which cluster.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    t.protocol = "msnlb";
    put!(t, "MS NLB heartbeat");
    put!(t, ", host priority: {}", u32::from_le_bytes(p.array(PRIORITY)?));
    put!(t, ", cluster IP: {}", t.v4(p, CLUSTER)?);
    put!(t, ", host IP: {}", t.v4(p, HOST)?);
    Ok(())
}

//! sFlow: who samples, the first line.

use crate::print::{
    bytes::{Bytes, Cut},
    text::{Text, put},
};

const HEADER: usize = 28;
const HEADER_6: usize = 40;
const VERSION: u32 = 5;
const V4: u32 = 1;
const V6: u32 = 2;

/// Prints agent and length.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    t.protocol = "sflow";
    let family = p.u32(4)?;
    let version = p.u32(0)?;
    if family == V4 && length < HEADER || family == V6 && length < HEADER_6 {
        put!(t, "sFlowv{version} [length {length} < {HEADER}]");
        t.invalid();
        return Ok(());
    }
    p.slice(0, HEADER)?;
    if version != VERSION {
        put!(t, "sFlow version {version} packet not supported");
        return Ok(());
    }
    let (name, agent, id) = match family {
        V4 => ("IPv4", t.v4(p, 8)?, p.u32(12)?),
        _ => ("IPv6", t.v6(p, 8)?, p.u32(24)?),
    };
    put!(t, "sFlowv{version}, {name} agent {agent}, agent-id {id}, length {length}");
    Ok(())
}

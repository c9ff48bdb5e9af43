//! sFlow version 5 (sflow.org): who samples, and with `-v` what was sampled and counted.

mod samples;

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};
use samples::Records;

const HEADER: usize = 28;
const HEADER_6: usize = 40;
const SAMPLE_HEADER: usize = 8;
const VERSION: u32 = 5;
const V4: u32 = 1;
const V6: u32 = 2;

const FLOW: u32 = 1;
const COUNTER: u32 = 2;
const EXPANDED_FLOW: u32 = 3;
const EXPANDED_COUNTER: u32 = 4;
const FORMATS: &[(u32, &str)] = &[
    (FLOW, "flow sample"),
    (COUNTER, "counter sample"),
    (EXPANDED_FLOW, "expanded flow sample"),
    (EXPANDED_COUNTER, "expanded counter sample"),
];

/// Prints agent and length, and with `-v` the samples.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "sflow";
    let family = p.u32(4)?;
    let version = p.u32(0)?;
    if family == V4 && length < HEADER || family == V6 && length < HEADER_6 {
        put!(t, "sFlowv{version} [length {length} < {HEADER}]");
        return Err(Stop::Invalid);
    }
    p.slice(0, HEADER)?;
    if version != VERSION {
        put!(t, "sFlow version {version} packet not supported");
        return Ok(());
    }
    let (name, agent, header) = match family {
        V4 => ("IPv4", t.v4(p, 8)?, HEADER),
        _ => ("IPv6", t.v6(p, 8)?, HEADER_6),
    };
    let id = p.u32(header - 16)?;
    if t.style.verbose == 0 {
        put!(t, "sFlowv{version}, {name} agent {agent}, agent-id {id}, length {length}");
        return Ok(());
    }
    let (sequence, uptime) = (p.u32(header - 12)?, p.u32(header - 8)?);
    let count = p.u32(header - 4)?;
    put!(t, "sFlowv{version}, {name} agent {agent}, agent-id {id}, seqnum {sequence}");
    put!(t, ", uptime {uptime}, samples {count}, length {length}");
    if length < header {
        put!(t, " [tlen {length} < {header}]");
        return t.invalid_rest(p, length);
    }
    let mut fields = Fields::new(p, length);
    fields.skip(header);
    match samples(t, &mut fields, count) {
        // What they say of themselves does not fit.
        Err(Stop::Short) => t.invalid_rest(fields.rest(), fields.left()),
        printed => printed,
    }
}

fn samples(t: &mut Text<'_>, fields: &mut Fields<'_>, count: u32) -> Result<(), Stop> {
    let mut records = Records::of(fields.left());
    for _ in 0..count {
        if fields.left() == 0 {
            break;
        }
        let (format, size) = (fields.rest().u32(0)? & 0xfff, fields.rest().u32(4)?);
        fields.claimed(SAMPLE_HEADER)?;
        fields.skip(SAMPLE_HEADER);
        let name = name_of(FORMATS, format).unwrap_or("Unknown");
        put!(t, "\n\t{name} ({format}), length {size},");
        if format == 0 || size == 0 {
            break;
        }
        let size = size as usize;
        fields.claimed(size)?;
        fields.rest().slice(0, size)?;
        // Like tcpdump, a sample is let run on to the end of the datagram.
        match format {
            FLOW => records.flow(t, *fields)?,
            COUNTER => records.counter(t, *fields)?,
            EXPANDED_FLOW => records.expanded_flow(t, *fields)?,
            EXPANDED_COUNTER => records.expanded_counter(t, *fields)?,
            _ if t.style.verbose <= 1 => t.unknown(fields.rest(), size, "\n\t    "),
            _ => {}
        }
        fields.skip(size);
    }
    Ok(())
}

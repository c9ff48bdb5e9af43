//! Cisco's hot standby router protocol (RFC 2281).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put, put_name},
};

const OPERATIONS: &[(u8, &str)] = &[(0, "hello"), (1, "coup"), (2, "resign")];

const STATES: &[(u8, &str)] =
    &[(0, "initial"), (1, "learn"), (2, "listen"), (4, "speak"), (8, "standby"), (16, "active")];

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "hsrp";
    let version = p.u8(0)?;
    put!(t, "HSRPv{version}");
    if version != 0 {
        return Ok(());
    }
    put!(t, "-");
    let operation = p.u8(1)?;
    put_name!(t, OPERATIONS, operation, "unknown ({operation})");
    put!(t, " ");
    put!(t, "{length}: ");
    let state = p.u8(2)?;
    put!(t, "state=");
    put_name!(t, STATES, state, "Unknown ({state})");
    put!(t, " ");
    put!(t, "group={} ", p.u8(6)?);
    let reserved = p.u8(7)?;
    if reserved != 0 {
        put!(t, "[reserved={reserved}!] ");
    }
    put!(t, "addr={}", t.v4(p, 16)?);
    if t.style.verbose > 0 {
        put!(t, " hellotime=");
        t.relative_time(p.u8(3)?.into());
        put!(t, " holdtime=");
        t.relative_time(p.u8(4)?.into());
        put!(t, " priority={} auth=\"", p.u8(5)?);
        t.padded(p.from(8), 8)?;
        put!(t, "\"");
    }
    Ok(())
}

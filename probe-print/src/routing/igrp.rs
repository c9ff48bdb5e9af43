//! Cisco's IGRP, before EIGRP.

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, put, put_name},
};

const HEADER: usize = 12;
const ROUTE: usize = 14;
const OPERATIONS: &[(u8, &str)] = &[(1, "update"), (2, "request")];

/// Prints the routes: of the interior, of the system, and from outside of it.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "igrp";
    put!(t, "igrp:");
    let mut left = [p.u16(4)?, p.u16(6)?, p.u16(8)?];
    let first = p.u8(0)?;
    let (edition, system) = (p.u8(1)?, p.u16(2)?);
    put!(t, " ");
    put_name!(t, OPERATIONS, first & 0xf, "op-#{}", first & 0xf);
    let [interior, inside, outside] = left;
    put!(t, " V{} edit={edition} AS={system} ({interior}/{inside}/{outside})", first >> 4);
    let checksum = p.u16(10)?;
    if t.style.verbose > 0 {
        put!(t, " checksum=0x{checksum:04x}");
    }
    let mut routes = Fields::new(p, length);
    routes.skip(HEADER);
    while routes.left() >= ROUTE {
        let p = routes.rest();
        let [a, b, c] = p.array(0)?;
        let Some(kind) = left.iter().position(|&count| count > 0) else {
            put!(t, " [extra bytes {}]", routes.left());
            break;
        };
        match kind {
            0 => put!(t, " *.{a}.{b}.{c}"),
            1 => put!(t, " {a}.{b}.{c}.0"),
            _ => put!(t, " X{a}.{b}.{c}.0"),
        }
        let (delay, bandwidth) = (p.u24(3)?, p.u24(6)?);
        let (mtu, reliability, load, hops) = (p.u16(9)?, p.u8(11)?, p.u8(12)?, p.u8(13)?);
        let metric = (bandwidth + delay).min(0xff_ffff);
        put!(t, " d={} b={}", 10 * delay, 10_000_000_u32.checked_div(bandwidth).unwrap_or(0));
        put!(t, " r={reliability} l={load} M={metric} mtu={mtu} in {hops} hops");
        if let Some(count) = left.get_mut(kind) {
            *count -= 1;
        }
        routes.skip(ROUTE);
    }
    if left != [0; 3] || routes.left() > 0 {
        t.invalid();
    }
    Ok(())
}

//! BOOTP and DHCP (RFC 951, RFC 2131).

mod options;
pub(crate) mod v6;
mod v6_options;

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const ETHERNET: u8 = 1;
const ETHERNET_LENGTH: u8 = 6;

const HOPS: usize = 3;
const TRANSACTION: usize = 4;
const SECONDS: usize = 8;
const FLAGS: usize = 10;
const CLIENT: usize = 12;
const YOURS: usize = 16;
const SERVER: usize = 20;
const GATEWAY: usize = 24;
const HARDWARE_ADDRESS: usize = 28;
const SERVER_NAME: usize = 44;
const FILE: usize = 108;
const VENDOR: usize = 236;

const BROADCAST: u16 = 0x8000;

/// What the vendor area begins with where options follow (RFC 1048).
const COOKIE: u32 = 0x6382_5363;
const CMU_COOKIE: u32 = u32::from_be_bytes(*b"CMU\0");

/// Prints operation, client and length; with `-v` the rest.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "bootp";
    let operation = p.u8(0)?;
    match operation {
        REQUEST => put!(t, "BOOTP/DHCP, Request"),
        REPLY => put!(t, "BOOTP/DHCP, Reply"),
        _ => put!(t, "BOOTP/DHCP, unknown (0x{operation:02x})"),
    }
    let (kind, size) = (p.u8(1)?, p.u8(2)?);
    let ethernet = (kind, size) == (ETHERNET, ETHERNET_LENGTH);
    if ethernet && operation == REQUEST {
        put!(t, " from {}", t.link(p.slice(HARDWARE_ADDRESS, 6)?));
    }
    put!(t, ", length {length}");
    if t.style.verbose == 0 {
        return Ok(());
    }
    p.need(SECONDS, 2)?;
    if kind != ETHERNET {
        put!(t, ", htype {kind}");
    }
    if !ethernet {
        put!(t, ", hlen {size}");
    }
    let (hops, transaction, seconds) = (p.u8(HOPS)?, p.u32(TRANSACTION)?, p.u16(SECONDS)?);
    if hops != 0 {
        put!(t, ", hops {hops}");
    }
    if transaction != 0 {
        put!(t, ", xid 0x{transaction:x}");
    }
    if seconds != 0 {
        put!(t, ", secs {seconds}");
    }
    let flags = p.u16(FLAGS)?;
    put!(t, ", Flags [{}]", if flags & BROADCAST == 0 { "none" } else { "Broadcast" });
    if t.style.verbose > 1 {
        put!(t, " (0x{flags:04x})");
    }
    for (at, name) in
        [(CLIENT, "Client"), (YOURS, "Your"), (SERVER, "Server"), (GATEWAY, "Gateway")]
    {
        if p.u32(at)? != 0 {
            put!(t, "\n\t  {name}-IP {}", t.v4(p, at)?);
        }
    }
    if ethernet {
        let address = t.link(p.slice(HARDWARE_ADDRESS, 6)?);
        put!(t, "\n\t  Client-Ethernet-Address {address}");
    }
    for (at, size, name) in [(SERVER_NAME, 64, "sname"), (FILE, 128, "file")] {
        if p.u8(at)? != 0 {
            put!(t, "\n\t  {name} \"");
            let terminated = t.terminated(p.from(at), size).is_some();
            put!(t, "\"");
            if !terminated {
                return Err(Stop::Short);
            }
        }
    }
    match p.u32(VENDOR).or(Err(Stop::Short))? {
        COOKIE => options::print(t, p.from(VENDOR + 4), COOKIE),
        CMU_COOKIE => cmu(t, p.from(VENDOR)),
        0 => Ok(()),
        other => {
            put!(t, "\n\t  Vendor-#0x{other:x}");
            Ok(())
        }
    }
}

/// The vendor area of a BOOTP client by Carnegie Mellon University.
fn cmu(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    put!(t, " vend-cmu");
    p.need(4, 4)?;
    let flags = p.u8(4)?;
    if flags & !1 != 0 {
        put!(t, " F:0x{flags:x}");
    }
    let mask = if flags & 1 == 0 { "SM*" } else { "SM" };
    let fields = [
        (12, "DG"),
        (8, mask),
        (16, "NS1"),
        (20, "NS2"),
        (24, "IEN1"),
        (28, "IEN2"),
        (32, "TS1"),
        (36, "TS2"),
    ];
    for (at, name) in fields {
        p.need(at, 4)?;
        if p.u32(at)? != 0 {
            put!(t, " {name}:{}", t.v4(p, at)?);
        }
    }
    Ok(())
}

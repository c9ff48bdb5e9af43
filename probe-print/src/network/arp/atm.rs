//! ARP over ATM (RFC 2225), whose addresses have subaddresses.

use super::{HARDWARE, OPERATIONS};
use crate::{
    address::Link,
    assigned_numbers::ETHERTYPES,
    bytes::{Bytes, Stop},
    dump,
    text::{Text, put, put_name},
};

const HEADER: usize = 12;
/// The rest of the byte says in what form the address is.
const LENGTH: u8 = 0x3f;
const IPV4: u16 = 0x0800;
const TRAILERS: u16 = 0x1000;

/// One side: its number, its subaddress, its protocol's address.
struct Side {
    number: (usize, usize),
    subaddress: (usize, usize),
    protocol: (usize, usize),
}

pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    p.slice(0, HEADER)?;
    let (hardware, protocol, operation) = (p.u16(0)?, p.u16(2)?, p.u16(6)?);
    let size = |at| p.u8(at).map(|length| usize::from(length & LENGTH));
    let mut at = HEADER;
    let mut field = |size| {
        at += size;
        (at - size, size)
    };
    let mut side = |number, subaddress, protocol| Side {
        number: field(number),
        subaddress: field(subaddress),
        protocol: field(protocol),
    };
    let sender = side(size(4)?, size(5)?, usize::from(p.u8(8)?));
    let target = side(size(9)?, size(10)?, usize::from(p.u8(11)?));
    p.slice(target.protocol.0, target.protocol.1)?;
    if !t.style.link_header {
        put!(t, "ARP, ");
    }
    let ip = matches!(protocol, IPV4 | TRAILERS);
    let plain = ip && sender.protocol.1 == 4 && target.protocol.1 == 4;
    let verbose = t.style.verbose > 0;
    if !plain || verbose {
        put_name!(t, HARDWARE, hardware, "Unknown Hardware ({hardware})");
        put!(t, ", ");
        put_name!(t, ETHERTYPES, protocol, "Unknown Protocol (0x{protocol:04x})");
        put!(t, " (len {}/{})", sender.protocol.1, target.protocol.1);
    }
    if plain || verbose {
        put!(t, "{}", if verbose { ", " } else { "" });
        put_name!(t, OPERATIONS, operation, "Unknown ({operation})");
        put!(t, " ");
        let host = |t: &mut Text<'_>, side: &Side, wrong| -> Result<(), Stop> {
            match side.protocol {
                _ if !ip => put!(t, "<wrong proto type>"),
                (at, 4) => put!(t, "{}", t.v4(p, at)?),
                _ => put!(t, "<wrong {wrong}>"),
            }
            Ok(())
        };
        match operation {
            1 => {
                put!(t, "who-has ");
                host(t, &target, "tplen")?;
                if target.number.1 != 0 {
                    put!(t, " (");
                    link(t, p, &target)?;
                    put!(t, ")");
                }
                put!(t, " tell ");
                host(t, &sender, "splen")?;
            }
            2 => {
                host(t, &sender, "splen")?;
                put!(t, " is-at ");
                link(t, p, &sender)?;
            }
            8 => {
                put!(t, "who-is ");
                link(t, p, &target)?;
                put!(t, " tell ");
                link(t, p, &sender)?;
            }
            9 => {
                link(t, p, &sender)?;
                put!(t, "at ");
                host(t, &sender, "splen")?;
            }
            10 => {
                put!(t, "for ");
                host(t, &sender, "splen")?;
            }
            _ => {
                dump::hex_and_text(p.all(), "\n\t", t.out);
                return Ok(());
            }
        }
    }
    put!(t, ", length {length}");
    Ok(())
}

fn link(t: &mut Text<'_>, p: Bytes<'_>, side: &Side) -> Result<(), Stop> {
    if side.number.1 == 0 {
        put!(t, "<No address>");
        return Ok(());
    }
    put!(t, "{}", Link::plain(p.slice(side.number.0, side.number.1)?));
    if side.subaddress.1 != 0 {
        put!(t, ",{}", Link::plain(p.slice(side.subaddress.0, side.subaddress.1)?));
    }
    Ok(())
}

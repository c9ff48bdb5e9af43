//! RIPng (RFC 2080).

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, put},
};

const HEADER: usize = 4;
const ROUTE: usize = 20;
const VERSION: u8 = 1;
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const INFINITY: u8 = 16;

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ripng";
    let version = p.u8(1)?;
    if version != VERSION {
        put!(t, " [vers {version}]");
        return Err(Stop::Invalid);
    }
    let command = p.u8(0)?;
    let name = match command {
        REQUEST => "ripng-req",
        RESPONSE => "ripng-resp",
        _ => {
            put!(t, " ripng-{command} ?? {length}");
            return Err(Stop::Invalid);
        }
    };
    let Some(size) = length.checked_sub(HEADER) else {
        return Err(Stop::Invalid);
    };
    let count = size / ROUTE;
    let all_of_them = |p: Bytes<'_>| Ok(p.u8(19)? == INFINITY && p.array::<16>(0)? == [0; 16]);
    if command == REQUEST && count == 1 && all_of_them(p.from(HEADER))? {
        put!(t, " ripng-req dump");
        return Ok(());
    }
    if count * ROUTE == size {
        put!(t, " {name} {count}:")
    } else {
        put!(t, " {name} {count}[{length}]:")
    }
    let mut routes = Fields::new(p.from(HEADER), size);
    while routes.left() >= ROUTE {
        put!(t, "{}", if t.style.verbose > 1 { "\n\t" } else { " " });
        let p = routes.rest();
        put!(t, "{}/{}", t.v6(p, 0)?, p.u8(18)?);
        let tag = p.u16(16)?;
        if tag != 0 {
            put!(t, " [{tag}]");
        }
        let metric = p.u8(19)?;
        if metric != 0 && command == RESPONSE {
            put!(t, " ({metric})");
        }
        routes.skip(ROUTE);
    }
    if routes.left() > 0 {
        t.invalid();
    }
    Ok(())
}

//! The configuration testing protocol of Ethernet 2: a frame that is to come back.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

const REPLY: u16 = 1;
const FORWARD: u16 = 2;

fn little(p: Bytes<'_>, at: usize) -> Result<u16, Stop> {
    p.array(at).map(u16::from_le_bytes)
}

fn invalid(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.invalid();
    p.slice(0, length)?;
    Ok(())
}

pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "loopback";
    put!(t, "Loopback");
    if length < 2 {
        return invalid(t, p, length);
    }
    let skip = usize::from(little(p, 0)?);
    put!(t, ", skipCount {skip}");
    if skip % 8 != 0 {
        put!(t, " (bogus)");
    }
    let (p, length) = (p.from(2), length - 2);
    if skip > length {
        return invalid(t, p, length);
    }
    p.slice(0, skip)?;
    let (p, length) = (p.from(skip), length - skip);
    if length < 2 {
        return invalid(t, p, length);
    }
    let function = little(p, 0)?;
    match function {
        REPLY => put!(t, ", Reply"),
        FORWARD => put!(t, ", Forward Data"),
        _ => put!(t, ",  invalid ({function})"),
    }
    let (p, length) = (p.from(2), length - 2);
    let head = match function {
        REPLY if length >= 2 => {
            put!(t, ", receipt number {}", little(p, 0)?);
            2
        }
        FORWARD if length >= 6 => {
            put!(t, ", forwarding address {}", t.link(p.slice(0, 6)?));
            6
        }
        REPLY | FORWARD => return invalid(t, p, length),
        _ => {
            p.slice(0, length)?;
            return Ok(());
        }
    };
    put!(t, ", data ({} octets)", length - head);
    p.slice(0, length)?;
    Ok(())
}

//! The Multipath TCP option (RFC 8684).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put},
};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

const SUBTYPES: [&str; 8] =
    ["capable", "join", "dss", "add-addr", "rem-addr", "prio", "fail", "fast-close"];

/// Prints the option, whose kind and length are before `p`; [`Stop::Invalid`] if its length
/// does not fit what it says to be.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize, flags: u8) -> Result<(), Stop> {
    t.protocol = "mptcp";
    // The length as the option states it, kind and length included.
    let size = length + 2;
    if size < 3 {
        return Err(Stop::Invalid);
    }
    let subtype = p.u8(0)? >> 4;
    let name = SUBTYPES.get(usize::from(subtype)).unwrap_or(&"unknown");
    put!(t, " {size} {name}");
    match subtype {
        0 => capable(t, p, size, flags)?,
        1 => join(t, p, size, flags)?,
        2 => data_sequence(t, p, length, flags)?,
        3 => add_address(t, p, size)?,
        4 if size < 4 => return Err(Stop::Invalid),
        4 => {
            put!(t, " id");
            for at in 1..length {
                put!(t, " {}", p.u8(at)?);
            }
        }
        5 if matches!(size, 3 | 4) => {
            put!(t, "{}", if p.u8(0)? & 1 == 1 { " backup" } else { " non-backup" });
            if size == 4 {
                put!(t, " id {}", p.u8(1)?);
            }
        }
        6 if size == 12 => put!(t, " seq {}", p.u64(2)?),
        7 if size == 12 => put!(t, " key 0x{:x}", p.u64(2)?),
        5..=7 => return Err(Stop::Invalid),
        _ => {}
    }
    Ok(())
}

fn capable(t: &mut Text<'_>, p: Bytes<'_>, size: usize, flags: u8) -> Result<(), Stop> {
    let syn = matches!(size, 12 | 4) && flags & SYN != 0;
    let ack = matches!(size, 20 | 22) && flags & (SYN | ACK) == ACK;
    if !syn && !ack {
        return Err(Stop::Invalid);
    }
    let version = p.u8(0)? & 0xf;
    if version > 1 {
        put!(t, " Unknown Version ({version})");
        return Ok(());
    }
    put!(t, " v{version}");
    if p.u8(1)? & 0x80 != 0 {
        put!(t, " csum");
    }
    if size >= 12 {
        put!(t, " {{0x{:x}", p.u64(2)?);
        if size >= 20 {
            put!(t, ",0x{:x}", p.u64(10)?);
        }
        put!(t, "}}");
    }
    Ok(())
}

fn join(t: &mut Text<'_>, p: Bytes<'_>, size: usize, flags: u8) -> Result<(), Stop> {
    let fits = match size {
        12 => flags & SYN != 0,
        16 => flags & (SYN | ACK) == SYN | ACK,
        24 => flags & ACK != 0,
        _ => false,
    };
    if !fits {
        return Err(Stop::Invalid);
    }
    if size != 24 {
        if p.u8(0)? & 1 == 1 {
            put!(t, " backup");
        }
        put!(t, " id {}", p.u8(1)?);
    }
    match size {
        12 => put!(t, " token 0x{:x} nonce 0x{:x}", p.u32(2)?, p.u32(6)?),
        16 => put!(t, " hmac 0x{:x} nonce 0x{:x}", p.u64(2)?, p.u32(10)?),
        _ => {
            put!(t, " hmac 0x");
            t.hex(p.slice(2, 20)?);
        }
    }
    Ok(())
}

/// Data sequence signal.
fn data_sequence(t: &mut Text<'_>, p: Bytes<'_>, length: usize, flags: u8) -> Result<(), Stop> {
    const FIN: u8 = 0x10;
    const LONG_SEQUENCE: u8 = 0x08;
    const SEQUENCE: u8 = 0x04;
    const LONG_ACK: u8 = 0x02;
    const HAS_ACK: u8 = 0x01;
    if length < 2 || flags & SYN != 0 {
        return Err(Stop::Invalid);
    }
    let set = p.u8(1)?;
    if set & FIN != 0 {
        put!(t, " fin");
    }
    let (mut at, mut left) = (2, length - 2);
    let mut number = |t: &mut Text<'_>, long: bool| -> Result<(), Stop> {
        let size = if long { 8 } else { 4 };
        if left < size {
            return Err(Stop::Invalid);
        }
        put!(t, "{}", if long { p.u64(at)? } else { p.u32(at)?.into() });
        at += size;
        left -= size;
        Ok(())
    };
    if set & HAS_ACK != 0 {
        put!(t, " ack ");
        number(t, set & LONG_ACK != 0)?;
    }
    if set & SEQUENCE != 0 {
        put!(t, " seq ");
        number(t, set & LONG_SEQUENCE != 0)?;
        if left < 4 {
            return Err(Stop::Invalid);
        }
        put!(t, " subseq {}", p.u32(at)?);
        if left < 6 {
            return Err(Stop::Invalid);
        }
        put!(t, " len {}", p.u16(at + 4)?);
        at += 6;
        left -= 6;
        if left >= 2 {
            put!(t, " csum 0x{:x}", p.u16(at)?);
            left -= 2;
        }
    }
    if left == 0 { Ok(()) } else { Err(Stop::Invalid) }
}

fn add_address(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    // Address, port or not, authentication code or not.
    let (end, port, code) = match size {
        8 => (6, false, false),
        10 => (6, true, false),
        16 => (6, false, true),
        18 => (6, true, true),
        20 => (18, false, false),
        22 => (18, true, false),
        28 => (18, false, true),
        30 => (18, true, true),
        _ => return Err(Stop::Invalid),
    };
    let kind = match p.u8(0)? & 0xf {
        6 => "v0-ip6",
        4 => "v0-ip4",
        1 => "v1-echo",
        0 => "v1",
        _ => "[bad version/echo]",
    };
    put!(t, " {kind} id {}", p.u8(1)?);
    match end {
        6 => put!(t, " {}", t.v4(p, 2)?),
        _ => put!(t, " {}", t.v6(p, 2)?),
    }
    let mut at = end;
    if port {
        put!(t, ":{}", p.u16(at)?);
        at += 2;
    }
    if code {
        put!(t, " hmac 0x{:x}", p.u64(at)?);
    }
    Ok(())
}

//! The Multipath TCP option (RFC 8684).

use crate::{
    bytes::{Bytes, Cut},
    text::{Text, put},
};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

const SUBTYPES: [&str; 8] =
    ["capable", "join", "dss", "add-addr", "rem-addr", "prio", "fail", "fast-close"];

/// Prints the option, whose kind and length are before `p`; `false` if its length does
/// not fit what it says to be.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize, flags: u8) -> Result<bool, Cut> {
    t.protocol = "mptcp";
    // The length as the option states it, kind and length included.
    let size = length + 2;
    if size < 3 {
        return Ok(false);
    }
    let subtype = p.u8(0)? >> 4;
    let name = SUBTYPES.get(usize::from(subtype)).unwrap_or(&"unknown");
    put!(t, " {size} {name}");
    Ok(match subtype {
        0 => capable(t, p, size, flags)?,
        1 => join(t, p, size, flags)?,
        2 => data_sequence(t, p, length, flags)?,
        3 => add_address(t, p, size)?,
        4 => {
            if size < 4 {
                return Ok(false);
            }
            put!(t, " id");
            for at in 1..length {
                put!(t, " {}", p.u8(at)?);
            }
            true
        }
        5 if matches!(size, 3 | 4) => {
            put!(t, "{}", if p.u8(0)? & 1 == 1 { " backup" } else { " non-backup" });
            if size == 4 {
                put!(t, " id {}", p.u8(1)?);
            }
            true
        }
        6 if size == 12 => {
            put!(t, " seq {}", p.u64(2)?);
            true
        }
        7 if size == 12 => {
            put!(t, " key 0x{:x}", p.u64(2)?);
            true
        }
        5..=7 => false,
        _ => true,
    })
}

fn capable(t: &mut Text<'_>, p: Bytes<'_>, size: usize, flags: u8) -> Result<bool, Cut> {
    let syn = matches!(size, 12 | 4) && flags & SYN != 0;
    let ack = matches!(size, 20 | 22) && flags & (SYN | ACK) == ACK;
    if !syn && !ack {
        return Ok(false);
    }
    let version = p.u8(0)? & 0xf;
    if version > 1 {
        put!(t, " Unknown Version ({version})");
        return Ok(true);
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
    Ok(true)
}

fn join(t: &mut Text<'_>, p: Bytes<'_>, size: usize, flags: u8) -> Result<bool, Cut> {
    let fits = match size {
        12 => flags & SYN != 0,
        16 => flags & (SYN | ACK) == SYN | ACK,
        24 => flags & ACK != 0,
        _ => false,
    };
    if !fits {
        return Ok(false);
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
    Ok(true)
}

/// Data sequence signal.
fn data_sequence(t: &mut Text<'_>, p: Bytes<'_>, length: usize, flags: u8) -> Result<bool, Cut> {
    const FIN: u8 = 0x10;
    const LONG_SEQUENCE: u8 = 0x08;
    const SEQUENCE: u8 = 0x04;
    const LONG_ACK: u8 = 0x02;
    const HAS_ACK: u8 = 0x01;
    if length < 2 || flags & SYN != 0 {
        return Ok(false);
    }
    let set = p.u8(1)?;
    if set & FIN != 0 {
        put!(t, " fin");
    }
    let (mut at, mut left) = (2, length - 2);
    let mut number = |t: &mut Text<'_>, long: bool| -> Result<bool, Cut> {
        let size = if long { 8 } else { 4 };
        if left < size {
            return Ok(false);
        }
        match long {
            true => put!(t, "{}", p.u64(at)?),
            false => put!(t, "{}", p.u32(at)?),
        }
        at += size;
        left -= size;
        Ok(true)
    };
    if set & HAS_ACK != 0 {
        put!(t, " ack ");
        if !number(t, set & LONG_ACK != 0)? {
            return Ok(false);
        }
    }
    if set & SEQUENCE != 0 {
        put!(t, " seq ");
        if !number(t, set & LONG_SEQUENCE != 0)? || left < 4 {
            return Ok(false);
        }
        put!(t, " subseq {}", p.u32(at)?);
        if left < 6 {
            return Ok(false);
        }
        put!(t, " len {}", p.u16(at + 4)?);
        at += 6;
        left -= 6;
        if left >= 2 {
            put!(t, " csum 0x{:x}", p.u16(at)?);
            left -= 2;
        }
    }
    Ok(left == 0)
}

fn add_address(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<bool, Cut> {
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
        _ => return Ok(false),
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
    Ok(true)
}

//! Options of the OPT record (RFC 6891 and others).

use std::net::Ipv4Addr;

use super::{
    domain_name,
    numbers::{DIGESTS, OPTIONS, SIGNATURES},
};
use crate::{
    address::V6,
    bytes::{Bytes, Stop},
    text::{Text, put, put_name},
};

/// Prints the options from `at` to `end`, which end the message where they are cut.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, at: usize, end: usize) -> Result<(), Stop> {
    if at >= end {
        return Ok(());
    }
    put!(t, " [");
    let mut next = at;
    // Each option takes at least four bytes.
    while next < end {
        let code = p.u16(next).or(Err(Stop::Short))?;
        put_name!(t, OPTIONS, code, "Opt{code}");
        let length = p.u16(next + 2).or(Err(Stop::Short))?;
        let data = p.slice(next + 4, length.into()).or(Err(Stop::Short))?;
        if !data.is_empty() {
            put!(t, " ");
            value(t, code, data, p.from(next + 4))?;
        }
        next += 4 + data.len();
        if next < end {
            put!(t, ",");
        }
    }
    put!(t, "]");
    Ok(())
}

/// Prints what an option holds. `message` goes on behind the data.
fn value(t: &mut Text<'_>, code: u16, data: &[u8], message: Bytes<'_>) -> Result<(), Stop> {
    let p = Bytes::new(data);
    let names = |t: &mut Text<'_>, names: &[(u8, &'static str)]| {
        for (index, &number) in data.iter().enumerate() {
            if index > 0 {
                put!(t, " ");
            }
            put_name!(t, names, number, "Alg_{number}");
        }
    };
    match code {
        5 => names(t, SIGNATURES),
        6 => names(t, DIGESTS),
        7 => names(t, &[(1, "SHA-1")]),
        8 => t.part(|t| client_subnet(t, p))?,
        9 if data.len() == 4 => put!(t, "{} sec", p.u32(0)?),
        10 if data.len() == 8 || (16..=40).contains(&data.len()) => {
            t.hex(p.limit(8).all());
            if data.len() > 8 {
                put!(t, " ");
                t.hex(p.from(8).all());
            }
        }
        11 if data.len() == 2 => put!(t, "{:.1} sec", f64::from(p.u16(0)?) / 10.0),
        12 => put!(t, "({})", data.len()),
        13 => {
            // A name that is none has said so, and the option ends there.
            match domain_name::name_from(t, message, 0, data.len()) {
                Ok(_) | Err(Stop::Short) => {}
                Err(stop) => return Err(stop),
            }
        }
        14 if data.len().is_multiple_of(2) => {
            for at in (0..data.len()).step_by(2) {
                put!(t, "{}{}", if at > 0 { " " } else { "" }, p.u16(at)?);
            }
        }
        9 | 10 | 11 | 14 => t.invalid(),
        _ => t.hex(data),
    }
    Ok(())
}

/// The subnet that a query is for (RFC 7871).
fn client_subnet(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    if p.len() < 4 {
        return Err(Stop::Invalid);
    }
    let (family, source, scope) = (p.u16(0)?, p.u8(2)?, p.u8(3)?);
    let address = p.from(4).all();
    let bits = match family {
        1 => 32,
        2 => 128,
        _ => 0,
    };
    let fits = bits > 0
        && source <= bits
        && scope <= bits
        && usize::from(source).div_ceil(8) == address.len();
    if !fits {
        return Err(Stop::Invalid);
    }
    let padded: [u8; 16] = p.filled(4, address.len())?;
    let [a, b, c, d, ..] = padded;
    match family {
        1 => put!(t, "{}/{source}/{scope}", Ipv4Addr::new(a, b, c, d)),
        _ => put!(t, "{}/{source}/{scope}", V6(padded.into())),
    }
    Ok(())
}

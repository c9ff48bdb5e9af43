//! VRRP, versions 2 and 3 (RFC 3768, RFC 5798).

use crate::{
    bytes::{Bytes, Stop},
    checksum,
    network::outer::Outer,
    text::{Text, name_of, put},
};

const PROTOCOL: u8 = 112;
const ADVERTISEMENT: u8 = 1;
const HEADER: usize = 8;
const SIMPLE: u8 = 1;
const AUTHENTICATION: &[(u8, &str)] = &[(0, "none"), (SIMPLE, "simple"), (2, "ah")];

pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
) -> Result<(), Stop> {
    t.protocol = "vrrp";
    put!(t, "VRRP");
    let first = p.u8(0)?;
    let (version, kind) = (first >> 4, first & 0xf);
    put!(t, "v{version}, ");
    match kind {
        ADVERTISEMENT => put!(t, "Advertisement"),
        _ => put!(t, "unknown type ({kind})"),
    }
    let hops = outer.hops()?;
    if hops != 255 {
        put!(t, ", (ttl {hops})");
    }
    if !matches!(version, 2 | 3) || kind != ADVERTISEMENT {
        return Ok(());
    }
    put!(t, ", vrid {}, prio {}", p.u8(1)?, p.u8(2)?);
    let mut authentication = 0;
    if version == 2 {
        authentication = p.u8(4)?;
        let name = name_of(AUTHENTICATION, authentication)
            .map_or_else(|| format!("#{authentication}"), Into::into);
        put!(t, ", authtype {name}");
        put!(t, ", intvl {}s, length {length}", p.u8(5)?);
    } else {
        put!(t, ", intvl {}cs, length {length}", p.u16(4)? & 0xfff);
    }
    if t.style.verbose > 0 { details(t, p, length, outer, version, authentication) } else { Ok(()) }
}

fn details(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
    version: u8,
    authentication: u8,
) -> Result<(), Stop> {
    let count = p.u8(3)?;
    if let Ok(bytes) = p.slice(0, length) {
        let residue = match version {
            2 => checksum::residue(&[bytes]),
            _ => outer.checksum(PROTOCOL, bytes)?,
        };
        if residue != 0 {
            put!(t, ", (bad vrrp cksum {:x})", p.u16(6)?);
        }
    }
    put!(t, ", addrs");
    if count > 1 {
        put!(t, "({count})");
    }
    put!(t, ":");
    let mut at = HEADER;
    for index in 0..count {
        let separator = if index == 0 { ' ' } else { ',' };
        match outer {
            Outer::V4(_) => {
                put!(t, "{separator}{}", t.v4(p, at)?);
                at += 4;
            }
            Outer::V6(_) => {
                put!(t, "{separator}{}", t.v6(p, at)?);
                at += 16;
            }
        }
    }
    if version == 2 && authentication == SIMPLE {
        put!(t, " auth \"");
        t.padded(p.from(at), 8)?;
        put!(t, "\"");
    }
    Ok(())
}

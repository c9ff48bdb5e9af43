//! RIP, versions 1 and 2 (RFC 1058, RFC 2453).

use crate::{
    bytes::{Bytes, Stop},
    dump,
    text::{Text, put, put_name},
};

const HEADER: usize = 4;
const ROUTE: usize = 20;
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const INET: u16 = 2;
const AUTHENTICATION: u16 = 0xffff;

const COMMANDS: &[(u8, &str)] = &[
    (REQUEST, "Request"),
    (RESPONSE, "Response"),
    (3, "Trace on"),
    (4, "Trace off"),
    (5, "Poll"),
    (6, "Poll Entry"),
];

/// Prints version, command and length; with `-v` the routes.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "rip";
    let verbose = t.style.verbose;
    let all = p.limit(length);
    all.need(0, HEADER)?;
    let (command, version) = (p.u8(0)?, p.u8(1)?);
    put!(t, "{}RIPv{version}", if verbose > 0 { "\n\t" } else { "" });
    if version == 0 {
        dump::hex(all.all(), "\n\t", 0, t.out);
        return Ok(());
    }
    put!(t, ", ");
    put_name!(t, COMMANDS, command, "unknown command ({command})");
    put!(t, ", length: {length}");
    if verbose == 0 {
        return Ok(());
    }
    match (command, version) {
        (REQUEST | RESPONSE, 1) => {
            put!(t, ", routes: {}", length / ROUTE);
            routes(t, all.from(HEADER), 1)?;
        }
        (REQUEST | RESPONSE, 2) => {
            put!(t, ", routes: {} or less", length / ROUTE);
            routes(t, all.from(HEADER), 2)?;
        }
        (REQUEST | RESPONSE, _) => put!(t, ", unknown version"),
        (4..=6, _) => {}
        _ if verbose == 1 => dump::hex(all.all(), "\n\t", 0, t.out),
        _ => {}
    }
    if verbose > 1 {
        dump::hex(all.all(), "\n\t", 0, t.out);
    }
    Ok(())
}

/// Prints what is whole of the routes.
fn routes(t: &mut Text<'_>, mut p: Bytes<'_>, version: u8) -> Result<(), Stop> {
    // Each route takes at least one byte.
    while !p.is_empty() {
        let used = match version {
            1 => route_1(t, p),
            _ => route_2(t, p),
        };
        match used {
            Ok(used) if used <= p.len() => p = p.from(used),
            Ok(used) => {
                put!(t, " [remaining entries length {} < {used}]", p.len());
                t.invalid();
                break;
            }
            Err(Stop::Cut) => return Err(Stop::Cut),
            Err(_) => {
                t.truncated();
                break;
            }
        }
    }
    Ok(())
}

fn route_1(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    p.need(0, ROUTE)?;
    let family = p.u16(0)?;
    if !matches!(family, 0 | INET) {
        put!(t, "\n\t AFI {}, ", family_name(family));
        dump::hex(p.slice(4, ROUTE - 4)?, "\n\t  ", 0, t.out);
    } else if p.u16(2)? != 0 || p.u32(8)? != 0 || p.u32(12)? != 0 {
        dump::hex(p.slice(0, ROUTE)?, "\n\t  ", 0, t.out);
    } else {
        put!(t, "\n\t  {}", if family == 0 { "AFI 0, " } else { "" });
        put!(t, "{}, metric: {}", t.v4(p, 4)?, p.u32(16)?);
    }
    Ok(ROUTE)
}

/// An address family, by the numbers of BSD.
fn family_name(family: u16) -> String {
    match family {
        6 => "NS".into(),
        7 => "ISO".into(),
        16 => "Appletalk".into(),
        23 => "IPX".into(),
        24 | 28 | 30 => "IPv6".into(),
        _ => format!("Unknown ({family})"),
    }
}

fn route_2(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    p.need(0, 4)?;
    let (family, tag) = (p.u16(0)?, p.u16(2)?);
    if family == AUTHENTICATION {
        match tag {
            2 => {
                put!(t, "\n\t  Simple Text Authentication data: ");
                t.padded(p.from(4), 16)?;
            }
            3 => {
                p.need(4, 16)?;
                put!(t, "\n\t  Auth header: Packet Len {}, Key-ID {},", p.u16(4)?, p.u8(6)?);
                put!(t, " Auth Data Len {}, SeqNo {},", p.u8(7)?, p.u32(8)?);
                put!(t, " MBZ {}, MBZ {}", p.u32(12)?, p.u32(16)?);
            }
            _ => {
                match tag {
                    1 => put!(t, "\n\t  Auth trailer:"),
                    _ => put!(t, "\n\t  Unknown ({tag}) Authentication data:"),
                }
                dump::hex(p.from(4).all(), "\n\t  ", 0, t.out);
                return Ok(p.len());
            }
        }
    } else if !matches!(family, 0 | INET) {
        put!(t, "\n\t  AFI {}", family_name(family));
        dump::hex(p.from(4).limit(ROUTE - 4).all(), "\n\t  ", 0, t.out);
    } else {
        p.need(0, ROUTE)?;
        let name = if family == INET { "IPv4" } else { "0" };
        let host = t.v4(p, 4)?.to_string();
        let mask = p.u32(8)?;
        // A mask with holes has no width.
        let width = match mask.leading_ones() {
            ones if mask.count_ones() == ones => ones.cast_signed(),
            _ => -1,
        };
        put!(t, "\n\t  AFI {name}, {host:>15}/{width:<2}, tag 0x{tag:04x}");
        put!(t, ", metric: {}, next-hop: ", p.u32(16)?);
        match p.u32(12)? {
            0 => put!(t, "self"),
            _ => put!(t, "{}", t.v4(p, 12)?),
        }
    }
    Ok(ROUTE)
}

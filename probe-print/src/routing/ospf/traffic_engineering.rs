//! What OSPF says of links for traffic engineering (RFC 3630, RFC 4203, RFC 4124).

use crate::{
    bytes::{Bytes, Stop},
    routing::traffic::{BANDWIDTH_MODELS, ENCODINGS, PROTECTIONS, SWITCHINGS, megabits},
    text::{Text, bits, name_of, put},
};

const FIELDS: &[(u16, &str)] = &[(ROUTER, "Router Address"), (LINK, "Link")];
const ROUTER: u16 = 1;
const LINK: u16 = 2;

const OF_LINK: &[(u16, &str)] = &[
    (1, "Link Type"),
    (2, "Link ID"),
    (3, "Local Interface IP address"),
    (4, "Remote Interface IP address"),
    (5, "Traffic Engineering Metric"),
    (6, "Maximum Bandwidth"),
    (7, "Maximum Reservable Bandwidth"),
    (8, "Unreserved Bandwidth"),
    (9, "Administrative Group"),
    (11, "Link Local/Remote Identifier"),
    (14, "Link Protection Type"),
    (15, "Interface Switching Capability"),
    (SHARED_RISKS, "Shared Risk Link Group"),
    (17, "Bandwidth Constraints"),
];
const SHARED_RISKS: u16 = 16;

const TYPES: &[(u8, &str)] = &[(1, "Point-to-point"), (2, "Multi-Access")];

/// Both kinds of fields begin with a type and a length.
const HEAD: usize = 4;

/// Prints the fields of an advertisement of so many bytes; where one makes no sense, the line says
/// so and it ends as too [short](Stop::Short).
pub(super) fn print(t: &mut Text<'_>, mut p: Bytes<'_>, mut left: usize) -> Result<(), Stop> {
    while left > 0 {
        p.need(0, HEAD)?;
        if left < HEAD {
            put!(t, "\n\t    Remaining LS length {left} < {HEAD}");
            return Err(Stop::Short);
        }
        let (kind, length) = (p.u16(0)?, usize::from(p.u16(2)?));
        p = p.from(HEAD);
        left -= HEAD;
        let name = name_of(FIELDS, kind).unwrap_or("unknown");
        put!(t, "\n\t    {name} TLV ({kind}), length: {length}");
        if length > left {
            put!(t, "\n\t    Bogus length {length} > {left}");
            return Err(Stop::Short);
        }
        match kind {
            _ if kind == 0 || length == 0 => return Err(Stop::Short),
            LINK => {
                // tcpdump does not take a link's length off what is left, so that fields follow
                // it up to the end of the bytes.
                p = link(t, p, length)?;
                continue;
            }
            ROUTER if length < 4 => {
                put!(t, "\n\t    TLV length {length} < 4");
                return Err(Stop::Short);
            }
            ROUTER => put!(t, ", {}", t.v4(p, 0)?),
            _ if t.style.verbose <= 1 => t.unknown(p, length, "\n\t      "),
            _ => {}
        }
        let padded = length.next_multiple_of(4);
        if padded > left {
            put!(t, "\n\t    Bogus padded length {padded} > {left}");
            return Err(Stop::Short);
        }
        p = p.from(padded);
        left -= padded;
    }
    Ok(())
}

/// Prints what is said of a link in so many bytes; gives the bytes behind it.
fn link<'a>(t: &mut Text<'_>, mut p: Bytes<'a>, mut left: usize) -> Result<Bytes<'a>, Stop> {
    while left > 0 {
        if left < HEAD {
            put!(t, "\n\t    Remaining TLV length {left} < {HEAD}");
            return Err(Stop::Short);
        }
        let (kind, length) = (p.u16(0)?, usize::from(p.u16(2)?));
        p = p.from(HEAD);
        if kind == 0 || length == 0 {
            t.invalid();
            return Err(Stop::Short);
        }
        let name = name_of(OF_LINK, kind).unwrap_or("unknown");
        put!(t, "\n\t      {name} subTLV ({kind}), length: {length}");
        let padded = length.next_multiple_of(4);
        let fits = |t: &mut Text<'_>, length: usize| {
            if left < HEAD + length {
                put!(t, "\n\t    Remaining TLV length {left} < {}", HEAD + length);
                return Err(Stop::Short);
            }
            Ok(())
        };
        fits(t, length)?;
        p.need(0, length)?;
        match of_link(t, kind, p, length) {
            Err(Stop::Invalid) => {
                t.invalid();
                return Err(Stop::Short);
            }
            printed => printed?,
        }
        fits(t, padded)?;
        left -= HEAD + padded;
        // As in tcpdump, which skips shared risks twice.
        p = p.from(if kind == SHARED_RISKS { length + padded } else { padded });
    }
    Ok(p)
}

fn of_link(t: &mut Text<'_>, kind: u16, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let (fits, right) = match kind {
        1 => (length == 1, "!= 1"),
        2 | 11 => (length == 4 || length == 8, "!= 4 && != 8"),
        3..=7 | 9 | 14 => (length == 4, "!= 4"),
        8 => (length == 32, "!= 32"),
        15 => (length >= 36, "< 36"),
        SHARED_RISKS => (length.is_multiple_of(4), "!= N x 4"),
        17 => (length >= 4, "< 4"),
        _ => (true, ""),
    };
    if !fits {
        put!(t, " {right}");
        return Err(Stop::Invalid);
    }
    match kind {
        1 => {
            let kind = p.u8(0)?;
            put!(t, ", {} ({kind})", name_of(TYPES, kind).unwrap_or("unknown"));
        }
        2 | 11 => {
            for at in (0..length).step_by(4) {
                put!(t, ", {} (0x{:08x})", t.v4(p, at)?, p.u32(at)?);
            }
        }
        3 | 4 => put!(t, ", {}", t.v4(p, 0)?),
        5 => put!(t, ", Metric {}", p.u32(0)?),
        6 | 7 => put!(t, ", {}", megabits(p, 0)?),
        8 => {
            for class in 0..8 {
                put!(t, "\n\t\tTE-Class {class}: {}", megabits(p, 4 * class)?);
            }
        }
        9 => put!(t, ", 0x{:08x}", p.u32(0)?),
        14 => put!(t, ", {}", bits(PROTECTIONS, p.u8(0)?.into(), ", ", "none")),
        15 => {
            let (switching, encoding) = (p.u8(0)?, p.u8(1)?);
            let name = name_of(SWITCHINGS, switching).unwrap_or("Unknown");
            put!(t, "\n\t\tInterface Switching Capability: {name}");
            let name = name_of(ENCODINGS, encoding).unwrap_or("Unknown");
            put!(t, "\n\t\tLSP Encoding: {name}\n\t\tMax LSP Bandwidth:");
            for level in 0..8 {
                put!(t, "\n\t\t  priority level {level}: {}", megabits(p, 4 + 4 * level)?);
            }
        }
        SHARED_RISKS => {
            put!(t, "\n\t\t  Shared risk group: ");
            for at in (0..length).step_by(4) {
                put!(t, "{}{}", if at == 0 { "" } else { ", " }, p.u32(at)?);
            }
        }
        17 => {
            let model = p.u8(0)?;
            let name = name_of(BANDWIDTH_MODELS, model).unwrap_or("unknown");
            put!(t, "\n\t\tBandwidth Constraints Model ID: {name} ({model})");
            let wrong = match length {
                _ if !length.is_multiple_of(4) => "!= N x 4",
                37.. => "> 36",
                _ => "",
            };
            if !wrong.is_empty() {
                put!(t, "\n\t\tlength {length} {wrong}");
                return Err(Stop::Invalid);
            }
            for class in 0..length / 4 - 1 {
                let rate = megabits(p, 4 + 4 * class)?;
                put!(t, "\n\t\t  Bandwidth constraint CT{class}: {rate}");
            }
        }
        _ if t.style.verbose <= 1 => t.unknown(p, length, "\n\t\t"),
        _ => {}
    }
    Ok(())
}

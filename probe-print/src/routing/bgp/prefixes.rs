//! Prefixes as BGP writes them: of IPv4 and IPv6, with and without labels and path
//! identifiers (RFC 7911), which only the look of them tells from those without.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    address::V6,
    bytes::{Bytes, Fields, Stop},
    text::{Text, put},
};

/// Whether each prefix is behind a path identifier.
fn with_paths(p: Bytes<'_>, length: usize, most: u8) -> bool {
    if length < 5 {
        return false;
    }
    let mut at = 0;
    while at < length {
        at += 4;
        match p.u8(at) {
            Ok(bits) if bits > most => return false,
            Ok(bits) => at += 1 + usize::from(bits).div_ceil(8),
            Err(_) => break,
        }
    }
    if at > length {
        return false;
    }
    at = 0;
    while at < length {
        match p.u8(at) {
            // A default route is not the only one here: five bytes are more than it takes.
            Ok(bits) if bits < 1 || bits > most => return true,
            Ok(bits) => at += 1 + usize::from(bits).div_ceil(8),
            Err(_) => break,
        }
    }
    at > length
}

/// What a prefix is of.
#[derive(Clone, Copy)]
struct Kind {
    six: bool,
    labeled: bool,
}

/// Prints a prefix behind `lead`, for which there are so many bytes, and says how many it takes:
/// [`Stop::Invalid`] if its length cannot be, [`Stop::Here`] if a labeled one does not fit.
fn one(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    room: usize,
    lead: &str,
    Kind { six, labeled }: Kind,
) -> Result<usize, Stop> {
    const LABEL: u8 = 24;
    let at = if labeled { 4 } else { 1 };
    if labeled {
        p.need(0, at)?;
    }
    let left = match room.checked_sub(at) {
        Some(left) => left,
        None if labeled => return Err(Stop::Here),
        None => return Err(Stop::Short),
    };
    let mut width = p.u8(0)?;
    if labeled {
        width = width.checked_sub(LABEL).ok_or(Stop::Invalid)?;
    }
    if width > if six { 128 } else { 32 } {
        return Err(Stop::Invalid);
    }
    let size = usize::from(width).div_ceil(8);
    match (six, labeled) {
        (_, false) if size > left => return Err(Stop::Short),
        (false, true) if size > left => return Err(Stop::Here),
        _ => {}
    }
    if six {
        let address = p.prefix::<16>(at, width)?;
        put!(t, "{lead}{}/{width}", V6(Ipv6Addr::from(address)));
    } else {
        let address = p.prefix::<4>(at, width)?;
        put!(t, "{lead}{}/{width}", Ipv4Addr::from(address));
    }
    if labeled {
        let label = p.u24(1)?;
        let bottom = if label & 1 == 1 { "(bottom)" } else { "(BOGUS: Bottom of Stack NOT set!)" };
        put!(t, ", label:{} {bottom}", label >> 4);
    }
    Ok(at + size)
}

/// Prints a prefix behind `lead`, in the form that LDP has from BGP; [`Stop::Invalid`] if its
/// length cannot be.
pub(crate) fn prefix(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    room: usize,
    lead: &str,
    six: bool,
) -> Result<(), Stop> {
    match one(t, p, room, lead, Kind { six, labeled: false }) {
        Err(Stop::Short) => Err(Stop::Cut),
        printed => printed.map(|_| ()),
    }
}

/// Prints prefixes of IPv4 in the places that BGP has had for them from the beginning. Too few
/// bytes for a path identifier end those that are withdrawn without a word.
pub(super) fn old(t: &mut Text<'_>, fields: &mut Fields<'_>, withdrawn: bool) -> Result<(), Stop> {
    let paths = with_paths(fields.rest(), fields.left(), 32);
    let kind = Kind { six: false, labeled: false };
    while fields.left() > 0 {
        let mut path = 0;
        if paths {
            if withdrawn && fields.left() < 4 {
                fields.skip(fields.left());
                break;
            }
            fields.claimed(4)?;
            path = fields.u32()?;
        }
        match one(t, fields.rest(), fields.left(), "\n\t    ", kind) {
            Ok(size) => fields.skip(size),
            Err(Stop::Invalid) => {
                put!(t, "\n\t    (illegal prefix length)");
                break;
            }
            Err(stop) => return Err(stop),
        }
        if paths {
            put!(t, "   Path Id: {path}");
        }
    }
    Ok(())
}

/// Prints prefixes of a family, in an attribute of so many bytes.
pub(super) fn of_family(
    t: &mut Text<'_>,
    mut fields: Fields<'_>,
    whole: usize,
    six: bool,
    labeled: bool,
) -> Result<(), Stop> {
    let most = if six { 128 } else { 32 };
    let paths = !labeled && with_paths(fields.rest(), fields.left(), most);
    while fields.left() > 0 {
        let mut path = 0;
        let mut p = fields.rest();
        if paths {
            path = p.u32(0)?;
            p = p.from(4);
        }
        // As in tcpdump, each may be as long as the attribute, and what is illegal is three bytes
        // long behind a path.
        match one(t, p, whole, "\n\t      ", Kind { six, labeled }) {
            Ok(size) => fields.skip(size + if paths { 4 } else { 0 }),
            Err(Stop::Invalid) => {
                put!(t, "\n\t    (illegal prefix length)");
                if !paths {
                    break;
                }
                fields.skip(3);
            }
            Err(Stop::Here) => break,
            Err(stop) => return Err(stop),
        }
        if paths {
            put!(t, "   Path Id: {path}");
        }
    }
    Ok(())
}

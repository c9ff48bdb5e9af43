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

/// Prints a prefix behind `lead`, and says how many bytes it takes: [`Stop::Invalid`] if its
/// length cannot be.
fn one(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    lead: &str,
    six: bool,
    labeled: bool,
) -> Result<usize, Stop> {
    const LABEL: u8 = 24;
    let bits = p.u8(0).or(Err(Stop::Short))?;
    let mut at = 1;
    let mut width = bits;
    if labeled {
        width = bits.checked_sub(LABEL).ok_or(Stop::Invalid)?;
        at += 3;
    }
    if width > if six { 128 } else { 32 } {
        return Err(Stop::Invalid);
    }
    if six {
        let address = p.prefix::<16>(at, width).or(Err(Stop::Short))?;
        put!(t, "{lead}{}/{width}", V6(Ipv6Addr::from(address)));
    } else {
        let address = p.prefix::<4>(at, width).or(Err(Stop::Short))?;
        put!(t, "{lead}{}/{width}", Ipv4Addr::from(address));
    }
    if labeled {
        let label = p.u24(1)?;
        let bottom = if label & 1 == 1 { "(bottom)" } else { "(BOGUS: Bottom of Stack NOT set!)" };
        put!(t, ", label:{} {bottom}", label >> 4);
    }
    Ok(at + usize::from(width).div_ceil(8))
}

/// Prints a prefix behind `lead`, in the form that LDP has from BGP; [`Stop::Invalid`] if its
/// length cannot be.
pub(crate) fn prefix(t: &mut Text<'_>, p: Bytes<'_>, lead: &str, six: bool) -> Result<(), Stop> {
    match one(t, p, lead, six, false) {
        Err(Stop::Short) => Err(Stop::Cut),
        printed => printed.map(|_| ()),
    }
}

/// Prints prefixes of IPv4 in the places that BGP has had for them from the beginning.
pub(super) fn old(t: &mut Text<'_>, fields: &mut Fields<'_>) -> Result<(), Stop> {
    let paths = with_paths(fields.rest(), fields.left(), 32);
    while fields.left() > 0 {
        let mut path = 0;
        if paths {
            fields.claimed(4)?;
            path = fields.u32()?;
        }
        let p = fields.rest().limit(fields.left());
        match one(t, p, "\n\t    ", false, false) {
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

/// Prints prefixes of a family.
pub(super) fn of_family(
    t: &mut Text<'_>,
    mut fields: Fields<'_>,
    six: bool,
    labeled: bool,
) -> Result<(), Stop> {
    let most = if six { 128 } else { 32 };
    let paths = !labeled && with_paths(fields.rest(), fields.left(), most);
    while fields.left() > 0 {
        let mut path = 0;
        if paths {
            path = fields.u32()?;
        }
        let p = fields.rest().limit(fields.left());
        match one(t, p, "\n\t      ", six, labeled) {
            Ok(size) => fields.skip(size),
            Err(Stop::Invalid) => {
                put!(t, "\n\t    (illegal prefix length)");
                if paths {
                    put!(t, "   Path Id: {path}");
                }
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

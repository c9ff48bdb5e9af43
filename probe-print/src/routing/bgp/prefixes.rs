//! Prefixes as BGP writes them: of IPv4 and IPv6, with and without labels and path
//! identifiers (RFC 7911), which only the look of them tells from those without.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    address::V6,
    bytes::{Bytes, Cut, Fields},
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
            Err(Cut) => break,
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
            Err(Cut) => break,
        }
    }
    at > length
}

/// How reading a prefix ended.
enum Prefix {
    Of(usize),
    Illegal,
    Cut,
}

/// Prints the prefix that begins `fields`, behind `lead`.
fn one(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    lead: &str,
    six: bool,
    labeled: bool,
) -> Result<Prefix, Cut> {
    const LABEL: u8 = 24;
    let Ok(bits) = p.u8(0) else { return Ok(Prefix::Cut) };
    let mut at = 1;
    let mut width = bits;
    if labeled {
        let Some(rest) = bits.checked_sub(LABEL) else { return Ok(Prefix::Illegal) };
        width = rest;
        at += 3;
    }
    if width > if six { 128 } else { 32 } {
        return Ok(Prefix::Illegal);
    }
    if six {
        let Ok(address) = p.prefix::<16>(at, width) else { return Ok(Prefix::Cut) };
        put!(t, "{lead}{}/{width}", V6(Ipv6Addr::from(address)));
    } else {
        let Ok(address) = p.prefix::<4>(at, width) else { return Ok(Prefix::Cut) };
        put!(t, "{lead}{}/{width}", Ipv4Addr::from(address));
    }
    if labeled {
        let label = p.u24(1)?;
        let bottom = if label & 1 == 1 { "(bottom)" } else { "(BOGUS: Bottom of Stack NOT set!)" };
        put!(t, ", label:{} {bottom}", label >> 4);
    }
    Ok(Prefix::Of(at + usize::from(width).div_ceil(8)))
}

/// Prints a prefix behind `lead`, in the form that LDP has from BGP; `false` if its length
/// cannot be.
pub(crate) fn prefix(t: &mut Text<'_>, p: Bytes<'_>, lead: &str, six: bool) -> Result<bool, Cut> {
    match one(t, p, lead, six, false)? {
        Prefix::Of(_) => Ok(true),
        Prefix::Illegal => Ok(false),
        Prefix::Cut => Err(Cut),
    }
}

/// Prints prefixes of IPv4 in the places that BGP has had for them from the beginning;
/// `false` where they end too early.
pub(super) fn old(t: &mut Text<'_>, fields: &mut Fields<'_>) -> Result<bool, Cut> {
    let paths = with_paths(fields.rest(), fields.left(), 32);
    while fields.left() > 0 {
        let mut path = 0;
        if paths {
            if fields.left() < 4 {
                return Ok(false);
            }
            path = fields.u32()?;
        }
        let p = fields.rest().limit(fields.left());
        match one(t, p, "\n\t    ", false, false)? {
            Prefix::Of(size) => fields.skip(size),
            Prefix::Illegal => {
                put!(t, "\n\t    (illegal prefix length)");
                break;
            }
            Prefix::Cut => return Ok(false),
        }
        if paths {
            put!(t, "   Path Id: {path}");
        }
    }
    Ok(true)
}

/// Prints prefixes of a family; `false` where they end too early.
pub(super) fn of_family(
    t: &mut Text<'_>,
    mut fields: Fields<'_>,
    six: bool,
    labeled: bool,
) -> Result<bool, Cut> {
    let most = if six { 128 } else { 32 };
    let paths = !labeled && with_paths(fields.rest(), fields.left(), most);
    while fields.left() > 0 {
        let mut path = 0;
        if paths {
            path = fields.u32()?;
        }
        let p = fields.rest().limit(fields.left());
        match one(t, p, "\n\t      ", six, labeled)? {
            Prefix::Of(size) => fields.skip(size),
            Prefix::Illegal => {
                put!(t, "\n\t    (illegal prefix length)");
                if paths {
                    put!(t, "   Path Id: {path}");
                }
                break;
            }
            Prefix::Cut => return Ok(false),
        }
        if paths {
            put!(t, "   Path Id: {path}");
        }
    }
    Ok(true)
}

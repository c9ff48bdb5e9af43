//! OSPF version 3 (RFC 5340), as `-v` shows it.

use std::net::Ipv6Addr;

use crate::{
    address::V6,
    bytes::{Bytes, Fields, Stop},
    routing::ospf::{
        self, ACKNOWLEDGEMENT, DESCRIPTION, HELLO, REQUEST, UPDATE, traffic_engineering,
    },
    text::{Text, bits, name_of, put},
};

const HEADER: usize = 16;
const ADVERTISEMENT: usize = 20;
const LLS_HEADER: usize = 4;
const TRAILER: usize = 16;

const OPTIONS: &[(u32, &str)] = &[
    (0x0001, "V6"),
    (0x0002, "External"),
    (0x0004, "Deprecated"),
    (0x0008, "NSSA"),
    (0x0010, "Router"),
    (0x0020, "Demand Circuit"),
    (0x0100, "AFs Support"),
    (LINK_LOCAL, "LLS"),
    (0x0400, "Authentication Trailer"),
];
const LINK_LOCAL: u32 = 0x0200;

const ROUTER_FLAGS: &[(u32, &str)] = &[
    (0x01, "ABR"),
    (0x02, "External"),
    (0x04, "Virtual-Link Endpoint"),
    (0x08, "Deprecated"),
    (0x10, "NSSA Translator"),
];

const EXTERNAL_FLAGS: &[(u32, &str)] =
    &[(0x8000_0000, "External Type 2"), (FORWARDING, "Forwarding"), (TAGGED, "Tag")];
const FORWARDING: u32 = 0x0200_0000;
const TAGGED: u32 = 0x0100_0000;
const METRIC: u32 = 0x00ff_ffff;

const KINDS: &[(u16, &str)] = &[
    (1, "Router"),
    (2, "Network"),
    (3, "Inter-Area Prefix"),
    (4, "Inter-Area Router"),
    (5, "External"),
    (6, "Deprecated"),
    (7, "NSSA"),
    (8, "Link"),
    (9, "Intra-Area Prefix"),
    (10, "Intra-Area TE"),
    (11, "Grace"),
    (12, "Router Information"),
    (13, "Inter-AS-TE"),
    (14, "Layer 1 VPN"),
];

const SCOPES: &[(u16, &str)] =
    &[(0, "Link Local"), (0x2000, "Area Local"), (0x4000, "Domain Wide")];

const DESCRIPTION_FLAGS: &[(u32, &str)] =
    &[(0x04, "Init"), (0x02, "More"), (0x01, "Master"), (0x10, "IPv6 MTU")];

const PREFIX_OPTIONS: &[(u32, &str)] = &[
    (0x01, "No Unicast"),
    (0x02, "Local address"),
    (0x04, "Deprecated"),
    (0x08, "Propagate"),
    (0x10, "Down"),
    (0x20, "N-bit"),
];

/// Prints what follows the first line of a packet of a known kind.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let stated = usize::from(p.u16(2)?);
    if stated > length {
        put!(t, " [len {stated}]");
        return Ok(());
    }
    ospf::sender(t, p)?;
    let instance = p.u8(14)?;
    if instance != 0 {
        put!(t, ", Instance {instance}");
    }
    if p.u8(0)? != 3 {
        return Ok(());
    }
    let kind = p.u8(1)?;
    let body = Fields::new(p.from(HEADER), stated.saturating_sub(HEADER));
    message(t, kind, body)?;
    trailers(t, p, kind, stated, length - stated)
}

fn message(t: &mut Text<'_>, kind: u8, mut body: Fields<'_>) -> Result<(), Stop> {
    let p = body.rest();
    let much = t.style.verbose > 1;
    match kind {
        HELLO => {
            put!(t, "\n\tOptions [{}]", bits(OPTIONS, p.u32(4)? & METRIC, ", ", "none"));
            put!(t, "\n\t  Hello Timer {}s, Dead Timer {}s", p.u16(8)?, p.u16(10)?);
            put!(t, ", Interface-ID {}, Priority {}", t.v4(p, 0)?, p.u8(4)?);
            ospf::designated(t, p)?;
            if much {
                put!(t, "\n\t  Neighbor List:");
                body.skip(20);
                ospf::routers(t, body, "\n\t    ")?;
            }
        }
        DESCRIPTION => {
            put!(t, "\n\tOptions [{}]", bits(OPTIONS, p.u32(0)?, ", ", "none"));
            put!(t, ", DD Flags [{}]", bits(DESCRIPTION_FLAGS, p.u8(7)?.into(), ", ", "none"));
            put!(t, ", MTU {}, DD-Sequence 0x{:08x}", p.u16(4)?, p.u32(8)?);
            body.skip(12);
            return if much { headers(t, body) } else { Ok(()) };
        }
        ACKNOWLEDGEMENT if much => return headers(t, body),
        REQUEST if much => {
            while body.left() > 0 {
                let p = body.rest();
                p.need(0, 12)?;
                put!(t, "\n\t  Advertising Router {}", t.v4(p, 8)?);
                link_state_kind(t, p.u16(2)?, p.from(4))?;
                body.skip(12);
            }
        }
        UPDATE if much => {
            let count = body.u32()?;
            for _ in 0..count {
                if body.left() == 0 {
                    break;
                }
                advertisement(t, body)?;
                // At least a header: the advertisement has looked at it.
                body.skip(usize::from(body.rest().u16(18)?));
            }
        }
        _ => {}
    }
    Ok(())
}

fn headers(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    while body.left() > 0 {
        header(t, body)?;
        body.skip(ADVERTISEMENT);
    }
    Ok(())
}

/// The header of a link state advertisement.
fn header(t: &mut Text<'_>, body: Fields<'_>) -> Result<(), Stop> {
    body.claimed(ADVERTISEMENT)?;
    let p = body.rest();
    let (router, sequence, age) = (t.v4(p, 8)?, p.u32(12)?, p.u16(0)?);
    // The length wraps in tcpdump, too.
    let length = u64::from(p.u16(18)?).wrapping_sub(ADVERTISEMENT as u64);
    put!(t, "\n\t  Advertising Router {router}, seq 0x{sequence:08x}, age {age}s");
    put!(t, ", length {length}");
    link_state_kind(t, p.u16(2)?, p.from(4))
}

fn link_state_kind(t: &mut Text<'_>, kind: u16, id: Bytes<'_>) -> Result<(), Stop> {
    let number = kind & 0x1fff;
    let name = name_of(KINDS, number).unwrap_or("Unknown");
    let scope = name_of(SCOPES, kind & 0x6000).unwrap_or("Unknown");
    let transitive = if kind & 0x8000 == 0 { "" } else { ", transitive" };
    put!(t, "\n\t    {name} LSA ({number}), {scope} Scope{transitive}, LSA-ID {}", t.v4(id, 0)?);
    Ok(())
}

/// Prints a link state advertisement.
fn advertisement(t: &mut Text<'_>, mut body: Fields<'_>) -> Result<(), Stop> {
    header(t, body)?;
    let (kind, length) = (body.rest().u16(2)?, usize::from(body.rest().u16(18)?));
    if length < ADVERTISEMENT || length > body.left() {
        return Err(Stop::Short);
    }
    let mut part = body.part(length);
    part.skip(ADVERTISEMENT);
    // Options and metrics take four bytes, of which the first is something else.
    let p = part.rest();
    let least = match kind {
        0x2001 | 0x2002 | 0x2003 | 0x4005 | 0x0008 => 4,
        0x2009 => 4,
        _ => 0,
    };
    part.claimed(least)?;
    match kind {
        0x2001 => {
            put!(t, "\n\t      Options [{}]", bits(OPTIONS, p.u32(0)? & METRIC, ", ", "none"));
            put!(t, ", RLA-Flags [{}]", bits(ROUTER_FLAGS, p.u8(0)?.into(), ", ", "none"));
            part.skip(4);
            return links(t, part);
        }
        0x2002 => {
            put!(t, "\n\t      Options [{}]", bits(OPTIONS, p.u32(0)? & METRIC, ", ", "none"));
            put!(t, "\n\t      Connected Routers:");
            part.skip(4);
            while part.left() > 0 {
                part.claimed(4)?;
                put!(t, "\n\t\t{}", t.v4(part.rest(), 0)?);
                part.skip(4);
            }
        }
        0x2003 => {
            put!(t, ", metric {}", p.u32(0)? & METRIC);
            part.skip(4);
            while part.left() > 0 {
                prefix(t, &mut part)?;
            }
        }
        0x4005 => {
            part.skip(4);
            return external(t, p.u32(0)?, part);
        }
        0x0008 => {
            p.need(0, 4)?;
            put!(t, "\n\t      Options [{}]", bits(OPTIONS, p.u32(0)? & METRIC, ", ", "none"));
            part.claimed(24)?;
            let count = p.u32(20)?;
            put!(t, "\n\t      Priority {}, Link-local address {}", p.u8(0)?, t.v6(p, 4)?);
            put!(t, ", Prefixes {count}:");
            part.skip(24);
            return prefixes(t, part, count);
        }
        0x2009 => {
            p.need(8, 4)?;
            link_state_kind(t, p.u16(2)?, p.from(4))?;
            // As in tcpdump, of the twelve bytes in front of the prefixes only these count.
            const COUNTED: usize = 6;
            part.claimed(COUNTED)?;
            let count = p.u16(0)?;
            put!(t, "\n\t      Prefixes {count}:");
            let part = Fields::new(p.from(12), part.left() - COUNTED);
            return prefixes(t, part, count.into());
        }
        0x000a => return traffic_engineering::print(t, p, part.left()),
        0x000b => return ospf::grace(t, part),
        _ => t.unknown(p, part.left(), "\n\t      "),
    }
    Ok(())
}

/// The links of a router.
fn links(t: &mut Text<'_>, mut part: Fields<'_>) -> Result<(), Stop> {
    const LINK: usize = 16;
    while part.left() > 0 {
        let p = part.rest();
        part.claimed(LINK)?;
        p.need(0, LINK)?;
        let neighbor = match p.u8(0)? {
            1 => "Neighbor Router-ID",
            2 => "Neighbor Network-ID",
            4 => "Virtual Link: Neighbor Router-ID",
            kind => {
                put!(t, "\n\t      Unknown Router Links Type 0x{kind:02x}");
                return Ok(());
            }
        };
        put!(t, "\n\t      {neighbor} {}", t.v4(p, 12)?);
        put!(t, "\n\t      Neighbor Interface-ID {}, Interface {}", t.v4(p, 8)?, t.v4(p, 4)?);
        put!(t, ", metric {}", p.u16(2)?);
        part.skip(LINK);
    }
    Ok(())
}

/// A route from outside.
fn external(t: &mut Text<'_>, flags: u32, mut part: Fields<'_>) -> Result<(), Stop> {
    put!(t, "\n\t     Flags [{}]", bits(EXTERNAL_FLAGS, flags, ", ", "none"));
    put!(t, " metric {}", flags & METRIC);
    let referenced = part.rest().u8(2);
    prefix(t, &mut part)?;
    if flags & FORWARDING != 0 {
        part.claimed(16)?;
        put!(t, " forward {}", t.v6(part.rest(), 0)?);
        part.skip(16);
    }
    for (given, name) in [(flags & TAGGED != 0, "tag"), (referenced? != 0, "RefLSID:")] {
        if given {
            part.claimed(4)?;
            put!(t, " {name} {}", t.v4(part.rest(), 0)?);
            part.skip(4);
        }
    }
    Ok(())
}

/// Each prefix takes four bytes at least, so the loop ends with the bytes.
fn prefixes(t: &mut Text<'_>, mut part: Fields<'_>, count: u32) -> Result<(), Stop> {
    for _ in 0..count {
        prefix(t, &mut part)?;
    }
    Ok(())
}

fn prefix(t: &mut Text<'_>, part: &mut Fields<'_>) -> Result<(), Stop> {
    const HEAD: usize = 4;
    let p = part.rest();
    part.claimed(HEAD)?;
    p.need(0, HEAD)?;
    let (bits_set, options, metric) = (p.u8(0)?, p.u8(1)?, p.u16(2)?);
    let size = 4 * usize::from(bits_set).div_ceil(32);
    if size > 16 {
        put!(t, " bogus prefixlen /{bits_set}");
        return Err(Stop::Short);
    }
    part.claimed(HEAD + size)?;
    let address: [u8; 16] = p.filled(HEAD, size)?;
    put!(t, "\n\t\t{}/{bits_set}", V6(Ipv6Addr::from(address)));
    if options != 0 {
        put!(t, ", Options [{}]", bits(PREFIX_OPTIONS, options.into(), ", ", "none"));
    }
    put!(t, ", metric {metric}");
    part.skip(HEAD + size);
    Ok(())
}

/// What may follow the packet: a block of link-local signalling (RFC 5613), then an
/// authentication trailer (RFC 7166).
fn trailers(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    kind: u8,
    at: usize,
    length: usize,
) -> Result<(), Stop> {
    let options = match kind {
        HELLO => p.u32(HEADER + 4)?,
        DESCRIPTION => p.u32(HEADER)?,
        _ => 0,
    };
    let mut rest = Fields::new(p.from(at), length);
    if options & LINK_LOCAL != 0 && rest.left() > 0 {
        rest.claimed(LLS_HEADER)?;
        put!(t, "\n\tLLS Checksum 0x{:04x}", rest.rest().u16(0)?);
        let size = usize::from(rest.rest().u16(2)?);
        put!(t, ", Data Length {size}");
        if size < LLS_HEADER || size > rest.left() || !rest.rest().has(0, size) {
            return Err(Stop::Short);
        }
        rest.skip(size);
    }
    if rest.left() == 0 {
        return Ok(());
    }
    rest.claimed(TRAILER)?;
    let p = rest.rest();
    let method = p.u16(0)?;
    match method {
        1 => put!(t, "\n\tAuthentication Type HMAC"),
        _ => put!(t, "\n\tAuthentication Type unknown (0x{method:04x})"),
    }
    let size = usize::from(p.u16(2)?);
    put!(t, ", Length {size}");
    if size < TRAILER || size > rest.left() {
        return Err(Stop::Short);
    }
    put!(t, ", SAID {}", p.u16(6)?);
    put!(t, ", CSN 0x{:08x}", p.u32(8)?);
    put!(t, ":{:08x}", p.u32(12)?);
    p.need(0, size)?;
    if t.style.verbose > 1 {
        t.unknown(p.from(TRAILER), size - TRAILER, "\n\tAuthentication Data ");
    }
    Ok(())
}

//! OSPF version 2 (RFC 2328), as `-v` shows it.

use crate::{
    bytes::{Bytes, Fields, Stop},
    routing::ospf::{
        self, ACKNOWLEDGEMENT, DESCRIPTION, HELLO, REQUEST, UPDATE, traffic_engineering,
    },
    text::{Text, bits, name_of, put},
};

const HEADER: usize = 24;
const ADVERTISEMENT: usize = 20;

const OPTIONS: &[(u32, &str)] = &[
    (0x01, "MultiTopology"),
    (0x02, "External"),
    (0x04, "Multicast"),
    (0x08, "NSSA"),
    (LINK_LOCAL, "LLS"),
    (0x20, "Demand Circuit"),
    (0x40, "Opaque"),
    (0x80, "Up/Down"),
];
const LINK_LOCAL: u32 = 0x10;

const AUTHENTICATIONS: &[(u16, &str)] = &[(0, "none"), (SIMPLE, "simple"), (MD5, "MD5")];
const SIMPLE: u16 = 1;
const MD5: u16 = 2;

const DESCRIPTION_FLAGS: &[(u32, &str)] =
    &[(0x04, "Init"), (0x02, "More"), (0x01, "Master"), (0x08, "OOBResync")];

const ROUTER_FLAGS: &[(u32, &str)] = &[
    (0x01, "ABR"),
    (0x02, "ASBR"),
    (0x04, "Virtual"),
    (0x08, "Wildcard"),
    (0x10, "Nt"),
    (0x80, "Host"),
];

const KINDS: &[(u32, &str)] = &[
    (1, "Router"),
    (2, "Network"),
    (3, "Summary"),
    (4, "ASBR Summary"),
    (5, "External"),
    (6, "Multicast Group"),
    (7, "NSSA"),
    (9, "Link Local Opaque"),
    (10, "Area Local Opaque"),
    (11, "Domain Wide Opaque"),
];

const OPAQUE: &[(u8, &str)] = &[
    (TRAFFIC, "Traffic Engineering"),
    (GRACE, "Graceful restart"),
    (INFORMATION, "Router Information"),
];
const TRAFFIC: u8 = 1;
const GRACE: u8 = 3;
const INFORMATION: u8 = 4;

const TOPOLOGIES: &[(u32, &str)] = &[(0, "default"), (1, "multicast"), (2, "management")];

const CAPABILITIES: &[(u32, &str)] = &[
    (1, "Reserved"),
    (2, "Reserved"),
    (4, "Reserved"),
    (8, "Reserved"),
    (16, "graceful restart capable"),
    (32, "graceful restart helper"),
    (64, "Stub router support"),
    (128, "Traffic engineering"),
    (256, "p2p over LAN"),
    (512, "path computation server"),
];

/// Prints what follows the first line of a packet of a known kind. Where MD5 protects it,
/// the digest behind it is not in `p`.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let stated = usize::from(p.u16(2)?);
    if length != stated {
        put!(t, " [len {stated}]");
    }
    ospf::sender(t, p)?;
    p.slice(16, 8)?;
    let method = p.u16(14)?;
    let name = name_of(AUTHENTICATIONS, method).unwrap_or("unknown");
    put!(t, ", Authentication Type: {name} ({method})");
    match method {
        SIMPLE => {
            put!(t, "\n\tSimple text password: ");
            t.padded(p.from(16), 8)?;
        }
        MD5 => {
            put!(t, "\n\tKey-ID: {}, Auth-Length: {}", p.u8(18)?, p.u8(19)?);
            put!(t, ", Crypto Sequence Number: 0x{:08x}", p.u32(20)?);
        }
        0 => {}
        _ => return Ok(()),
    }
    let version = p.u8(0)?;
    if version != 2 {
        put!(t, " ospf [version {version}]");
        return Ok(());
    }
    let end = length.min(stated);
    let body = Fields::new(p.from(HEADER), end.saturating_sub(HEADER));
    // A message that is too short ends the line.
    match message(t, p.u8(1)?, body) {
        Err(Stop::Short) => return Err(Stop::Cut),
        printed => printed?,
    }
    if length > stated {
        link_local(t, p, length)?;
    }
    Ok(())
}

fn message(t: &mut Text<'_>, kind: u8, mut body: Fields<'_>) -> Result<(), Stop> {
    let p = body.rest();
    match kind {
        HELLO => {
            put!(t, "\n\tOptions [{}]", bits(OPTIONS, p.u8(6)?.into(), ", ", "none"));
            put!(t, "\n\t  Hello Timer {}s, Dead Timer {}s", p.u16(4)?, p.u32(8)?);
            put!(t, ", Mask {}, Priority {}", t.v4(p, 0)?, p.u8(7)?);
            ospf::designated(t, p)?;
            body.skip(20);
            if body.left() > 0 {
                put!(t, "\n\t  Neighbor List:");
            }
            ospf::routers(t, body, "\n\t    ")?;
        }
        DESCRIPTION => {
            put!(t, "\n\tOptions [{}]", bits(OPTIONS, p.u8(2)?.into(), ", ", "none"));
            put!(t, ", DD Flags [{}]", bits(DESCRIPTION_FLAGS, p.u8(3)?.into(), ", ", "none"));
            let mtu = p.u16(0)?;
            if mtu != 0 {
                put!(t, ", MTU: {mtu}");
            }
            put!(t, ", Sequence: 0x{:08x}", p.u32(4)?);
            body.skip(8);
            while body.left() > 0 && header(t, body.rest())?.is_some() {
                body.skip(ADVERTISEMENT);
            }
        }
        REQUEST => {
            while body.left() > 0 {
                let p = body.rest();
                p.need(0, 12)?;
                let kind = p.u32(0)?;
                let name = name_of(KINDS, kind).unwrap_or("unknown");
                put!(t, "\n\t  Advertising Router: {}, {name} LSA ({kind})", t.v4(p, 8)?);
                match kind {
                    9..=11 => {
                        let opaque = p.u8(4)?;
                        let name = name_of(OPAQUE, opaque).unwrap_or("unknown");
                        put!(t, ", Opaque-Type: {name} LSA ({opaque}), Opaque-ID: {}", p.u24(5)?);
                    }
                    _ => put!(t, ", LSA-ID: {}", t.v4(p, 4)?),
                }
                body.skip(12);
            }
        }
        UPDATE => {
            let count = body.u32()?;
            put!(t, ", {count} LSA{}", if count == 1 { "" } else { "s" });
            let mut room = body.rest().len();
            // Each takes its header at least, so the loop ends with the bytes.
            for number in 1..=count {
                put!(t, "\n\t  LSA #{number}");
                body.skip(advertisement(t, body.rest(), &mut room)?);
            }
        }
        ACKNOWLEDGEMENT => {
            // As in tcpdump, up to where no header is.
            while header(t, body.rest())?.is_some() {
                body.skip(ADVERTISEMENT);
            }
        }
        _ => {}
    }
    Ok(())
}

/// The header of a link state advertisement, and how long that is; none if it cannot
/// be, which ends a list of headers, and cuts an advertisement.
fn header(t: &mut Text<'_>, p: Bytes<'_>) -> Result<Option<usize>, Stop> {
    let length = usize::from(p.u16(18)?);
    let Some(rest) = length.checked_sub(ADVERTISEMENT) else {
        put!(t, "\n\t    Bogus length {length} < header ({ADVERTISEMENT})");
        return Ok(None);
    };
    let (router, sequence, age) = (t.v4(p, 8)?, p.u32(12)?, p.u16(0)?);
    put!(t, "\n\t  Advertising Router {router}, seq 0x{sequence:08x}, age {age}s, length {rest}");
    let kind = p.u8(3)?;
    let name = name_of(KINDS, kind.into()).unwrap_or("unknown");
    put!(t, "\n\t    {name} LSA ({kind}), ");
    match kind {
        9..=11 => {
            let opaque = p.u8(4)?;
            let name = name_of(OPAQUE, opaque).unwrap_or("unknown");
            put!(t, "Opaque-Type {name} LSA ({opaque}), Opaque-ID {}", p.u24(5)?);
        }
        _ => put!(t, "LSA-ID: {}", t.v4(p, 4)?),
    }
    put!(t, "\n\t    Options: [{}]", bits(OPTIONS, p.u8(2)?.into(), ", ", "none"));
    Ok(Some(length))
}

/// Prints a link state advertisement and says how long it is. `room` is for the links of routers.
fn advertisement(t: &mut Text<'_>, p: Bytes<'_>, room: &mut usize) -> Result<usize, Stop> {
    let length = header(t, p)?.ok_or(Stop::Short)?;
    let part = Fields::new(p.from(ADVERTISEMENT), length - ADVERTISEMENT);
    match content(t, p.u8(3)?, p.u8(4)?, part, room) {
        // The next one is printed nevertheless.
        Err(Stop::Here) => return Ok(length),
        printed => printed?,
    }
    if t.style.verbose > 1 {
        t.unknown(part.rest(), part.left(), "\n\t    ");
    }
    Ok(length)
}

/// What is behind the header of an advertisement.
fn content(
    t: &mut Text<'_>,
    kind: u8,
    opaque: u8,
    mut part: Fields<'_>,
    room: &mut usize,
) -> Result<(), Stop> {
    let p = part.rest();
    match kind {
        1 => {
            put!(
                t,
                "\n\t    Router LSA Options: [{}]",
                bits(ROUTER_FLAGS, p.u8(0)?.into(), ", ", "none")
            );
            let count = p.u16(2)?;
            links(t, p.from(4), count, room)?;
        }
        2 => {
            put!(t, "\n\t    Mask {}\n\t    Connected Routers:", t.v4(p, 0)?);
            part.skip(4);
            ospf::routers(t, part, "\n\t      ")?;
        }
        3 | 4 => {
            let masked = kind == 3;
            if masked {
                put!(t, "\n\t    Mask {}", t.v4(p, 0)?);
            }
            p.need(4, 4)?;
            part.skip(4);
            while part.left() > 0 {
                let metric = part.rest().u32(0)?;
                put!(t, "\n\t\t{} metric {}", topology(metric), metric & 0xff_ffff);
                part.skip(4);
            }
        }
        5 | 7 => {
            put!(t, "\n\t    Mask {}", t.v4(p, 0)?);
            p.need(4, 4)?;
            part.skip(4);
            while part.left() > 0 {
                external(t, part.rest())?;
                part.skip(12);
            }
        }
        6 => {
            while part.left() > 0 {
                let p = part.rest();
                match p.u32(0)? {
                    1 => put!(t, "\n\t    Router Router-ID {}", t.v4(p, 4)?),
                    2 => put!(t, "\n\t    Network Designated Router {}", t.v4(p, 4)?),
                    vertex => put!(t, "\n\t    unknown VertexType ({vertex})"),
                }
                part.skip(8);
            }
        }
        9..=11 => match opaque {
            // Where these end early, the next advertisement is printed nevertheless.
            GRACE => ospf::grace(t, part).map_err(here)?,
            TRAFFIC => traffic_engineering::print(t, p, part.left()).map_err(here)?,
            INFORMATION => information(t, part)?,
            _ if t.style.verbose <= 1 => t.unknown(p, part.left(), "\n\t    "),
            _ => {}
        },
        _ => {}
    }
    Ok(())
}

fn here(stop: Stop) -> Stop {
    if stop == Stop::Short { Stop::Here } else { stop }
}

fn topology(metric: u32) -> String {
    let number = metric >> 24 & 0x7f;
    format!("topology {} ({number})", name_of(TOPOLOGIES, number).unwrap_or("Unknown"))
}

fn external(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    const INFINITE: u32 = 0xff_ffff;
    let metric = p.u32(0)?;
    put!(t, "\n\t\t{}, type {}, metric", topology(metric), 1 + (metric >> 31));
    match metric & INFINITE {
        INFINITE => put!(t, " infinite"),
        metric => put!(t, " {metric}"),
    }
    for (at, name) in [(4, "forward"), (8, "tag")] {
        if p.u32(at)? != 0 {
            put!(t, ", {name} {}", t.v4(p, at)?);
        }
    }
    Ok(())
}

/// The links of a router, as many as it says that it has. As in tcpdump, they may go on behind the
/// end of the advertisement; but all links of a packet take no more bytes than it has: each of
/// thousands of crafted advertisements could show the links of all those behind it, otherwise.
fn links(t: &mut Text<'_>, mut p: Bytes<'_>, count: u16, room: &mut usize) -> Result<(), Stop> {
    const LINK: usize = 12;
    const METRIC: usize = 4;
    // Even where there is none, tcpdump wants the bytes of one.
    p.need(0, LINK)?;
    for _ in 0..count {
        p.need(0, LINK)?;
        let names = match p.u8(8)? {
            1 => ("Neighbor Router-ID", "Interface Address"),
            2 => ("Neighbor Network-ID", "Interface Address"),
            3 => ("Stub Network", "Mask"),
            4 => ("Virtual Link: Neighbor Router-ID", "Interface Address"),
            kind => {
                put!(t, "\n\t      Unknown Router Link Type ({kind})");
                return Err(Stop::Here);
            }
        };
        put!(t, "\n\t      {}: {}, {}: {}", names.0, t.v4(p, 0)?, names.1, t.v4(p, 4)?);
        let more = usize::from(p.u8(9)?);
        *room = room.checked_sub(LINK + METRIC * more).ok_or(Stop::Cut)?;
        for index in 0..=more {
            let at = 8 + METRIC * index;
            let number = if index == 0 { 0 } else { u32::from(p.u8(at)?) };
            let name = name_of(TOPOLOGIES, number).unwrap_or("Unknown");
            put!(t, "\n\t\ttopology {name} ({number}), metric {}", p.u16(at + 2)?);
        }
        p = p.from(LINK + METRIC * more);
    }
    Ok(())
}

/// What a router can do.
fn information(t: &mut Text<'_>, mut part: Fields<'_>) -> Result<(), Stop> {
    const CAPABILITY: u16 = 1;
    while part.left() > 0 {
        part.rest().need(0, 4)?;
        if part.left() < 4 {
            put!(t, "\n\t    Remaining LS length {} < 4", part.left());
            return Err(Stop::Here);
        }
        let (kind, length) = (part.u16()?, usize::from(part.u16()?));
        let name = if kind == CAPABILITY { "Router Capabilities" } else { "unknown" };
        put!(t, "\n\t    {name} TLV ({kind}), length: {length}, value: ");
        if length > part.left() {
            put!(t, "\n\t    Bogus length {length} > remaining LS length {}", part.left());
            return Err(Stop::Here);
        }
        let p = part.rest();
        p.need(0, length)?;
        match kind {
            CAPABILITY if length != 4 => {
                put!(t, "\n\t    Bogus length {length} != 4");
                return Err(Stop::Here);
            }
            CAPABILITY => {
                put!(t, "Capabilities: {}", bits(CAPABILITIES, p.u32(0)?, ", ", "Unknown"));
            }
            _ if t.style.verbose <= 1 => t.unknown(p, length, "\n\t      "),
            _ => {}
        }
        part.skip(length);
    }
    Ok(())
}

/// Link-local signalling behind the packet (RFC 5613).
fn link_local(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let options = match p.u8(1)? {
        HELLO => p.u8(HEADER + 6)?,
        DESCRIPTION => p.u8(HEADER + 2)?,
        _ => 0,
    };
    if u32::from(options) & LINK_LOCAL == 0 {
        return Ok(());
    }
    let mut at = usize::from(p.u16(2)?);
    if p.u16(14)? == MD5 {
        at += usize::from(p.u8(19)?);
    }
    if at >= length {
        put!(t, "\n\t[LLS truncated]");
        return Ok(());
    }
    put!(t, "\n\t  LLS: checksum: 0x{:04x}", p.u16(at)?);
    put!(t, ", length: {}", p.u16(at + 2)?);
    at += 4;
    // Each takes four bytes at least.
    while at < length {
        let kind = p.u16(at)?;
        let (name, right) = match kind {
            1 => ("Extended Options", Some(4)),
            2 => ("MD5 Authentication", Some(20)),
            _ => ("Unknown TLV", None),
        };
        put!(t, "\n\t    {name} ({kind})");
        let mut size = usize::from(p.u16(at + 2)?);
        put!(t, ", length: {size}");
        at += 4;
        if let Some(right) = right.filter(|&right| right != size) {
            put!(t, " [should be {right}]");
            size = right;
        }
        match kind {
            1 => {
                let flags = p.u32(at)?;
                let names = bits(&[(1, "LSDB resync"), (2, "Restart")], flags, ", ", "?");
                put!(t, "\n\t      Options: 0x{flags:08x} [{names}]");
            }
            2 => put!(t, "\n\t      Sequence number: 0x{:08x}", p.u32(at)?),
            _ => {}
        }
        at += size;
    }
    Ok(())
}

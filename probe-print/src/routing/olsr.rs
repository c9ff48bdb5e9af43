//! OLSR (RFC 3626), with what olsr.org adds: the quality of links, names, gateways.

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};

const HEADER: usize = 4;

const HELLO: u8 = 1;
const TOPOLOGY: u8 = 2;
const INTERFACES: u8 = 3;
const NETWORKS: u8 = 4;
const NAMES: u8 = 130;
const QUALITY_HELLO: u8 = 201;
const QUALITY_TOPOLOGY: u8 = 202;
const KINDS: &[(u8, &str)] = &[
    (HELLO, "Hello"),
    (TOPOLOGY, "TC"),
    (INTERFACES, "MID"),
    (NETWORKS, "HNA"),
    (128, "Powerinfo"),
    (NAMES, "Nameservice"),
    (QUALITY_HELLO, "Hello-LQ"),
    (QUALITY_TOPOLOGY, "TC-LQ"),
];

const LINKS: &[(u8, &str)] =
    &[(0, "Unspecified"), (1, "Asymmetric"), (2, "Symmetric"), (3, "Lost")];
const NEIGHBORS: &[(u8, &str)] = &[(0, "Not-Neighbor"), (1, "Symmetric"), (2, "Symmetric-MPR")];

/// The size of an address: of IPv4 or of IPv6.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Width(usize);

impl Width {
    fn host(self, t: &Text<'_>, p: Bytes<'_>) -> Result<String, Stop> {
        Ok(match self.0 {
            4 => t.v4(p, 0)?.to_string(),
            _ => t.v6(p, 0)?.to_string(),
        })
    }
}

/// A time as mantissa and exponent (RFC 3626, 18.3).
fn seconds(code: u8) -> f64 {
    0.0625 * (1.0 + f64::from(code >> 4) / 16.0) * f64::from(1_u32 << (code & 0xf))
}

/// Prints the header; with `-v` the messages.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize, six: bool) -> Result<(), Stop> {
    t.protocol = "olsr";
    put!(t, "OLSRv{}", if six { 6 } else { 4 });
    if length < HEADER {
        return Err(Stop::Short);
    }
    p.need(0, HEADER)?;
    let length = length.min(p.u16(0)?.into());
    put!(t, ", seq 0x{:04x}, length {length}", p.u16(2)?);
    if t.style.verbose == 0 {
        return Ok(());
    }
    let width = Width(if six { 16 } else { 4 });
    let header = width.0 + 8;
    let mut at = HEADER;
    // Each message takes its header at least.
    while at < length {
        let p = p.from(at);
        p.need(0, header)?;
        let (kind, size) = (p.u8(0)?, usize::from(p.u16(2)?));
        if kind == 0 || size == 0 {
            return Ok(());
        }
        let behind = p.from(4 + width.0);
        let name = name_of(KINDS, kind).unwrap_or("Unknown");
        put!(t, "\n\t{name} Message (0x{kind:02x}), originator {}", width.host(t, p.from(4))?);
        put!(t, ", ttl {}, hop {}", behind.u8(0)?, behind.u8(1)?);
        put!(t, "\n\t  vtime {:.3}s", seconds(p.u8(1)?));
        put!(t, ", msg-seq 0x{:04x}, length {size}", behind.u16(2)?);
        if !(header..=length).contains(&size) {
            return Err(Stop::Invalid);
        }
        message(t, kind, Fields::new(p.from(header), size - header), width)?;
        at += size;
    }
    Ok(())
}

fn message(t: &mut Text<'_>, kind: u8, mut fields: Fields<'_>, width: Width) -> Result<(), Stop> {
    match kind {
        HELLO | QUALITY_HELLO => return hello(t, kind, fields, width),
        TOPOLOGY | QUALITY_TOPOLOGY => {
            fields.claimed(4)?;
            fields.rest().need(0, 4)?;
            put!(t, "\n\t    advertised neighbor seq 0x{:04x}", fields.rest().u16(0)?);
            fields.skip(4);
            return neighbors(t, fields, width, kind == QUALITY_TOPOLOGY);
        }
        INTERFACES => {
            while fields.left() >= width.0 {
                fields.rest().need(0, width.0)?;
                put!(t, "\n\t  interface address {}", width.host(t, fields.rest())?);
                fields.skip(width.0);
            }
        }
        NETWORKS => return networks(t, fields, width),
        NAMES => return names(t, fields, width),
        _ => t.unknown(fields.rest(), fields.left(), "\n\t    "),
    }
    Ok(())
}

fn hello(t: &mut Text<'_>, kind: u8, mut fields: Fields<'_>, width: Width) -> Result<(), Stop> {
    const HEAD: usize = 4;
    const LINK: usize = 4;
    fields.claimed(HEAD)?;
    fields.rest().need(0, HEAD)?;
    let p = fields.rest();
    put!(t, "\n\t  hello-time {:.3}s, MPR willingness {}", seconds(p.u8(2)?), p.u8(3)?);
    fields.skip(HEAD);
    while fields.left() >= LINK {
        let p = fields.rest();
        p.need(0, LINK)?;
        let (code, size) = (p.u8(0)?, usize::from(p.u16(2)?));
        put!(t, "\n\t    link-type {}", name_of(LINKS, code & 3).unwrap_or("Unknown"));
        put!(t, ", neighbor-type {}", name_of(NEIGHBORS, code >> 2).unwrap_or("Unknown"));
        put!(t, ", len {size}");
        if !(LINK..=fields.left()).contains(&size) {
            t.invalid();
            break;
        }
        fields.skip(LINK);
        fields.rest().need(0, size - LINK)?;
        let list = fields.part(size - LINK);
        neighbors(t, list, width, kind == QUALITY_HELLO)?;
    }
    Ok(())
}

/// Neighbours, with the quality of the links to and from them or without.
fn neighbors(
    t: &mut Text<'_>,
    mut fields: Fields<'_>,
    width: Width,
    quality: bool,
) -> Result<(), Stop> {
    if quality {
        while fields.left() >= width.0 + 4 {
            let p = fields.rest();
            p.need(0, width.0 + 4)?;
            let share = |at| p.u8(at).map(|byte| f64::from(byte) / 2.55);
            put!(t, "\n\t      neighbor {}", width.host(t, p)?);
            put!(t, ", link-quality {:.2}%", share(width.0)?);
            put!(t, ", neighbor-link-quality {:.2}%", share(width.0 + 1)?);
            fields.skip(width.0 + 4);
        }
        return Ok(());
    }
    put!(t, "\n\t      neighbor\n\t\t");
    // Four a line, says tcpdump, and puts one there.
    while fields.left() >= 4 {
        put!(t, "{} ", t.v4(fields.rest(), 0)?);
        fields.skip(4);
    }
    Ok(())
}

/// Networks that a router is the way to.
fn networks(t: &mut Text<'_>, mut fields: Fields<'_>, width: Width) -> Result<(), Stop> {
    let entry = 2 * width.0;
    put!(t, "\n\t  Advertised networks (total {})", fields.left() / entry);
    let mut column = 0;
    while fields.left() >= entry {
        let p = fields.rest();
        p.need(0, entry)?;
        if width.0 == 16 {
            let mut bits = 0;
            for byte in p.array::<16>(16)? {
                bits += if byte.leading_ones() + byte.trailing_zeros() >= 8 {
                    byte.leading_ones()
                } else {
                    0
                };
                if byte != 0xff {
                    break;
                }
            }
            // The number stays 0 in tcpdump.
            put!(t, "\n\t    #0: {}/{bits}", t.v6(p, 0)?);
        } else {
            put!(t, "{}", if column == 0 { "\n\t    " } else { ", " });
            column = (column + 1) % 4;
            let [pad, flags, up, down] = p.array(4)?;
            match (p.u32(0)?, pad, flags) {
                (0, 0, 1..) => gateway(t, flags, up, down),
                _ => {
                    let mask = p.u32(4)?;
                    let bits = mask.leading_ones();
                    // tcpdump's -1 of a mask with holes.
                    let bits = if bits + mask.trailing_zeros() >= 32 { bits } else { u32::MAX };
                    put!(t, "{}/{bits}", t.v4(p, 0)?);
                }
            }
        }
        fields.skip(entry);
    }
    Ok(())
}

/// A gateway to the Internet, announced as a network of zeros.
fn gateway(t: &mut Text<'_>, flags: u8, up: u8, down: u8) {
    const SPEED: u8 = 1;
    put!(t, "Smart-Gateway:");
    for (bit, name) in
        [(SPEED, "LINKSPEED"), (2, "IPV4"), (4, "IPV4-NAT"), (8, "IPV6"), (16, "IPv6-PREFIX")]
    {
        if flags & bit != 0 {
            put!(t, " {name}");
        }
    }
    let speed = |code: u8| match code {
        _ if flags & SPEED == 0 => 0,
        0 => 0,
        0xff => 320_000_000,
        _ => (u32::from(code >> 3) + 1) * 10_u32.pow((code & 7).into()),
    };
    put!(t, " {}/{}", speed(up), speed(down));
}

/// Names of hosts and services.
fn names(t: &mut Text<'_>, mut fields: Fields<'_>, width: Width) -> Result<(), Stop> {
    const HEAD: usize = 4;
    fields.claimed(HEAD)?;
    let count = usize::from(fields.rest().u16(2)?);
    put!(t, "\n\t  Version {}, Entries {count}", fields.rest().u16(0)?);
    if count == 0 || count * (HEAD + width.0) > fields.left() {
        t.invalid();
        return Ok(());
    }
    fields.skip(HEAD);
    for number in 0..count {
        if fields.left() < HEAD {
            break;
        }
        let (kind, size) = (fields.u16()?, usize::from(fields.u16()?));
        // As C's %#06x, which leaves 0x out of a zero.
        let kind = if kind == 0 { "000000".into() } else { format!("0x{kind:04x}") };
        put!(t, "\n\t    #{number}: type {kind}, length {size}");
        if size == 0 || width.0 + size > fields.left() {
            t.invalid();
            break;
        }
        let whole = width.0 + size.next_multiple_of(4);
        let p = fields.rest();
        fields.claimed(whole)?;
        p.need(0, whole)?;
        put!(t, ", address {}, name \"", width.host(t, p)?);
        t.string(p.from(width.0), size)?;
        put!(t, "\"");
        fields.skip(whole);
    }
    Ok(())
}

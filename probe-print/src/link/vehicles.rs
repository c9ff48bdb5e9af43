//! What vehicles say to each other: GeoNetworking (ETSI EN 302 636-4-1) with its basic
//! transport (5-1), and CALM FAST (ISO 29281).

use crate::{
    address::Link,
    bytes::{Bytes, Stop},
    dump,
    text::{Text, name_of, put, put_name},
};

const COMMON: usize = 36;
/// What a broadcast over several hops has more.
const EXTENDED: usize = 32;

const NEXT: &[(u8, &str)] = &[(0, "Any"), (1, "BTP-A"), (2, "BTP-B"), (3, "IPv6")];

/// Kind and subtype in a byte.
const KINDS: &[(u8, &str)] = &[
    (0x30, "GeoAnycastCircle"),
    (0x31, "GeoAnycastRect"),
    (0x32, "GeoAnycastElipse"),
    (0x40, "GeoBroadcastCircle"),
    (0x41, "GeoBroadcastRect"),
    (0x42, "GeoBroadcastElipse"),
    (0x50, "TopoScopeBcast-SH"),
    (0x51, "TopoScopeBcast-MH"),
    (0x60, "LocService-Request"),
    (0x61, "LocService-Reply"),
];

const MESSAGES: &[(u8, &str)] = &[
    (0, "CAM"),
    (1, "DENM"),
    (101, "TPEGM"),
    (102, "TSPDM"),
    (103, "VPM"),
    (104, "SRM"),
    (105, "SLAM"),
    (106, "ecoCAM"),
    (107, "ITM"),
    (150, "SA"),
];

pub(super) fn geonet(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    source: Option<Link<'_>>,
) -> Result<(), Stop> {
    t.protocol = "geonet";
    put!(t, "GeoNet ");
    if let Some(source) = source {
        put!(t, "src:{source}");
    }
    put!(t, "; ");
    if length < COMMON {
        put!(t, " (common header length {length} < {COMMON})");
        return Err(Stop::Invalid);
    }
    let (next, kind) = (p.u8(0)? & 0xf, p.u8(1)?);
    let (payload, hops) = (p.u16(4)?, p.u8(7)?);
    let name = match kind >> 4 {
        0 => "Any",
        1 => "Beacon",
        2 => "GeoUnicast",
        _ => name_of(KINDS, kind).unwrap_or("Unknown"),
    };
    put!(t, "v:{} NH:{next}-{} ", p.u8(0)? >> 4, name_of(NEXT, next).unwrap_or("Unknown"));
    put!(t, "HT:{}-{}-{name} HopLim:{hops} Payload:{payload} ", kind >> 4, kind & 0xf);
    put!(t, "GN_ADDR:{} ", Link::plain(p.slice(8, 8)?));
    put!(t, "lat:{} ", p.u32(20)?);
    put!(t, "lon:{}", p.u32(24)?);
    p.slice(0, COMMON)?;
    let (mut p, mut length) = (p.from(COMMON), length - COMMON);
    let extended = match kind {
        0x00..=0x1f | 0x50 => Some(0),
        0x51 => Some(EXTENDED),
        _ => None,
    };
    if let Some(extended) = extended {
        if length < extended {
            put!(t, " (header size {extended} > {length})");
            return Err(Stop::Invalid);
        }
        p.slice(0, extended)?;
        p = p.from(extended);
        length -= extended;
        if matches!(next, 1 | 2) {
            if length < 4 {
                put!(t, " (BTP length {length} < 4)");
                return Err(Stop::Invalid);
            }
            put!(t, "; BTP Dst:{}", p.u16(0)?);
            put!(t, " Src:{}", p.u16(2)?);
            p = p.from(4);
            length -= 4;
            if length >= 2 {
                put!(t, "; ItsPduHeader v:{}", p.u8(0)?);
                let message = p.u8(1)?;
                put!(t, " t:{message}-");
                put_name!(t, MESSAGES, message, "unknown ({message})");
            }
        }
    }
    rest(t, p, length);
    Ok(())
}

/// Prints a CALM FAST packet.
pub(super) fn calm_fast(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    source: Option<Link<'_>>,
) -> Result<(), Stop> {
    t.protocol = "calm_fast";
    put!(t, "CALM FAST");
    if let Some(source) = source {
        put!(t, " src:{source}");
    }
    put!(t, "; ");
    if length < 2 {
        put!(t, " (length {length} < 2)");
        return t.invalid_rest(p, length);
    }
    put!(t, "SrcNwref:{}; ", p.u8(0)?);
    put!(t, "DstNwref:{}; ", p.u8(1)?);
    rest(t, p.from(2), length - 2);
    Ok(())
}

/// The payload, which `-v` shows even where a dump follows.
fn rest(t: &mut Text<'_>, p: Bytes<'_>, length: usize) {
    if t.style.verbose > 0 {
        dump::hex_and_text(p.limit(length).all(), "\n\t", t.out);
    }
}

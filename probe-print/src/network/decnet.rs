//! DECnet Phase IV: routing (DEC standard 015) and network services (014).

use crate::{
    bytes::{Bytes, Stop},
    dump,
    text::{Text, name_of_two_bits, put, put_name},
};

const SHORT_HEADER: usize = 6;
const LONG_HEADER: usize = 21;
/// The length in front of a message.
const LENGTH: usize = 2;

const PAD: u8 = 0x80;
const FUTURE: u8 = 0x40;
const CONTROL: u8 = 1;
const SHORT: u8 = 2;
const LONG: u8 = 6;

const REASONS: &[(u16, &str)] = &[
    (0, "object rejected connect"),
    (1, "insufficient resources"),
    (2, "unrecognized node name"),
    (3, "node is shutting down"),
    (4, "unrecognized object"),
    (5, "invalid object name format"),
    (6, "object too busy"),
    (7, "protocol error discovered"),
    (8, "third party abort"),
    (9, "user abort"),
    (10, "invalid node name format"),
    (11, "local node shutting down"),
    (32, "insufficient local resources"),
    (33, "insufficient remote user resources"),
    (34, "invalid access control information"),
    (36, "bad ACCOUNT information"),
    (38, "no response from object"),
    (39, "node unreachable"),
    (41, "no link terminate"),
    (42, "disconnect complete"),
    (43, "bad image data in connect"),
    (54, "cryptographic service mismatch"),
];

/// Two bytes, little-endian.
fn half(p: Bytes<'_>, at: usize) -> Result<u16, Stop> {
    p.array(at).map(u16::from_le_bytes)
}

/// A node: its area and its number there.
fn node(p: Bytes<'_>, at: usize) -> Result<String, Stop> {
    let address = half(p, at)?;
    Ok(format!("{}.{}", address >> 10, address & 0x3ff))
}

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "decnet";
    if length < SHORT_HEADER {
        put!(t, " (length {length} < {SHORT_HEADER})");
        return Err(Stop::Invalid);
    }
    let stated = usize::from(half(p, 0)?);
    if stated < SHORT_HEADER || stated > length {
        if stated < SHORT_HEADER {
            put!(t, " (pktlen {stated} < {SHORT_HEADER})")
        } else {
            put!(t, " (pktlen {stated} > {length})")
        }
        return Err(Stop::Invalid);
    }
    let (mut p, mut length) = (p, stated);
    let mut flags = p.u8(LENGTH)?;
    if flags & PAD != 0 {
        let pad = usize::from(flags & !PAD);
        if t.style.verbose > 0 {
            put!(t, "[pad:{pad}] ");
        }
        if length < pad + 2 {
            put!(t, " (length {length} < {})", pad + 2);
            return Err(Stop::Invalid);
        }
        p.slice(LENGTH, pad)?;
        p = p.from(pad);
        length -= pad;
        flags = p.u8(LENGTH)?;
    }
    if flags & FUTURE != 0 {
        put!(t, "future-version-decnet");
        dump::hex_and_text(p.limit(length).all(), "\n\t", t.out);
        return Ok(());
    }
    let message = p.from(LENGTH);
    match flags & 7 {
        _ if flags & CONTROL != 0 => control(t, message, length),
        LONG if length < LONG_HEADER => {
            put!(t, " (length {length} < {LONG_HEADER})");
            Err(Stop::Invalid)
        }
        LONG => {
            message.slice(0, LONG_HEADER)?;
            let hops = u32::from(message.u8(18)?);
            let ends = (node(message, 15)?, node(message, 7)?);
            route(t, ends, stated, flags, hops);
            services(t, message.from(LONG_HEADER), length - LONG_HEADER)
        }
        SHORT => {
            let ends = (node(message, 3)?, node(message, 1)?);
            let hops = u32::from(message.u8(5)? & 0x3f) + 1;
            route(t, ends, stated, flags, hops);
            let rest = length.checked_sub(SHORT_HEADER);
            // Padding can make the length less than a header; then tcpdump's wraps, too.
            services(t, message.from(SHORT_HEADER), rest.unwrap_or(usize::MAX))
        }
        _ => {
            put!(t, "unknown message flags under mask");
            dump::hex_and_text(p.limit(length).all(), "\n\t", t.out);
            Ok(())
        }
    }
}

fn route(t: &mut Text<'_>, ends: (String, String), length: usize, flags: u8, hops: u32) {
    put!(t, "{} > {} {length} ", ends.0, ends.1);
    if t.style.verbose > 0 {
        for (bit, name) in [(8, "RQR "), (16, "RTS "), (32, "IE ")] {
            if flags & bit != 0 {
                put!(t, "{name}");
            }
        }
        put!(t, "{hops} hops ");
    }
}

/// Prints a message between routers.
fn control(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let kind = p.u8(0)? & 0xf;
    let (name, least) = match kind {
        1 => ("init ", 12),
        3 => ("verification ", 4),
        5 => ("test ", 4),
        7 => ("lev-1-routing ", 4),
        9 => ("lev-2-routing ", 4),
        11 => ("router-hello ", 18),
        13 => ("endnode-hello ", 32),
        _ => {
            put!(t, "unknown control message");
            dump::hex_and_text(p.limit(length).all(), "\n\t", t.out);
            // As in tcpdump, which wants as many bytes as there are from the length in front on.
            return p.slice(0, length.min(p.len() + LENGTH)).map(|_| ());
        }
    };
    put!(t, "{name}");
    if length < least {
        return Err(Stop::Invalid);
    }
    match kind {
        1 => {
            p.slice(0, least)?;
            let source = node(p, 1)?;
            info(t, p.u8(3)?, &[(4, "verif "), (8, "blo ")]);
            put!(t, "src {source}blksize {}", half(p, 4)?);
            put!(t, " vers {} eco {} ueco {}", p.u8(6)?, p.u8(7)?, p.u8(8)?);
            put!(t, " hello {}", half(p, 9)?);
        }
        3 | 5 => {
            let what = if kind == 3 { "fcnval" } else { "data" };
            put!(t, "src {} {what} {:o}", node(p, 1)?, p.u8(3)?);
        }
        7 | 9 => {
            p.slice(0, least)?;
            put!(t, "src {} ", node(p, 1)?);
            let what = if kind == 7 { "ids" } else { "areas" };
            routes(t, p.from(least), length - least, what)?;
        }
        _ => {
            let router = kind == 11;
            if router {
                p.slice(0, least)?;
            }
            let source = node(p, 8)?;
            let kind = p.u8(10)?;
            let size = half(p, 11)?;
            // Of an end node, everything is read before anything is printed.
            let end = if router {
                format!(" pri {} hello {}", p.u8(13)?, half(p, 15)?)
            } else {
                let (router, hello) = (node(p, 26)?, half(p, 28)?);
                format!(" rtr {router} hello {hello} data {:o}", p.u8(31)?)
            };
            info(t, kind, &[(4, "verif "), (32, "nomcast "), (64, "blo ")]);
            put!(t, "vers {} eco {} ueco {}", p.u8(1)?, p.u8(2)?, p.u8(3)?);
            put!(t, " src {source} blksize {size}{end}");
        }
    }
    Ok(())
}

fn info(t: &mut Text<'_>, info: u8, flags: &[(u8, &str)]) {
    let kinds = ["reserved-ntype? ", "l2rout ", "l1rout ", "endnode "];
    put!(t, "{}", name_of_two_bits(kinds, info));
    for (bit, name) in flags {
        if info & bit != 0 {
            put!(t, "{name}");
        }
    }
}

fn routes(t: &mut Text<'_>, p: Bytes<'_>, length: usize, what: &str) -> Result<(), Stop> {
    const ENTRY: usize = 6;
    let mut at = 0;
    // A checksum ends them.
    while length.saturating_sub(at) > ENTRY {
        p.slice(at, ENTRY)?;
        let count = u32::from(half(p, at)?);
        if count > 1024 {
            return Ok(());
        }
        let (first, metric) = (u32::from(half(p, at + 2)?), half(p, at + 4)?);
        put!(t, "{{{what} {first}-{} ", first + count);
        put!(t, "cost {} hops {}}} ", metric & 0x1ff, metric >> 10 & 0x1f);
        at += ENTRY;
    }
    Ok(())
}

/// Prints a message of the network services protocol.
fn services(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    const HEADER: usize = 5;
    if length < HEADER {
        put!(t, " (nsplen {length} < {HEADER})");
        return Err(Stop::Invalid);
    }
    let (flags, to, from) = (p.u8(0)?, half(p, 1)?, half(p, 3)?);
    let (kind, subtype) = (flags & 0xc, flags & 0x70);
    match (kind, subtype) {
        (0, 0 | 0x20 | 0x40 | 0x60) => {
            put!(t, "data {from}>{to} ");
            return segment(t, p, length, ("onak", "oack"));
        }
        (0, 0x30) => {
            put!(t, "intr ");
            return segment(t, p, length, ("nakdat", "ackdat"));
        }
        (0, 0x10) => {
            put!(t, "link-service {from}>{to} ");
            return link_service(t, p, length);
        }
        (0, _) => put!(t, "reserved-subtype? {flags:x} {from} > {to}"),
        (4, 0 | 0x10) => {
            const ACKNOWLEDGEMENT: usize = 9;
            let (name, other) = match subtype {
                0 => ("data-ack", ("onak", "oack")),
                _ => ("ils-ack", ("nakdat", "ackdat")),
            };
            put!(t, "{name} {from}>{to} ");
            if length < ACKNOWLEDGEMENT {
                return Err(Stop::Invalid);
            }
            p.slice(0, ACKNOWLEDGEMENT)?;
            numbers(t, p, usize::MAX, other, 2)?;
        }
        (4, 0x20) => put!(t, "conn-ack {to}"),
        (4, _) => put!(t, "reserved-acktype? {flags:x} {from} > {to}"),
        (8, 0x10 | 0x20 | 0x60) => {
            let (name, least) = match subtype {
                0x10 => ("conn-initiate", 9),
                0x20 => ("conn-confirm", 10),
                _ => ("retrans-conn-initiate", 9),
            };
            put!(t, "{name} {from}>{to} ");
            if length < least {
                return Err(Stop::Invalid);
            }
            let (services, info, size) = (p.u8(5)?, p.u8(6)?, half(p, 7)?);
            let options = if subtype == 0x20 { p.u8(9)? } else { 0 };
            match services & 0xc {
                4 => put!(t, "seg "),
                8 => put!(t, "msg "),
                _ => {}
            }
            let version = name_of_two_bits(["3.2", "3.1", "4.0", "4.1"], info);
            put!(t, "ver {version} segsize {size} ");
            if options != 0 {
                put!(t, "optlen {options} ");
            }
        }
        (8, 0x30) => {
            put!(t, "disconn-initiate {from}>{to} ");
            if length < 8 {
                return Err(Stop::Invalid);
            }
            let options = p.u8(7)?;
            reason(t, half(p, 5)?);
            if options != 0 {
                put!(t, "optlen {options} ");
            }
        }
        (8, 0x40) => {
            put!(t, "disconn-confirm {from}>{to} ");
            reason(t, half(p, 5)?);
        }
        (8, _) => put!(t, "reserved-ctltype? {flags:x} {from} > {to}"),
        _ => put!(t, "reserved-type? {flags:x} {from} > {to}"),
    }
    Ok(())
}

fn reason(t: &mut Text<'_>, reason: u16) {
    put_name!(t, REASONS, reason, "reason-{reason}");
    put!(t, " ");
}

const NUMBER: u16 = 0xfff;

/// Acknowledgements of this and the other channel, of at most `most`; then the number
/// behind them, or none where the message ends before.
fn numbers(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    other: (&str, &str),
    most: usize,
) -> Result<u16, Stop> {
    let mut at = 5;
    let mut number = half(p, at)?;
    for (mask, negative, names) in [(0x8000, 0x9000, ("nak", "ack")), (0xa000, 0xb000, other)] {
        if number & mask == 0 {
            break;
        }
        let name = if number & negative == negative { names.0 } else { names.1 };
        put!(t, "{name} {} ", number & NUMBER);
        at += 2;
        if length < at + 2 {
            return Err(Stop::Invalid);
        }
        if at >= 5 + 2 * most {
            break;
        }
        number = half(p, at)?;
    }
    Ok(number)
}

fn segment(t: &mut Text<'_>, p: Bytes<'_>, length: usize, other: (&str, &str)) -> Result<(), Stop> {
    if length < 7 {
        return Err(Stop::Invalid);
    }
    let number = numbers(t, p, length, other, 3)?;
    put!(t, "seg {} ", number & NUMBER);
    Ok(())
}

fn link_service(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    const HEADER: usize = 11;
    if length < HEADER + 2 {
        return Err(Stop::Invalid);
    }
    let number = numbers(t, p, usize::MAX, ("nakdat", "ackdat"), 3)?;
    put!(t, "seg {} ", number & NUMBER);
    let (flags, value) = (p.u8(HEADER)?, p.u8(HEADER + 1)?);
    match flags & 0xc {
        0 => {
            put!(t, "dat seg count {value} ");
            match flags & 3 {
                0 => {}
                1 => put!(t, "donotsend-data "),
                2 => put!(t, "send-data "),
                _ => put!(t, "reserved-fcmod? {flags:x}"),
            }
        }
        4 => put!(t, "intr req count {value} "),
        _ => put!(t, "reserved-fcval-int? {flags:x}"),
    }
    Ok(())
}

//! PPP (RFC 1661, RFC 1570, RFC 1990): control protocols, authentication, and what is carried.

use super::{cisco_hdlc, ppp_options};
use crate::{
    bytes::{Bytes, Fields, Stop},
    dump,
    network::{ip, ip6, ipx, osi},
    ouis::OUIS,
    text::{Text, bits, name_of, put, put_name},
    tunnel::mpls,
};

const PROTOCOLS: &[(u16, &str)] = &[
    (0x0021, "IP"),
    (0x0023, "OSI"),
    (0x0025, "NS"),
    (0x0027, "DECNET"),
    (0x0029, "APPLE"),
    (0x002b, "IPX"),
    (0x002d, "VJC IP"),
    (0x002f, "VJNC IP"),
    (0x0031, "BRPDU"),
    (0x0033, "STII"),
    (0x0035, "VINES"),
    (0x0281, "MPLS"),
    (0x0283, "MPLS"),
    (0x00fd, "Compressed"),
    (0x003d, "MLPPP"),
    (0x0057, "IP6"),
    (0x0201, "HELLO"),
    (0x0231, "LUXCOM"),
    (0x0233, "SNS"),
    (0x8021, "IPCP"),
    (0x8023, "OSICP"),
    (0x8025, "NSCP"),
    (0x8027, "DECNETCP"),
    (0x8029, "APPLECP"),
    (0x802b, "IPXCP"),
    (0x8033, "STIICP"),
    (0x8035, "VINESCP"),
    (0x8057, "IP6CP"),
    (0x8281, "MPLSCP"),
    (0xc021, "LCP"),
    (0xc023, "PAP"),
    (0xc025, "LQM"),
    (0xc223, "CHAP"),
    (0xc227, "EAP"),
    (0xc027, "SPAP"),
    (0xc123, "Old-SPAP"),
    (0xc02b, "BACP"),
    (0xc02d, "BAP"),
    (0xc03d, "MLPPP-CP"),
    (0x80fd, "CCP"),
];

const CODES: &[(u8, &str)] = &[
    (0, "Vendor-Extension"),
    (1, "Conf-Request"),
    (2, "Conf-Ack"),
    (3, "Conf-Nack"),
    (4, "Conf-Reject"),
    (5, "Term-Request"),
    (6, "Term-Ack"),
    (7, "Code-Reject"),
    (8, "Prot-Reject"),
    (9, "Echo-Request"),
    (10, "Echo-Reply"),
    (11, "Disc-Req"),
    (12, "Ident"),
    (13, "Time-Rem"),
    (14, "Reset-Req"),
    (15, "Reset-Ack"),
];

const CHALLENGE: &[(u8, &str)] = &[(1, "Challenge"), (2, "Response"), (3, "Success"), (4, "Fail")];

const PASSWORD: &[(u8, &str)] = &[(1, "Auth-Req"), (2, "Auth-ACK"), (3, "Auth-NACK")];

const MULTILINK_FLAGS: &[(u32, &str)] = &[(0x80, "begin"), (0x40, "end")];

/// The flag that a frame begins with, taken for a protocol's number.
const ESCAPED: u16 = 0x7e00;

/// A frame's address where it is meant for all, as it is on a line with two ends (RFC 1662).
const ALL_STATIONS: u8 = 0xff;

/// Prints a frame of a capture that begins with PPP, and says how long its header is taken to be.
pub(crate) fn frame(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
    const HEADER: usize = 4;
    t.protocol = "ppp";
    if p.len() < HEADER {
        t.truncated();
        return Ok(p.len());
    }
    t.part(|t| print(t, p, length).map(drop))?;
    Ok(HEADER)
}

/// Prints a frame behind HDLC's address and control bytes, which may be Cisco's; says how long the
/// header is.
pub(crate) fn serial(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
    t.protocol = "ppp_hdlc";
    if p.len() < 2 {
        t.truncated();
        return Ok(p.len());
    }
    let address = p.u8(0)?;
    if matches!(address, cisco_hdlc::UNICAST | cisco_hdlc::BROADCAST) {
        return cisco_hdlc::print(t, p, length);
    }
    if p.len() < 4 {
        t.truncated();
        return Ok(p.len());
    }
    if t.style.link_header {
        put!(t, "{address:02x} {:02x} {length} ", p.u8(1)?);
    }
    if address != ALL_STATIONS {
        // tcpdump shows the two bytes behind address and control under these names.
        put!(t, "unknown addr {:02x}; ctrl {:02x}", p.u8(2)?, p.u8(3)?);
        return Ok(2);
    }
    let protocol = p.u16(2)?;
    put_name!(t, PROTOCOLS, protocol, "unknown PPP protocol (0x{protocol:04x})");
    put!(t, ": ");
    t.part(|t| carried(t, protocol, p, 4, length))?;
    Ok(4)
}

/// With or without address and control; says how long the header is.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
    t.protocol = "ppp";
    let whole = length;
    if length < 2 {
        return Err(Stop::Short);
    }
    let mut at = 0;
    // Address and control may stand before the protocol.
    match p.u16(0)? {
        0x0003 | 0x0103 => {
            if t.style.link_header {
                put!(t, "{}", if p.u8(0)? == 0 { "In  " } else { "Out " });
            }
            at = 2;
        }
        0xff03 => at = 2,
        _ => {}
    }
    if length < at + 2 {
        return Err(Stop::Short);
    }
    // An odd first byte is the whole of a compressed number.
    let mut protocol = u16::from(p.u8(at)?);
    if protocol & 1 == 1 {
        at += 1;
    } else {
        protocol = p.u16(at)?;
        at += 2;
    }
    if t.style.link_header {
        let name = name_of(PROTOCOLS, protocol);
        put!(t, "{} (0x{protocol:04x}), length {whole}", name.unwrap_or("unknown"));
        if name.is_none() {
            return Ok(at);
        }
        put!(t, ": ");
    }
    carried(t, protocol, p, at, length).map(|()| at)
}

/// An octet-stuffed frame (RFC 1662, section 4.2), from behind its flag on: all that was captured.
fn escaped(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    const ESCAPE: u8 = 0x7d;
    let mut stuffed = p.all().iter();
    let mut frame = Vec::new();
    while let Some(&byte) = stuffed.next() {
        match byte {
            ESCAPE => match stuffed.next() {
                Some(byte) => frame.push(byte ^ 0x20),
                None => break,
            },
            _ => frame.push(byte),
        }
    }
    let (p, length) = (Bytes::new(&frame), frame.len());
    if length == 0 {
        return Ok(());
    }
    match p.u8(0)? {
        0x21 => return t.nested(|t| ip::print(t, p.from(1), length - 1)),
        0x57 => return t.nested(|t| ip6::print(t, p.from(1), length - 1)),
        _ => {}
    }
    p.need(0, 2)?;
    let at = if p.u16(0)? == 0xff03 { 2 } else { 0 };
    p.need(at, 2)?;
    match p.u16(at)? {
        protocol if protocol & 0xff00 == ESCAPED => {
            put!(t, "(protocol 0x{protocol:04x} invalid)");
            Ok(())
        }
        protocol => carried(t, protocol, p, at + 2, length),
    }
}

/// Prints what a protocol's number says that follows it, `at` bytes behind the start.
fn carried(
    t: &mut Text<'_>,
    protocol: u16,
    p: Bytes<'_>,
    at: usize,
    length: usize,
) -> Result<(), Stop> {
    if protocol & 0xff00 == ESCAPED {
        return if length > at { escaped(t, p.from(at - 1)) } else { Ok(()) };
    }
    let (p, length) = (p.from(at), length.saturating_sub(at));
    match protocol {
        0xc021 | 0x8021 | 0x8023 | 0x8281 | 0x8057 | 0x80fd | 0xc02b => {
            control(t, p, length, protocol)
        }
        0x003d => multilink(t, p, length),
        0xc223 => challenge(t, p, length),
        0xc023 => password(t, p, length),
        0x0800 | 0x002f | 0x0021 => t.nested(|t| ip::print(t, p, length)),
        0x86dd | 0x0057 => t.nested(|t| ip6::print(t, p, length)),
        0x8137 | 0x002b => t.part(|t| ipx::print(t, p)),
        0x0023 => t.part(|t| osi::print(t, p, length)),
        0x0281 | 0x0283 => mpls::print(t, p, length),
        // Bandwidth allocation (RFC 2125), of which tcpdump shows nothing.
        0xc02d => Ok(()),
        0x00fd => {
            put!(t, "compressed PPP data");
            Ok(())
        }
        _ => {
            put_name!(t, PROTOCOLS, protocol, "unknown PPP protocol (0x{protocol:04x})");
            put!(t, " ");
            dump::hex(p.limit(length).all(), "\n\t", 0, t.out);
            Ok(())
        }
    }
}

/// A control protocol's packet: its code and length, and with `-v` what it says.
fn control(t: &mut Text<'_>, p: Bytes<'_>, length: usize, protocol: u16) -> Result<(), Stop> {
    const HEADER: usize = 4;
    let name = name_of(PROTOCOLS, protocol).unwrap_or_default();
    put!(t, "{name}, ");
    if length < HEADER || !p.has(0, 2) {
        put!(t, "[|{name}]");
        return Ok(());
    }
    let code = p.u8(0)?;
    put_name!(t, CODES, code, "Unknown Opcode");
    put!(t, " (0x{code:02x}), id {}, length {}", p.u8(1)?, length + 2);
    if t.style.verbose == 0 {
        return Ok(());
    }
    let stated = usize::from(p.u16(2)?);
    if stated < HEADER {
        put!(t, "\n\tencoded length {stated} (< 4))");
        return Ok(());
    }
    if stated > length {
        put!(t, "\n\tencoded length {stated} (> packet length {length}))");
        return Ok(());
    }
    put!(t, "\n\tencoded length {stated} (=Option(s) length {})", stated - HEADER);
    if stated == HEADER {
        return Ok(());
    }
    if t.style.verbose > 1 {
        // From the protocol's number on, wherever it began.
        put!(t, "\n\t0x0000:  {protocol:04x}");
        let head = p.limit(HEADER).all();
        for pair in head.chunks(2) {
            put!(t, " ");
            t.hex(pair);
        }
    }
    let body = p.from(HEADER);
    match code {
        0 if stated >= 11 => {
            put!(t, "\n\t  Magic-Num 0x{:08x}", body.u32(0)?);
            let vendor = body.u24(4)?;
            put!(t, " Vendor: {} ({vendor})", name_of(OUIS, vendor).unwrap_or("Unknown"));
        }
        1..=4 => {
            let options = Fields::new(body, stated - HEADER);
            ppp_options::print(t, protocol, PROTOCOLS, options, stated)?;
        }
        8 if stated >= 6 => {
            let rejected = body.u16(0)?;
            let name = name_of(PROTOCOLS, rejected).unwrap_or("unknown");
            put!(t, "\n\t  Rejected {name} Protocol (0x{rejected:04x})");
            if stated > 6 {
                put!(t, "\n\t  Rejected Packet");
                t.unknown(body.from(2), stated - 2, "\n\t    ");
            }
        }
        9..=11 if stated >= 8 => {
            put!(t, "\n\t  Magic-Num 0x{:08x}", body.u32(0)?);
            if stated > 8 {
                put!(t, "\n\t  -----trailing data-----");
                if !body.has(4, stated - 8) {
                    put!(t, "[|{name}]");
                    return Ok(());
                }
                t.unknown(body.from(4), stated - 8, "\n\t  ");
            }
        }
        12 if stated >= 8 => {
            put!(t, "\n\t  Magic-Num 0x{:08x}", body.u32(0)?);
            if stated > 8 {
                put!(t, "\n\t  Message\n\t    ");
                if t.string(body.from(4), stated - HEADER).is_err() {
                    put!(t, "[|{name}]");
                }
            }
        }
        13 if stated >= 12 => {
            put!(t, "\n\t  Magic-Num 0x{:08x}", body.u32(0)?);
            put!(t, ", Seconds-Remaining {}s", body.u32(4)?);
        }
        0 | 5..=13 => {}
        _ if t.style.verbose <= 1 => {
            let mut all = protocol.to_be_bytes().to_vec();
            all.extend_from_slice(p.limit(stated).all());
            dump::hex(&all, "\n\t  ", 0, t.out);
        }
        _ => {}
    }
    Ok(())
}

fn multilink(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    if !t.style.link_header {
        put!(t, "MLPPP, ");
    }
    if length < 2 || !p.has(0, 2) {
        put!(t, "[|mlppp]");
        return Ok(());
    }
    let head = p.u16(0)?;
    let flags = bits(MULTILINK_FLAGS, u32::from(head >> 8), ", ", "none");
    put!(t, "seq 0x{:03x}, Flags [{flags}], length {length}", head & 0xfff);
    Ok(())
}

/// RFC 1994.
fn challenge(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    match length {
        0 => put!(t, "[|chap]"),
        1..4 => put!(t, "[|chap 0x{:02x}]", p.u8(0)?),
        _ => {}
    }
    if length < 4 {
        return Ok(());
    }
    let code = p.u8(0)?;
    put!(t, "CHAP, ");
    put_name!(t, CHALLENGE, code, "unknown");
    put!(t, " (0x{code:02x})");
    put!(t, ", id {}", p.u8(1)?);
    let stated = usize::from(p.u16(2)?);
    let mut at = 4;
    match code {
        1 | 2 => {
            if length <= at {
                return Ok(());
            }
            let size = usize::from(p.u8(at)?);
            at += 1;
            if length < at + size {
                return Ok(());
            }
            put!(t, ", Value ");
            t.hex(p.from(at).limit(size).all());
            p.slice(at, size)?;
            at += size;
            put!(t, ", Name ");
        }
        3 | 4 => put!(t, ", Msg "),
        _ => return Ok(()),
    }
    // A length that lies runs into the end of the bytes.
    match stated.checked_sub(at) {
        Some(size) => t.string(p.from(at), size),
        None => {
            t.characters(p.from(at).all());
            Err(Stop::Cut)
        }
    }
}

/// RFC 1334.
fn password(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    match length {
        0 => put!(t, "[|pap]"),
        1..4 => put!(t, "[|pap 0x{:02x}]", p.u8(0)?),
        _ => {}
    }
    if length < 4 {
        return Ok(());
    }
    let code = p.u8(0)?;
    put!(t, "PAP, ");
    put_name!(t, PASSWORD, code, "unknown");
    put!(t, " (0x{code:02x})");
    put!(t, ", id {}", p.u8(1)?);
    let stated = usize::from(p.u16(2)?);
    if stated > length {
        put!(t, ", length {stated} > packet size");
        return Ok(());
    }
    if stated < 4 {
        put!(t, ", length {stated} < PAP header length");
        return Ok(());
    }
    let (least, names): (usize, &[&str]) = match code {
        1 => (6, &["Peer", "Name"]),
        2 | 3 => (5, &["Msg"]),
        _ => return Ok(()),
    };
    if stated < least {
        put!(t, "[|pap]");
        return Ok(());
    }
    let mut at = 4;
    for name in names {
        if stated <= at {
            return Ok(());
        }
        let size = usize::from(p.u8(at)?);
        at += 1;
        if stated < at + size {
            return Ok(());
        }
        put!(t, ", {name} ");
        t.string(p.from(at), size)?;
        at += size;
    }
    Ok(())
}

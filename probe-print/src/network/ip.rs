//! IPv4 (RFC 791), and what lies above either IP.

use super::{icmp, icmp6, igmp, ip6, ipsec, outer::Outer};
use crate::{
    assigned_numbers::IP_PROTOCOLS,
    bytes::{Bytes, Stop},
    checksum,
    link::ethernet,
    protocol_names::protocol_name,
    routing::{eigrp, igrp, ospf, pim, rsvp, vrrp},
    text::{Text, bits, name_of, put, put_name},
    transport::{dccp, pgm, sctp, tcp, udp},
    tunnel::gre,
};

const HEADER: usize = 20;

/// Where the fields of the header are (RFC 791, section 3.1).
mod field {
    /// Four bits each: version, and the header's length in words of four bytes.
    pub const VERSION_IHL: usize = 0;
    pub const TOS: usize = 1;
    pub const TOTAL_LENGTH: usize = 2;
    pub const ID: usize = 4;
    /// Three flags, and the offset in units of eight bytes.
    pub const FRAGMENT: usize = 6;
    pub const TTL: usize = 8;
    pub const PROTOCOL: usize = 9;
    pub const CHECKSUM: usize = 10;
    pub const SOURCE: usize = 12;
    pub const DESTINATION: usize = 16;
}
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

const FLAGS: &[(u32, &str)] =
    &[(MORE_FRAGMENTS as u32, "+"), (DONT_FRAGMENT as u32, "DF"), (0x8000, "rsvd")];

/// Prints a packet of whichever version its first byte says.
pub(crate) fn any(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    if length < 1 {
        put!(t, "truncated-ip {length}");
        return Ok(());
    }
    match p.u8(0)? >> 4 {
        4 => print(t, p, length),
        6 => ip6::print(t, p, length),
        version => {
            put!(t, "unknown ip {version}");
            Ok(())
        }
    }
}

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ip";
    let version = p.u8(field::VERSION_IHL)? >> 4;
    if version != 4 {
        match version {
            6 => put!(t, "IP6, wrong link-layer encapsulation"),
            _ => put!(t, "IP{version}"),
        }
        return Err(Stop::Invalid);
    }
    if !t.style.link_header {
        put!(t, "IP ");
    }
    p.need(0, HEADER)?;
    if length < HEADER {
        put!(t, "truncated-ip {length}");
        return Ok(());
    }
    let header = 4 * usize::from(p.u8(field::VERSION_IHL)? & 0xf);
    if header < HEADER {
        put!(t, "bad-hlen {header}");
        return Ok(());
    }
    let mut total = usize::from(p.u16(field::TOTAL_LENGTH)?);
    if length < total {
        put!(t, "truncated-ip - {} bytes missing! ", total - length);
    }
    if total < header {
        if total != 0 {
            put!(t, "bad-len {total}");
            return Ok(());
        }
        // Segmentation offload leaves the field at zero.
        total = length;
    }
    // What follows the packet in the frame is padding.
    let p = p.limit(total);
    let payload = total - header.min(total);
    let fragment = p.u16(field::FRAGMENT)?;
    let protocol = p.u8(field::PROTOCOL)?;
    let (source, destination) = (t.v4(p, field::SOURCE)?, t.v4(p, field::DESTINATION)?);
    t.note_v4(p, field::SOURCE, field::DESTINATION)?;
    if t.style.verbose > 0 {
        details(t, p, header, fragment, protocol).inspect_err(|stop| {
            if *stop == Stop::Short {
                put!(t, "{source} > {destination}: ");
            }
        })?;
    }
    if fragment & OFFSET != 0 {
        put!(t, "{source} > {destination}:");
        t.unknown_protocol(protocol);
        return Ok(());
    }
    if !matches!(protocol, tcp::PROTOCOL | udp::PROTOCOL | SCTP | dccp::PROTOCOL) {
        put!(t, "{source} > {destination}: ");
    }
    if !p.has(0, header) {
        put!(t, " [remaining caplen({}) < header length({header})]", p.len());
        return Err(Stop::Cut);
    }
    let fragmented = fragment & MORE_FRAGMENTS != 0;
    upper(t, p.from(header), payload, protocol, Outer::V4(p), fragmented)
}

/// The part in parentheses of `-v`, [`Stop::Short`] if the options in it are cut.
fn details(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    header: usize,
    fragment: u16,
    protocol: u8,
) -> Result<(), Stop> {
    let tos = p.u8(field::TOS)?;
    put!(t, "(tos 0x{tos:x}");
    match tos & 3 {
        1 => put!(t, ",ECT(1)"),
        2 => put!(t, ",ECT(0)"),
        3 => put!(t, ",CE"),
        _ => {}
    }
    let ttl = p.u8(field::TTL)?;
    if ttl >= 1 {
        put!(t, ", ttl {ttl}");
    }
    put!(
        t,
        ", id {}, offset {}, flags [{}], proto {} ({protocol}), length {}",
        p.u16(field::ID)?,
        8 * (fragment & OFFSET),
        bits(FLAGS, fragment.into(), ", ", "none"),
        name_of(IP_PROTOCOLS, protocol).unwrap_or("unknown"),
        p.u16(field::TOTAL_LENGTH)?
    );
    let mut printed = Ok(());
    if header > HEADER {
        put!(t, ", options (");
        printed = options(t, p.from(HEADER), header - HEADER);
        match printed {
            Err(Stop::Short) => put!(t, " [truncated-option]"),
            _ => printed?,
        }
        put!(t, ")");
    }
    if !t.style.no_checksums
        && let Ok(bytes) = p.slice(0, header)
    {
        let residue = checksum::residue(&[bytes]);
        if residue != 0 {
            let found = p.u16(field::CHECKSUM)?;
            put!(t, ", bad cksum {found:x} (->{:x})!", checksum::should_be(found, residue));
        }
    }
    put!(t, ")\n    ");
    printed
}

const OPTIONS: &[(u8, &str)] = &[
    (0, "EOL"),
    (1, "NOP"),
    (7, "RR"),
    (68, "timestamp"),
    (82, "traceroute"),
    (130, "security"),
    (131, "LSRR"),
    (137, "SSRR"),
    (148, "RA"),
];

fn options(t: &mut Text<'_>, mut p: Bytes<'_>, mut length: usize) -> Result<(), Stop> {
    let mut separator = "";
    while length > 0 {
        put!(t, "{separator}");
        separator = ",";
        let code = p.u8(0)?;
        put_name!(t, OPTIONS, code, "unknown {code}");
        let option_len = match code {
            0 | 1 => 1,
            _ => usize::from(p.u8(1)?),
        };
        if option_len < 2 && code > 1 || option_len > length {
            put!(t, " [bad length {option_len}]");
            return Ok(());
        }
        p.need(0, option_len)?;
        match code {
            0 => return Ok(()),
            68 => timestamps(t, p, option_len)?,
            7 | 131 | 137 => route(t, p, option_len)?,
            148 if option_len < 4 => put!(t, " [bad length {option_len}]"),
            148 if p.u16(2)? != 0 => put!(t, " value {}", p.u16(2)?),
            _ => {}
        }
        p = p.from(option_len);
        length -= option_len;
    }
    Ok(())
}

/// A recorded or a source route.
fn route(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    if length < 3 {
        put!(t, " [bad length {length}]");
        return Ok(());
    }
    if !(length + 1).is_multiple_of(4) {
        put!(t, " [bad length {length}]");
    }
    let raw = p.u8(2)?;
    // Zero wraps in tcpdump, too, and is as bad as any other number out of range.
    let pointer = (u32::from(raw)).wrapping_sub(1);
    if pointer < 3 || (pointer.wrapping_add(1)) & 3 != 0 || pointer > length as u32 + 1 {
        put!(t, " [bad ptr {raw}]");
    }
    for at in (3..length).step_by(4) {
        let address = t.v4(p, at).or(Err(Stop::Short))?;
        put!(t, " {address}");
        if pointer > at as u32 {
            put!(t, ",");
        }
    }
    Ok(())
}

/// The timestamp option.
fn timestamps(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    if length < 4 {
        put!(t, "[bad length {length}]");
        return Ok(());
    }
    put!(t, " TS{{");
    let kind = p.u8(3)? & 0xf;
    let hop = if kind == 0 { 4 } else { 8 };
    if !(length - 4).is_multiple_of(hop) {
        put!(t, "[bad length {length}]");
    }
    let raw = p.u8(2)?;
    let pointer = u32::from(raw).wrapping_sub(1);
    if pointer < 4 || pointer.wrapping_sub(4) & (hop as u32 - 1) != 0 || pointer > length as u32 + 1
    {
        put!(t, "[bad ptr {raw}]");
    }
    let mut at = 0;
    let known = match kind {
        0 => Some("TSONLY"),
        1 => Some("TS+ADDR"),
        3 => Some("PRESPEC"),
        _ => None,
    };
    match known {
        None => put!(t, "[bad ts type {kind}]"),
        Some(name) => {
            put!(t, "{name}");
            at = 4;
            while at < length {
                let mark = if pointer == at as u32 { " ^ " } else { " " };
                p.need(at, hop)?;
                let stamp = p.u32(at + hop - 4)?;
                match hop {
                    8 => put!(t, "{mark}{stamp}@{}", t.v4(p, at)?),
                    _ => put!(t, "{mark}{stamp}@"),
                }
                at += hop;
            }
        }
    }
    if pointer == at as u32 {
        put!(t, " ^ ");
    }
    match p.u8(3)? >> 4 {
        0 => put!(t, "}}"),
        hops => put!(t, " [{hops} hops not recorded]}} "),
    }
    Ok(())
}

const SCTP: u8 = 132;

/// Prints what an IP packet carries.
pub(crate) fn upper(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    protocol: u8,
    outer: Outer<'_>,
    fragmented: bool,
) -> Result<(), Stop> {
    let four = matches!(outer, Outer::V4(_));
    match protocol {
        tcp::PROTOCOL => tcp::print(t, p, length, outer, fragmented),
        udp::PROTOCOL => udp::print(t, p, length, outer, fragmented),
        1 if four => icmp::print(t, p, length, fragmented),
        58 if !four => icmp6::print(t, p, length, outer, fragmented),
        2 if four => igmp::print(t, p, length),
        143 if !four => t.nested(|t| ethernet::print(t, p, length).map(|_| ())),
        1 | 2 | 58 | 143 => {
            let name = name_of(IP_PROTOCOLS, protocol).unwrap_or("unknown");
            put!(t, "[{name} requires IPv{}]", if four { 6 } else { 4 });
            t.invalid();
            Ok(())
        }
        9 => igrp::print(t, p, length),
        4 => t.nested(|t| print(t, p, length)),
        41 => t.nested(|t| ip6::print(t, p, length)),
        46 => rsvp::print(t, p, length),
        47 => t.nested(|t| gre::print(t, p, length)),
        50 => ipsec::esp(t, p, length),
        88 => eigrp::print(t, p, length),
        89 if four => ospf::version_2(t, p, length),
        89 => ospf::version_3(t, p, length),
        103 => pim::print(t, p, length, outer),
        77 => {
            put!(t, " nd {length}");
            Ok(())
        }
        108 => ipsec::compressed(t, p),
        112 => vrrp::print(t, p, length, outer),
        pgm::PROTOCOL => pgm::print(t, p, length, outer),
        dccp::PROTOCOL => dccp::print(t, p, length, outer),
        SCTP => sctp::print(t, p, length, outer),
        59 => {
            put!(t, "no next header");
            Ok(())
        }
        51 => ipsec::authentication(t, p, length, outer, fragmented),
        _ => {
            t.unknown_protocol(protocol);
            put!(t, " {length}");
            Ok(())
        }
    }
}

impl Text<'_> {
    /// A protocol that is not looked into.
    fn unknown_protocol(&mut self, protocol: u8) {
        match protocol_name(protocol).filter(|_| self.names.shown()) {
            Some(name) => put!(self, " {name}"),
            None => put!(self, " ip-proto-{protocol}"),
        }
    }
}

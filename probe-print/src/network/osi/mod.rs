//! The network layer of OSI: what its first byte names, and IS-IS (ISO 10589).
//! CLNP and ES-IS are named only.

mod fields;
mod reach;

use super::{ip, ip6};
use crate::{
    bytes::{Bytes, Stop},
    link::ppp,
    text::{Text, name_of, name_of_two_bits, put},
};

const CLNP: u8 = 0x81;
const ES_IS: u8 = 0x82;
const IS_IS: u8 = 0x83;
const IPV4: u8 = 0xcc;
const IPV6: u8 = 0x8e;
const PPP: u8 = 0xcf;

pub(crate) const PROTOCOLS: &[(u8, &str)] = &[
    (0x00, "NULL"),
    (0x08, "Q.933"),
    (0x09, "LMI"),
    (0x80, "SNAP"),
    (CLNP, "CLNP"),
    (ES_IS, "ES-IS"),
    (IS_IS, "IS-IS"),
    (0x84, "CONS"),
    (0x85, "IDRP"),
    (0xc1, "ISIS_SPB"),
    (0xb1, "FRF.15"),
    (IPV4, "IPv4"),
    (PPP, "PPP"),
    (0x8a, "X25 ES-IS"),
    (IPV6, "IPv6"),
];

const COMMON: usize = 8;
const SYSTEM: usize = 6;
const NODE: usize = 7;
const LSP: usize = 8;

const KINDS: &[(u8, &str)] = &[
    (15, "L1 Lan IIH"),
    (16, "L2 Lan IIH"),
    (POINT_TO_POINT, "p2p IIH"),
    (18, "L1 LSP"),
    (20, "L2 LSP"),
    (24, "L1 CSNP"),
    (25, "L2 CSNP"),
    (26, "L1 PSNP"),
    (27, "L2 PSNP"),
];
const POINT_TO_POINT: u8 = 17;

const CIRCUITS: &[(u8, &str)] =
    &[(1, "Level 1 only"), (2, "Level 2 only"), (3, "Level 1, Level 2")];
const SYSTEMS: [&str; 4] = ["Unused 0x0 (invalid)", "L1 IS", "Unused 0x2 (invalid)", "L2 IS"];

/// Prints a packet of whichever protocol its first byte names.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "isoclns";
    let protocol = p.u8(0)?;
    let separator = if t.style.link_header { "" } else { ", " };
    if t.style.link_header {
        let name = name_of(PROTOCOLS, protocol).unwrap_or("Unknown");
        put!(t, "OSI NLPID {name} (0x{protocol:02x}): ");
    }
    let inner = length.saturating_sub(1);
    match protocol {
        IS_IS => {
            if !is_is(t, p, length)? {
                t.unknown(p, length, "\n\t");
            }
        }
        0 => put!(t, "{separator}length: {length}"),
        IPV4 => t.nested(|t| ip::print(t, p.from(1), inner))?,
        IPV6 => t.nested(|t| ip6::print(t, p.from(1), inner))?,
        PPP => t.nested(|t| ppp::print(t, p.from(1), inner).map(drop))?,
        CLNP | ES_IS if !t.style.link_header => {
            put!(t, "{}, length {length}", name_of(PROTOCOLS, protocol).unwrap_or_default());
        }
        _ => {
            if !t.style.link_header {
                put!(t, "OSI NLPID 0x{protocol:02x} unknown");
            }
            put!(t, "{separator}length: {length}");
            if length > 1 {
                t.unknown(p, length, "\n\t");
            }
        }
    }
    Ok(())
}

/// A system, a node or a link state packet: 6, 7 or 8 bytes.
fn id(p: Bytes<'_>, at: usize, size: usize) -> Result<String, Stop> {
    p.need(at, size)?;
    let mut text = String::new();
    for (index, byte) in p.slice(at, size)?.iter().enumerate() {
        match index {
            2 | 4 | 6 => text.push('.'),
            7 => text.push('-'),
            _ => {}
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(text)
}

/// Prints an IS-IS packet. `false`, which is no end but asks for the packet's bytes as well, where
/// its header makes no sense.
fn is_is(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<bool, Stop> {
    t.protocol = "isis";
    if !p.has(0, COMMON) || length < COMMON {
        t.truncated();
        return Ok(true);
    }
    if !t.style.link_header {
        put!(t, "IS-IS");
    }
    let separator = if t.style.link_header { "" } else { ", " };
    let fixed = usize::from(p.u8(1)?);
    let (version, id_length, version_2, areas) = (p.u8(2)?, p.u8(3)?, p.u8(5)?, p.u8(7)?);
    let complaint = match (version, id_length, version_2, areas) {
        (2.. | 0, ..) => format!("version {version} packet not supported"),
        (_, 1..=5 | 7.., ..) => format!("system ID length of {id_length} is not supported"),
        (_, _, 2.. | 0, _) => format!("version {version_2} packet not supported"),
        _ if length < fixed => format!("fixed header length {fixed} > packet length {length}"),
        _ if fixed < COMMON => {
            format!("fixed header length {fixed} < minimum header size {COMMON}")
        }
        (.., 255) => "bad packet -- 255 areas".into(),
        _ => String::new(),
    };
    if !complaint.is_empty() {
        put!(t, "{complaint}");
        return Ok(false);
    }
    let kind = p.u8(4)?;
    let name = name_of(KINDS, kind);
    if t.style.verbose == 0 {
        let name = name.map_or_else(|| format!("unknown PDU-Type {kind}"), Into::into);
        put!(t, "{separator}{name}");
    } else {
        let name = name.map_or_else(|| format!("unknown, type {kind}"), Into::into);
        let most = if areas == 0 { 3 } else { areas };
        put!(t, "{separator}length {length}\n\t{name}, hlen: {fixed}, v: {version}");
        put!(t, ", pdu-v: {version_2}, sys-id-len: 6 ({id_length}), max-area: {most} ({areas})");
        if t.style.verbose > 1 {
            t.unknown(p, COMMON, "\n\t");
        }
    }
    let size = match kind {
        15 | 16 => 19,
        POINT_TO_POINT => 12,
        18 | 20 => 19,
        24 | 25 => 25,
        26 | 27 => 9,
        _ if t.style.verbose == 0 => {
            put!(t, ", length {length}");
            return Ok(true);
        }
        _ => {
            t.unknown(p.from(COMMON), length, "\n\t  ");
            return Ok(false);
        }
    };
    if fixed != COMMON + size {
        // Of two kinds, tcpdump says it in other words.
        let lead = if matches!(kind, 26 | 27) { "-" } else { "," };
        let right = if matches!(kind, 18 | 20) { size } else { COMMON + size };
        put!(t, "{lead} bogus fixed header length {fixed} should be {right}");
        return Ok(false);
    }
    if !p.has(COMMON, size) || length < fixed {
        t.truncated();
        return Ok(true);
    }
    if t.style.verbose == 0 {
        brief(t, kind, p)?;
        put!(t, ", length {length}");
        return Ok(true);
    }
    let length = header(t, kind, p, length)?;
    if t.style.verbose > 1 {
        t.unknown(p.from(COMMON), size, "\n\t  ");
    }
    match length.checked_sub(fixed) {
        Some(left) => fields::print(t, p, fixed, left, length).map(|()| true),
        None => {
            put!(t, " [packet length {length} < {fixed}]");
            t.invalid();
            Ok(true)
        }
    }
}

fn brief(t: &mut Text<'_>, kind: u8, p: Bytes<'_>) -> Result<(), Stop> {
    match kind {
        15 | 16 => {
            put!(t, ", src-id {}, lan-id {}", id(p, 9, SYSTEM)?, id(p, 20, NODE)?);
            put!(t, ", prio {}", p.u8(19)?);
        }
        POINT_TO_POINT => put!(t, ", src-id {}", id(p, 9, SYSTEM)?),
        18 | 20 => {
            put!(t, ", lsp-id {}, seq 0x{:08x}", id(p, 12, LSP)?, p.u32(20)?);
            put!(t, ", lifetime {:>5}s", p.u16(10)?);
        }
        _ => put!(t, ", src-id {}", id(p, 10, NODE)?),
    }
    Ok(())
}

/// Prints the header and says how long the packet is.
fn header(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
    let at = match kind {
        15..=17 => 17,
        _ => 8,
    };
    let stated = usize::from(p.u16(at)?);
    let length = length.min(stated);
    let circuit = |number: u8| {
        let name = name_of(CIRCUITS, number).map(Into::into);
        name.unwrap_or_else(|| format!("unknown circuit type 0x{number:02x}"))
    };
    match kind {
        15 | 16 => {
            put!(t, "\n\t  source-id: {},  holding time: {}s", id(p, 9, SYSTEM)?, p.u16(15)?);
            put!(t, ", Flags: [{}]", circuit(p.u8(8)?));
            put!(t, "\n\t  lan-id:    {}", id(p, 20, NODE)?);
            put!(t, ", Priority: {}, PDU length: {stated}", p.u8(19)? & 0x7f);
        }
        POINT_TO_POINT => {
            put!(t, "\n\t  source-id: {}, holding time: {}s", id(p, 9, SYSTEM)?, p.u16(15)?);
            put!(t, ", Flags: [{}]", circuit(p.u8(8)?));
            put!(t, "\n\t  circuit-id: 0x{:02x}, PDU length: {stated}", p.u8(19)?);
        }
        18 | 20 => {
            put!(t, "\n\t  lsp-id: {}, seq: 0x{:08x}", id(p, 12, LSP)?, p.u32(20)?);
            put!(t, ", lifetime: {:>5}s", p.u16(10)?);
            let checksum = p.u16(24)?;
            put!(t, "\n\t  chksum: 0x{checksum:04x}");
            // All but the header up to the lifetime, which changes on the way.
            verify(t, p.from(12), checksum, 12, length.checked_sub(12));
            let flags = p.u8(26)?;
            put!(t, ", PDU length: {stated}, Flags: [ ");
            put!(t, "{}", if flags & 4 == 0 { "" } else { "Overload bit set, " });
            if flags & 0x78 != 0 {
                for (bit, name) in
                    [(8, "default "), (0x10, "delay "), (0x20, "expense "), (0x40, "error ")]
                {
                    put!(t, "{}", if flags & bit == 0 { "" } else { name });
                }
                put!(t, "ATT bit set, ");
            }
            put!(t, "{}", if flags & 0x80 == 0 { "" } else { "P bit set, " });
            put!(t, "{} ]", name_of_two_bits(SYSTEMS, flags));
        }
        _ => {
            put!(t, "\n\t  source-id:    {}, PDU length: {stated}", id(p, 10, NODE)?);
            if kind < 26 {
                put!(t, "\n\t  start lsp-id: {}", id(p, 17, LSP)?);
                put!(t, "\n\t  end lsp-id:   {}", id(p, 25, LSP)?);
            }
        }
    }
    Ok(length)
}

/// Says whether the checksum at `at` is right, by Fletcher's sum (RFC 1008), if there is
/// one and all it covers was captured.
fn verify(t: &mut Text<'_>, p: Bytes<'_>, found: u16, at: usize, length: Option<usize>) {
    let bytes = length.filter(|&length| found != 0 && at <= length && p.has(at, 2));
    let Some(bytes) = bytes.and_then(|length| p.slice(0, length).ok()) else {
        put!(t, " (unverified)");
        return;
    };
    let (mut first, mut second) = (0_u32, 0_u32);
    for (index, &byte) in bytes.iter().enumerate() {
        if index != at && index != at + 1 {
            first = first.wrapping_add(byte.into());
        }
        second = second.wrapping_add(first);
    }
    let (first, second) = (first % 255, second % 255);
    let behind = ((bytes.len() - at) as u32).wrapping_mul(first);
    let mut x = behind.wrapping_sub(first).wrapping_sub(second).cast_signed();
    let mut y = second.wrapping_sub(behind).wrapping_sub(1).cast_signed();
    y += i32::from(y >= 0);
    x -= i32::from(x < 0);
    let fold = |number: i32| if number % 255 == 0 { 255 } else { number % 255 };
    let right = (fold(x) << 8 | fold(y) & 0xff) as u16;
    if right == found {
        put!(t, " (correct)");
    } else {
        put!(t, " (incorrect should be 0x{right:04x})");
    }
}

//! ARP and RARP (RFC 826, RFC 903, RFC 2390).

mod atm;

use crate::{
    assigned_numbers::ETHERTYPES,
    bytes::{Bytes, Stop},
    color::Tint,
    dump,
    text::{Text, put, put_name},
};

const HEADER: usize = 8;

/// Where the fields of the header are (RFC 826). The addresses follow: the sender's and the
/// target's, of hardware and of protocol each.
mod field {
    pub const HARDWARE: usize = 0;
    pub const PROTOCOL: usize = 2;
    pub const HARDWARE_LENGTH: usize = 4;
    pub const PROTOCOL_LENGTH: usize = 5;
    pub const OPERATION: usize = 6;
}
const IPV4: u16 = 0x0800;
const TRAILERS: u16 = 0x1000;

const FRAME_RELAY: u16 = 15;
const ATM: u16 = 19;

pub(crate) const HARDWARE: &[(u16, &str)] = &[
    (1, "Ethernet"),
    (6, "TokenRing"),
    (7, "ArcNet"),
    (FRAME_RELAY, "FrameRelay"),
    (23, "Strip"),
    (24, "IEEE 1394"),
    (ATM, "ATM"),
    (32, "InfiniBand"),
];

pub(crate) const OPERATIONS: &[(u16, &str)] = &[
    (1, "Request"),
    (2, "Reply"),
    (3, "Reverse Request"),
    (4, "Reverse Reply"),
    (8, "Inverse Request"),
    (9, "Inverse Reply"),
    (10, "NACK Reply"),
];

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "arp";
    t.tint = Tint::Neighbours;
    if !p.has(0, HEADER) {
        return Err(Stop::Cut);
    }
    let (hardware, protocol, operation) =
        (p.u16(field::HARDWARE)?, p.u16(field::PROTOCOL)?, p.u16(field::OPERATION)?);
    if hardware == ATM {
        return atm::print(t, p, length);
    }
    let (hardware_len, protocol_len) =
        (usize::from(p.u8(field::HARDWARE_LENGTH)?), usize::from(p.u8(field::PROTOCOL_LENGTH)?));
    let sender = HEADER + hardware_len;
    let target_hardware = sender + protocol_len;
    let target = target_hardware + hardware_len;
    if !p.has(target, protocol_len) {
        return Err(Stop::Cut);
    }
    if !t.style.link_header {
        put!(t, "ARP, ");
    }
    let plain = matches!(protocol, IPV4 | TRAILERS) && protocol_len == 4 && hardware_len != 0;
    let verbose = t.style.verbose > 0;
    if !plain || verbose {
        put_name!(t, HARDWARE, hardware, "Unknown Hardware ({hardware})");
        put!(t, " (len {hardware_len}), ");
        put_name!(t, ETHERTYPES, protocol, "Unknown Protocol (0x{protocol:04x})");
        put!(t, " (len {protocol_len})");
    }
    if plain || verbose {
        put!(t, "{}", if verbose { ", " } else { "" });
        put_name!(t, OPERATIONS, operation, "Unknown ({operation})");
        put!(t, " ");
        let address = |t: &mut Text<'_>, at| -> Result<(), Stop> {
            match (protocol, protocol_len) {
                (IPV4 | TRAILERS, 4) => put!(t, "{}", t.v4(p, at)?),
                (IPV4 | TRAILERS, _) => put!(t, "<wrong len>"),
                _ => put!(t, "<wrong proto type>"),
            }
            Ok(())
        };
        let link = |at| -> Result<(&[u8], String), Stop> {
            let bytes = p.slice(at, hardware_len)?;
            Ok(match hardware {
                FRAME_RELAY if !bytes.is_empty() => (bytes, circuit(bytes)),
                _ => (bytes, t.link(bytes).to_string()),
            })
        };
        let (_, sender_link) = link(HEADER)?;
        let (target_bytes, target_link) = link(target_hardware)?;
        match operation {
            1 => {
                put!(t, "who-has ");
                address(t, target)?;
                if target_bytes.iter().any(|&byte| byte != 0) {
                    put!(t, " ({target_link})");
                }
                put!(t, " tell ");
                address(t, sender)?;
            }
            2 => {
                address(t, sender)?;
                put!(t, " is-at {sender_link}");
            }
            3 | 8 => put!(t, "who-is {target_link} tell {sender_link}"),
            4 => {
                put!(t, "{target_link} at ");
                address(t, target)?;
            }
            9 => {
                put!(t, "{sender_link} at ");
                address(t, sender)?;
            }
            _ => {
                // Even where a dump follows, or less is wanted.
                dump::hex_and_text(p.all(), "\n\t", t.out);
                return Ok(());
            }
        }
    }
    put!(t, ", length {length}");
    Ok(())
}

/// The virtual circuit of an address (Q.922, section 3.3): seven bits or fewer a byte, of which the
/// lowest bit says that it is the last.
fn circuit(address: &[u8]) -> String {
    const TRUNCATED: &str = "<Truncated>";
    const INVALID: &str = "<Invalid DLCI>";
    const LAST: u8 = 1;
    let number = |byte: u8| u32::from(byte);
    match *address {
        [] => TRUNCATED.into(),
        [first, ..] if first & LAST != 0 => INVALID.into(),
        [_] => TRUNCATED.into(),
        [first, second, ref rest @ ..] => {
            let high = (number(first) & 0xfc) << 2 | number(second) >> 4;
            match *rest {
                _ if second & LAST != 0 => format!("DLCI {high}"),
                [] => TRUNCATED.into(),
                [last, ..] if last & LAST != 0 => format!("DLCI {}", high << 6 | number(last) >> 2),
                [_] => TRUNCATED.into(),
                [_, last, ..] if last & LAST == 0 => INVALID.into(),
                [third, last, ..] => {
                    format!("DLCI {}", (high << 7 | number(third) >> 1) << 6 | number(last) >> 2)
                }
            }
        }
    }
}

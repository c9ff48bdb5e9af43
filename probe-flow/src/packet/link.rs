//! What is in front of the IP header: link layers and VLAN tags.

use probe_frame::{Frame, LinkType};

use crate::cursor::Cursor;

/// EtherTypes (IEEE 802 numbers of IANA).
mod ethertype {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const IPV6: u16 = 0x86dd;
    pub(super) const PPPOE_SESSION: u16 = 0x8864;
    /// 802.1Q, 802.1ad, and what was in use before 802.1ad.
    pub(super) const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
}

/// Protocols of PPP (RFC 1661, section 2).
mod ppp {
    pub(super) const IPV4: u16 = 0x0021;
    pub(super) const IPV6: u16 = 0x0057;
    /// HDLC's address and control bytes (RFC 1662, section 3.1).
    pub(super) const HDLC: [u8; 2] = [0xff, 0x03];
    /// Cisco's HDLC: unicast and multicast, with a control byte of zero.
    pub(super) const CISCO: [[u8; 2]; 2] = [[0x0f, 0], [0x8f, 0]];
}

/// Tags that are looked behind.
const MAX_TAGS: usize = 4;
/// Destination and source address.
const ADDRESSES: usize = 12;
/// Bytes of a PPPoE header in front of the PPP protocol (RFC 2516, section 4).
const PPPOE: usize = 6;

/// Which IP comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V4,
    V6,
}

/// The IP header's version, and the captured bytes from there on. `None`: it is not IP.
pub(super) fn network<'a>(frame: &Frame<'a>) -> Option<(Version, &'a [u8])> {
    let mut cursor = Cursor::new(frame.bytes);
    let version = match frame.link {
        LinkType::Ethernet => {
            cursor.slice(ADDRESSES)?;
            let kind = cursor.u16()?;
            behind_tags(&mut cursor, kind)?
        }
        LinkType::Raw => match frame.bytes.first()? >> 4 {
            4 => Version::V4,
            6 => Version::V6,
            _ => return None,
        },
        LinkType::Ipv4 => Version::V4,
        LinkType::Ipv6 => Version::V6,
        // The protocol is the last field of 16 bytes, or the first of 20.
        LinkType::LinuxSll => {
            cursor.slice(14)?;
            let kind = cursor.u16()?;
            behind_tags(&mut cursor, kind)?
        }
        LinkType::LinuxSll2 => {
            let kind = cursor.u16()?;
            cursor.slice(18)?;
            behind_tags(&mut cursor, kind)?
        }
        LinkType::Null => family(u32::from_le_bytes(cursor.take()?))?,
        LinkType::Loop => family(cursor.u32()?)?,
        LinkType::Ppp => ppp_protocol(&mut cursor)?,
        LinkType::PppSerial => {
            let mut behind = cursor;
            let start = behind.take::<2>()?;
            if ppp::CISCO.contains(&start) {
                cursor = behind;
                let kind = cursor.u16()?;
                behind_tags(&mut cursor, kind)?
            } else {
                ppp_protocol(&mut cursor)?
            }
        }
        LinkType::PppEther => {
            cursor.slice(PPPOE)?;
            ppp_protocol(&mut cursor)?
        }
    };
    Some((version, cursor.rest()))
}

fn behind_tags(cursor: &mut Cursor<'_>, mut kind: u16) -> Option<Version> {
    for _ in 0..=MAX_TAGS {
        match kind {
            ethertype::IPV4 => return Some(Version::V4),
            ethertype::IPV6 => return Some(Version::V6),
            ethertype::PPPOE_SESSION => {
                cursor.slice(PPPOE)?;
                return ppp_protocol(cursor);
            }
            tag if ethertype::TAGS.contains(&tag) => {
                cursor.u16()?;
                kind = cursor.u16()?;
            }
            _ => return None,
        }
    }
    None
}

fn ppp_protocol(cursor: &mut Cursor<'_>) -> Option<Version> {
    let mut behind = *cursor;
    if behind.take::<2>()? == ppp::HDLC {
        *cursor = behind;
    }
    // A protocol is one byte where that is odd (RFC 1661, section 6.5).
    let first = u16::from(cursor.u8()?);
    let protocol = match first & 1 {
        1 => first,
        _ => first << 8 | u16::from(cursor.u8()?),
    };
    match protocol {
        ppp::IPV4 => Some(Version::V4),
        ppp::IPV6 => Some(Version::V6),
        _ => None,
    }
}

/// BSD's address families: IPv6 has another number on each of them, and on Linux.
fn family(number: u32) -> Option<Version> {
    match number {
        2 => Some(Version::V4),
        10 | 24 | 28 | 30 => Some(Version::V6),
        _ => None,
    }
}

//! IPv4 (RFC 791), IPv6 (RFC 8200) and its extension headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Data, Skipped, link::Version};
use crate::cursor::Cursor;

/// Protocol numbers (IANA).
pub(crate) mod protocol {
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const ICMPV6: u8 = 58;
}

/// IPv6 extension headers that are looked behind.
const MAX_EXTENSIONS: usize = 8;

/// Numbers of IPv6 extension headers.
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
    pub(super) const MOBILITY: u8 = 135;
}

/// An IP header's fields, and what follows it.
pub(super) struct Network<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// From the transport header on.
    pub(super) rest: Data<'a>,
}

/// Reads the header at the start of `captured`, which had `wire` bytes on the wire.
pub(super) fn read(version: Version, captured: &[u8], wire: usize) -> Result<Network<'_>, Skipped> {
    match version {
        Version::V4 => v4(captured, wire),
        Version::V6 => v6(captured, wire),
    }
}

fn v4(captured: &[u8], wire: usize) -> Result<Network<'_>, Skipped> {
    let mut cursor = Cursor::new(captured);
    let header = cursor.take::<20>().ok_or(Skipped::Cut)?;
    let [first, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        header;
    let header_len = usize::from(first & 15) * 4;
    if first >> 4 != 4 || header_len < header.len() {
        return Err(Skipped::Malformed);
    }
    if u16::from_be_bytes([f0, f1]) & 0x1fff != 0 {
        return Err(Skipped::Fragment);
    }
    // A length of 0 is a frame that the kernel has not cut into segments yet.
    let total = match usize::from(u16::from_be_bytes([l0, l1])) {
        0 => wire,
        total => total.min(wire),
    };
    let len = total.checked_sub(header_len).ok_or(Skipped::Malformed)?;
    let rest = captured.get(header_len..).ok_or(Skipped::Cut)?;
    Ok(Network {
        source: Ipv4Addr::new(s0, s1, s2, s3).into(),
        destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
        protocol,
        rest: Data::new(rest, len),
    })
}

fn v6(captured: &[u8], wire: usize) -> Result<Network<'_>, Skipped> {
    /// Bytes of the fixed header.
    const HEADER: usize = 40;
    let mut cursor = Cursor::new(captured);
    let first = cursor.u32().ok_or(Skipped::Cut)?;
    if first >> 28 != 6 {
        return Err(Skipped::Malformed);
    }
    let payload = usize::from(cursor.u16().ok_or(Skipped::Cut)?);
    let mut next = cursor.u8().ok_or(Skipped::Cut)?;
    cursor.u8().ok_or(Skipped::Cut)?;
    let source = Ipv6Addr::from(cursor.take::<16>().ok_or(Skipped::Cut)?).into();
    let destination = Ipv6Addr::from(cursor.take::<16>().ok_or(Skipped::Cut)?).into();
    let behind = wire.checked_sub(HEADER).ok_or(Skipped::Malformed)?;
    // A length of 0 is a jumbogram (RFC 2675), or not cut into segments yet: BIG TCP has both.
    let mut len = if payload == 0 { behind } else { payload.min(behind) };
    for _ in 0..=MAX_EXTENSIONS {
        let length = match next {
            extension::HOP_BY_HOP
            | extension::ROUTING
            | extension::DESTINATION
            | extension::MOBILITY => {
                let [following, units] = peek(&cursor)?;
                next = following;
                8 + usize::from(units) * 8
            }
            extension::AUTHENTICATION => {
                // In units of four bytes, less two (RFC 4302, section 2.2).
                let [following, units] = peek(&cursor)?;
                next = following;
                8 + usize::from(units) * 4
            }
            extension::FRAGMENT => {
                let [following, _, high, low] = peek(&cursor)?;
                if u16::from_be_bytes([high, low]) >> 3 != 0 {
                    return Err(Skipped::Fragment);
                }
                next = following;
                8
            }
            protocol => {
                let rest = Data::new(cursor.rest(), len);
                return Ok(Network { source, destination, protocol, rest });
            }
        };
        len = len.checked_sub(length).ok_or(Skipped::Malformed)?;
        cursor.slice(length).ok_or(Skipped::Cut)?;
    }
    Err(Skipped::Malformed)
}

fn peek<const N: usize>(cursor: &Cursor<'_>) -> Result<[u8; N], Skipped> {
    let mut ahead = *cursor;
    ahead.take().ok_or(Skipped::Cut)
}

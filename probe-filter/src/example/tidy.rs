//! What makes a frame that was found a right one: lengths and checksums, as far as the filter leaves them
//! free.

use super::Example;
use crate::eval;
use crate::ir::{Graph, LinkType};

/// Where IP's header starts, for frames whose link header is not Ethernet's.
fn ip_of(link: LinkType, frame: &[u8]) -> Option<usize> {
    const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
    match link {
        LinkType::Ethernet => {
            let mut at = 12;
            while TAGS.contains(&half(frame, at)?) {
                at += 4;
            }
            matches!(half(frame, at)?, 0x0800 | 0x86dd).then_some(at + 2)
        }
        LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => Some(0),
        LinkType::LinuxSll => Some(16),
        LinkType::LinuxSll2 => Some(20),
        LinkType::Null | LinkType::Loop | LinkType::Ppp | LinkType::PppSerial => Some(4),
        LinkType::PppEther => Some(8),
    }
}

fn half(frame: &[u8], at: usize) -> Option<u16> {
    frame.get(at..)?.first_chunk().map(|&bytes| u16::from_be_bytes(bytes))
}

/// Makes one thing right in a frame whose IP header starts at the offset; `None` where it cannot.
type Step = fn(&mut [u8], usize) -> Option<()>;

/// Makes lengths and checksums right, each where the frame matches then, too.
pub fn tidy(graph: &Graph, link: LinkType, found: &mut Example) {
    let Some(ip) = ip_of(link, &found.bytes) else { return };
    let steps: [Step; 3] = [lengths, ip_checksum, transport_checksum];
    for step in steps {
        let mut better = found.clone();
        if step(&mut better.bytes, ip).is_some() && eval::matches(graph, &better.frame()) {
            *found = better;
        }
    }
}

/// What is behind IP's header: its start, its protocol, and the sum of the pseudo header's addresses.
struct Transport {
    start: usize,
    end: usize,
    protocol: u8,
    pseudo: u32,
}

fn transport(frame: &[u8], ip: usize) -> Option<Transport> {
    let first = *frame.get(ip)?;
    let (start, end, protocol, addresses) = match first >> 4 {
        4 => {
            let header = usize::from(first & 0xf) * 4;
            let end = ip + usize::from(half(frame, ip + 2)?);
            (ip + header, end, *frame.get(ip + 9)?, frame.get(ip + 12..ip + 20)?)
        }
        6 => {
            let end = ip + 40 + usize::from(half(frame, ip + 4)?);
            (ip + 40, end, *frame.get(ip + 6)?, frame.get(ip + 8..ip + 40)?)
        }
        _ => return None,
    };
    let end = end.min(frame.len());
    let length = end.checked_sub(start)? as u32;
    let pseudo = sum(addresses) + u32::from(protocol) + length;
    Some(Transport { start, end, protocol, pseudo })
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

fn lengths(frame: &mut [u8], ip: usize) -> Option<()> {
    let behind = u16::try_from(frame.len().checked_sub(ip)?).ok()?;
    match frame.get(ip)? >> 4 {
        4 => put(frame, ip + 2, behind)?,
        6 => put(frame, ip + 4, behind.checked_sub(40)?)?,
        _ => return None,
    }
    let Transport { start, end, protocol, .. } = transport(frame, ip)?;
    if protocol == UDP {
        put(frame, start + 4, u16::try_from(end.checked_sub(start)?).ok()?)?;
    }
    Some(())
}

/// RFC 791's, over the header.
fn ip_checksum(frame: &mut [u8], ip: usize) -> Option<()> {
    let first = *frame.get(ip)?;
    if first >> 4 != 4 {
        return None;
    }
    put(frame, ip + 10, 0)?;
    let header = frame.get(ip..ip + usize::from(first & 0xf) * 4)?;
    let checksum = folded(sum(header));
    put(frame, ip + 10, checksum)
}

/// Those of TCP, UDP and ICMPv6 with the pseudo header, of ICMP without (RFC 9293, 768, 4443, 792).
fn transport_checksum(frame: &mut [u8], ip: usize) -> Option<()> {
    let Transport { start, end, protocol, pseudo } = transport(frame, ip)?;
    let (offset, pseudo) = match protocol {
        TCP => (16, pseudo),
        UDP => (6, pseudo),
        ICMPV6 => (2, pseudo),
        ICMP => (2, 0),
        _ => return None,
    };
    put(frame, start + offset, 0)?;
    let checksum = folded(pseudo + sum(frame.get(start..end)?));
    // UDP's 0 would say that there is none.
    let checksum = if protocol == UDP && checksum == 0 { 0xffff } else { checksum };
    put(frame, start + offset, checksum)
}

fn put(frame: &mut [u8], at: usize, value: u16) -> Option<()> {
    let place: &mut [u8; 2] = frame.get_mut(at..)?.first_chunk_mut()?;
    *place = value.to_be_bytes();
    Some(())
}

/// The sum of RFC 1071, not yet folded: frames are too short for it to overflow.
fn sum(bytes: &[u8]) -> u32 {
    let halves = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    halves.sum()
}

fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

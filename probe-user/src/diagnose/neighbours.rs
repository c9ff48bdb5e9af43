//! Whether the next hop answers: ARP (RFC 826) and neighbour discovery (RFC 4861) for one address.

use std::net::{IpAddr, Ipv6Addr};

use probe_frame::{Frame, LinkType};

/// What was seen of the search for a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Whom the packets go to first: the host itself, or a router.
    pub address: IpAddr,
    /// How often somebody asked for its address on the link.
    pub asked: u32,
    /// Whether it answered.
    pub answered: bool,
}

/// Fields of Ethernet and ARP, for Ethernet and IPv4.
mod arp {
    pub(super) const ETHERTYPE: [u8; 2] = [0x08, 0x06];
    pub(super) const HARDWARE_AND_PROTOCOL: [u8; 6] = [0, 1, 8, 0, 6, 4];
    pub(super) const REQUEST: u16 = 1;
    pub(super) const REPLY: u16 = 2;
    pub(super) const SENDER: usize = 14;
    pub(super) const TARGET: usize = 24;
}

/// Fields of Ethernet, IPv6 and the messages of neighbour discovery.
mod nd {
    pub(super) const ETHERTYPE: [u8; 2] = [0x86, 0xdd];
    pub(super) const NEXT_HEADER: usize = 6;
    pub(super) const ICMPV6: u8 = 58;
    pub(super) const MESSAGE: usize = 40;
    pub(super) const SOLICITATION: u8 = 135;
    pub(super) const ADVERTISEMENT: u8 = 136;
    /// From the message's start.
    pub(super) const TARGET: usize = 8;
}

impl Neighbour {
    /// Nobody has asked yet.
    pub fn new(address: IpAddr) -> Self {
        Self { address, asked: 0, answered: false }
    }

    /// Takes any frame.
    pub fn take(&mut self, frame: &Frame<'_>) {
        match said(frame) {
            Some((address, Word::Question)) if address == self.address => self.asked += 1,
            Some((address, Word::Answer)) if address == self.address => self.answered = true,
            _ => {}
        }
    }

    /// Whether it was asked for, in vain.
    pub fn is_missing(&self) -> bool {
        self.asked > 0 && !self.answered
    }
}

enum Word {
    Question,
    Answer,
}

/// For whose address a frame asks, or whose it tells.
fn said(frame: &Frame<'_>) -> Option<(IpAddr, Word)> {
    if frame.link != LinkType::Ethernet {
        return None;
    }
    let (kind, rest) = frame.bytes.get(12..)?.split_first_chunk::<2>()?;
    match *kind {
        arp::ETHERTYPE => {
            let (head, _) = rest.split_first_chunk::<8>()?;
            let (kinds, operation) = head.split_first_chunk::<6>()?;
            let address = |at| Some(IpAddr::from(*rest.get(at..)?.first_chunk::<4>()?));
            match u16::from_be_bytes(*operation.first_chunk()?) {
                _ if *kinds != arp::HARDWARE_AND_PROTOCOL => None,
                arp::REQUEST => Some((address(arp::TARGET)?, Word::Question)),
                arp::REPLY => Some((address(arp::SENDER)?, Word::Answer)),
                _ => None,
            }
        }
        nd::ETHERTYPE if *rest.get(nd::NEXT_HEADER)? == nd::ICMPV6 => {
            let message = rest.get(nd::MESSAGE..)?;
            let target = Ipv6Addr::from(*message.get(nd::TARGET..)?.first_chunk::<16>()?);
            match *message.first()? {
                nd::SOLICITATION => Some((target.into(), Word::Question)),
                nd::ADVERTISEMENT => Some((target.into(), Word::Answer)),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use probe_frame::WallTime;

    use super::*;

    fn take(neighbour: &mut Neighbour, bytes: &[u8]) {
        for end in 0..=bytes.len() {
            // What is cut says nothing, or the same.
            let frame = Frame {
                time: WallTime::default(),
                wire_len: bytes.len() as u32,
                link: LinkType::Ethernet,
                bytes: &bytes[..end],
                ifindex: 0,
                outbound: None,
            };
            if end == bytes.len() {
                neighbour.take(&frame);
            } else {
                let _ = said(&frame);
            }
        }
    }

    fn arp(operation: u8, sender: u8, target: u8) -> Vec<u8> {
        let head = [8, 6, 0, 1, 8, 0, 6, 4, 0, operation];
        let ends = [[2, 0, 0, 0, 0, 1, 192, 0, 2, sender], [0, 0, 0, 0, 0, 0, 192, 0, 2, target]];
        [&[0xff; 12][..], &head, &ends.concat()].concat()
    }

    fn discovery(kind: u8, target: Ipv6Addr) -> Vec<u8> {
        let ipv6 = [&[0x60, 0, 0, 0, 0, 32, 58, 255][..], &[0x20; 32]].concat();
        [&[2; 12][..], &[0x86, 0xdd], &ipv6, &[kind, 0, 0, 0, 0, 0, 0, 0], &target.octets()]
            .concat()
    }

    #[test]
    fn questions_and_answers() {
        let mut neighbour = Neighbour::new([192, 0, 2, 9].into());
        take(&mut neighbour, &arp(1, 1, 9));
        take(&mut neighbour, &arp(1, 1, 8));
        take(&mut neighbour, &arp(2, 8, 1));
        assert_eq!((neighbour.asked, neighbour.is_missing()), (1, true));
        take(&mut neighbour, &arp(2, 9, 1));
        assert!(!neighbour.is_missing());

        let address: Ipv6Addr = "2001:db8::9".parse().unwrap();
        let mut neighbour = Neighbour::new(address.into());
        take(&mut neighbour, &discovery(135, address));
        take(&mut neighbour, &discovery(135, Ipv6Addr::LOCALHOST));
        assert_eq!((neighbour.asked, neighbour.is_missing()), (1, true));
        take(&mut neighbour, &discovery(136, address));
        assert!(!neighbour.is_missing());
    }
}

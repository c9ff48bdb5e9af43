//! Frames of `any` in a pcap file, which has one link type for all of them: behind Linux's cooked
//! header, version 2 (LINKTYPE_LINUX_SLL2, <https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html>),
//! as `tcpdump -i any` writes them. It tells of interface and direction, and takes the place of the
//! Ethernet header, of which the destination is lost.

use probe_frame::{Frame, LinkType};

use probe_pcap::Interface;

use crate::interfaces;

/// Bytes of the header: protocol (2), zero (2), interface (4), kind of device (2), kind of packet
/// (1), length of the address (1), address (8); big-endian.
const HEADER: usize = 20;
/// Bytes of Ethernet's.
const ETHERNET: usize = 14;

/// What a frame was to this host (packet(7), `sll_pkttype`).
const HOST: u8 = 0;
const BROADCAST: u8 = 1;
const MULTICAST: u8 = 2;
const OTHER_HOST: u8 = 3;
const OUTGOING: u8 = 4;

/// EtherTypes, and what the kernel has in their place for frames of IEEE 802.3
/// (`eth_type_trans`, include/uapi/linux/if_ether.h).
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const LEAST_TYPE: u16 = 0x0600;
const NOVELL: u16 = 0x0001;
const LLC: u16 = 0x0004;

/// What the header says of an interface.
struct Device {
    index: u32,
    /// ARPHRD_* (include/uapi/linux/if_arp.h).
    kind: u16,
    address: Option<[u8; 6]>,
}

/// Puts the header in front of frames.
#[derive(Default)]
pub(super) struct Cooker {
    devices: Vec<Device>,
    /// The frame that was made last.
    bytes: Vec<u8>,
}

impl Cooker {
    /// For frames of these interfaces.
    pub(super) fn new(interfaces: &[Interface]) -> Self {
        let mut cooker = Self::default();
        interfaces.iter().for_each(|interface| cooker.add(interface));
        cooker
    }

    /// Learns of an interface, in place of another one with its index.
    pub(super) fn add(&mut self, interface: &Interface) {
        self.devices.retain(|device| device.index != interface.index);
        self.devices.push(Device {
            index: interface.index,
            kind: interfaces::hardware_type(&interface.name).unwrap_or_default(),
            address: interfaces::hardware_address(&interface.name),
        });
    }

    /// The frame behind the header. One too short for its own link header stays empty behind it.
    pub(super) fn cook(&mut self, frame: &Frame<'_>) -> Frame<'_> {
        let own = if frame.link == LinkType::Ethernet { ETHERNET } else { 0 };
        let payload = frame.bytes.get(own..).unwrap_or_default();
        let source = frame.bytes.get(6..12).filter(|_| own > 0);
        let device = self.devices.iter().find(|device| device.index == frame.ifindex);
        self.bytes.clear();
        self.bytes.extend(protocol(frame).to_be_bytes());
        self.bytes.extend([0; 2]);
        self.bytes.extend(frame.ifindex.to_be_bytes());
        self.bytes.extend(device.map_or(0, |device| device.kind).to_be_bytes());
        self.bytes.push(match frame.outbound {
            Some(true) => OUTGOING,
            _ => way_in(frame, device.and_then(|device| device.address)),
        });
        let source = source.unwrap_or_default();
        self.bytes.push(source.len() as u8);
        self.bytes.extend(source);
        self.bytes.resize(HEADER, 0);
        self.bytes.extend(payload);
        let wire_len = (frame.wire_len as usize).saturating_sub(own) + HEADER;
        Frame { link: LinkType::LinuxSll2, wire_len: wire_len as u32, bytes: &self.bytes, ..*frame }
    }
}

/// The EtherType of what the frame carries.
fn protocol(frame: &Frame<'_>) -> u16 {
    if frame.link != LinkType::Ethernet {
        return match frame.bytes.first().map(|byte| byte >> 4) {
            Some(6) => IPV6,
            _ => IPV4,
        };
    }
    let at = |at: usize| frame.bytes.get(at..at + 2).and_then(<[u8]>::first_chunk::<2>);
    match at(ETHERNET - 2).map(|bytes| u16::from_be_bytes(*bytes)) {
        Some(kind) if kind >= LEAST_TYPE => kind,
        _ if at(ETHERNET) == Some(&[0xff, 0xff]) => NOVELL,
        _ => LLC,
    }
}

/// For whom a frame received is, as `eth_type_trans` has it.
fn way_in(frame: &Frame<'_>, own: Option<[u8; 6]>) -> u8 {
    /// The bit of an address that is more than one's.
    const GROUP: u8 = 1;
    let to = frame.bytes.first_chunk::<6>().filter(|_| frame.link == LinkType::Ethernet);
    match (to, own) {
        (Some(to), Some(own)) if *to == own => HOST,
        (Some([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), _) => BROADCAST,
        (Some([first, ..]), _) if first & GROUP != 0 => MULTICAST,
        (Some(_), Some(_)) => OTHER_HOST,
        _ => HOST,
    }
}

#[cfg(test)]
mod tests {
    use probe_frame::WallTime;

    use super::*;

    const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const PEER: [u8; 6] = [2, 0, 0, 0, 0, 9];

    fn cooked(link: LinkType, outbound: bool, bytes: &[u8]) -> (u32, Vec<u8>) {
        let mut cooker = Cooker::default();
        cooker.devices.push(Device { index: 0x0102_0304, kind: 1, address: Some(OWN) });
        let frame = Frame {
            time: WallTime(7),
            wire_len: 100,
            link,
            bytes,
            ifindex: 0x0102_0304,
            outbound: Some(outbound),
        };
        let Frame { time, wire_len, link, bytes, .. } = cooker.cook(&frame);
        assert_eq!((time, link), (WallTime(7), LinkType::LinuxSll2));
        (wire_len, bytes.to_vec())
    }

    #[test]
    fn golden() {
        let frame = [&OWN[..], &PEER, &[0x08, 0x00, 0x45, 1, 2]].concat();
        #[rustfmt::skip]
        let expected = [
            0x08, 0x00, 0, 0, 1, 2, 3, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0,
            0x45, 1, 2,
        ];
        assert_eq!(cooked(LinkType::Ethernet, false, &frame), (106, expected.to_vec()));
    }

    #[test]
    fn kinds_of_packets_and_protocols() {
        let of = |to: [u8; 6], kind: [u8; 2], outbound| {
            let bytes = [&to[..], &PEER, &kind, &[0xaa, 0xaa]].concat();
            let (_, bytes) = cooked(LinkType::Ethernet, outbound, &bytes);
            (u16::from_be_bytes([bytes[0], bytes[1]]), bytes[10])
        };
        assert_eq!(of(OWN, [8, 6], false), (0x0806, HOST));
        assert_eq!(of([0xff; 6], [8, 6], false), (0x0806, BROADCAST));
        assert_eq!(of([0x33, 0x33, 0, 0, 0, 1], [0x86, 0xdd], false), (IPV6, MULTICAST));
        assert_eq!(of(PEER, [0x81, 0], false), (0x8100, OTHER_HOST));
        assert_eq!(of(PEER, [8, 0], true), (IPV4, OUTGOING));
        assert_eq!(of(OWN, [0, 38], false), (LLC, HOST));
    }

    #[test]
    fn frames_without_a_link_layer_and_short_ones() {
        let (wire_len, bytes) = cooked(LinkType::Raw, false, &[0x60, 1, 2, 3]);
        assert_eq!(
            (wire_len, &bytes[..2], &bytes[10..12]),
            (120, &[0x86, 0xdd][..], &[HOST, 0][..])
        );
        assert_eq!(bytes[HEADER..], [0x60, 1, 2, 3]);
        for length in 0..ETHERNET {
            let (_, bytes) = cooked(LinkType::Ethernet, false, &[2; ETHERNET][..length]);
            assert_eq!(bytes.len(), HEADER, "{length}");
        }
    }
}

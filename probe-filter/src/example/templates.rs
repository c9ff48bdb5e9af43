//! Usual frames: those that a search starts from. Addresses and names are those set aside for examples
//! (RFC 5737, RFC 3849, RFC 2606). [Tidying](super::tidy) fills the checksums in.

use crate::ir::{LinkType, VlanTag, VlanView};

mod ethertype {
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const VLAN: u16 = 0x8100;
    pub const SERVICE_VLAN: u16 = 0x88a8;
    pub const IPV6: u16 = 0x86dd;
    pub const MPLS: u16 = 0x8847;
    pub const PPPOE_SESSION: u16 = 0x8864;
}

/// Numbers of protocols over IP (IANA).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

const SYN: u8 = 0x02;
const PSH_ACK: u8 = 0x18;
const SYN_ACK: u8 = 0x12;
const RST_ACK: u8 = 0x14;
const FIN_ACK: u8 = 0x11;

const CLIENT: u16 = 40_000;
const HTTP: u16 = 80;

/// Destination and source: addresses for local use.
const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
const IPV4_ADDRESSES: [u8; 8] = [192, 0, 2, 1, 192, 0, 2, 2];
/// 2001:db8::1 and 2001:db8::2.
const IPV6_ADDRESSES: [u8; 32] = {
    let mut addresses = [0; 32];
    let mut at = 0;
    while at < 32 {
        addresses[at] = 0x20;
        addresses[at + 1] = 0x01;
        addresses[at + 2] = 0x0d;
        addresses[at + 3] = 0xb8;
        addresses[at + 15] = 1 + at as u8 / 16;
        at += 16;
    }
    addresses
};

/// ff02::1:ff00:1: of the address above that ends in 1 (RFC 4291, 2.7.1).
const SOLICITED_NODE: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1];

/// A packet, and the EtherType that says what it is; 0 for an LLC frame.
type Packet = (u16, Vec<u8>);

/// A usual frame.
pub struct Usual {
    pub bytes: Vec<u8>,
    /// The tag that is not among them.
    pub vlan: Option<VlanTag>,
}

/// The usual frames of a link type, the most usual first.
pub fn all(link: LinkType, view: VlanView) -> Vec<Usual> {
    let frames = packets().into_iter().filter_map(|packet| framed(link, packet));
    let seen = |bytes| match (link, view) {
        (LinkType::Ethernet, VlanView::Live) => tag_taken_off(bytes),
        _ => Usual { bytes, vlan: None },
    };
    frames.map(seen).collect()
}

/// An Ethernet frame as the kernel keeps it: the outermost tag beside it.
fn tag_taken_off(mut bytes: Vec<u8>) -> Usual {
    let vlan = match bytes[..] {
        [_, _, _, _, _, _, _, _, _, _, _, _, a, b, c, d, ..] => {
            let (tpid, tci) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let is_tag = matches!(tpid, ethertype::VLAN | ethertype::SERVICE_VLAN);
            is_tag.then_some(VlanTag { tpid, tci })
        }
        _ => None,
    };
    if vlan.is_some() {
        bytes.drain(MACS.len()..MACS.len() + 4);
    }
    Usual { bytes, vlan }
}

fn packets() -> Vec<Packet> {
    let v4 = |protocol: u8, data: Vec<u8>| (ethertype::IPV4, ipv4(protocol, &data));
    let v6 = |next: u8, data: Vec<u8>| (ethertype::IPV6, ipv6(next, &data));
    let request = b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    // A ClientHello that ends behind its random bytes and lists nothing.
    let mut hello = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3];
    hello.extend([0x5a; 32]);
    hello.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    // A question for the address of www.example.com.
    let mut question = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3];
    question.extend(b"www\x07example\x03com\0");
    question.extend([0, 1, 0, 1]);
    let syn = tcp(CLIENT, HTTP, SYN, b"");
    let echo = [8, 0, 0, 0, 0, 1, 0, 1];
    // As OpenSSH marks what is typed: AF21 (RFC 2597). A probe of traceroute(8) for the first router.
    let mut typed = ipv4(TCP, &tcp(CLIENT, 22, PSH_ACK, b"SSH-2.0-example\r\n"));
    typed[1] = 0x48;
    let mut probe = ipv4(UDP, &udp(CLIENT, 33434, b""));
    probe[8] = 1;
    // A station that has no address yet asks whether another has the one that it wants (RFC 4862, 5.4.2).
    let mut solicitation =
        ipv6(ICMPV6, &[&[135, 0, 0, 0, 0, 0, 0, 0][..], &IPV6_ADDRESSES[..16]].concat());
    solicitation[7] = 255;
    solicitation[8..24].fill(0);
    solicitation[24..40].copy_from_slice(&SOLICITED_NODE);
    let mut typed6 = ipv6(TCP, &tcp(CLIENT, 22, PSH_ACK, b"SSH-2.0-example\r\n"));
    typed6[..2].copy_from_slice(&[0x64, 0x80]);
    let quoted = [&[3_u8, 3, 0, 0, 0, 0, 0, 0][..], &ipv4(TCP, &syn)].concat();
    let quoted6 = [&[1_u8, 4, 0, 0, 0, 0, 0, 0][..], &ipv6(TCP, &syn)].concat();
    let tagged = |tpid: u16, id: u8, (kind, data): Packet| {
        (tpid, [&[0_u8, id][..], &kind.to_be_bytes(), &data].concat())
    };
    let inner = [&MACS[..], &ethertype::IPV4.to_be_bytes(), &ipv4(TCP, &syn)].concat();
    let tunnel = [&[0_u8, 0, 0x65, 0x58, 0, 0, 1, 0][..], &inner].concat();
    let stp = [&[0x42_u8, 0x42, 3, 0, 0, 0, 0, 0][..], &[0; 31]].concat();
    vec![
        v4(TCP, syn.clone()),
        v4(UDP, udp(CLIENT, 53, &question)),
        v4(TCP, tcp(CLIENT, HTTP, PSH_ACK, request)),
        v4(TCP, tcp(HTTP, CLIENT, PSH_ACK, response)),
        v4(TCP, tcp(HTTP, CLIENT, SYN_ACK, b"")),
        v4(TCP, tcp(HTTP, CLIENT, RST_ACK, b"")),
        v4(TCP, tcp(HTTP, CLIENT, FIN_ACK, b"")),
        v4(TCP, tcp(CLIENT, 443, PSH_ACK, &hello)),
        (ethertype::IPV4, typed),
        v4(TCP, tcp(CLIENT, 25, PSH_ACK, b"EHLO mail.example.com\r\n")),
        v4(TCP, tcp(CLIENT, HTTP, PSH_ACK, b"POST / HTTP/1.1\r\nHost: www.example.com\r\n\r\n")),
        v4(ICMP, echo.to_vec()),
        (ethertype::IPV4, probe),
        v6(TCP, syn.clone()),
        v6(TCP, tcp(CLIENT, HTTP, PSH_ACK, request)),
        v6(UDP, udp(CLIENT, 53, &question)),
        (ethertype::IPV6, solicitation),
        (ethertype::IPV6, typed6),
        v6(ICMPV6, [&[128_u8][..], &echo[1..]].concat()),
        (ethertype::ARP, arp()),
        v4(ICMP, quoted),
        v6(ICMPV6, quoted6),
        v4(SCTP, [&CLIENT.to_be_bytes()[..], &HTTP.to_be_bytes(), &[0; 8]].concat()),
        tagged(ethertype::VLAN, 1, v4(TCP, syn.clone())),
        tagged(ethertype::VLAN, 1, v4(TCP, tcp(CLIENT, HTTP, PSH_ACK, request))),
        tagged(ethertype::VLAN, 1, v4(UDP, udp(CLIENT, 53, &question))),
        tagged(ethertype::VLAN, 1, v6(TCP, syn.clone())),
        tagged(ethertype::VLAN, 1, (ethertype::ARP, arp())),
        tagged(ethertype::SERVICE_VLAN, 1, tagged(ethertype::VLAN, 2, v4(TCP, syn.clone()))),
        (ethertype::MPLS, [&[0_u8, 1, 1, 64][..], &ipv4(TCP, &syn)].concat()),
        (ethertype::MPLS, [&[0_u8, 1, 0, 64, 0, 2, 1, 64][..], &ipv4(TCP, &syn)].concat()),
        (ethertype::PPPOE_SESSION, pppoe(0x0021, &ipv4(TCP, &syn))),
        (ethertype::PPPOE_SESSION, pppoe(0x0057, &ipv6(TCP, &syn))),
        v4(UDP, udp(CLIENT, 6081, &tunnel)),
        v6(UDP, udp(CLIENT, 6081, &tunnel)),
        (0, stp),
        (0, vec![0xfe, 0xfe, 3, 0x83, 27, 1, 0, 15, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ]
}

/// Puts the link header before a packet; none where the link has no place for such packets.
fn framed(link: LinkType, (kind, packet): Packet) -> Option<Vec<u8>> {
    let ethernet = || if kind == 0 { packet.len() as u16 } else { kind };
    let version = match kind {
        ethertype::IPV4 => Some(4),
        ethertype::IPV6 => Some(6),
        _ => None,
    };
    // The numbers of PPP (IANA) for what it carries.
    let ppp: Option<u16> = match kind {
        ethertype::IPV4 => Some(0x0021),
        ethertype::IPV6 => Some(0x0057),
        ethertype::MPLS => Some(0x0281),
        _ => None,
    };
    let header = match link {
        LinkType::Ethernet => [&MACS[..], &ethernet().to_be_bytes()].concat(),
        LinkType::Raw => version.map(|_| Vec::new())?,
        LinkType::Ipv4 => version.filter(|&version| version == 4).map(|_| Vec::new())?,
        LinkType::Ipv6 => version.filter(|&version| version == 6).map(|_| Vec::new())?,
        LinkType::LinuxSll => {
            // To us; Ethernet; an address of 6 bytes, and two of padding.
            let kind = if kind == 0 { 4 } else { kind };
            [&[0_u8, 0, 0, 1, 0, 6][..], &MACS[6..], &[0, 0], &kind.to_be_bytes()].concat()
        }
        LinkType::LinuxSll2 => {
            let kind = if kind == 0 { 4 } else { kind };
            [&kind.to_be_bytes()[..], &[0, 0, 0, 0, 0, 2, 0, 1, 0, 6], &MACS[6..], &[0, 0]].concat()
        }
        // BSD's AF_INET, and FreeBSD's AF_INET6.
        LinkType::Null => vec![if version? == 4 { 2 } else { 28 }, 0, 0, 0],
        LinkType::Loop => vec![0, 0, 0, if version? == 4 { 2 } else { 28 }],
        LinkType::Ppp | LinkType::PppSerial => [&[0xff_u8, 3][..], &ppp?.to_be_bytes()].concat(),
        LinkType::PppEther => return Some(pppoe(ppp?, &packet)),
    };
    Some([header, packet].concat())
}

fn ipv4(protocol: u8, data: &[u8]) -> Vec<u8> {
    const HEADER: usize = 20;
    let length = ((HEADER + data.len()) as u16).to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 1, 0x40, 0, 64, protocol, 0, 0];
    packet.extend(IPV4_ADDRESSES);
    packet.extend(data);
    packet
}

fn ipv6(next_header: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16).to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], next_header, 64];
    packet.extend(IPV6_ADDRESSES);
    packet.extend(data);
    packet
}

fn tcp(source: u16, destination: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    segment.extend([
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        u8::from(flags != SYN),
        0x50,
        flags,
        0xfa,
        0xf0,
        0,
        0,
        0,
        0,
    ]);
    segment.extend(payload);
    segment
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len() as u16).to_be_bytes();
    let mut datagram = [source.to_be_bytes(), destination.to_be_bytes(), length].concat();
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

fn arp() -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1];
    packet.extend(&MACS[6..]);
    packet.extend(&IPV4_ADDRESSES[..4]);
    packet.extend([0; 6]);
    packet.extend(&IPV4_ADDRESSES[4..]);
    packet
}

/// PPPoE session 1 (RFC 2516).
fn pppoe(protocol: u16, packet: &[u8]) -> Vec<u8> {
    let length = (2 + packet.len() as u16).to_be_bytes();
    [&[0x11_u8, 0, 0, 1, length[0], length[1]][..], &protocol.to_be_bytes(), packet].concat()
}

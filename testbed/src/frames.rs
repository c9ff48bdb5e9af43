//! Frames built byte by byte for tests: lengths and checksums are right unless a
//! test spoils the bytes afterwards.
//!
//! ```
//! use testbed::{Frame, Tcp, tcp_flags};
//! let syn = Frame::ipv6("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap())
//!     .tagged(0x8100, 5)
//!     .tcp(Tcp { source: 40_000, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() })
//!     .build();
//! assert_eq!(syn.len(), 14 + 4 + 40 + 20);
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{CLIENT_MAC, SERVER_MAC};

/// Bits of the TCP header's flags (RFC 9293, section 3.1).
pub mod tcp_flags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgment field is significant.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer is significant.
    pub const URG: u8 = 0x20;
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const PROTOCOL_ICMPV6: u8 = 58;

/// An Ethernet frame to be built.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Destination MAC address; the server's unless said otherwise.
    pub destination: [u8; 6],
    /// Source MAC address; the client's unless said otherwise.
    pub source: [u8; 6],
    /// VLAN tags, outermost first: EtherType of the tag and tag control information.
    pub tags: Vec<(u16, u16)>,
    /// The network header.
    pub network: Network,
    /// The transport header.
    pub transport: Transport,
    /// What follows the transport header.
    pub payload: Vec<u8>,
}

/// The network header.
#[derive(Clone, Debug)]
pub enum Network {
    /// IPv4.
    Ipv4(Ipv4),
    /// IPv6.
    Ipv6(Ipv6),
    /// Any other EtherType; the payload follows it at once.
    Other(u16),
}

/// An IPv4 header (RFC 791).
#[derive(Clone, Debug)]
pub struct Ipv4 {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Type of service.
    pub tos: u8,
    /// Identification.
    pub id: u16,
    /// Flags and fragment offset, as the 16-bit field.
    pub fragment: u16,
    /// Time to live.
    pub ttl: u8,
    /// Options, padded with zeroes to a multiple of four.
    pub options: Vec<u8>,
}

/// An IPv6 header (RFC 8200) and its extension headers.
#[derive(Clone, Debug)]
pub struct Ipv6 {
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
    /// Traffic class.
    pub class: u8,
    /// Flow label.
    pub flow: u32,
    /// Hop limit.
    pub hop_limit: u8,
    /// Extension headers, in order.
    pub extensions: Vec<Extension>,
}

/// An extension header.
#[derive(Clone, Debug)]
pub struct Extension {
    /// Its number: 0 hop-by-hop, 43 routing, 44 fragment, 51 authentication, 60
    /// destination options.
    pub kind: u8,
    /// What follows its first two bytes; padded with zeroes to the header's unit.
    pub body: Vec<u8>,
}

/// The transport header.
#[derive(Clone, Debug)]
pub enum Transport {
    /// TCP.
    Tcp(Tcp),
    /// UDP.
    Udp(Udp),
    /// ICMP in IPv4, ICMPv6 in IPv6.
    Icmp(Icmp),
    /// Any other protocol number; the payload follows the network header at once.
    Other(u8),
}

/// A TCP header (RFC 9293).
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// Flags, see [`tcp_flags`].
    pub flags: u8,
    /// Window.
    pub window: u16,
    /// Options, padded with zeroes to a multiple of four.
    pub options: Vec<u8>,
}

/// A UDP header (RFC 768).
#[derive(Clone, Copy, Debug, Default)]
pub struct Udp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
}

/// An ICMP or ICMPv6 header.
#[derive(Clone, Copy, Debug, Default)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// The four bytes after the checksum.
    pub rest: [u8; 4],
}

impl Frame {
    /// A frame with an IPv4 header and nothing behind it.
    pub fn ipv4(source: Ipv4Addr, destination: Ipv4Addr) -> Self {
        Self::new(Network::Ipv4(Ipv4 {
            source,
            destination,
            tos: 0,
            id: 1,
            fragment: 0,
            ttl: 64,
            options: Vec::new(),
        }))
    }

    /// A frame with an IPv6 header and nothing behind it.
    pub fn ipv6(source: Ipv6Addr, destination: Ipv6Addr) -> Self {
        Self::new(Network::Ipv6(Ipv6 {
            source,
            destination,
            class: 0,
            flow: 0,
            hop_limit: 64,
            extensions: Vec::new(),
        }))
    }

    /// A frame of any other EtherType.
    pub fn other(ethertype: u16) -> Self {
        Self::new(Network::Other(ethertype))
    }

    fn new(network: Network) -> Self {
        Self {
            destination: SERVER_MAC,
            source: CLIENT_MAC,
            tags: Vec::new(),
            network,
            // 59: no next header (RFC 8200, section 4.7).
            transport: Transport::Other(59),
            payload: Vec::new(),
        }
    }

    /// Adds a VLAN tag inside those it has: EtherType (0x8100, 0x88a8) and VLAN id.
    pub fn tagged(mut self, ethertype: u16, tci: u16) -> Self {
        self.tags.push((ethertype, tci));
        self
    }

    /// Sets the IPv4 options.
    ///
    /// # Panics
    /// Where the frame is not IPv4.
    pub fn ipv4_options(mut self, options: &[u8]) -> Self {
        match &mut self.network {
            Network::Ipv4(ipv4) => ipv4.options = options.to_vec(),
            other => panic!("IPv4 options on {other:?}"),
        }
        self
    }

    /// Adds an IPv6 extension header behind those it has.
    ///
    /// # Panics
    /// Where the frame is not IPv6.
    pub fn extension(mut self, kind: u8, body: &[u8]) -> Self {
        match &mut self.network {
            Network::Ipv6(ipv6) => ipv6.extensions.push(Extension { kind, body: body.to_vec() }),
            other => panic!("an IPv6 extension header on {other:?}"),
        }
        self
    }

    /// Sets a TCP header.
    pub fn tcp(mut self, tcp: Tcp) -> Self {
        self.transport = Transport::Tcp(tcp);
        self
    }

    /// Sets a UDP header.
    pub fn udp(mut self, source: u16, destination: u16) -> Self {
        self.transport = Transport::Udp(Udp { source, destination });
        self
    }

    /// Sets an ICMP or ICMPv6 header.
    pub fn icmp(mut self, kind: u8, code: u8, rest: [u8; 4]) -> Self {
        self.transport = Transport::Icmp(Icmp { kind, code, rest });
        self
    }

    /// Sets the payload.
    pub fn payload(mut self, payload: &[u8]) -> Self {
        self.payload = payload.to_vec();
        self
    }

    /// The frame's bytes, without padding and without FCS.
    pub fn build(&self) -> Vec<u8> {
        let mut bytes = [self.destination, self.source].concat();
        for (ethertype, tci) in &self.tags {
            bytes.extend(ethertype.to_be_bytes());
            bytes.extend(tci.to_be_bytes());
        }
        match &self.network {
            Network::Ipv4(ipv4) => {
                bytes.extend(ETHERTYPE_IPV4.to_be_bytes());
                let (protocol, segment) = self.segment(PROTOCOL_ICMP, &ipv4.addresses(), false);
                bytes.extend(ipv4.build(protocol, segment.len()));
                bytes.extend(segment);
            }
            Network::Ipv6(ipv6) => {
                bytes.extend(ETHERTYPE_IPV6.to_be_bytes());
                let (protocol, segment) = self.segment(PROTOCOL_ICMPV6, &ipv6.addresses(), true);
                bytes.extend(ipv6.build(protocol, segment.len()));
                bytes.extend(segment);
            }
            Network::Other(ethertype) => {
                bytes.extend(ethertype.to_be_bytes());
                bytes.extend(&self.payload);
            }
        }
        bytes
    }

    /// The transport header and payload, with the protocol number. `icmp_with_pseudo`:
    /// ICMPv6 covers the pseudo header (RFC 4443, section 2.3), ICMP does not.
    fn segment(&self, icmp: u8, addresses: &[u8], icmp_with_pseudo: bool) -> (u8, Vec<u8>) {
        let (protocol, header, checksum_at, with_pseudo) = match &self.transport {
            Transport::Tcp(tcp) => (PROTOCOL_TCP, tcp.build(), 16, true),
            Transport::Udp(udp) => (PROTOCOL_UDP, udp.build(self.payload.len()), 6, true),
            Transport::Icmp(header) => (icmp, header.build(), 2, icmp_with_pseudo),
            Transport::Other(protocol) => return (*protocol, self.payload.clone()),
        };
        let mut segment = [header, self.payload.clone()].concat();
        let mut covered = Vec::new();
        if with_pseudo {
            covered.extend(addresses);
            // The sum of the pseudo header is the same for IPv4 and IPv6.
            covered.extend((segment.len() as u32).to_be_bytes());
            covered.extend(u32::from(protocol).to_be_bytes());
        }
        covered.extend(&segment);
        let sum = match (checksum(&covered), protocol) {
            // RFC 768: a computed zero is sent as all ones.
            (0, PROTOCOL_UDP) => u16::MAX,
            (sum, _) => sum,
        };
        segment[checksum_at..checksum_at + 2].copy_from_slice(&sum.to_be_bytes());
        (protocol, segment)
    }
}

impl Ipv4 {
    fn addresses(&self) -> Vec<u8> {
        [self.source.octets(), self.destination.octets()].concat()
    }

    fn build(&self, protocol: u8, behind: usize) -> Vec<u8> {
        let options = padded(&self.options, 4, 0);
        let length = 20 + options.len();
        assert!(length <= 60, "IPv4 options of {} bytes", options.len());
        let mut header = vec![0x40 | (length / 4) as u8, self.tos];
        header.extend(length_field(length + behind).to_be_bytes());
        header.extend(self.id.to_be_bytes());
        header.extend(self.fragment.to_be_bytes());
        header.extend([self.ttl, protocol, 0, 0]);
        header.extend(self.addresses());
        header.extend(options);
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        header
    }
}

impl Ipv6 {
    fn addresses(&self) -> Vec<u8> {
        [self.source.octets(), self.destination.octets()].concat()
    }

    fn build(&self, protocol: u8, behind: usize) -> Vec<u8> {
        let mut chain = Vec::new();
        for (index, extension) in self.extensions.iter().enumerate() {
            let next = self.extensions.get(index + 1).map_or(protocol, |next| next.kind);
            chain.extend(extension.build(next));
        }
        let first = self.extensions.first().map_or(protocol, |first| first.kind);
        let word = 6 << 28 | u32::from(self.class) << 20 | (self.flow & 0xf_ffff);
        let mut header = word.to_be_bytes().to_vec();
        header.extend(length_field(chain.len() + behind).to_be_bytes());
        header.extend([first, self.hop_limit]);
        header.extend(self.addresses());
        header.extend(chain);
        header
    }
}

impl Extension {
    fn build(&self, next: u8) -> Vec<u8> {
        let body = padded(&self.body, 8, 6);
        let total = 2 + body.len();
        let length = match self.kind {
            // The fragment header has no length: the byte is reserved (RFC 8200, section 4.5).
            44 => 0,
            // The authentication header counts four-byte units less two (RFC 4302, section 2.2).
            51 => total / 4 - 2,
            _ => total / 8 - 1,
        };
        [vec![next, length as u8], body].concat()
    }
}

impl Tcp {
    fn build(&self) -> Vec<u8> {
        let options = padded(&self.options, 4, 0);
        let length = 20 + options.len();
        assert!(length <= 60, "TCP options of {} bytes", options.len());
        let mut header = Vec::with_capacity(length);
        header.extend(self.source.to_be_bytes());
        header.extend(self.destination.to_be_bytes());
        header.extend(self.sequence.to_be_bytes());
        header.extend(self.acknowledgment.to_be_bytes());
        header.extend([((length / 4) as u8) << 4, self.flags]);
        header.extend(self.window.to_be_bytes());
        header.extend([0; 4]);
        header.extend(options);
        header
    }
}

impl Udp {
    fn build(&self, behind: usize) -> Vec<u8> {
        let mut header = Vec::with_capacity(8);
        header.extend(self.source.to_be_bytes());
        header.extend(self.destination.to_be_bytes());
        header.extend(length_field(8 + behind).to_be_bytes());
        header.extend([0; 2]);
        header
    }
}

impl Icmp {
    fn build(&self) -> Vec<u8> {
        [vec![self.kind, self.code, 0, 0], self.rest.to_vec()].concat()
    }
}

/// The bytes, with zeroes added until their number leaves `remainder` by `unit`.
fn padded(bytes: &[u8], unit: usize, remainder: usize) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    while padded.len() % unit != remainder {
        padded.push(0);
    }
    padded
}

fn length_field(length: usize) -> u16 {
    u16::try_from(length).unwrap_or_else(|_| panic!("{length} bytes do not fit a length field"))
}

/// The Internet checksum (RFC 1071).
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([pair[0], low]))
    });
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !(((folded & 0xffff) + (folded >> 16)) as u16)
}

//! What a frame's headers say, for those who want fields beside the text. The printers note it while they
//! write the line, so that both are read by the same code.

use std::{borrow::Cow, fmt, net::IpAddr, ops::Range};

use super::{
    address::{self, Link},
    bytes::{Bytes, Stop},
    text::{Text, bits},
    transport::tcp,
};

/// What the headers of a frame say, as far as its line was made of them.
///
/// Of a packet in a tunnel the addresses, ports and so on are those of the innermost packet that the line
/// shows. The packet that an ICMP error quotes is not one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Who sent it: of IP, or else of the link layer.
    pub source: Option<Address>,
    /// For whom it is, likewise.
    pub destination: Option<Address>,
    /// Source and destination port of TCP, UDP, SCTP, DCCP or PGM.
    pub ports: Option<(u16, u16)>,
    /// Flags of TCP.
    pub flags: Option<TcpFlags>,
    /// The identifier of its first VLAN tag, 0 to 4095.
    pub vlan: Option<u16>,
    /// The innermost protocol that the line shows, by Wireshark's name for it.
    pub protocol: Cow<'static, str>,
    /// Where in the frame's bytes the payload of TCP or UDP is, as far as it was captured.
    pub payload: Option<Range<usize>>,
    /// Name of the interface whose number stands in the frame ([`LinuxSll2`](probe_frame::LinkType::LinuxSll2)).
    pub interface: Option<String>,
    /// Whether it was being sent, where the frame says that (Linux's cooked headers).
    pub outbound: Option<bool>,
}

/// An address of IP or of a link layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// IPv4 or IPv6.
    Ip(IpAddr),
    /// IEEE 802's: six bytes.
    Link([u8; 6]),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Link(bytes) => Link::plain(bytes).fmt(f),
        }
    }
}

/// The flags of a TCP header (RFC 9293, section 3.1), shown as tcpdump's letters: `S.` is SYN and ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bits(tcp::FLAGS, self.0.into(), "", "none"))
    }
}

impl Text<'_> {
    /// Notes a link layer's addresses. What was noted of a packet around it is forgotten, as with all that
    /// follows.
    pub(crate) fn note_link(&mut self, source: Option<&[u8]>, destination: Option<&[u8]>) {
        let address = |bytes: &[u8]| bytes.first_chunk().copied().map(Address::Link);
        self.note_ends(source.and_then(address), destination.and_then(address));
    }

    /// Notes the addresses of an IPv4 header.
    pub(crate) fn note_v4(
        &mut self,
        p: Bytes<'_>,
        source: usize,
        destination: usize,
    ) -> Result<(), Stop> {
        let ends = [address::v4(p, source)?, address::v4(p, destination)?];
        let [source, destination] = ends.map(|end| Some(Address::Ip(end.into())));
        self.note_ends(source, destination);
        Ok(())
    }

    /// Notes the addresses of an IPv6 header.
    pub(crate) fn note_v6(
        &mut self,
        p: Bytes<'_>,
        source: usize,
        destination: usize,
    ) -> Result<(), Stop> {
        let ends = [address::v6(p, source)?, address::v6(p, destination)?];
        let [source, destination] = ends.map(|end| Some(Address::Ip(end.0.into())));
        self.note_ends(source, destination);
        Ok(())
    }

    fn note_ends(&mut self, source: Option<Address>, destination: Option<Address>) {
        let about = &mut self.summary;
        (about.source, about.destination) = (source, destination);
        (about.ports, about.flags, about.payload) = (None, None, None);
    }

    /// Notes the tag control information of a VLAN tag. The first one stays.
    pub(crate) fn note_tag(&mut self, tci: u16) {
        self.summary.vlan.get_or_insert(tci & 0xfff);
    }

    /// Notes the payload of the transport protocol at hand, whose bytes are of the frame.
    pub(crate) fn note_payload(&mut self, payload: Bytes<'_>) {
        self.summary.payload = payload.place_in(self.frame);
    }

    /// Prints a packet that the one at hand is about, and is not: nothing of it is noted.
    pub(crate) fn quoted(
        &mut self,
        print: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let about = self.summary.clone();
        let printed = self.nested(print);
        self.summary = about;
        printed
    }
}

/// Wireshark's name of the protocol that a printer calls so: that of most is the same in capitals.
pub(crate) fn protocol(name: &'static str, ports: Option<(u16, u16)>) -> Cow<'static, str> {
    const MULTICAST_DNS: u16 = 5353;
    let known = match name {
        "ah" => "AH",
        "aoe" => "AoE",
        "arp" => "ARP",
        "babel" => "Babel",
        "bfd" => "BFD Control",
        "bootp" => "DHCP",
        "chdlc_slarp" => "SLARP",
        "cisco_autorp" => "Auto-RP",
        "decnet" => "DEC DNA",
        "dhcp6" => "DHCPv6",
        "domain" => match ports {
            Some((MULTICAST_DNS, _) | (_, MULTICAST_DNS)) => "MDNS",
            _ => "DNS",
        },
        "eap" => "EAPOL",
        "ether" | "vlan" => "Ethernet",
        "geneve" => "Geneve",
        "http" => "HTTP",
        "icmp" => "ICMP",
        "icmp6" => "ICMPv6",
        "ip" | "raw" => "IPv4",
        "ip6" | "frag6" | "rt6" | "hbhopt" | "dstopt" => "IPv6",
        "ipcomp" => "IPComp",
        "isakmp_rfc3948" => "UDPENCAP",
        "isoclns" => "CLNP",
        "krb" => "KRB5",
        "loopback" => "LOOP",
        "lspping" => "MPLS ECHO",
        "mobility" => "MIPv6",
        "msnlb" => "MS NLB",
        "null" => "NULL/LOOPBACK",
        "olsr" => "OLSR v1",
        "openflow" => "OpenFlow",
        "ospf2" | "ospf3" => "OSPF",
        "otv" => "OTV",
        "pimv1" => "PIMv1",
        "pim" | "pimv2" => "PIMv2",
        "ppp_hdlc" => "PPP",
        "pppoe" => "PPPoE",
        "ptp" => "PTPv2",
        "resp" => "RESP",
        "ripng" => "RIPng",
        "rpki_rtr" => "RPKI-RTR",
        "rx" => "RX",
        "sflow" => "sFlow",
        "sll" | "sll2" => "SLL",
        "slow" => "Slow Protocols",
        "snap" => "LLC",
        "someip" => "SOME/IP",
        "syslog" => "Syslog",
        "tcp" => "TCP",
        "timed" => "TSP",
        "udp" => "UDP",
        other => return Cow::Owned(other.to_uppercase()),
    };
    Cow::Borrowed(known)
}

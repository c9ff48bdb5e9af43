//! What protocols are called, by their word and by their number.

use crate::ast::Protocol;

/// The protocol that a word alone asks for, and what carries it.
pub fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Link => "the link header",
        Protocol::Ip => "IPv4",
        Protocol::Ip6 => "IPv6",
        Protocol::Arp => "ARP",
        Protocol::Rarp => "RARP",
        Protocol::Tcp => "TCP, over IPv4 or IPv6",
        Protocol::Udp => "UDP, over IPv4 or IPv6",
        Protocol::Sctp => "SCTP, over IPv4 or IPv6",
        Protocol::Icmp => "ICMP, over IPv4",
        Protocol::Icmp6 => "ICMPv6, over IPv6",
        Protocol::Igmp => "IGMP, over IPv4",
        Protocol::Igrp => "IGRP, over IPv4",
        Protocol::Pim => "PIM, over IPv4 or IPv6",
        Protocol::Vrrp => "VRRP, over IPv4",
        Protocol::Carp => "CARP, over IPv4 (its protocol number is that of VRRP)",
        Protocol::Ah => "an authentication header (AH), over IPv4 or IPv6",
        Protocol::Esp => "ESP, over IPv4 or IPv6",
        Protocol::Atalk => "AppleTalk",
        Protocol::Aarp => "AppleTalk's ARP",
        Protocol::Decnet => "DECnet phase IV",
        Protocol::Lat => "DEC LAT",
        Protocol::Sca => "DEC SCA",
        Protocol::Moprc => "DEC MOP, remote console",
        Protocol::Mopdl => "DEC MOP, dump and load",
        Protocol::Iso => "an OSI protocol (LLC, access point 0xfe)",
        Protocol::Esis => "OSI's ES-IS",
        Protocol::Isis => "IS-IS",
        Protocol::IsisL1 => "IS-IS of level 1",
        Protocol::IsisL2 => "IS-IS of level 2",
        Protocol::IsisIih => "an IS-IS hello",
        Protocol::IsisLsp => "an IS-IS link state PDU",
        Protocol::IsisSnp => "an IS-IS sequence numbers PDU",
        Protocol::IsisCsnp => "an IS-IS complete sequence numbers PDU",
        Protocol::IsisPsnp => "an IS-IS partial sequence numbers PDU",
        Protocol::Clnp => "OSI's CLNP",
        Protocol::Stp => "spanning tree (LLC, access point 0x42)",
        Protocol::Ipx => "IPX",
        Protocol::Netbeui => "NetBEUI (LLC, access point 0xf0)",
        Protocol::Radio => "a radio header",
    }
}

/// Protocol numbers of IP (IANA) by their usual name.
const NUMBERS: [(u32, &str); 19] = [
    (0, "hop-by-hop options"),
    (1, "ICMP"),
    (2, "IGMP"),
    (4, "IPv4 in IP"),
    (6, "TCP"),
    (9, "IGRP"),
    (17, "UDP"),
    (41, "IPv6 in IP"),
    (43, "routing header"),
    (44, "fragment header"),
    (47, "GRE"),
    (50, "ESP"),
    (51, "AH"),
    (58, "ICMPv6"),
    (60, "destination options"),
    (89, "OSPF"),
    (103, "PIM"),
    (112, "VRRP"),
    (132, "SCTP"),
];

/// EtherTypes (IANA, IEEE).
const ETHERTYPES: [(u32, &str); 19] = [
    (0x0800, "IPv4"),
    (0x0806, "ARP"),
    (0x6001, "DEC MOP, dump and load"),
    (0x6002, "DEC MOP, remote console"),
    (0x6003, "DECnet phase IV"),
    (0x6004, "DEC LAT"),
    (0x6007, "DEC SCA"),
    (0x8035, "RARP"),
    (0x809b, "AppleTalk"),
    (0x80f3, "AppleTalk's ARP"),
    (0x8100, "VLAN tag"),
    (0x86dd, "IPv6"),
    (0x8847, "MPLS"),
    (0x8863, "PPPoE discovery"),
    (0x8864, "PPPoE session"),
    (0x888e, "EAPOL"),
    (0x88a8, "service VLAN tag"),
    (0x88cc, "LLDP"),
    (0x9000, "loopback"),
];

fn named(number: u32, names: &[(u32, &str)], form: impl Fn(u32) -> String) -> String {
    match names.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => format!("{} ({name})", form(number)),
        None => form(number),
    }
}

/// A protocol number of IP.
pub fn numbered(number: u32) -> String {
    named(number, &NUMBERS, |number| number.to_string())
}

/// An EtherType.
pub fn ethertype(number: u32) -> String {
    named(number, &ETHERTYPES, |number| format!("{number:#06x}"))
}

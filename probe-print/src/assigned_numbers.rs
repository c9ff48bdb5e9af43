//! Names of protocol numbers.

/// EtherTypes that have a printer (IEEE, <https://standards-oui.ieee.org/ethertype/eth.txt>).
pub(crate) mod ethertype {
    pub const GEONET_OLD: u16 = 0x0707;
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const CALM_FAST: u16 = 0x1111;
    pub const PPPOE_DISCOVERY_OLD: u16 = 0x3c12;
    pub const PPPOE_SESSION_OLD: u16 = 0x3c13;
    pub const DECNET: u16 = 0x6003;
    pub const RARP: u16 = 0x8035;
    pub const IPX: u16 = 0x8137;
    pub const IPV6: u16 = 0x86dd;
    pub const MPCP: u16 = 0x8808;
    pub const SLOW: u16 = 0x8809;
    pub const PPP: u16 = 0x880b;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const PPPOE_DISCOVERY: u16 = 0x8863;
    pub const PPPOE_SESSION: u16 = 0x8864;
    pub const MS_NLB: u16 = 0x886f;
    pub const EAPOL: u16 = 0x888e;
    pub const AOE: u16 = 0x88a2;
    pub const TIPC: u16 = 0x88ca;
    pub const LLDP: u16 = 0x88cc;
    pub const PTP: u16 = 0x88f7;
    pub const CFM: u16 = 0x8902;
    pub const GEONET: u16 = 0x8947;
    pub const NSH: u16 = 0x894f;
    pub const LOOPBACK: u16 = 0x9000;
    pub const CFM_OLD: u16 = 0xabcd;
    pub const OSI: u16 = 0xfefe;
}

/// EtherTypes, as `-e` and ARP name them.
pub(super) const ETHERTYPES: &[(u16, &str)] = &[
    (ethertype::IPV4, "IPv4"),
    (ethertype::MPLS, "MPLS unicast"),
    (ethertype::MPLS_MULTICAST, "MPLS multicast"),
    (ethertype::IPV6, "IPv6"),
    (0x8100, "802.1Q"),
    (0x9100, "802.1Q-9100"),
    (0x88a8, "802.1Q-QinQ"),
    (0x9200, "802.1Q-9200"),
    (0x88e5, "802.1AE MACsec"),
    (0x0200, "PUP"),
    (ethertype::ARP, "ARP"),
    (ethertype::RARP, "Reverse ARP"),
    (0x0600, "NS"),
    (0x0500, "Sprite"),
    (0x1000, "Trail"),
    (0x6001, "MOP DL"),
    (0x6002, "MOP RC"),
    (ethertype::DECNET, "DN"),
    (0x6004, "LAT"),
    (0x6007, "SCA"),
    (0x6558, "TEB"),
    (0x8038, "Lanbridge"),
    (0x803c, "DEC DNS"),
    (0x803e, "DEC DTS"),
    (0x805b, "VEXP"),
    (0x805c, "VPROD"),
    (0x809b, "Appletalk"),
    (0x80f3, "Appletalk ARP"),
    (ethertype::IPX, "IPX"),
    (ethertype::PPP, "PPP"),
    (0x8808, "MPCP"),
    (ethertype::SLOW, "Slow Protocols"),
    (ethertype::PPPOE_DISCOVERY, "PPPoE D"),
    (ethertype::PPPOE_SESSION, "PPPoE S"),
    (ethertype::EAPOL, "EAPOL"),
    (0x8899, "Realtek protocols"),
    (ethertype::MS_NLB, "MS NLB heartbeat"),
    (0x8870, "Jumbo"),
    (ethertype::NSH, "NSH"),
    (ethertype::LOOPBACK, "Loopback"),
    (ethertype::OSI, "OSI"),
    (0x00fe, "GRE-OSI"),
    (ethertype::CFM_OLD, "CFM (old)"),
    (ethertype::CFM, "CFM"),
    (0x893a, "IEEE1905.1"),
    (ethertype::LLDP, "LLDP"),
    (ethertype::TIPC, "TIPC"),
    (ethertype::GEONET_OLD, "GeoNet (old)"),
    (ethertype::GEONET, "GeoNet"),
    (ethertype::CALM_FAST, "CALM FAST"),
    (ethertype::AOE, "AoE"),
    (ethertype::PTP, "PTP"),
    (0xd28b, "Arista Vendor Specific Protocol"),
];

/// IP protocols, as `-v` names them.
pub(super) const IP_PROTOCOLS: &[(u8, &str)] = &[
    (0, "Options"),
    (1, "ICMP"),
    (2, "IGMP"),
    (4, "IPIP"),
    (6, "TCP"),
    (8, "EGP"),
    (9, "IGRP"),
    (17, "UDP"),
    (33, "DCCP"),
    (41, "IPv6"),
    (43, "Routing"),
    (44, "Fragment"),
    (46, "RSVP"),
    (47, "GRE"),
    (50, "ESP"),
    (51, "AH"),
    (55, "Mobile IP"),
    (58, "ICMPv6"),
    (62, "Mobile IP (old)"),
    (88, "EIGRP"),
    (89, "OSPF"),
    (103, "PIM"),
    (108, "Compressed IP"),
    (112, "VRRP"),
    (113, "PGM"),
    (132, "SCTP"),
    (135, "Mobility"),
    (143, "Ethernet"),
];

/// Families of addresses (IANA).
pub(super) const FAMILIES: &[(u16, &str)] = &[
    (0, "Reserved"),
    (1, "IPv4"),
    (2, "IPv6"),
    (3, "NSAP"),
    (4, "HDLC"),
    (5, "BBN 1822"),
    (6, "802"),
    (7, "E.163"),
    (8, "E.164"),
    (9, "F.69"),
    (10, "X.121"),
    (11, "Novell IPX"),
    (12, "Appletalk"),
    (13, "Decnet IV"),
    (14, "Banyan Vines"),
    (15, "E.164 with NSAP subaddress"),
    (196, "Layer-2 VPN"),
    (25, "VPLS"),
];

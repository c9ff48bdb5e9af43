//! What a frame carries, as far as tcpdump would look: the rows of the table. Written
//! without the printers, so that they cannot hide what they do not know.

const PORTS: &[(u16, bool, &str)] = &[
    // UDP.
    (53, false, "DNS"),
    (5353, false, "mDNS"),
    (525, false, "timed"),
    (69, false, "TFTP"),
    (67, false, "DHCP"),
    (68, false, "DHCP"),
    (520, false, "RIP"),
    (654, false, "AODV"),
    (500, false, "ISAKMP"),
    (4500, false, "ISAKMP"),
    (161, false, "SNMP"),
    (162, false, "SNMP"),
    (123, false, "NTP"),
    (88, false, "Kerberos"),
    (750, false, "Kerberos"),
    (1701, false, "L2TP"),
    (137, false, "NetBIOS"),
    (138, false, "NetBIOS"),
    (521, false, "RIPng"),
    (546, false, "DHCPv6"),
    (547, false, "DHCPv6"),
    (5359, false, "AHCP"),
    (6697, false, "Babel"),
    (6696, false, "Babel"),
    (8231, false, "HNCP"),
    (1645, false, "RADIUS"),
    (1646, false, "RADIUS"),
    (1812, false, "RADIUS"),
    (1813, false, "RADIUS"),
    (3799, false, "RADIUS"),
    (1700, false, "RADIUS"),
    (1985, false, "HSRP"),
    (921, false, "lwres"),
    (646, false, "LDP"),
    (698, false, "OLSR"),
    (3503, false, "LSP ping"),
    (49152, false, "BCM LI"),
    (3784, false, "BFD"),
    (3785, false, "BFD"),
    (4784, false, "BFD"),
    (6784, false, "BFD"),
    (701, false, "LMP"),
    (1589, false, "VQP"),
    (6343, false, "sFlow"),
    (12222, false, "LWAPP"),
    (12223, false, "LWAPP"),
    (5060, false, "SIP"),
    (514, false, "syslog"),
    (8472, false, "OTV"),
    (4789, false, "VXLAN"),
    (6081, false, "Geneve"),
    (4342, false, "LISP"),
    (4790, false, "VXLAN-GPE"),
    (17754, false, "ZEP"),
    (6635, false, "MPLS over UDP"),
    (319, false, "PTP"),
    (320, false, "PTP"),
    (30490, false, "SOME/IP"),
    (2049, false, "NFS"),
    (496, false, "auto-RP"),
    (2103, false, "Zephyr"),
    (2104, false, "Zephyr"),
    (3456, false, "VAT"),
    (7000, false, "AFS"),
    (7001, false, "AFS"),
    (7002, false, "AFS"),
    (7003, false, "AFS"),
    (7004, false, "AFS"),
    (7005, false, "AFS"),
    (7006, false, "AFS"),
    (7007, false, "AFS"),
    (7008, false, "AFS"),
    (7009, false, "AFS"),
    // TCP.
    (53, true, "DNS over TCP"),
    (23, true, "Telnet"),
    (25, true, "SMTP"),
    (43, true, "WHOIS"),
    (179, true, "BGP"),
    (1723, true, "PPTP"),
    (6379, true, "RESP"),
    (22, true, "SSH"),
    (139, true, "NetBIOS"),
    (445, true, "SMB"),
    (10288, true, "BEEP"),
    (6633, true, "OpenFlow"),
    (6653, true, "OpenFlow"),
    (21, true, "FTP"),
    (80, true, "HTTP"),
    (8080, true, "HTTP"),
    (554, true, "RTSP"),
    (8554, true, "RTSP"),
    (639, true, "MSDP"),
    (323, true, "RPKI-RTR"),
    (646, true, "LDP"),
    (2049, true, "NFS"),
];

const PROTOCOLS: &[(u8, &str)] = &[
    (1, "ICMP"),
    (2, "IGMP"),
    (4, "IP in IP"),
    (9, "IGRP"),
    (33, "DCCP"),
    (41, "IP in IP"),
    (46, "RSVP"),
    (47, "GRE"),
    (50, "ESP"),
    (51, "AH"),
    (55, "Mobile IP"),
    (58, "ICMPv6"),
    (88, "EIGRP"),
    (89, "OSPF"),
    (103, "PIM"),
    (108, "IPComp"),
    (112, "VRRP"),
    (113, "PGM"),
    (132, "SCTP"),
];

const TYPES: &[(u16, &str)] = &[
    (0x0806, "ARP"),
    (0x8035, "RARP"),
    (0x8863, "PPPoE"),
    (0x8864, "PPPoE"),
    (0x8847, "MPLS"),
    (0x8848, "MPLS"),
    (0x88cc, "LLDP"),
    (0x888e, "EAPOL"),
    (0x8809, "slow protocols"),
    (0x8902, "CFM"),
    (0x894f, "NSH"),
    (0x9000, "loopback"),
    (0x88ca, "TIPC"),
    (0x88a2, "AoE"),
    (0x88f7, "PTP"),
    (0x88e5, "MACsec"),
    (0x8899, "Realtek"),
    (0x886f, "MS NLB"),
    (0x8947, "GeoNetworking"),
];

/// The protocol's name.
pub fn of(frame: &[u8], ethernet: bool) -> String {
    let name = if ethernet { link(frame) } else { ip(frame) };
    name.unwrap_or_else(|| "cut short".into())
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn link(frame: &[u8]) -> Option<String> {
    let mut at = 12;
    let mut ethertype = half(frame, at)?;
    while matches!(ethertype, 0x8100 | 0x88a8 | 0x9100 | 0x9200) {
        at += 4;
        ethertype = half(frame, at)?;
    }
    let payload = frame.get(at + 2..)?;
    match ethertype {
        0..=1500 => llc(payload),
        0x0800 | 0x86dd => ip(payload),
        _ => Some(match TYPES.iter().find(|(number, _)| *number == ethertype) {
            Some((_, name)) => (*name).into(),
            None => "other EtherTypes".into(),
        }),
    }
}

fn llc(p: &[u8]) -> Option<String> {
    let name = match (p.first()?, p.get(1)?) {
        (0x42, 0x42) => "STP",
        (0xfe, _) => "OSI",
        (0xe0, _) | (0xff, 0xff) => "IPX",
        (0xf0, _) => "NetBEUI",
        (0xaa, 0xaa) => match (p.get(3..6)?, half(p, 6)?) {
            ([0, 0, 0], 0x0800 | 0x86dd) => return ip(p.get(8..)?),
            ([0, 0, 0], 0x0806) => "ARP",
            ([0, 0, 0x0c], 0x2000) => "CDP",
            ([0, 0, 0x0c], 0x2003) => "VTP",
            ([0, 0, 0x0c], 0x2004) => "DTP",
            ([0, 0, 0x0c], 0x0111) => "UDLD",
            ([0, 0, 0x0c], 0x010b) => "STP",
            _ => "other SNAP",
        },
        _ => "other LLC",
    };
    Some(name.into())
}

fn ip(p: &[u8]) -> Option<String> {
    let (mut protocol, mut at, fragment) = match p.first()? >> 4 {
        4 => (*p.get(9)?, 4 * usize::from(p.first()? & 15), half(p, 6)? & 0x1fff != 0),
        6 => (*p.get(6)?, 40, false),
        _ => return Some("other IP versions".into()),
    };
    if fragment {
        return Some("fragments".into());
    }
    // Extension headers.
    if p.first()? >> 4 == 6 {
        while matches!(protocol, 0 | 43 | 44 | 60) {
            let header = p.get(at..)?;
            if protocol == 44 && half(header, 2)? & 0xfff8 != 0 {
                return Some("fragments".into());
            }
            let words = if protocol == 44 { 0 } else { usize::from(*header.get(1)?) };
            protocol = *header.first()?;
            at += 8 * (words + 1);
        }
    }
    let segment = p.get(at..)?;
    let total = match p.first()? >> 4 {
        4 => usize::from(half(p, 2)?),
        _ => 40 + usize::from(half(p, 4)?),
    };
    let tcp = match protocol {
        6 => true,
        17 => false,
        _ => {
            return Some(match PROTOCOLS.iter().find(|(number, _)| *number == protocol) {
                Some((_, name)) => (*name).into(),
                None => "other IP protocols".into(),
            });
        }
    };
    if tcp && total.saturating_sub(at) <= 4 * usize::from(segment.get(12)? >> 4) {
        return Some("TCP".into());
    }
    let ports = [half(segment, 0)?, half(segment, 2)?];
    let service = PORTS.iter().find(|(port, over, _)| *over == tcp && ports.contains(port));
    let other = if tcp { "other TCP" } else { "other UDP" };
    Some(service.map_or(other, |(_, _, name)| name).into())
}

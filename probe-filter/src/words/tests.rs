use super::*;
use crate::{LinkType, SystemResolver, VlanView};

fn said(text: &str) -> String {
    let options =
        Options::default().direction(true).netmask(0).ifindex(1).resolver(&SystemResolver);
    explain(text, &options).unwrap_or_else(|error| panic!("{text}: {error}")).1.to_string()
}

/// What is said of one question.
fn one(text: &str) -> String {
    let all = said(text);
    let line = all.trim_end().strip_prefix("a frame matches where: ");
    line.unwrap_or_else(|| panic!("{text}: {all}")).to_owned()
}

#[test]
fn structure_is_an_indented_list() {
    assert_eq!(said(""), "every frame matches\n");
    assert_eq!(
        said("tcp and (port 80 or port 443 or not not port 8080) and not (src 192.0.2.1 and @syn)"),
        "a frame matches where all of these hold:\n\
         - TCP, over IPv4 or IPv6\n\
         - any of these holds:\n\
         \x20 - source or destination port is 80 (TCP, UDP or SCTP)\n\
         \x20 - source or destination port is 443 (TCP, UDP or SCTP)\n\
         \x20 - source or destination port is 8080 (TCP, UDP or SCTP)\n\
         - not all of these hold:\n\
         \x20 - source address is 192.0.2.1 (IPv4, ARP or RARP)\n\
         \x20 - TCP with SYN set and ACK not: a connection is asked for\n"
    );
    // They bind equally tight, from left to right.
    assert_eq!(
        said("not (udp or tcp and port 80)"),
        "a frame matches where not all of these hold:\n\
         - any of these holds:\n\
         \x20 - UDP, over IPv4 or IPv6\n\
         \x20 - TCP, over IPv4 or IPv6\n\
         - source or destination port is 80 (TCP, UDP or SCTP)\n"
    );
    let deep = format!("{}tcp{}", "(udp or (ip and ".repeat(2000), "))".repeat(2000));
    let words = said(&deep);
    assert!(words.contains("[level 4000] TCP, over IPv4 or IPv6\n"), "{}", words.len());
}

#[test]
fn questions() {
    for (text, words) in [
        ("src host 192.0.2.1", "source address is 192.0.2.1 (IPv4, ARP or RARP)"),
        ("ip dst 192.0.2.1", "destination address is 192.0.2.1 (IPv4)"),
        ("arp host 192.0.2.1", "source or destination address is 192.0.2.1 (ARP)"),
        (
            "src and dst net 10",
            "source and destination address each are in 10.0.0.0/8 (IPv4, ARP or RARP)",
        ),
        ("host 2001:db8::1", "source or destination address is 2001:db8::1 (IPv6)"),
        ("net 2001:db8::/32", "source or destination address is in 2001:db8::/32 (IPv6)"),
        (
            "net 10.0.0.0 mask 255.0.0.0",
            "source or destination address is in 10.0.0.0/8 (IPv4, ARP or RARP)",
        ),
        ("tcp dst port 80", "destination port is 80 (TCP)"),
        ("port domain", "source or destination port is 53 (domain) (TCP, UDP or SCTP)"),
        ("udp portrange 20-25", "source or destination port is from 20 to 25 (UDP)"),
        ("ip proto 47", "IPv4 that carries protocol 47 (GRE)"),
        ("proto \\tcp", "IPv4 or IPv6 that carries protocol 6 (TCP)"),
        ("ip6 protochain 6", "IPv6 whose chain of headers leads to protocol 6 (TCP)"),
        ("ether proto 0x88cc", "EtherType is 0x88cc (LLDP)"),
        ("ether src 2:0:0:0:0:1", "Ethernet source is 02:00:00:00:00:01"),
        ("vlan 5", "a VLAN tag, ID 5; what follows looks behind it"),
        ("less 64", "the frame is at most 64 bytes long"),
        ("len > 1500", "the frame is more than 1500 bytes long"),
        ("outbound", "the frame was sent"),
        ("decnet src 1.42", "source node is 1.42 (DECnet)"),
        ("tcp[13] = 2", "TCP over IPv4 with SYN set and no other flag"),
        ("tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn", "TCP over IPv4 with SYN set, and ACK not"),
        ("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "TCP over IPv4 with FIN or SYN set"),
        ("icmp[icmptype] != icmp-echo", "ICMP type is not 8 (echo request)"),
        ("icmp6[0] = 135", "ICMPv6 type is 135 (neighbor solicitation)"),
        ("ip[2:2] > 576", "IPv4 total length is greater than 576"),
        ("ip[12:4] = 0xc0000201", "IPv4 source address is 192.0.2.1"),
        ("64 > ip[8]", "IPv4 time to live is less than 64"),
        ("ip[2:2] - 20 > 576", "ip[2:2] - 20 > 576"),
        ("payload \"GET \\r\\x00\"", "the payload of TCP or UDP starts with \"GET \\r\\x00\""),
    ] {
        assert_eq!(one(text), words, "{text}");
    }
}

#[test]
fn links_without_arp_are_told() {
    let options = Options::default().link(LinkType::Raw).vlan(VlanView::AsFrame);
    let (_, words) = explain("src 192.0.2.1", &options).unwrap();
    assert_eq!(words.to_string(), "a frame matches where: source address is 192.0.2.1 (IPv4)\n");
}

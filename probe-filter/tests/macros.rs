//! The language beyond libpcap's: macros and `payload`, on bytes written out here.

use probe_filter::{Frame, LinkType, Options, VlanTag, VlanView, compile};

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// A TCP segment with this flags byte, options and payload.
fn tcp(flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let words = (5 + options.len() / 4) as u8;
    let mut segment = vec![0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, words << 4, flags];
    segment.extend([0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(options);
    segment.extend(payload);
    segment
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = source.to_be_bytes().to_vec();
    datagram.extend(destination.to_be_bytes());
    datagram.extend((payload.len() as u16 + 8).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

fn ipv4(protocol: u8, fragment: u16, options: &[u8], carried: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let mut packet = vec![0x40 | (header / 4) as u8, 0];
    packet.extend(((header + carried.len()) as u16).to_be_bytes());
    packet.extend([0, 1]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    packet.extend(options);
    packet.extend(carried);
    packet
}

fn ipv6(next: u8, carried: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((carried.len() as u16).to_be_bytes());
    packet.extend([next, 64]);
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend(carried);
    packet
}

fn ethernet(tags: &[(u16, u16)], ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = MACS.to_vec();
    for (tpid, tci) in tags {
        frame.extend(tpid.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(packet);
    frame
}

fn over_ipv4(segment: &[u8]) -> Vec<u8> {
    ethernet(&[], 0x0800, &ipv4(6, 0, &[], segment))
}

fn matches(text: &str, bytes: &[u8]) -> bool {
    let filter = compile(text, &Options::default()).expect(text);
    let frame = Frame { bytes, wire_len: bytes.len() as u32, vlan: None, outbound: None };
    filter.matches(&frame)
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const PUSH: u8 = 0x08;

/// The same segment in every wrapping that macros see through.
fn wrappings(segment: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let nop = [1, 1, 1, 0];
    let hop_by_hop = |next: u8, rest: &[u8]| {
        let mut header = vec![next, 0, 1, 4, 0, 0, 0, 0];
        header.extend(rest);
        header
    };
    let first_fragment = |next: u8, rest: &[u8]| {
        let mut header = vec![next, 0, 0, 1, 0, 0, 0, 7];
        header.extend(rest);
        header
    };
    let authentication = |next: u8, rest: &[u8]| {
        let mut header = vec![next, 4];
        header.extend([0; 22]);
        header.extend(rest);
        header
    };
    let mut chain = segment.to_vec();
    let mut next = 6;
    for _ in 0..8 {
        chain = hop_by_hop(next, &chain);
        next = 60;
    }
    vec![
        ("IPv4", over_ipv4(segment)),
        ("IPv4, first fragment", ethernet(&[], 0x0800, &ipv4(6, 0x2000, &[], segment))),
        ("IPv4 with options", ethernet(&[], 0x0800, &ipv4(6, 0, &nop, segment))),
        ("IPv4, one tag", ethernet(&[(0x8100, 5)], 0x0800, &ipv4(6, 0, &nop, segment))),
        (
            "IPv4, two tags",
            ethernet(&[(0x88a8, 5), (0x8100, 7)], 0x0800, &ipv4(6, 0, &[], segment)),
        ),
        ("IPv6", ethernet(&[], 0x86dd, &ipv6(6, segment))),
        ("IPv6, two tags", ethernet(&[(0x8100, 5), (0x8100, 7)], 0x86dd, &ipv6(6, segment))),
        ("IPv6, hop-by-hop", ethernet(&[], 0x86dd, &ipv6(0, &hop_by_hop(6, segment)))),
        ("IPv6, first fragment", ethernet(&[], 0x86dd, &ipv6(44, &first_fragment(6, segment)))),
        ("IPv6, AH", ethernet(&[], 0x86dd, &ipv6(51, &authentication(6, segment)))),
        (
            "IPv6, three headers",
            ethernet(
                &[],
                0x86dd,
                &ipv6(0, &hop_by_hop(44, &first_fragment(51, &authentication(6, segment)))),
            ),
        ),
        ("IPv6, eight headers", ethernet(&[], 0x86dd, &ipv6(60, &chain))),
    ]
}

#[test]
fn flags_are_seen_through_every_wrapping() {
    for (name, frame) in wrappings(&tcp(SYN, &[2, 4, 5, 0xb4], &[])) {
        assert!(matches("@syn", &frame), "{name}");
        assert!(!matches("@synack or @fin or @rst", &frame), "{name}");
        for end in 0..frame.len() - 4 {
            // The flags are not there, or the header they are in is not all there: the
            // flags byte is the last one that the macro needs.
            let short = &frame[..end];
            let flags_at = frame.len() - 24 + 13;
            assert_eq!(matches("@syn", short), end > flags_at, "{name}, {end} bytes");
        }
    }
    for (name, frame) in wrappings(&tcp(SYN | ACK, &[], &[])) {
        assert!(matches("@synack and not @syn", &frame), "{name}");
    }
    assert!(matches("@fin", &over_ipv4(&tcp(0x11, &[], &[]))));
    assert!(matches("@rst", &over_ipv4(&tcp(0x14, &[], &[]))));
}

#[test]
fn payload_is_seen_through_every_wrapping() {
    for options in [&[][..], &[1, 1, 1, 1, 1, 1, 1, 1]] {
        for (name, frame) in wrappings(&tcp(PUSH | ACK, options, b"GET / HTTP/1.1\r\n")) {
            for text in [
                "@get",
                "@http",
                "@http-request",
                "payload \"GET /\"",
                "payload \"\\x47ET\"",
                "payload[0:4] = 0x47455420",
                "payload[payload[4] - 44] = 0x20",
                "payload[0] + payload[1] = 140",
            ] {
                assert!(matches(text, &frame), "{text}, {name}");
            }
            for text in ["@post", "@http-response", "@ssh", "@tls-hello", "payload \"GET x\""] {
                assert!(!matches(text, &frame), "{text}, {name}");
            }
            assert!(!matches("@get", &frame[..frame.len() - 13]), "{name}, GET without a space");
            assert!(matches("@get", &frame[..frame.len() - 12]), "{name}, GET with a space");
        }
    }
}

#[test]
fn headers_that_contradict_themselves_match_nothing() {
    let mut short_ip = over_ipv4(&tcp(SYN, &[], &[]));
    short_ip[14] = 0x44;
    assert!(!matches("@syn", &short_ip));
    let mut wrong_version = over_ipv4(&tcp(SYN, &[], &[]));
    wrong_version[14] = 0x65;
    assert!(!matches("@syn", &wrong_version));
    let mut short_tcp = over_ipv4(&tcp(SYN, &[], b"GET "));
    short_tcp[14 + 20 + 12] = 0x40;
    assert!(!matches("@syn or @get or payload[0] = 0x47", &short_tcp));
    let later = ethernet(&[], 0x0800, &ipv4(6, 1, &[], &tcp(SYN, &[], &[])));
    assert!(!matches("@syn", &later));
    let three = ethernet(&[(0x8100, 1); 3], 0x0800, &ipv4(6, 0, &[], &tcp(SYN, &[], &[])));
    assert!(!matches("@syn", &three));
    let mut chain = tcp(SYN, &[], &[]);
    for step in 0..9 {
        let mut header = vec![if step == 0 { 6 } else { 60 }, 0, 1, 4, 0, 0, 0, 0];
        header.extend(chain);
        chain = header;
    }
    assert!(!matches("@syn", &ethernet(&[], 0x86dd, &ipv6(60, &chain))), "nine headers");
}

#[test]
fn padding_is_no_payload() {
    let mut padded = over_ipv4(&tcp(ACK, &[], &[]));
    padded.extend([0; 6]);
    assert!(!matches("payload[0] = 0", &padded));
    assert!(!matches("payload \"\\0\"", &padded));
    let full = over_ipv4(&tcp(ACK, &[], &[0]));
    assert!(matches("payload[0] = 0", &full));
    assert!(matches("payload[len - 55] = 0", &full));
    assert!(!matches("payload[len - 54] = 0 or payload[0 - 1] = 0", &full));
    // Segmentation offload leaves a length of 0.
    let mut offloaded = over_ipv4(&tcp(ACK, &[], b"GET "));
    offloaded[16..18].fill(0);
    assert!(matches("@get", &offloaded));
}

#[test]
fn each_macro_by_its_definition() {
    let says = |text: &[u8]| over_ipv4(&tcp(PUSH | ACK, &[], text));
    for method in ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"] {
        let frame = says(format!("{method} / HTTP/1.1\r\n").as_bytes());
        assert!(matches("@http-request and @http and not @http-response", &frame), "{method}");
        assert_eq!(matches("@get", &frame), method == "GET");
        assert_eq!(matches("@post", &frame), method == "POST");
    }
    assert!(matches("@http-response and @http and not @http-request", &says(b"HTTP/1.1 200 OK")));
    assert!(matches("@ssh", &says(b"SSH-2.0-OpenSSH_9.2")));
    assert!(matches("@tls-hello", &says(&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])));
    assert!(!matches("@tls-hello", &says(&[22, 3, 1, 2, 0, 2, 0, 1, 0xfc, 3, 3])));
    assert!(!matches("@tls-hello", &says(&[23, 3, 3, 2, 0, 1])));
    for command in ["EHLO a", "helo a", "MAIL FROM:<a@b>", "rcpt to:<a@b>", "STARTTLS\r\n"] {
        assert!(matches("@smtp", &says(command.as_bytes())), "{command}");
    }
    assert!(!matches("@smtp", &says(b"220 ftp ready")));
    let mut greeting = tcp(PUSH | ACK, &[], b"220 mail ESMTP");
    greeting[..2].copy_from_slice(&25_u16.to_be_bytes());
    assert!(matches("@smtp", &over_ipv4(&greeting)));
    let datagram = |source, destination| {
        ethernet(&[], 0x86dd, &ipv6(17, &udp(source, destination, b"\x12\x34")))
    };
    assert!(matches("@dns", &datagram(5000, 53)));
    assert!(matches("@dns and payload[0:2] = 0x1234", &datagram(53, 5000)));
    assert!(!matches("@dns", &datagram(5353, 5353)));
}

#[test]
fn macros_on_other_links() {
    let segment = tcp(SYN, &[], &[]);
    let raw = Options::default().link(LinkType::Raw);
    for packet in [ipv4(6, 0, &[], &segment), ipv6(6, &segment)] {
        let frame =
            Frame { bytes: &packet, wire_len: packet.len() as u32, vlan: None, outbound: None };
        assert!(compile("@syn", &raw).unwrap().matches(&frame));
        let mpls = ethernet(&[], 0x8847, &[&[0, 1, 1, 64][..], &packet].concat());
        assert!(matches("mpls and @syn", &mpls));
        assert!(!matches("@syn", &mpls));
        let version = if packet[0] >> 4 == 4 { 0x21 } else { 0x57 };
        let pppoe =
            ethernet(&[], 0x8864, &[&[0x11, 0, 0, 1, 0, 9, 0, version][..], &packet].concat());
        assert!(matches("pppoes and @syn", &pppoe));
        assert!(!matches("@syn", &pppoe));
        let ethertype = if packet[0] >> 4 == 4 { 0x0800 } else { 0x86dd };
        let inner = ethernet(&[], ethertype, &packet);
        let geneve = [&[0, 0, 0x65, 0x58, 0, 0, 1, 0][..], &inner].concat();
        let outer = ethernet(&[], 0x0800, &ipv4(17, 0, &[], &udp(5000, 6081, &geneve)));
        assert!(matches("geneve 1 and @syn", &outer));
        assert!(!matches("@syn", &outer));
    }
    // Live, the kernel has taken the outermost tag off.
    let live = Options::default().vlan(VlanView::Live);
    let one_left = ethernet(&[(0x8100, 7)], 0x0800, &ipv4(6, 0, &[], &segment));
    let frame = Frame {
        bytes: &one_left,
        wire_len: one_left.len() as u32,
        vlan: Some(VlanTag { tpid: 0x88a8, tci: 5 }),
        outbound: None,
    };
    for text in ["@syn", "vlan 5 and @syn", "vlan 5 and vlan 7 and tcp and @syn"] {
        assert!(compile(text, &live).unwrap().matches(&frame), "{text}");
    }
}

/// An ICMP error of this type about a packet of the same IP version, from an Ethernet frame on.
fn error_about(kind: u8, packet: &[u8]) -> Vec<u8> {
    let mut error = vec![kind, 3, 0, 0, 0, 0, 0, 0];
    error.extend(packet);
    match packet[0] >> 4 {
        4 => ethernet(&[], 0x0800, &ipv4(1, 0, &[], &error)),
        _ => ethernet(&[], 0x86dd, &ipv6(58, &error)),
    }
}

#[test]
fn unreachable_looks_into_the_packet_that_an_error_is_about() {
    // RFC 792 has eight bytes behind the IP header quoted: the ports are there, the flags not.
    let segment = tcp(SYN, &[], &[]);
    let datagram = udp(40_000, 69, b"read me");
    let options = [1, 1, 1, 0];
    for kind in [3, 4, 5, 11, 12] {
        for whole in [ipv4(6, 0, &[], &segment), ipv4(6, 0, &options, &segment)] {
            let header = whole.len() - segment.len();
            let (short, whole) =
                (error_about(kind, &whole[..header + 8]), error_about(kind, &whole));
            for text in [
                "@unreachable",
                "@unreachable and tcp",
                "@unreachable and port 80",
                "@unreachable and tcp src port 12345 and dst port 80",
                "@unreachable and src host 192.0.2.1 and dst net 192.0.2.0/24",
                "@unreachable and ip proto 6 and tcp[0:2] = 12345",
                "@unreachable and not udp and (udp or port 80)",
            ] {
                assert!(matches(text, &short), "{text}, type {kind}");
                assert!(matches(text, &whole), "{text}, type {kind}");
            }
            assert!(!matches("@unreachable and @syn", &short), "type {kind}");
            assert!(matches("@unreachable and @syn", &whole), "type {kind}");
            assert!(!matches("@unreachable and (udp or port 443 or ip6)", &whole));
        }
        let udp = error_about(kind, &ipv4(17, 0, &[], &datagram[..8]));
        assert!(matches("@unreachable and udp dst port 69", &udp));
        assert!(!matches("@unreachable and tcp", &udp));
    }
    for kind in 1..=4 {
        let whole = ipv6(6, &segment);
        for quoted in [&whole[..40 + 8], &whole] {
            let error = error_about(kind, quoted);
            assert!(matches("@unreachable and tcp port 80", &error), "type {kind}");
            assert!(matches("@unreachable and src host 2001:db8::1", &error), "type {kind}");
            assert_eq!(matches("@unreachable and @syn", &error), quoted.len() == whole.len());
        }
        let udp = error_about(kind, &ipv6(17, &datagram));
        assert!(matches("@unreachable and udp port 69 and payload \"read\"", &udp));
    }
}

#[test]
fn other_messages_quote_nothing() {
    let segment = tcp(SYN, &[], &[]);
    let (packet, packet6) = (ipv4(6, 0, &[], &segment), ipv6(6, &segment));
    for kind in [0, 8, 9, 13, 17] {
        assert!(!matches("@unreachable", &error_about(kind, &packet)), "type {kind}");
    }
    for kind in [0, 5, 128, 135] {
        assert!(!matches("@unreachable", &error_about(kind, &packet6)), "ICMPv6 type {kind}");
    }
    // The versions of the message, of what carries it and of what it quotes have to be one.
    let error = |packet: &[u8]| [&[3, 3, 0, 0, 0, 0, 0, 0], packet].concat();
    assert!(!matches("@unreachable", &ethernet(&[], 0x0800, &ipv4(1, 0, &[], &error(&packet6)))));
    assert!(!matches("@unreachable", &ethernet(&[], 0x86dd, &ipv6(58, &error(&packet)))));
    assert!(!matches("@unreachable", &ethernet(&[], 0x0800, &ipv4(58, 0, &[], &error(&packet6)))));
    assert!(!matches("@unreachable", &ethernet(&[], 0x86dd, &ipv6(1, &error(&packet)))));
    let mut short_header = packet.clone();
    short_header[0] = 0x44;
    assert!(!matches("@unreachable", &error_about(3, &short_header)));
    assert!(!matches("@unreachable", &error_about(3, &packet)[..14 + 20 + 8]), "quotes nothing");
    assert!(!matches("@unreachable", &over_ipv4(&segment)));
}

#[test]
fn a_quoted_packet_is_looked_into_up_to_the_end_of_a_conjunction() {
    let rejected = error_about(3, &ipv4(6, 0, &[], &tcp(SYN, &[], &[])));
    let plain = over_ipv4(&tcp(SYN, &[], &[]));
    let both = |text: &str| (matches(text, &rejected), matches(text, &plain));
    // `and` goes on with it, and so do parentheses that stand around one or follow it.
    assert_eq!(both("@unreachable and tcp and port 80"), (true, false));
    assert_eq!(both("(@unreachable) and port 80"), (true, false));
    assert_eq!(both("(icmp and @unreachable) and tcp and port 80"), (true, false));
    assert_eq!(both("@unreachable and (udp or (tcp and port 80))"), (true, false));
    assert_eq!(both("@unreachable and not icmp"), (true, false));
    // `or` begins anew on its right, and what follows it is outside again.
    assert_eq!(both("@unreachable and tcp or tcp"), (true, true));
    assert_eq!(both("@unreachable and udp or icmp"), (true, false));
    assert_eq!(both("(@unreachable and tcp or @syn) and icmp"), (true, false));
    assert_eq!(both("(@syn or @unreachable) and port 80"), (false, true));
    // Words before it look outside, as do those behind a `not` of it.
    assert_eq!(both("tcp and @unreachable"), (false, false));
    assert_eq!(both("icmp[icmptype] = icmp-unreach and @unreachable and port 80"), (true, false));
    assert_eq!(both("not @unreachable and port 80"), (false, true));
    assert_eq!(both("not (@unreachable and port 80) and icmp"), (false, false));
    assert_eq!(both("not (@unreachable and port 81) and icmp"), (true, false));
    // The frame's own length and link stay what they are; a quoted packet has no link header.
    assert_eq!(both("@unreachable and tcp and len = 82"), (true, false));
    for text in ["@unreachable and vlan", "@unreachable and ether src 02:00:00:00:00:01"] {
        assert!(compile(text, &Options::default()).is_err(), "{text}");
    }
}

#[test]
fn quoted_packets_inside_of_tags_and_tunnels_and_of_each_other() {
    let rejected = error_about(3, &ipv4(6, 0, &[], &tcp(SYN, &[], &[])));
    let tagged =
        ethernet(&[(0x88a8, 5), (0x8100, 7)], 0x0800, rejected.get(14..).expect("a packet"));
    let text = "@unreachable and port 80";
    assert!(matches(text, &tagged));
    assert!(matches(&format!("vlan 5 and vlan 7 and {text}"), &tagged));
    let geneve = [&[0, 0, 0x65, 0x58, 0, 0, 1, 0][..], &rejected].concat();
    let outer = ipv4(17, 0, &[], &udp(5000, 6081, &geneve));
    assert!(matches(&format!("geneve 1 and {text}"), &ethernet(&[], 0x0800, &outer)));
    assert!(!matches(text, &ethernet(&[], 0x0800, &outer)));
    // An error about a frame in Geneve, of which only the outside is known without the word.
    assert!(matches(&format!("@unreachable and geneve and {text}"), &error_about(3, &outer)));
    assert!(matches("@unreachable and (geneve and icmp) or arp", &error_about(3, &outer)));
    // About another error, which nobody should send (RFC 1122, 3.2.2) and some do.
    let twice = error_about(11, &rejected[14..]);
    assert!(matches(&format!("@unreachable and {text}"), &twice));
    assert!(!matches(text, &twice));
    assert!(matches("@unreachable and (@unreachable and port 80 or tcp) and icmp", &twice));
}

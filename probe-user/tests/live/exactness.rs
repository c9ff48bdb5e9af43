//! Counts equal to the packet: real HTTP over IPv4 and IPv6, and frames with every
//! combination of tags, options and extension headers, beside tcpdump on the same link.

use std::path::Path;

use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, HttpServer, Pair, SCRATCH_DIR,
    SERVER_LINK, SERVER_V4, SERVER_V6, Tcp, http_get, requirements::met, tcp_flags,
};

use crate::rig::{
    LIMIT, NEEDS, Totals, alone, counter, end_tcpdump, quiet_pair, tcpdump, tcpdump_count,
};

const PORT: u16 = 80;
const REQUESTS: u64 = 1_000;

/// tcpdump's own words, IPv6 by hand: no extension headers come from a real stack here.
const SYN: &str =
    "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn or (ip6[6] = 6 and ip6[53] & 0x12 = 0x02)";
const SYNACK: &str = "tcp[tcpflags] & (tcp-syn|tcp-ack) = (tcp-syn|tcp-ack) or (ip6[6] = 6 and ip6[53] & 0x12 = 0x12)";
const GET: &str = "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420 \
                   or (ip6[6] = 6 and ip6[40 + ((ip6[52] & 0xf0) >> 2):4] = 0x47455420)";
const RESPONSE: &str = "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x48545450 \
                        or (ip6[6] = 6 and ip6[40 + ((ip6[52] & 0xf0) >> 2):4] = 0x48545450)";

/// Nothing is lost here, so nothing may be sent twice: a stalled machine must not look
/// like a lost segment to TCP.
pub fn patient_tcp(pair: &Pair) {
    for (namespace, link) in [(&pair.client, CLIENT_LINK), (&pair.server, SERVER_LINK)] {
        namespace
            .ip(&[
                format!("route replace 192.0.2.0/24 dev {link} rto_min 30s"),
                format!("route replace 2001:db8::/64 dev {link} rto_min 30s"),
            ])
            .unwrap();
        namespace
            .enter(|| Ok(std::fs::write("/proc/sys/net/ipv4/tcp_early_retrans", "0")?))
            .unwrap();
    }
}

#[test]
fn http_over_both_families() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for hook in ["xdp-native", "xdp-generic", "tcx"] {
        let pair = quiet_pair();
        patient_tcp(&pair);
        let _server = HttpServer::start(&pair.server, PORT).unwrap();
        let requests = counter(
            &pair.server,
            SERVER_LINK,
            hook,
            &[
                ("syn", "@syn"),
                ("syn4", "ip and @syn"),
                ("syn6", "ip6 and @syn"),
                ("synack", "@synack"),
                ("get", "@get"),
                ("http", "@http"),
                ("port", "dst port 80"),
                ("all", ""),
            ],
        );
        let replies = counter(
            &pair.client,
            CLIENT_LINK,
            hook,
            &[("synack", "@synack"), ("response", "@http-response"), ("syn", "@syn")],
        );
        let file = Path::new(SCRATCH_DIR).join("http.pcap");
        let dump = tcpdump(&pair.server, SERVER_LINK, &file);

        for address in [SERVER_V4.into(), SERVER_V6.into()] {
            http_get(&pair.client, address, PORT, REQUESTS / 2, LIMIT).unwrap();
        }

        end_tcpdump(&pair.server, dump, &file);
        let (requests, replies) = (Totals::of(requests), Totals::of(replies));
        for (rule, expected) in [
            ("syn", REQUESTS),
            ("syn4", REQUESTS / 2),
            ("syn6", REQUESTS / 2),
            ("synack", 0),
            ("get", REQUESTS),
            ("http", REQUESTS),
        ] {
            assert_eq!(requests.packets(rule), expected, "{hook} {rule} {requests:?}");
        }
        assert_eq!(requests.seen, requests.rules["all"], "{hook}");
        assert_eq!(requests.seen, requests.rules["port"], "{hook}");
        for (rule, expected) in [("syn", 0), ("synack", REQUESTS), ("response", REQUESTS)] {
            assert_eq!(replies.packets(rule), expected, "{hook} {rule} {replies:?}");
        }

        let said = |expression: &str| tcpdump_count(&pair.server, &file, expression);
        assert_eq!(said(SYN), REQUESTS, "{hook}");
        assert_eq!(said(SYNACK), REQUESTS, "{hook}");
        assert_eq!(said(GET), REQUESTS, "{hook}");
        assert_eq!(said(RESPONSE), REQUESTS, "{hook}");
        assert_eq!(said("dst port 80"), requests.seen.0, "{hook}");
        assert_eq!(said("src port 80"), replies.seen.0, "{hook}");
    }
}

/// What a segment is to the rules.
const KINDS: [(&str, u8, &[u8]); 6] = [
    ("syn", tcp_flags::SYN, b""),
    ("synack", tcp_flags::SYN | tcp_flags::ACK, b""),
    ("get", tcp_flags::PSH | tcp_flags::ACK, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("response", tcp_flags::PSH | tcp_flags::ACK, b"HTTP/1.1 200 OK\r\n\r\n"),
    ("fin", tcp_flags::FIN | tcp_flags::ACK, b""),
    ("data", tcp_flags::ACK, b"GETTING HTTP"),
];

/// The tags of a frame, and what tcpdump puts before its expression for a file.
const TAGS: [(&[(u16, u16)], &str); 4] = [
    (&[], ""),
    (&[(0x8100, 42)], "vlan and "),
    (&[(0x88a8, 7)], "vlan and "),
    (&[(0x88a8, 7), (0x8100, 42)], "vlan and vlan and "),
];

/// MSS, SACK permitted, timestamps, window scale: what Linux puts into a SYN.
const TCP_OPTIONS: &[u8] = &[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];

/// A network header, and tcpdump's words for "TCP with these flags" behind it.
struct Network {
    name: &'static str,
    frame: fn() -> Frame,
    /// Offset of the TCP header from the IPv6 header, and tcpdump's words for the chain
    /// that leads to it; `None` where `tcp[]` says it all.
    ip6: Option<(u32, &'static str)>,
}

fn networks() -> Vec<Network> {
    let network = |name, frame, ip6| Network { name, frame, ip6 };
    vec![
        network("ipv4", || Frame::ipv4(CLIENT_V4, SERVER_V4), None),
        network(
            "ipv4 with router alert and padding",
            || Frame::ipv4(CLIENT_V4, SERVER_V4).ipv4_options(&[148, 4, 0, 0, 1, 1, 1, 0]),
            None,
        ),
        network("ipv6", || Frame::ipv6(CLIENT_V6, SERVER_V6), Some((40, "ip6[6] = 6"))),
        network(
            "ipv6 with hop-by-hop",
            || Frame::ipv6(CLIENT_V6, SERVER_V6).extension(0, &[1, 4, 0, 0, 0, 0]),
            Some((48, "ip6[6] = 0 and ip6[40] = 6")),
        ),
        network(
            "ipv6 with hop-by-hop, routing and destination options",
            || {
                Frame::ipv6(CLIENT_V6, SERVER_V6)
                    .extension(0, &[1, 4, 0, 0, 0, 0])
                    .extension(43, &[0, 0, 0, 0, 0, 0])
                    .extension(60, &[1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            },
            Some((72, "ip6[6] = 0 and ip6[40] = 43 and ip6[48] = 60 and ip6[56] = 6")),
        ),
    ]
}

impl Network {
    /// tcpdump's expression for one kind of segment behind this header.
    fn expression(&self, kind: &str) -> String {
        let (flags, word) = match kind {
            "syn" => (Some((0x12, 0x02)), None),
            "synack" => (Some((0x12, 0x12)), None),
            "get" => (None, Some(0x4745_5420u32)),
            "response" => (None, Some(0x4854_5450)),
            "fin" => (Some((0x01, 0x01)), None),
            _ => unreachable!("no rule for {kind}"),
        };
        let (chain, bytes, tcp) = match self.ip6 {
            None => ("tcp", "tcp", 0),
            Some((tcp, chain)) => (chain, "ip6", tcp),
        };
        match (flags, word) {
            (Some((mask, value)), _) => {
                format!("{chain} and {bytes}[{}] & {mask} = {value}", tcp + 13)
            }
            (_, Some(word)) => format!(
                "{chain} and {bytes}[{tcp} + (({bytes}[{}] & 0xf0) >> 2):4] = {word}",
                tcp + 12
            ),
            (None, None) => unreachable!("every kind has flags or a word"),
        }
    }
}

/// A segment of every kind, behind every header, with and without options, in every
/// set of tags.
pub fn segments() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for network in networks() {
        for (tags, _) in TAGS {
            for options in [b"".as_slice(), TCP_OPTIONS] {
                for (_, flags, payload) in KINDS {
                    let mut frame = (network.frame)();
                    for &(ethertype, id) in tags {
                        frame = frame.tagged(ethertype, id);
                    }
                    let tcp = Tcp {
                        source: 40_000,
                        destination: 80,
                        flags,
                        options: options.to_vec(),
                        ..Tcp::default()
                    };
                    frames.push(frame.tcp(tcp).payload(payload).build());
                }
            }
        }
    }
    frames
}

#[test]
fn tags_options_and_extension_headers() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    const ROUNDS: usize = 5;
    let frames = segments();
    let of_each_kind = (networks().len() * TAGS.len() * 2 * ROUNDS) as u64;

    for hook in ["xdp-native", "xdp-generic", "tcx"] {
        let pair = quiet_pair();
        let rules = [
            ("syn", "@syn"),
            ("synack", "@synack"),
            ("get", "@get"),
            ("response", "@http-response"),
            ("fin", "@fin"),
            ("http", "@http"),
            ("payload", "payload[0:4] = 0x47455420 or payload \"HTTP\""),
        ];
        let count = counter(&pair.server, SERVER_LINK, hook, &rules);
        let file = Path::new(SCRATCH_DIR).join("tags.pcap");
        let dump = tcpdump(&pair.server, SERVER_LINK, &file);
        let before = pair.server.counters(SERVER_LINK).unwrap();
        let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
        for _ in 0..ROUNDS {
            sender.send(&frames).unwrap();
        }
        let sent = (frames.len() * ROUNDS) as u64;
        pair.server.wait_for_received(SERVER_LINK, before, sent, LIMIT).unwrap();
        end_tcpdump(&pair.server, dump, &file);

        let totals = Totals::of(count);
        let bytes: usize = frames.iter().map(Vec::len).sum();
        assert_eq!(totals.seen, (sent, (bytes * ROUNDS) as u64), "{hook}");
        for rule in ["syn", "synack", "get", "response", "fin"] {
            assert_eq!(totals.packets(rule), of_each_kind, "{hook} {rule}");
            let mut said = 0;
            for network in networks() {
                for (_, prefix) in [TAGS[0], TAGS[1], TAGS[3]] {
                    let expression = format!("{prefix}{}", network.expression(rule));
                    let count = tcpdump_count(&pair.server, &file, &expression);
                    // Both single tags are one expression to tcpdump.
                    let tags = if prefix == "vlan and " { 2 } else { 1 };
                    let expected = tags * 2 * ROUNDS as u64;
                    let (v4, with_options) = (network.ip6.is_none(), network.name.len() > 4);
                    // The two IPv4 headers are one expression to tcpdump, too.
                    let expected = if v4 { 2 * expected } else { expected };
                    assert_eq!(count, expected, "{hook}: {} {expression}", network.name);
                    if !(v4 && with_options) {
                        said += count;
                    }
                }
            }
            assert_eq!(said, of_each_kind, "{hook} {rule}: tcpdump");
        }
        assert_eq!(totals.packets("http"), 2 * of_each_kind, "{hook}");
        assert_eq!(totals.packets("payload"), 2 * of_each_kind, "{hook}");
    }
}

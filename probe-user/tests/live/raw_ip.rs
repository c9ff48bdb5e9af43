//! Interfaces without a link layer: on a tun device a frame is an IP packet, for every
//! hook as for tcpdump (DLT_RAW).

use std::path::Path;

use probe_filter::LinkType;
use testbed::{
    CLIENT_V4, CLIENT_V6, Frame, Namespace, SCRATCH_DIR, SERVER_V4, SERVER_V6, Tcp, Tun,
    requirements::met, tcp_flags,
};

use crate::{
    beside::{Beside, evaluated, unoptimised_count},
    rig::{CHOSEN, DELIVERED, LIMIT, NEEDS, attached, beside_others, ledger},
};

const TUN: &str = "tun0";

const EXPRESSIONS: [&str; 23] = [
    "ip",
    "ip6",
    "tcp",
    "udp",
    "icmp or icmp6",
    "tcp port 80",
    "src host 192.0.2.1",
    "dst host 2001:db8::2",
    "net 2001:db8::/32",
    "ip[0] & 0xf > 5",
    "ip6[6] = 6",
    "tcp[tcpflags] = tcp-syn",
    "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
    "ip6[6] = 6 and ip6[40 + ((ip6[52] & 0xf0) >> 2):4] = 0x47455420",
    "udp[8:4] = 0x47455420",
    "link[0] & 0xf0 = 0x60",
    "ip proto 17",
    "proto 6",
    "not host 192.0.2.2",
    "less 60",
    "greater 100",
    "port 53",
    "len = 40",
];

/// What tcpdump does not know, or does not run in the kernel.
const MACROS: [&str; 7] = [
    "ip6[6] = 0 and ip6 protochain 6",
    "@syn",
    "@get",
    "@http",
    "@dns",
    "payload \"GET \"",
    "payload[0] = 71",
];

/// IP packets of many kinds, and each of them cut off at many places.
fn packets() -> Vec<Vec<u8>> {
    let payloads: [&[u8]; 4] = [b"", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", &[b'G'; 100]];
    let mut packets = Vec::new();
    for (number, payload) in (0..).zip(payloads.into_iter().cycle().take(48)) {
        let family = match number / 4 % 4 {
            0 => Frame::ipv4(CLIENT_V4, SERVER_V4),
            1 => Frame::ipv6(CLIENT_V6, SERVER_V6),
            2 => Frame::ipv4(CLIENT_V4, SERVER_V4).ipv4_options(&[1, 1, 1, 0]),
            _ => Frame::ipv6(CLIENT_V6, SERVER_V6).extension(0, &[1, 4, 0, 0, 0, 0]),
        };
        let flags = [tcp_flags::SYN, tcp_flags::ACK][number / 2 % 2];
        let tcp = Tcp { destination: 80, flags, ..Tcp::default() };
        let frame = match number / 16 {
            0 => family.tcp(tcp),
            1 => family.udp(53, 4_000),
            _ => family.icmp(8, 0, [0; 4]),
        };
        let packet = frame.payload(payload).build().split_off(14);
        packets.extend((1..packet.len()).step_by(5).map(|length| packet[..length].to_vec()));
        packets.push(packet);
    }
    packets
}

#[test]
fn packets_of_a_tun_device() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let packets = packets();
    let sent = packets.len() as u64;
    for hook in ["tcx", "xdp-generic"] {
        let namespace = Namespace::new().unwrap();
        let tun = Tun::new(&namespace, TUN).unwrap();
        let beside = Beside::start(&namespace, TUN, hook, &EXPRESSIONS, &MACROS);
        let before = namespace.counters(TUN).unwrap();
        tun.send(&packets).unwrap();
        namespace.wait_for_received(TUN, before, sent, LIMIT).unwrap();
        let counts = beside.agreed(sent, hook);
        for (expression, count) in EXPRESSIONS.iter().chain(&MACROS).zip(counts) {
            assert_eq!(
                count,
                evaluated(expression, LinkType::Raw, &packets),
                "{hook}: {expression}"
            );
            assert!(count > 0 && count < sent, "{expression} tells no packets apart: {count}");
        }
    }
}

/// The file is one of raw IP, holds the packets as they were, and reads in tcpdump.
#[test]
fn a_tun_device_is_captured() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let packets: Vec<Vec<u8>> = packets().into_iter().filter(|packet| packet.len() > 20).collect();
    for hook in ["tcx", "xdp-generic"] {
        let namespace = Namespace::new().unwrap();
        let tun = Tun::new(&namespace, TUN).unwrap();
        let file = Path::new(SCRATCH_DIR).join("tun.pcap");
        let path = file.to_str().unwrap();
        let count = packets.len().to_string();
        let arguments = ["capture", "-i", TUN, "--hook", hook, "-c", &count, "-w", path];
        let capture = attached(&namespace, &arguments);
        tun.send(&packets).unwrap();
        let finished = capture.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let ledger = ledger(&finished.stderr);
        assert_eq!(
            (ledger[CHOSEN], ledger[DELIVERED]),
            (packets.len() as u64, packets.len() as u64)
        );

        let bytes = namespace.enter(|| Ok(std::fs::read(&file)?)).unwrap();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        // LINKTYPE_RAW.
        assert_eq!(word(20), 101);
        let mut at = 24;
        for packet in &packets {
            assert_eq!((word(at + 8), word(at + 12)), (packet.len() as u32, packet.len() as u32));
            at += 16;
            assert_eq!(bytes[at..at + packet.len()], **packet, "{hook}");
            at += packet.len();
        }
        assert_eq!(at, bytes.len());
        for expression in EXPRESSIONS {
            assert_eq!(
                unoptimised_count(&namespace, &file, expression),
                evaluated(expression, LinkType::Raw, &packets),
                "{hook}: {expression}"
            );
        }
    }
}

/// What the device sends, too: packets of a real stack, marked as sent.
#[test]
fn what_a_tun_device_sends() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let namespace = Namespace::new().unwrap();
    let tun = Tun::new(&namespace, TUN).unwrap();
    namespace
        .ip(&[
            format!("address add {CLIENT_V4}/24 dev {TUN}"),
            format!("address add {CLIENT_V6}/64 dev {TUN} nodad"),
        ])
        .unwrap();
    let mut arguments: Vec<String> =
        ["count", "-i", TUN, "--hook", "tcx", "-Q", "inout", "--format", "json"]
            .map(str::to_owned)
            .to_vec();
    let rules = [
        ("four", "outbound and udp[8:4] = 0x47455420 and dst host 192.0.2.2"),
        ("six", "outbound and ip6 and dst port 9 and payload \"GET \""),
        ("in", "inbound"),
        ("udp", "udp and dst port 9"),
    ];
    for (name, text) in rules {
        arguments.extend(["--rule".into(), format!("{name}={text}")]);
    }
    let count = attached(&namespace, &arguments);
    const DATAGRAMS: u64 = 50;
    namespace
        .enter(|| {
            for server in [std::net::IpAddr::from(SERVER_V4), SERVER_V6.into()] {
                let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = std::net::UdpSocket::bind(any)?;
                for _ in 0..DATAGRAMS {
                    socket.send_to(b"GET /", (server, 9))?;
                }
            }
            Ok(())
        })
        .unwrap();
    let mut sent = Vec::new();
    while let Some(packet) = tun.sent().unwrap() {
        sent.push(packet);
    }
    let finished = count.interrupt(LIMIT).unwrap();
    let totals = crate::rig::Totals::read(&finished);
    for (name, expected) in [("four", DATAGRAMS), ("six", DATAGRAMS), ("in", 0), ("udp", 100)] {
        assert_eq!(totals.packets(name), expected, "{name}: {totals:?}");
    }
    assert_eq!(totals.seen.0, sent.len() as u64);
    assert_eq!(evaluated("udp and dst port 9", LinkType::Raw, &sent), 2 * DATAGRAMS);
}

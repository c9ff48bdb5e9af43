//! The evaluator and the program in the kernel give the same counts on a file.

use std::path::Path;

use probe_filter::LinkType;
use probe_frame::{Precision, WallTime};
use probe_pcap::{Contents, Writer};
use testbed::{
    CLIENT_V4, CLIENT_V6, Frame, Namespace, SERVER_V4, SERVER_V6, Tcp, requirements::met, run,
    tcp_flags,
};

use crate::rig::{LIMIT, NEEDS, Totals, alone, probe};

const FRAMES: usize = 6_000;

/// Frames of many kinds, every one of them also cut short somewhere.
fn mixed() -> Vec<(Vec<u8>, u32)> {
    let mut frames = Vec::with_capacity(FRAMES);
    for number in 0..FRAMES {
        let family = match number % 2 {
            0 => Frame::ipv4(CLIENT_V4, SERVER_V4),
            _ => Frame::ipv6(CLIENT_V6, SERVER_V6),
        };
        let family = match number / 2 % 4 {
            1 => family.tagged(0x8100, 5),
            2 => family.tagged(0x88a8, 6).tagged(0x8100, 5),
            3 if number % 2 == 1 => family.extension(0, &[1, 4, 0, 0, 0, 0]),
            3 => family.ipv4_options(&[1, 1, 1, 0]),
            _ => family,
        };
        let flags =
            [tcp_flags::SYN, tcp_flags::SYN | tcp_flags::ACK, tcp_flags::ACK, tcp_flags::RST];
        let tcp = Tcp {
            source: (number % 100) as u16,
            destination: [80, 443, 25, 22][number / 8 % 4],
            flags: flags[number / 3 % 4],
            ..Tcp::default()
        };
        let payloads: [&[u8]; 5] = [
            b"",
            b"GET / HTTP/1.1\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"SSH-2.0-x",
            b"\x16\x03\x01\x00\x05\x01",
        ];
        let payload = payloads[number / 5 % 5];
        let frame = match number / 11 % 5 {
            0 => family.udp(53, 4_000).payload(payload),
            1 => family.icmp(8, 0, [0, 1, 0, 2]).payload(payload),
            _ => family.tcp(tcp).payload(payload),
        };
        let bytes = frame.build();
        let wire_len = bytes.len() as u32;
        // From nothing at all to the whole frame.
        let captured = if number % 3 == 0 { number / 3 % (bytes.len() + 1) } else { bytes.len() };
        frames.push((bytes[..captured].to_vec(), wire_len));
    }
    frames
}

pub fn write(path: &Path, link: LinkType, frames: &[(Vec<u8>, u32)]) -> anyhow::Result<()> {
    let mut file = Writer::create(path, &Contents::pcap(link, Precision::Micro))?;
    for (number, (bytes, wire_len)) in (0..).zip(frames) {
        let time = WallTime::new(1_700_000_000, number * 1_000);
        file.write(&probe_frame::Frame {
            time,
            wire_len: *wire_len,
            bytes,
            link,
            ifindex: 0,
            outbound: None,
        })?;
    }
    Ok(file.flush()?)
}

const RULES: [(&str, &str); 20] = [
    ("all", ""),
    ("syn", "@syn"),
    ("synack", "@synack"),
    ("get", "@get"),
    ("http", "@http"),
    ("ssh", "@ssh"),
    ("tls", "@tls-hello"),
    ("dns", "@dns"),
    ("ip", "ip"),
    ("ip6", "ip6"),
    ("tcp", "tcp"),
    ("udp", "udp"),
    ("icmp", "icmp"),
    ("port", "port 80 or port 443"),
    ("host", "src host 192.0.2.1"),
    ("net", "not net 192.0.2.0/24"),
    ("flags", "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn"),
    ("deep", "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420"),
    ("odd", "ether[12:2] > 0x800 and ip6[6] = 6"),
    ("payload", "payload[0] = 71 or payload \"SSH-\""),
];

#[test]
fn engines_agree() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new().unwrap();
    let file = "/dev/shm/mixed.pcap";
    let frames = mixed();
    namespace.enter(|| write(Path::new(file), LinkType::Ethernet, &frames)).unwrap();

    let count = |engine: &str, hook: &str| count(&namespace, file, engine, hook);
    let user = count("user", "xdp");
    assert_eq!(user.seen.0, FRAMES as u64);
    let wire: u64 = frames.iter().map(|&(_, wire_len)| u64::from(wire_len)).sum();
    assert_eq!(user.seen.1, wire);
    for (name, _) in RULES {
        assert!(user.packets(name) > 0, "no frame for {name}: {user:?}");
    }
    for hook in ["xdp", "tcx"] {
        assert_eq!(user, count("kernel", hook), "{hook}");
    }
}

/// What the engine counts by all rules.
fn count(namespace: &Namespace, file: &str, engine: &str, hook: &str) -> Totals {
    let mut arguments: Vec<String> =
        ["count", "-r", file, "--engine", engine, "--hook", hook, "--format", "json"]
            .map(str::to_owned)
            .to_vec();
    for (name, filter) in RULES {
        arguments.extend(["--rule".into(), format!("{name}={filter}")]);
    }
    Totals::read(&run(probe(namespace, &arguments), LIMIT).unwrap())
}

/// What stands before an IP packet.
fn header(link: LinkType, ipv6: bool) -> Vec<u8> {
    let ethertype = if ipv6 { [0x86, 0xdd] } else { [0x08, 0x00] };
    let family = if ipv6 { 30 } else { 2 };
    let ppp = [0, if ipv6 { 0x57 } else { 0x21 }];
    match link {
        LinkType::Ethernet => [&[2; 12][..], &ethertype].concat(),
        LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => Vec::new(),
        LinkType::LinuxSll => {
            [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &ethertype].concat()
        }
        LinkType::LinuxSll2 => {
            [&ethertype[..], &[0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0]].concat()
        }
        LinkType::Null => vec![family, 0, 0, 0],
        LinkType::Loop => vec![0, 0, 0, family],
        LinkType::Ppp | LinkType::PppSerial => [&[0xff, 3], &ppp[..]].concat(),
        LinkType::PppEther => [&[0x11, 0, 0, 1, 0, 80][..], &ppp].concat(),
    }
}

#[test]
fn engines_agree_on_every_link_type() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new().unwrap();
    let file = "/dev/shm/linked.pcap";
    for link in LinkType::ALL {
        let mut frames = Vec::new();
        for (bytes, wire_len) in mixed() {
            let Some((ethernet, packet)) = bytes.split_at_checked(14) else { continue };
            let header = header(link, ethernet[12] == 0x86);
            let wire_len = wire_len - 14 + header.len() as u32;
            frames.push(([&header, packet].concat(), wire_len));
        }
        namespace.enter(|| write(Path::new(file), link, &frames)).unwrap();
        let user = count(&namespace, file, "user", "xdp");
        assert_eq!(user.seen.0, frames.len() as u64);
        for name in ["get", "tcp", "port", "payload"] {
            assert!(user.packets(name) > 0, "{link:?}: no frame for {name}: {user:?}");
        }
        for hook in ["xdp", "tcx"] {
            assert_eq!(user, count(&namespace, file, "kernel", hook), "{link:?} {hook}");
        }
    }
}

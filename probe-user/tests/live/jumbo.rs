//! Frames longer than a page: an XDP program gets them in several buffers, of which it
//! sees the first (kernel 5.18). Rules see all of them.

use std::path::Path;

use probe_filter::LinkType;
use probe_frame::{Precision, WallTime};
use probe_pcap::{Contents, Writer};
use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, Namespace, Pair, SCRATCH_DIR, SERVER_LINK, Tcp,
    requirements::met, run, tcp_flags,
};

use crate::{
    beside::{agree_at_every_hook, evaluated},
    rig::{LIMIT, NEEDS, Totals, alone, probe},
    scattered::{NOBODY_V4, NOBODY_V6},
};

/// Bytes at both ends of the first buffer, in the middle and at the end of a frame.
const EXPRESSIONS: [&str; 15] = [
    "udp[3008:4] = 0x33303030",
    "udp[3488:4] = 0x33343830",
    "udp[5008:4] = 0x35303030",
    "tcp[((tcp[12] & 0xf0) >> 2) + 8000:4] = 0x38303030",
    "ether[4090:4] > 0x30000000",
    "ip[ip[2:2] - 4:4] = 0x656e6421",
    "ip6[40 + ip6[4:2] - 4:4] = 0x656e6421",
    "ip6[40 + ip6[4:2] - 4:4] = 0x656e6422",
    "greater 5000",
    "greater 9000",
    "greater 40000",
    "tcp[tcpflags] = tcp-syn",
    "udp[8:4] = 0x30303030",
    "not ip",
    "udp[39008:4] = 0x39303030",
];

const MACROS: [&str; 4] = [
    "udp and payload \"0000\"",
    "payload[6000:4] = 0x36303030",
    "@syn and payload[8000:4] = 0x38303030",
    "ip6 and payload[8896] > 0x30",
];

/// Payloads in which every four bytes are the last four digits of their own offset.
fn payload(length: usize) -> Vec<u8> {
    let mut payload: Vec<u8> =
        (0..length).step_by(4).flat_map(|at| format!("{:04}", at % 10_000).into_bytes()).collect();
    payload.truncate(length - 4);
    payload.extend(b"end!");
    payload
}

/// Frames around every length at which something changes: one buffer, two, three, many.
fn frames(longest: usize) -> Vec<Vec<u8>> {
    let lengths = [40, 1400, 3000, 3200, 3300, 3400, 3500, 3600, 3800, 4000, 4100, 5004]
        .into_iter()
        .chain([5500, 7000, 7500, 8004, 8900, 12_000, 20_000, 39_100, 60_000])
        .filter(|length| *length <= longest);
    let mut frames = Vec::new();
    for length in lengths {
        for more in 0..8 {
            let family = match more % 2 {
                0 => Frame::ipv4(CLIENT_V4, NOBODY_V4),
                _ => Frame::ipv6(CLIENT_V6, NOBODY_V6),
            };
            let tcp = Tcp { destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
            let frame = if more / 2 % 2 == 0 { family.udp(1, 2) } else { family.tcp(tcp) };
            frames.push(frame.payload(&payload(length + more)).build());
        }
    }
    frames
}

fn check(mtu: usize, longest: usize, expressions: &[&str]) {
    let frames = frames(longest);
    let sent = frames.len() as u64;
    let pair = || {
        let pair = Pair::new().unwrap();
        pair.client.ip(&[format!("link set {CLIENT_LINK} mtu {mtu}")]).unwrap();
        pair.server.ip(&[format!("link set {SERVER_LINK} mtu {mtu}")]).unwrap();
        pair
    };
    agree_at_every_hook(&frames, expressions, &MACROS, pair, |expression, count| {
        (count > 0 && count < sent) || expression.ends_with("6422")
    });
}

#[test]
fn jumbo_frames() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let fit = |text: &&str| !["9000", "40000", "39008"].iter().any(|large| text.contains(large));
    let expressions: Vec<&str> = EXPRESSIONS.into_iter().filter(fit).collect();
    check(9_000, 8_900, &expressions);
}

#[test]
fn frames_of_many_pages() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    check(61_000, 60_000, &EXPRESSIONS);
}

/// The same frames, handed to the loaded program by the kernel's test run.
#[test]
fn jumbo_frames_of_a_file() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new().unwrap();
    let path = Path::new(SCRATCH_DIR).join("jumbo.pcap");
    let frames = frames(60_000);
    namespace
        .enter(|| {
            let (link, precision) = (LinkType::Ethernet, Precision::Micro);
            let mut file = Writer::create(&path, &Contents::pcap(link, precision))?;
            for (bytes, second) in frames.iter().zip(0..) {
                file.write(&probe_frame::Frame {
                    time: WallTime::new(1_700_000_000 + second, 0),
                    wire_len: bytes.len() as u32,
                    bytes,
                    link: probe_frame::LinkType::Ethernet,
                    ifindex: 0,
                    outbound: None,
                })?;
            }
            Ok(file.flush()?)
        })
        .unwrap();
    for hook in ["xdp", "tcx"] {
        let path = path.to_str().unwrap();
        let mut arguments: Vec<String> =
            ["count", "-r", path, "--engine", "kernel", "--hook", hook, "--format", "json"]
                .map(str::to_owned)
                .to_vec();
        let texts: Vec<&str> = EXPRESSIONS.into_iter().chain(MACROS).collect();
        for (number, text) in texts.iter().enumerate() {
            arguments.extend(["--rule".into(), format!("r{number}={text}")]);
        }
        let finished = run(probe(&namespace, &arguments), LIMIT).unwrap();
        // A test run gives an skb one page: what is longer is looked at in user space.
        let not_taken = finished.stderr.contains("too long for a program in the kernel");
        assert_eq!(not_taken, hook == "tcx", "{}", finished.stderr);
        let totals = Totals::read(&finished);
        assert_eq!(totals.seen.0, frames.len() as u64);
        for (number, text) in texts.iter().enumerate() {
            let expected = evaluated(text, LinkType::Ethernet, &frames);
            assert_eq!(totals.packets(&format!("r{number}")), expected, "{hook}: {text}");
        }
    }
}

//! Frames of which only the Ethernet header lies in the linear part of the kernel's
//! buffer: every byte that a filter asks for has to be fetched. The same frames wholly
//! linear get the same answers.

use std::net::{Ipv4Addr, Ipv6Addr};

use testbed::{CLIENT_V4, CLIENT_V6, Frame, Tcp, requirements::met, tcp_flags};

use crate::{
    beside::agree_at_every_hook,
    rig::{NEEDS, alone, quiet_pair},
};

/// Nobody's addresses: what is sent to them is not answered.
pub const NOBODY_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);
pub const NOBODY_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77);

/// In tcpdump's language: bytes of every header, behind every header, and far behind.
const EXPRESSIONS: [&str; 29] = [
    "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
    "tcp[(tcp[12]>>2):4] = 0x47455420",
    "tcp[20:2]=0x4745 or tcp[20:2]=0x4854",
    "((port 25) and (tcp[(tcp[12]>>2):4] = 0x4d41494c))",
    "tcp[tcpflags] = tcp-syn",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) = (tcp-syn|tcp-ack)",
    "ip6[6] = 6 and ip6[40 + ((ip6[52] & 0xf0) >> 2):4] = 0x47455420",
    "ip6[53] & 0x02 != 0",
    "udp[8:4] = 0x47455420",
    "udp port 53",
    "dst port 80",
    "portrange 20-60",
    "icmp[icmptype] = icmp-echo",
    "icmp6[icmp6type] = icmp6-echo",
    "ip[8] = 64",
    "ip[0] & 0xf != 5",
    "ip[2:2] > 90",
    "src host 192.0.2.1",
    "dst host 2001:db8::77",
    "net 192.0.2.0/26",
    "not tcp",
    "ether[14] & 0xf = 5",
    "ether[(ether[14] & 0xf) + 20] > 64",
    "ether[len - 4:4] = 0x656e6421",
    "tcp[400] = tcp[401] and tcp[402:2] > 0x2020",
    "ip[ip[2:2] - 4:4] = 0x656e6421",
    "greater 100",
    "vlan 5 and tcp[13] = 2",
    "vlan 5 and udp[8:4] = 0x47455420",
];

/// In probe's; and header chains, which live tcpdump follows in user space only, as far as
/// it captures.
const MACROS: [&str; 13] = [
    "ip protochain 6",
    "ip6 protochain 6",
    "ip6 protochain 17",
    "@syn",
    "@get",
    "@http",
    "@http-response",
    "@dns",
    "@ssh",
    "payload \"GET \"",
    "payload[0] = 71",
    "payload[500:4] = 0x2e2e2e2e",
    "ip6 and payload[3] = 32",
];

/// Frames with headers of all kinds in front of payloads of all kinds, and each of them cut
/// off at many places.
fn frames() -> Vec<Vec<u8>> {
    let long = [b"GET /".as_slice(), &[b'.'; 700], b"end!"].concat();
    let payloads: [&[u8]; 6] =
        [b"", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", b"SSH-2.0-x", b"MAIL FROM:<a>", &long];
    let families = || {
        let (v4, v6) = (Frame::ipv4(CLIENT_V4, NOBODY_V4), Frame::ipv6(CLIENT_V6, NOBODY_V6));
        [
            v4.clone(),
            v6.clone(),
            v4.clone().tagged(0x8100, 5),
            v6.clone().tagged(0x8100, 5),
            v4.ipv4_options(&[1, 1, 1, 0]),
            v6.extension(0, &[1, 4, 0, 0, 0, 0]),
        ]
    };
    let segment = |destination, flags, options: usize| Tcp {
        source: 40_000,
        destination,
        flags,
        options: vec![1; options],
        ..Tcp::default()
    };
    let mut frames = Vec::new();
    for payload in payloads {
        for family in families() {
            for transport in 0..6 {
                let family = family.clone();
                let frame = match transport {
                    0 => family.tcp(segment(80, tcp_flags::SYN, 0)),
                    1 => family.tcp(segment(25, tcp_flags::SYN | tcp_flags::ACK, 4)),
                    2 => family.tcp(segment(22, tcp_flags::ACK, 8)),
                    3 => family.udp(53, 4_000),
                    4 => family.icmp(8, 0, [0, 1, 0, 2]),
                    _ => family.icmp(128, 0, [0, 1, 0, 2]),
                };
                let bytes = frame.payload(payload).build();
                // What is shorter than Ethernet header, tag and EtherType the kernel drops.
                let cuts = (20..bytes.len()).step_by(19);
                frames.extend(cuts.map(|length| bytes[..length].to_vec()));
                frames.push(bytes);
            }
        }
    }
    frames
}

#[test]
fn bytes_outside_the_linear_part_are_found() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let frames = frames();
    let sent = frames.len() as u64;
    assert!(sent > 1_500, "{sent}");
    agree_at_every_hook(&frames, &EXPRESSIONS, &MACROS, quiet_pair, |_, count| {
        count > 0 && count < sent
    });
}

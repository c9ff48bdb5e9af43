//! Classic BPF where people put it: `probe filter --raw -ddd` in iptables `-m bpf`, put
//! there as the help of `probe filter` says, counts what the expression means.

use std::net::{Ipv4Addr, Ipv6Addr};

use probe_filter::{Filter, LinkType, Options};
use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, Namespace, SERVER_LINK, Tcp,
    requirements::{Requirement::Tool, met},
    run, tcp_flags,
};

use crate::{
    rig::{LIMIT, NEEDS, beside_others, probe, quiet_pair},
    scattered::{NOBODY_V4, NOBODY_V6},
};

/// Where rules see every packet that is one, wherever it goes, once.
const CHAIN: [&str; 3] = ["-t", "mangle", "PREROUTING"];
/// Ethernet's header: what stands behind it is what iptables sees.
const ETHERNET: usize = 14;

/// iptables takes 64 instructions (XT_BPF_MAX_NUM_INSTR): a macro for IPv4 alone.
const EXPRESSIONS: [&str; 22] = [
    "ip and @syn",
    "tcp",
    "udp",
    "tcp port 80",
    "src host 192.0.2.1",
    "dst host 2001:db8::77",
    "dst net 192.0.2.64/26",
    "tcp[tcpflags] = tcp-syn",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) = (tcp-syn|tcp-ack)",
    "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
    "ip6[6] = 6 and ip6[40 + ((ip6[52] & 0xf0) >> 2):4] = 0x47455420",
    "udp[8:4] = 0x47455420",
    "icmp[icmptype] = icmp-echo or icmp6[icmp6type] = icmp6-echo",
    "ip[0] & 0xf > 5",
    "ip6[6] = 0",
    "greater 100",
    "len < 60",
    "portrange 20-30",
    "not tcp",
    "ip[2:2] = len",
    "ip",
    "link[0] & 0xf0 = 0x60",
];

/// Packets of both families, with payloads that rules look at.
fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for payload in [b"".as_slice(), b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", &[b'G'; 300]] {
        let (v4, v6) = (Frame::ipv4(CLIENT_V4, NOBODY_V4), Frame::ipv6(CLIENT_V6, NOBODY_V6));
        let families = [
            v4.clone(),
            v4.ipv4_options(&[1, 1, 1, 0]),
            Frame::ipv4(CLIENT_V4, Ipv4Addr::new(192, 0, 2, 20)),
            v6.clone(),
            v6.extension(0, &[1, 4, 0, 0, 0, 0]),
            Frame::ipv6(CLIENT_V6, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x99)),
        ];
        for family in families {
            for (destination, flags, options) in [
                (80, tcp_flags::SYN, 0),
                (25, tcp_flags::SYN | tcp_flags::ACK, 8),
                (443, tcp_flags::ACK, 4),
            ] {
                let options = vec![1; options];
                let tcp = Tcp { source: 40_000, destination, flags, options, ..Tcp::default() };
                frames.push(family.clone().tcp(tcp).payload(payload).build());
            }
            frames.push(family.clone().udp(53, 4_000).payload(payload).build());
            frames.push(family.clone().icmp(8, 0, [0, 1, 0, 2]).payload(payload).build());
            frames.push(family.icmp(128, 0, [0, 1, 0, 2]).payload(payload).build());
        }
    }
    frames
}

/// Appends a rule that counts, by the words of the help text.
fn append(namespace: &Namespace, tables: &str, expression: &str) {
    let nothing: [&str; 0] = [];
    let probe = probe(namespace, &nothing).get_program().to_string_lossy().into_owned();
    let [option, table, chain] = CHAIN;
    let mut shell = namespace.command("sh");
    shell.args([
        "-c",
        &format!(
            "{tables} {option} {table} -A {chain} -m bpf --bytecode \
             \"$({probe} filter --raw -ddd '{expression}' | tr '\\n' ,)\""
        ),
    ]);
    run(shell, LIMIT).unwrap_or_else(|error| panic!("{expression}: {error:#}"));
}

/// Packets and bytes of each rule, in order.
fn counters(namespace: &Namespace, tables: &str) -> Vec<(u64, u64)> {
    let [option, table, chain] = CHAIN;
    let mut list = namespace.command(tables);
    list.args([option, table, "-L", chain, "-v", "-x", "-n"]);
    let said = run(list, LIMIT).unwrap().text();
    // Two lines name the chain and the columns.
    let rules = said.lines().skip(2).map(|line| {
        let mut numbers = line.split_whitespace().map_while(|word| word.parse().ok());
        (numbers.next(), numbers.next())
    });
    rules.map(|rule| rule.0.zip(rule.1).unwrap_or_else(|| panic!("no counters: {said}"))).collect()
}

/// The packets of one IP version that a filter matches, and their bytes.
fn expected(filter: &Filter, frames: &[Vec<u8>], version: u8) -> (u64, u64) {
    let packets = frames.iter().map(|frame| &frame[ETHERNET..]).filter(|packet| {
        let wire_len = packet.len() as u32;
        packet[0] >> 4 == version
            && filter.matches(&probe_filter::Frame {
                bytes: packet,
                wire_len,
                vlan: None,
                outbound: None,
            })
    });
    packets.fold((0, 0), |(count, bytes), packet| (count + 1, bytes + packet.len() as u64))
}

#[test]
fn bytecode_counts_in_iptables() {
    if !met(NEEDS) || !met(&[Tool("iptables"), Tool("ip6tables")]) {
        return;
    }
    let _turn = beside_others();
    let frames = frames();
    let options = Options::default().link(LinkType::Raw);
    let filters = EXPRESSIONS.map(|text| probe_filter::compile(text, &options).unwrap());
    let pair = quiet_pair();
    let families = [("iptables", 4), ("ip6tables", 6)];
    for (tables, _) in families {
        for expression in EXPRESSIONS {
            append(&pair.server, tables, expression);
        }
    }
    let before = pair.server.counters(SERVER_LINK).unwrap();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, frames.len() as u64, LIMIT).unwrap();
    let mut matched = [0; EXPRESSIONS.len()];
    for (tables, version) in families {
        let counters = counters(&pair.server, tables);
        assert_eq!(counters.len(), EXPRESSIONS.len(), "{tables}");
        for (number, (filter, counted)) in filters.iter().zip(counters).enumerate() {
            let expected = expected(filter, &frames, version);
            assert_eq!(counted, expected, "{tables}: {}", filter.text());
            matched[number] += expected.0;
        }
    }
    for (expression, matched) in EXPRESSIONS.iter().zip(matched) {
        let all = frames.len() as u64;
        assert!(matched > 0 && matched < all, "{expression} tells no packets apart");
    }
}

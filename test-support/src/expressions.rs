//! Filters: those written by hand, and random ones, right by the grammar and wrong ones made
//! of them.

use probe_filter::testing::frames::Rng;

/// A thousand filters of all words of the language, right and wrong ones.
pub fn hand_written() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("expressions.txt").lines();
    lines.filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

const PROTOCOLS: [&str; 41] = [
    "ether", "link", "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp",
    "igrp", "pim", "vrrp", "carp", "ah", "esp", "atalk", "aarp", "decnet", "lat", "sca", "moprc",
    "mopdl", "iso", "esis", "es-is", "isis", "l1", "l2", "iih", "lsp", "snp", "csnp", "psnp",
    "clnp", "stp", "ipx", "netbeui", "radio",
];
const INDEXED: [&str; 12] =
    ["tcp", "udp", "ip", "ip6", "ether", "icmp", "icmp6", "arp", "sctp", "igmp", "decnet", "vrrp"];
const NUMBERS: [&str; 30] = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "8",
    "9",
    "12",
    "13",
    "14",
    "16",
    "17",
    "20",
    "26",
    "31",
    "32",
    "40",
    "53",
    "80",
    "100",
    "255",
    "0xff",
    "017",
    "0x0800",
    "1500",
    "65535",
    "0xffffffff",
    "4294967295",
];
const CONSTANTS: [&str; 14] = [
    "tcpflags",
    "tcp-syn",
    "tcp-ack",
    "tcp-fin",
    "tcp-rst",
    "tcp-push",
    "tcp-urg",
    "icmptype",
    "icmpcode",
    "icmp-echo",
    "icmp-unreach",
    "icmp6type",
    "icmp6-echo",
    "icmp6-neighborsolicit",
];
const HOSTS: [&str; 16] = [
    "127.0.0.1",
    "192.0.2.1",
    "192.0.2.2",
    "10.0.0.1",
    "10.1.2.3",
    "192.168.0.1",
    "255.255.255.255",
    "224.0.0.1",
    "10.1",
    "192.168.152.254",
    "2001:db8::1",
    "2001:db8:0:1::2",
    "fe80::1",
    "::1",
    "::",
    "localhost",
];
const NETS: [&str; 18] = [
    "10",
    "10.0.0.0/8",
    "192.168",
    "192.168.0.0/16",
    "192.0.2",
    "192.0.2.0/24",
    "127",
    "0.0.0.0/0",
    "10.0.0.0 mask 255.0.0.0",
    "192.168.152.0 mask 255.255.255.0",
    "2001:db8::/32",
    "fe80::/10",
    "::/0",
    "2001:db8::1/128",
    "loopback",
    "10.1.2.3/8",
    "2001:db8::1/64",
    "192.0.2.1",
];
const PORTS: [&str; 14] = [
    "80", "443", "53", "22", "25", "6081", "0", "65535", "http", "domain", "ssh", "smtp", "ntp",
    "65536",
];
const RANGES: [&str; 9] =
    ["20-25", "80-90", "90-80", "0-65535", "80", "ftp-ssh", "http-443", "1-65536", "80-http"];
const MACS: [&str; 7] = [
    "00:11:22:33:44:55",
    "02-00-00-00-00-01",
    "ff:ff:ff:ff:ff:ff",
    "0011.2233.4455",
    "001122334455",
    "1:0:5e:0:0:fb",
    "33.33.0.0.0.1",
];
const IP_PROTOCOLS: [&str; 18] = [
    "6", "17", "1", "58", "132", "51", "44", "0", "59", "255", "256", "\\tcp", "\\udp", "\\icmp",
    "\\sctp", "\\ah", "ospf", "gre",
];
const LINK_PROTOCOLS: [&str; 19] = [
    "0x800", "0x86dd", "0x806", "0x8100", "0x42", "0xfe", "0xe0", "0xf0", "6", "0xaa", "1500",
    "1501", "\\ip", "\\ip6", "\\arp", "\\stp", "\\iso", "\\ipx", "loopback",
];
const LLC_TYPES: [&str; 14] =
    ["", "i", "s", "u", "rr", "rnr", "rej", "ui", "ua", "disc", "dm", "sabme", "xid", "frmr"];

/// Every macro.
pub const MACROS: [&str; 14] = [
    "@syn",
    "@synack",
    "@fin",
    "@rst",
    "@http",
    "@http-request",
    "@http-response",
    "@get",
    "@post",
    "@tls-hello",
    "@ssh",
    "@smtp",
    "@dns",
    "@unreachable",
];
const OTHER_QUESTIONS: [&str; 8] = [
    "payload \"GET \"",
    "payload \"\\x16\"",
    "payload[0:2] = 0x4745",
    "payload[2:2] & 1 = 0",
    "payload[payload[0] - 68] = 32",
    "port 80",
    "tcp",
    "ip6",
];

/// A macro, or what may stand in its place.
fn bare_question(rng: &mut Rng) -> &'static str {
    let all: Vec<&str> = MACROS.into_iter().chain(OTHER_QUESTIONS).collect();
    rng.pick(&all)
}

/// A filter that is right by the grammar; its constants may still be refused.
pub fn filter(rng: &mut Rng) -> String {
    let depth = 1 + rng.below(3);
    let mut text = expression(rng, depth);
    while text.len() > 2000 {
        text = expression(rng, 1);
    }
    text
}

/// A filter with words that libpcap does not have: macros, `payload`, and quoted packets.
pub fn extended(rng: &mut Rng) -> String {
    match rng.below(8) {
        0 | 1 => question(rng),
        2 => format!("{} and {}", question(rng), term(rng, 1)),
        3 => format!("{} or {}", expression(rng, 1), question(rng)),
        4 => format!("{} and not {} and {}", question(rng), question(rng), term(rng, 1)),
        5 => format!("@unreachable and {}", expression(rng, 1)),
        6 => {
            format!("({} or @unreachable and {}) and {}", term(rng, 1), term(rng, 1), question(rng))
        }
        _ => format!(
            "{} or not (@unreachable and ({})) and {}",
            question(rng),
            expression(rng, 2),
            term(rng, 1)
        ),
    }
}

/// `@syn`, `payload "GET "` and their like, of the packet itself or of the one that it is about.
fn question(rng: &mut Rng) -> String {
    match rng.below(12) {
        0 | 1 => format!("@unreachable and {}", bare_question(rng)),
        2 => format!("({} or @unreachable) and {}", bare_question(rng), bare_question(rng)),
        3 => format!("vlan and @unreachable and {}", bare_question(rng)),
        _ => bare_question(rng).to_owned(),
    }
}

fn expression(rng: &mut Rng, depth: usize) -> String {
    let mut text = term(rng, depth);
    let more = match depth {
        0 => 0,
        _ => rng.below(4).saturating_sub(1),
    };
    for _ in 0..more {
        text.push_str(rng.pick(&[" and ", " or ", " && ", " || "]));
        text.push_str(&term(rng, depth - 1));
    }
    text
}

fn term(rng: &mut Rng, depth: usize) -> String {
    match rng.below(12) {
        0 => format!("{}{}", rng.pick(&["not ", "! ", "!"]), term(rng, depth.saturating_sub(1))),
        1 | 2 if depth > 0 => format!("({})", expression(rng, depth - 1)),
        3 => addresses(rng),
        _ => primitive(rng),
    }
}

fn direction(rng: &mut Rng) -> &'static str {
    rng.pick(&[
        "",
        "",
        "",
        "src ",
        "dst ",
        "src ",
        "dst ",
        "src or dst ",
        "src and dst ",
        "dst or src ",
        "dst and src ",
        "addr1 ",
    ])
}

fn protocol_before(rng: &mut Rng, usual: &[&'static str]) -> &'static str {
    if rng.one_in(24) { rng.pick(&PROTOCOLS) } else { rng.pick(usual) }
}

/// What takes addresses, and addresses that go with it.
fn head(rng: &mut Rng) -> (String, &'static [&'static str]) {
    let (protocol, kind, addresses): (&str, &str, &'static [&'static str]) = match rng.below(12) {
        0..=2 => (
            protocol_before(rng, &["", "", "ip", "arp", "ip6", "rarp"]),
            rng.pick(&["host ", "host ", "net "]),
            &HOSTS,
        ),
        3 => (protocol_before(rng, &["", "ip", "ip6"]), "net ", &NETS),
        4..=6 => (protocol_before(rng, &["", "tcp", "udp", "sctp"]), "port ", &PORTS),
        7 => (protocol_before(rng, &["", "tcp", "udp"]), "portrange ", &RANGES),
        8 => (rng.pick(&["ether", "ether", "link", "wlan"]), rng.pick(&["host ", ""]), &MACS),
        9 => {
            let protocol = protocol_before(rng, &["", "ip", "ip6"]);
            return (
                spaced(protocol) + rng.pick(&["proto ", "proto ", "protochain "]),
                &IP_PROTOCOLS,
            );
        }
        10 => return (format!("{} proto ", rng.pick(&["ether", "link"])), &LINK_PROTOCOLS),
        _ => {
            return (
                rng.pick(&[
                    "iso proto ",
                    "isis proto ",
                    "decnet host ",
                    "decnet src ",
                    "decnet dst ",
                ])
                .to_owned(),
                &["1.42", "1.1", "63.1023", "0x83", "130", "131", "18", "27", "\\isis", "clnp"],
            );
        }
    };
    let mut direction = direction(rng);
    if kind.is_empty() && direction.is_empty() {
        direction = "dst ";
    }
    (spaced(protocol) + direction + kind, addresses)
}

fn spaced(word: &str) -> String {
    if word.is_empty() { String::new() } else { format!("{word} ") }
}

/// `port 80 or 443`, `host (a or b) and not c`
fn addresses(rng: &mut Rng) -> String {
    let (mut text, addresses) = head(rng);
    let list = rng.one_in(2);
    if list {
        text.push_str(rng.pick(&["(", "not ("]));
    }
    text.push_str(rng.pick(addresses));
    for _ in 0..=rng.below(2) {
        text.push_str(rng.pick(&[" or ", " and ", " or not "]));
        if rng.one_in(8) {
            text.push_str(&format!("({} or {})", rng.pick(addresses), rng.pick(addresses)));
        } else {
            text.push_str(rng.pick(addresses));
        }
    }
    if list {
        text.push(')');
    }
    text
}

fn primitive(rng: &mut Rng) -> String {
    match rng.below(30) {
        0..=8 => {
            let (head, addresses) = head(rng);
            head + rng.pick(addresses)
        }
        9..=12 => rng.pick(&PROTOCOLS[2..]).to_owned(),
        13..=20 => {
            let relation = rng.pick(&[" = ", " == ", " != ", " < ", " > ", " <= ", ">="]);
            format!("{}{relation}{}", arithmetic(rng, 2), arithmetic(rng, 1))
        }
        21 => format!("{} {}", rng.pick(&["less", "greater"]), rng.pick(&NUMBERS)),
        22 => format!(
            "{}{}",
            rng.pick(&["", "ether ", "ip ", "ip6 ", "ether ", "tcp "]),
            rng.pick(&["broadcast", "multicast"])
        ),
        23 | 24 => tagged(rng, "vlan", &["1", "5", "100", "300", "4095", "4096", "(5)"]),
        25 => tagged(rng, "mpls", &["0", "16", "1024", "100000", "1048576"]),
        26 => match rng.below(3) {
            0 => "pppoed".to_owned(),
            _ => tagged(rng, "pppoes", &["0", "1", "5", "65536"]),
        },
        27 => tagged(rng, "geneve", &["0", "1", "10", "16777216"]),
        28 => format!("llc {}", rng.pick(&LLC_TYPES)),
        _ => match rng.below(4) {
            0 => "inbound".to_owned(),
            1 => "outbound".to_owned(),
            2 => format!("ifindex {}", rng.pick(&["1", "2", "3"])),
            _ => format!(
                "byte {} {} {}",
                rng.pick(&NUMBERS[..16]),
                rng.pick(&["=", "<", ">"]),
                rng.pick(&NUMBERS)
            ),
        },
    }
}

fn tagged(rng: &mut Rng, word: &str, values: &[&'static str]) -> String {
    if rng.one_in(2) { word.to_owned() } else { format!("{word} {}", rng.pick(values)) }
}

fn arithmetic(rng: &mut Rng, depth: usize) -> String {
    match rng.below(if depth == 0 { 6 } else { 11 }) {
        0 | 1 => rng.pick(&NUMBERS).to_owned(),
        2 => rng.pick(&CONSTANTS).to_owned(),
        3 => rng.pick(&["len", "length"]).to_owned(),
        4 | 5 => load(rng, depth),
        6 => format!("-{}", arithmetic(rng, depth - 1)),
        7 => format!("({})", arithmetic(rng, depth - 1)),
        _ => {
            let operator =
                rng.pick(&["+", " + ", "-", " * ", "/", " % ", "&", " & ", "|", "^", "<<", " >> "]);
            format!("{}{operator}{}", arithmetic(rng, depth - 1), arithmetic(rng, depth - 1))
        }
    }
}

fn load(rng: &mut Rng, depth: usize) -> String {
    let protocol = if rng.one_in(30) { rng.pick(&PROTOCOLS) } else { rng.pick(&INDEXED) };
    let index = if depth > 0 && rng.one_in(3) {
        arithmetic(rng, depth - 1)
    } else if rng.one_in(4) {
        rng.pick(&CONSTANTS).to_owned()
    } else {
        rng.pick(&NUMBERS[..19]).to_owned()
    };
    let size = rng.pick(&["", "", ":1", ":2", ":4", ": 2", ":3"]);
    format!("{protocol}[{index}{size}]")
}

/// A filter with a mistake in it, or another filter.
pub fn spoilt(rng: &mut Rng) -> String {
    let text = filter(rng);
    let mut pieces = pieces(&text);
    for _ in 0..=rng.below(2) {
        let at = rng.below(pieces.len());
        match rng.below(5) {
            0 => {
                pieces.remove(at);
            }
            1 => pieces.insert(at, pieces[at].clone()),
            2 => {
                let other = rng.below(pieces.len());
                pieces.swap(at, other);
            }
            3 => pieces.insert(at, piece(rng)),
            _ => pieces[at] = piece(rng),
        }
        if pieces.is_empty() {
            break;
        }
    }
    let separator = if rng.one_in(4) { "" } else { " " };
    pieces.join(separator)
}

/// Pieces of filters in any order.
pub fn noise(rng: &mut Rng) -> String {
    let count = 1 + rng.below(8);
    let pieces: Vec<String> = (0..count).map(|_| piece(rng)).collect();
    pieces.join(if rng.one_in(4) { "" } else { " " })
}

/// Whether a text has `byte N & V` or `byte N | V`, for which libpcap leaves the load out and probe
/// does not (docs/filters.md). A test of its own holds that.
pub fn has_byte_and_or(text: &str) -> bool {
    let words: Vec<_> = pieces(text).into_iter().filter(|piece| !piece.trim().is_empty()).collect();
    words.windows(3).any(|three| three[0] == "byte" && matches!(&*three[2], "&" | "|"))
}

fn piece(rng: &mut Rng) -> String {
    match rng.below(10) {
        0 => rng.pick(&PROTOCOLS).to_owned(),
        1 => rng.pick(&NUMBERS).to_owned(),
        2 => rng.pick(&HOSTS).to_owned(),
        3 => rng.pick(&NETS).to_owned(),
        4 => rng
            .pick(&[MACS[0], MACS[3], "http", "20-25", "$a", "1:2:3", "1::2::3", "08"])
            .to_owned(),
        5 | 6 => rng
            .pick(&[
                "(", ")", "[", "]", ":", "/", "=", "!=", "<", ">=", "+", "-", "*", "%", "^", "&",
                "|", "<<",
            ])
            .to_owned(),
        7 => rng.pick(&["and", "or", "not", "!", "&&", "||"]).to_owned(),
        8 => rng
            .pick(&[
                "src",
                "dst",
                "host",
                "net",
                "mask",
                "port",
                "portrange",
                "proto",
                "protochain",
                "gateway",
                "broadcast",
                "multicast",
                "less",
                "greater",
                "byte",
                "len",
                "inbound",
                "vlan",
                "mpls",
                "pppoes",
                "geneve",
                "llc",
                "ifindex",
                "type",
                "subtype",
                "dir",
                "vci",
                "sio",
                "on",
                "rnr",
                "addr1",
                "ra",
            ])
            .to_owned(),
        _ => primitive(rng),
    }
}

/// Words, and signs one by one.
pub fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut open = false;
    for character in text.chars() {
        let part_of_word = character.is_alphanumeric() || ".-_:\\$/".contains(character);
        if character.is_whitespace() {
            open = false;
        } else if part_of_word && open {
            if let Some(last) = pieces.last_mut() {
                last.push(character);
            }
        } else {
            pieces.push(character.to_string());
            open = part_of_word;
        }
    }
    pieces
}

//! No text makes the compiler panic, hang, or run out of stack.

use std::time::{Duration, Instant};

use probe_filter::testing::frames::{Rng, pool};
use probe_filter::{Frame, LinkType, Options, VlanView, compile};

/// Longest text that a user may give.
const LONGEST: usize = 65_536;
/// A quarter of what Rust gives a thread: recursion would show.
const STACK: usize = 512 * 1024;

fn options(rng: &mut Rng) -> Options<'static> {
    Options::default()
        .link(if rng.one_in(2) { LinkType::Ethernet } else { rng.pick(&LinkType::ALL) })
        .vlan(rng.pick(&[VlanView::AsFrame, VlanView::Live]))
        .netmask(0xffff_ff00)
        .direction(true)
        .ifindex(1)
}

const PIECES: [&str; 113] = [
    "tcp",
    "udp",
    "ip",
    "ip6",
    "arp",
    "icmp",
    "icmp6",
    "ether",
    "host",
    "net",
    "port",
    "portrange",
    "src",
    "dst",
    "and",
    "or",
    "not",
    "!",
    "&&",
    "||",
    "(",
    ")",
    "[",
    "]",
    ":",
    "/",
    "+",
    "-",
    "*",
    "%",
    "^",
    "&",
    "|",
    "<<",
    ">>",
    "=",
    "!=",
    "<",
    ">",
    "<=",
    ">=",
    "0",
    "1",
    "80",
    "0x47455420",
    "65536",
    "4294967295",
    "4294967296",
    "len",
    "vlan",
    "mpls",
    "pppoes",
    "pppoed",
    "geneve",
    "llc",
    "less",
    "greater",
    "byte",
    "broadcast",
    "multicast",
    "inbound",
    "outbound",
    "proto",
    "protochain",
    "gateway",
    "mask",
    "10.0.0.1",
    "10.0.0.0/8",
    "10.1",
    "2001:db8::1",
    "::",
    "::1/64",
    "00:11:22:33:44:55",
    "1:2:",
    "$a",
    "tcpflags",
    "tcp-syn",
    "icmptype",
    "foo",
    "\\tcp",
    "\\",
    "20-25",
    "@syn",
    "@get",
    "@http",
    "@tls-hello",
    "@smtp",
    "@dns",
    "@unreachable",
    "@nothing",
    "@",
    "payload",
    "payload[",
    "payload[0:4]",
    "payload \"GET \"",
    "\"",
    "\"\\x\"",
    "\"\\xff\"",
    "",
    "\t",
    "\n",
    "\r",
    "\0",
    "\u{1b}[31m",
    "é",
    "\u{202e}",
    "𝕏",
    "isis",
    "l1",
    "decnet",
    "1.42",
    "type",
    "rnr",
];

fn text(rng: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..rng.below(24) {
        match rng.below(12) {
            0 => text.extend(char::from_u32(rng.next_u64() as u32 & 0x1_ffff)),
            1 => text.push(char::from(rng.next_u64() as u8 & 0x7f)),
            _ => text.push_str(rng.pick(&PIECES)),
        }
        if !rng.one_in(4) {
            text.push(' ');
        }
    }
    text
}

#[test]
fn a_hundred_thousand_random_texts() {
    let mut rng = Rng::new(7);
    let pools = LinkType::ALL.map(|link| (link, pool(link, 21, 2_000)));
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..100_000 {
        let text = text(&mut rng);
        let options = options(&mut rng);
        match compile(&text, &options) {
            Ok(filter) => {
                accepted += 1;
                let (_, frames) = pools.iter().find(|(link, _)| *link == options.link).unwrap();
                for _ in 0..4 {
                    let bytes = &frames[rng.below(frames.len())];
                    let wire_len = bytes.len() as u32;
                    filter.matches(&Frame { bytes, wire_len, vlan: None, outbound: None });
                }
            }
            Err(error) => {
                refused += 1;
                let said = error.to_string();
                let lines: Vec<&str> = said.lines().collect();
                assert!((3..=5).contains(&lines.len()), "{text:?}: {said}");
                assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}: {said:?}");
                assert!(lines.iter().all(|line| line.chars().count() < 200), "{said}");
                assert!(error.span().end <= text.len(), "{text:?}: {:?}", error.span());
                assert!(lines[2].contains('^'), "{said}");
            }
        }
    }
    assert!(accepted > 2_000 && refused > 10_000, "{accepted} accepted, {refused} refused");
}

/// `start`, then as often as it fits `middle`, then as often `end`.
fn nested(start: &str, middle: &str, inner: &str, end: &str) -> String {
    let times = (LONGEST - start.len() - inner.len()) / (middle.len() + end.len());
    format!("{start}{}{inner}{}", middle.repeat(times), end.repeat(times))
}

#[test]
fn the_longest_texts_are_answered_on_a_small_stack() {
    let texts = [
        nested("", "(", "", ""),
        nested("", "(", "tcp", ")"),
        nested("", "not ", "tcp", ""),
        nested("", "!", "tcp", ""),
        nested("", "not (", "tcp", ")"),
        nested("", "tcp and (", "udp", ")"),
        nested("", "-", "len = 5", ""),
        nested("", "(", "len", ")") + " = 5",
        nested("", "ip[", "0", "]"),
        nested("", "1%", "1", ""),
        nested("len=", "len+", "len", ""),
        nested("len=", "-", "len", ""),
        nested("ip[0]=", "ip[0]+", "1", ""),
        nested("payload[0]=", "payload[0]^", "1", ""),
        nested("payload[0]=", "payload[", "0", "]"),
        nested("", "tcp or ", "udp", ""),
        nested("", "tcp and ", "udp", ""),
        nested("", "@syn or ", "@fin", ""),
        nested("", "@unreachable and ", "@fin", ""),
        nested("", "@unreachable or ", "port 80", ""),
        nested("", "@http or ", "@dns", ""),
        nested("", "@smtp and ", "@dns", ""),
        nested("", "not @http or ", "@dns", ""),
        nested("port ", "1 or ", "1", ""),
        nested("", "port 1 or ", "ip", ""),
        nested("", "portrange 1-2 or ", "ip", ""),
        nested("", "vlan and ", "ip", ""),
        nested("", "mpls and ", "ip", ""),
        nested("", "l1 or ", "ip", ""),
        nested("", "geneve or ", "ip", ""),
        nested("", "protochain 1 or ", "ip", ""),
        nested("host ", "1:", "2", ""),
        nested("", ":", "", ""),
        nested("host ", "a-", "", ""),
        nested("", "1.", "1", ""),
        nested("", "0", "", ""),
        nested("", "9", "", ""),
        nested("", "\\", "", ""),
        nested("", "\"", "", ""),
        nested("payload \"", "a", "\"", ""),
        nested("payload \"", "\\x41", "\"", ""),
        nested("", "@", "", ""),
        nested("", " ", "", ""),
        nested("", "\n", "tcp", ""),
        nested("", "\u{202e}", "", ""),
        nested("", "é", "", ""),
    ];
    let frame = pool(LinkType::Ethernet, 23, 1).remove(0);
    for text in texts {
        assert!(text.len() <= LONGEST + 8);
        let bytes = frame.clone();
        let checked = std::thread::Builder::new().stack_size(STACK).spawn(move || {
            let started = Instant::now();
            let answer = compile(&text, &Options::default());
            let said = match &answer {
                Ok(filter) => {
                    let wire_len = bytes.len() as u32;
                    filter.matches(&Frame { bytes: &bytes, wire_len, vlan: None, outbound: None });
                    format!("{} nodes", filter.graph().nodes().len())
                }
                Err(error) => error.to_string(),
            };
            assert!(said.len() < 2_000, "{said}");
            (started.elapsed(), text)
        });
        let (took, text) = checked.unwrap().join().expect("no panic");
        let start: String = text.chars().take(20).collect();
        // Milliseconds; what grows with the square of the length would take minutes.
        assert!(took < Duration::from_secs(20), "{start}…: {took:?}");
    }
}

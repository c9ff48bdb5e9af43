//! Many expressions at once on one link: probe's counters, a tcpdump for each, and the
//! evaluator over the frames that were sent.

use std::path::Path;

use probe_filter::{LinkType, Options, VlanTag, VlanView};
use testbed::{CLIENT_LINK, FrameSender, Namespace, Pair, Running, SERVER_LINK, run};

use crate::rig::{LIMIT, Totals, counter};

/// Expressions on a link, each watched by probe and by a tcpdump of its own; and some that
/// tcpdump does not know.
pub struct Beside<'a> {
    expressions: &'a [&'a str],
    macros: &'a [&'a str],
    counter: Running,
    dumps: Vec<Running>,
}

impl<'a> Beside<'a> {
    /// Starts everything, and returns when all are attached.
    pub fn start(
        namespace: &Namespace,
        link: &str,
        hook: &str,
        expressions: &'a [&'a str],
        macros: &'a [&'a str],
    ) -> Self {
        let texts = expressions.iter().chain(macros);
        let rules: Vec<(String, &str)> =
            texts.enumerate().map(|(number, text)| (name(number), *text)).collect();
        let rules: Vec<(&str, &str)> =
            rules.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let counter = counter(namespace, link, hook, &rules);
        let dumps = expressions.iter().map(|text| dump(namespace, link, text)).collect();
        Self { expressions, macros, counter, dumps }
    }

    /// Ends everything and holds the counts against each other; `sent` is what arrived.
    /// Returns what each expression matched, macros last.
    pub fn agreed(self, sent: u64, context: &str) -> Vec<u64> {
        let totals = Totals::of(self.counter);
        assert_eq!(totals.seen.0, sent, "{context}: frames seen");
        let all = self.expressions.len() + self.macros.len();
        let counts: Vec<u64> = (0..all).map(|number| totals.packets(&name(number))).collect();
        for ((expression, dump), ours) in self.expressions.iter().zip(self.dumps).zip(&counts) {
            assert_eq!(*ours, received(dump), "{context}: {expression}, left is probe");
        }
        counts
    }
}

/// At every hook, with frames in one buffer and in pieces: probe, a tcpdump for each expression
/// and the evaluator agree. An expression has to tell the frames apart: `tells` is asked with
/// what it matched.
pub fn agree_at_every_hook(
    frames: &[Vec<u8>],
    expressions: &[&str],
    macros: &[&str],
    pair: impl Fn() -> Pair,
    tells: impl Fn(&str, u64) -> bool,
) {
    let sent = frames.len() as u64;
    for hook in ["tcx", "xdp-native", "xdp-generic"] {
        for linear in [false, true] {
            let context = format!("{hook}, linear: {linear}");
            let pair = pair();
            let beside = Beside::start(&pair.server, SERVER_LINK, hook, expressions, macros);
            let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
            let sender = if linear { sender.linear().unwrap() } else { sender };
            let before = pair.server.counters(SERVER_LINK).unwrap();
            sender.send(frames).unwrap();
            pair.server.wait_for_received(SERVER_LINK, before, sent, LIMIT).unwrap();
            let counts = beside.agreed(sent, &context);
            for (expression, count) in expressions.iter().chain(macros).zip(counts) {
                let expected = evaluated(expression, LinkType::Ethernet, frames);
                assert_eq!(count, expected, "{context}: {expression}");
                assert!(tells(expression, count), "{context}: {expression}: {count} of {sent}");
            }
        }
    }
}

/// What the rule of an expression is called.
fn name(number: usize) -> String {
    format!("r{number}")
}

/// A tcpdump that looks at one expression, ready. The kernel runs the expression on the
/// whole frame, of which few bytes are kept, so that the buffer holds many. -O: without
/// libpcap's optimiser, which drops some loads past the end of short frames.
fn dump(namespace: &Namespace, link: &str, expression: &str) -> Running {
    let mut command = namespace.command("tcpdump");
    command.args(["-nn", "-O", "--immediate-mode", "-s", "96", "-B", "4096"]);
    command.args(["-i", link, "-w", "/dev/null", expression]);
    let dump = Running::spawn(command).unwrap();
    dump.wait_for_line("listening on", LIMIT).unwrap();
    dump
}

/// What the kernel counted for a tcpdump, whether or not tcpdump has read it yet. On a
/// link that frames come in from only: frames sent are counted, too.
fn received(dump: Running) -> u64 {
    let said = dump.interrupt(LIMIT).unwrap().stderr;
    let line = said.lines().find(|line| line.ends_with("received by filter"));
    let line = line.unwrap_or_else(|| panic!("no count: {said}"));
    line.split(' ').next().unwrap().parse().unwrap()
}

/// Frames of a file that match by tcpdump without its optimiser.
pub fn unoptimised_count(namespace: &Namespace, file: &Path, expression: &str) -> u64 {
    let mut command = namespace.command("tcpdump");
    command.args(["-nn", "-O", "--count", "-r"]).arg(file).arg(expression);
    let said = run(command, LIMIT).unwrap().text();
    said.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{said}"))
}

/// Frames, as they were sent, that an expression matches on a live link, by the evaluator.
pub fn evaluated(expression: &str, link: LinkType, frames: &[Vec<u8>]) -> u64 {
    let vlan = VlanView::Live;
    let options = Options::default().link(link).vlan(vlan).direction(true);
    let filter = probe_filter::compile(expression, &options).unwrap();
    let matching = frames.iter().filter(|sent| {
        let (bytes, vlan) = match link {
            LinkType::Ethernet => untagged(sent),
            _ => (sent.to_vec(), None),
        };
        let wire_len = bytes.len() as u32;
        filter.matches(&probe_filter::Frame {
            bytes: &bytes,
            wire_len,
            vlan,
            outbound: Some(false),
        })
    });
    matching.count() as u64
}

/// The outermost tag beside the frame, where the kernel puts it.
fn untagged(sent: &[u8]) -> (Vec<u8>, Option<VlanTag>) {
    let half = |at: usize| u16::from_be_bytes([sent[at], sent[at + 1]]);
    let mut bytes = sent.to_vec();
    if !matches!(half(12), 0x8100 | 0x88a8) {
        return (bytes, None);
    }
    bytes.drain(12..16);
    (bytes, Some(VlanTag { tpid: half(12), tci: half(14) }))
}

//! Every pass against the evaluator: after each, the flow still counts exactly the
//! rules whose graphs match.

use crate::eval;
use crate::flow::{Flow, eval::counted};
use crate::ir::{Alu, Compare, Frame, Graph, LinkType, Node, Target, Test, Value, VlanTag, Width};

use crate::testing::frames::pool;
use crate::testing::random::{self, Random};

use super::{PER_RULE, View, compact, join, lower, present, share, thread};

const FRAMES: usize = 40;

/// So many, and more where somebody has the time.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let times = std::env::var("PROBE_TEST_TIMES").ok().and_then(|times| times.parse().ok());
    0..count * times.unwrap_or(1)
}

fn same(flow: &Flow, expected: &[Vec<u32>], frames: &[Vec<u8>], pass: &str, seed: u64) {
    for (bytes, expected) in frames.iter().zip(expected) {
        let counted = counted(flow, &frame(bytes));
        assert_eq!(&counted, expected, "after {pass}, seed {seed}, on {bytes:02x?}");
    }
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    let vlan = Some(VlanTag { tpid: 0x8100, tci: 0x2005 });
    Frame { bytes, wire_len: bytes.len() as u32 + 10, vlan, outbound: Some(true) }
}

#[test]
fn passes_keep_the_meaning() {
    for seed in seeds(150) {
        let mut random = Random(seed);
        let graphs: Vec<Graph> = (0..5).map(|_| random::graph(&mut random, 12)).collect();
        let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| random::frame(&mut random, 120)).collect();
        keep_the_meaning(&graphs, &frames, seed);
    }
}

fn keep_the_meaning(graphs: &[Graph], frames: &[Vec<u8>], seed: u64) {
    let expected: Vec<Vec<u32>> = frames
        .iter()
        .map(|bytes| {
            let matching = |rule: &u32| eval::matches(&graphs[*rule as usize], &frame(bytes));
            (0..graphs.len() as u32).filter(matching).collect()
        })
        .collect();
    let mut flow = lower(&graphs.iter().collect::<Vec<_>>());
    same(&flow, &expected, frames, "lower", seed);
    flow = present::run(flow, View::Same);
    for (name, pass) in PER_RULE {
        flow = pass(flow);
        same(&flow, &expected, frames, name, seed);
    }
    flow = join::run(flow);
    same(&flow, &expected, frames, "join", seed);
    flow = thread::run(flow);
    same(&flow, &expected, frames, "the last thread", seed);
    same(&compact::run(flow), &expected, frames, "compact", seed);
}

/// A graph that asks what others ask, too: few values, few constants, and so the switches and
/// shared rests that `join` makes of many rules.
fn related(random: &mut Random) -> Graph {
    let mut graph = Graph::new();
    let load = |graph: &mut Graph, width, base, displacement| {
        graph.value(Value::Load { width, base, displacement })
    };
    let length = load(&mut graph, Width::Byte, None, 14);
    let mask = graph.value(Value::Const(0xf));
    let length = graph.value(Value::Alu(Alu::And, length, mask));
    let asked = [
        load(&mut graph, Width::Half, None, 12),
        load(&mut graph, Width::Byte, None, 23),
        load(&mut graph, Width::Half, None, 34),
        load(&mut graph, Width::Half, None, 36),
        load(&mut graph, Width::Half, Some(length), 14),
    ];
    let var = random.chance(20).then(|| graph.var());
    let mut targets = vec![Target::Match, Target::NoMatch];
    for _ in 0..=random.below(7) {
        let which = random.below(asked.len() as u32) as usize;
        let constant = match which {
            0 => random.pick(&[0x800, 0x86dd]),
            1 => random.pick(&[6, 17]),
            _ => random.pick(&[80, 443, 53, 1000, 1001, 1002, 1003]),
        };
        let right = graph.value(Value::Const(constant));
        let compare = match random.below(10) {
            0 => Compare::Gt,
            1 => Compare::Ge,
            2 => Compare::Set,
            _ => Compare::Eq,
        };
        let mut left = asked[which];
        let mut sets = Vec::new();
        if let Some(var) = var.filter(|_| random.chance(30)) {
            sets.push((var, left));
            left = graph.value(Value::Var(var));
        }
        let newest = targets[targets.len() - 1];
        let target =
            |random: &mut Random| if random.chance(40) { newest } else { random.pick(&targets) };
        let (yes, no) = (target(random), target(random));
        let node = Node { sets, test: Test::Compare(compare, left, right), yes, no };
        targets.push(graph.node(node));
    }
    graph.set_entry(targets[targets.len() - 1]);
    graph
}

/// A frame that gives these graphs answers of both kinds.
fn answering(random: &mut Random) -> Vec<u8> {
    let mut bytes = random::frame(random, 120);
    for at in [34, 36] {
        let port: u16 = random.pick(&[80, 443, 53, 1000, 1001, 1002, 1003, 9999]);
        if let Some(place) = bytes.get_mut(at..at + 2) {
            place.copy_from_slice(&port.to_be_bytes());
        }
    }
    bytes
}

#[test]
fn rules_that_ask_the_same_keep_their_meaning() {
    for seed in seeds(300) {
        let mut random = Random(seed);
        let rules = random.pick(&[2, 3, 8, 30]);
        let graphs: Vec<Graph> = (0..rules).map(|_| related(&mut random)).collect();
        let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| answering(&mut random)).collect();
        keep_the_meaning(&graphs, &frames, seed);
    }
}

/// Rules that share walks and stages, rules that look as if they could, and plain ones.
pub(crate) const WALKERS: [&str; 27] = [
    "@syn",
    "@syn and dst port 80",
    "not @syn",
    "port 80 or @syn",
    "@get",
    "@get and dst port 80",
    "not @get and tcp",
    "not (@get or @syn)",
    "@syn or (len > 70 and @post)",
    "@get or vlan 5 and @get",
    "payload \"GET \"",
    "payload \"SSH\" or udp",
    "not payload \"GET \"",
    "payload[2:2] = 0x5420",
    "payload[tcp[13]:1] = 0x47",
    "@get or payload \"x\"",
    "@dns",
    "not @dns",
    "@http",
    "@smtp",
    "pppoes and @syn or ip",
    "vlan and @syn",
    "@unreachable and port 80",
    "not @unreachable and icmp",
    "@get or @unreachable and @syn",
    "tcp port 80",
    "ip6",
];

#[test]
fn rules_that_share_walks_keep_their_meaning() {
    let filter = |text: &&str| crate::compile(text, &crate::Options::default()).expect(text);
    let filters: Vec<_> = WALKERS.iter().map(filter).collect();
    let graphs: Vec<&Graph> = filters.iter().map(|filter| filter.graph()).collect();
    let frames = pool(LinkType::Ethernet, 7, 3000);
    let expected: Vec<Vec<u32>> = frames
        .iter()
        .map(|bytes| {
            let matching = |rule: &u32| filters[*rule as usize].matches(&frame(bytes));
            (0..graphs.len() as u32).filter(matching).collect()
        })
        .collect();
    let matched = |rule: &u32| expected.iter().any(|matching| matching.contains(rule));
    let never: Vec<u32> = (0..graphs.len() as u32).filter(|rule| !matched(rule)).collect();
    assert_eq!(never, [0; 0], "rules that no frame matches");
    let mut flow = share::lower(&graphs);
    assert_eq!(flow.roots.len(), graphs.len() + 1);
    // The answers of the walk, of the way to TCP's payload and to either's.
    assert!(flow.kept.len() >= 3 + 3, "{:?}", flow.kept);
    same(&flow, &expected, &frames, "share", 0);
    flow = present::run(flow, View::Same);
    for (name, pass) in PER_RULE {
        flow = pass(flow);
        same(&flow, &expected, &frames, name, 0);
    }
    flow = join::run(flow);
    same(&flow, &expected, &frames, "join", 0);
    flow = thread::run(flow);
    same(&flow, &expected, &frames, "the last thread", 0);
    same(&compact::run(flow), &expected, &frames, "compact", 0);
}

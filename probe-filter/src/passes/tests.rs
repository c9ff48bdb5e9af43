//! Every pass against the evaluator: after each, the flow still counts exactly the
//! rules whose graphs match.

#[path = "../../tests/common/frames.rs"]
pub(crate) mod frames;
#[path = "../../tests/executors/harness/random.rs"]
pub(crate) mod random;

use crate::eval;
use crate::flow::{Flow, eval::counted};
use crate::ir::{Frame, Graph, LinkType, VlanTag};

use self::frames::pool;
use self::random::Random;
use super::{PER_RULE, View, compact, join, lower, present, share, thread};

const SEEDS: u64 = 150;
const FRAMES: usize = 40;

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
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let graphs: Vec<Graph> = (0..5).map(|_| random::graph(&mut random, 12)).collect();
        let frames: Vec<Vec<u8>> = (0..FRAMES).map(|_| random::frame(&mut random, 120)).collect();
        let expected: Vec<Vec<u32>> = frames
            .iter()
            .map(|bytes| {
                let matching = |rule: &u32| eval::matches(&graphs[*rule as usize], &frame(bytes));
                (0..graphs.len() as u32).filter(matching).collect()
            })
            .collect();
        let mut flow = lower(&graphs.iter().collect::<Vec<_>>());
        same(&flow, &expected, &frames, "lower", seed);
        flow = present::run(flow, View::Same);
        for (name, pass) in PER_RULE {
            flow = pass(flow);
            same(&flow, &expected, &frames, name, seed);
        }
        flow = join::run(flow);
        same(&flow, &expected, &frames, "join", seed);
        same(&thread::run(flow), &expected, &frames, "the last thread", seed);
    }
}

/// Rules that share walks and stages, rules that look as if they could, and plain ones.
pub(crate) const WALKERS: [&str; 24] = [
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

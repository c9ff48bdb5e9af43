//! Every pass against the evaluator: after each, the flow still counts exactly the
//! rules whose graphs match.

#[path = "../../tests/executors/harness/random.rs"]
mod random;

use crate::eval;
use crate::flow::{Flow, eval::counted};
use crate::ir::{Frame, Graph, VlanTag};

use self::random::Random;
use super::{PER_RULE, View, join, lower, present, thread};

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

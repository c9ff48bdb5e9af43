//! Generated eBPF in the kernel against the evaluator, over random graphs and frames.

mod harness;

use harness::bpf;
use harness::kernel::{Loaded, Seen, Sent, pending_bit, target, this_kernel};
use harness::random::{self, Random};
use probe_filter::ebpf::{Flavour, Kernel};
use probe_filter::eval;
use probe_filter::ir::{Frame, Graph, VlanView};

/// What the evaluator says of a frame presented as it is.
fn expected(graphs: &[Graph], frame: &Frame<'_>, counted_len: u64) -> Seen {
    let matched: Vec<bool> = graphs.iter().map(|graph| eval::matches(graph, frame)).collect();
    let bits = |rule: usize| pending_bit(rule).map_or(0, |bit| 1 << bit);
    Seen {
        bytes: matched.iter().map(|&yes| if yes { counted_len } else { 0 }).collect(),
        pending: matched
            .iter()
            .enumerate()
            .filter(|(_, yes)| **yes)
            .map(|(rule, _)| bits(rule))
            .sum(),
        matched,
    }
}

fn compare_random(flavour: Flavour, kernel: Kernel, seeds: std::ops::Range<u64>) {
    if !bpf::available() {
        return;
    }
    for seed in seeds {
        let mut random = Random(seed);
        let graphs: Vec<Graph> = (0..12).map(|_| random::graph(&mut random, 10)).collect();
        let target = target(flavour, VlanView::AsFrame, kernel);
        let loaded =
            Loaded::new(&graphs, &target).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for _ in 0..60 {
            let mut bytes = random::frame(&mut random, 300);
            if flavour == Flavour::Skb {
                random::lengthen_for_skb(&mut bytes);
            }
            let wire_len = bytes.len() as u32 + random.pick(&[0, 0, 100]);
            let outbound = random.chance(50);
            let frame = Frame { bytes: &bytes, wire_len, vlan: None, outbound: Some(outbound) };
            let meta = u64::from(wire_len) | u64::from(outbound) << 32;
            let seen = loaded.run(&Sent { bytes: &bytes, meta, ..Sent::default() });
            let expected = expected(&graphs, &frame, u64::from(wire_len));
            if seen != expected {
                let rule =
                    (0..graphs.len()).find(|&rule| seen.matched[rule] != expected.matched[rule]);
                panic!(
                    "seed {seed}, rule {rule:?} of\n{:#?}\nframe {bytes:02x?}\n{seen:?}\n{expected:?}",
                    rule.map(|rule| &graphs[rule])
                );
            }
        }
    }
}

#[test]
fn xdp_agrees_with_the_evaluator() {
    compare_random(Flavour::Xdp, this_kernel(), 0..60);
}

#[test]
fn skb_agrees_with_the_evaluator() {
    compare_random(Flavour::Skb, this_kernel(), 1000..1060);
}

#[test]
fn code_for_the_oldest_kernel_agrees_with_the_evaluator() {
    compare_random(Flavour::Xdp, Kernel::default(), 2000..2030);
    compare_random(Flavour::Skb, Kernel::default(), 3000..3030);
}

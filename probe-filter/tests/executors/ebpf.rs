//! Generated eBPF in the kernel against the evaluator, over random graphs and frames:
//! both flavours, both views of VLAN tags, linear frames and scattered ones.

use probe_filter::ebpf::{Error, Flavour, Kernel};
use probe_filter::eval;
use probe_filter::ir::{Frame, Graph, VlanTag, VlanView};
use probe_filter::testing;
use probe_filter::testing::random::{self, Random};
use test_support::{bpf, shrink};

use crate::harness::kernel::{Loaded, Seen, Sent, flow_place, pending_bit, target, this_kernel};
use crate::harness::{kernel, show};

/// A case for the hook: what it is sent, and what filters are to see.
pub struct Case {
    pub flavour: Flavour,
    pub vlan: VlanView,
    pub kernel: Kernel,
    pub seeds: std::ops::Range<u64>,
    pub longest: u32,
    pub scattered: bool,
}

/// What the evaluator says of a frame.
fn expected(graphs: &[Graph], frame: &Frame<'_>, counted_len: u64) -> Seen {
    let matched: Vec<bool> = graphs.iter().map(|graph| eval::matches(graph, frame)).collect();
    let bit = |rule: usize| pending_bit(rule).map_or(0, |bit| 1 << bit);
    let matching = |rule: &usize| matched[*rule];
    // The bytes of a rule with a key are counted by its keys.
    let counts_bytes = |rule: usize| matched[rule] && graphs[rule].key().is_empty();
    Seen {
        keys: graphs.iter().map(|graph| eval::key(graph, frame)).collect(),
        flows: graphs
            .iter()
            .enumerate()
            .map(|(rule, graph)| flow_place((rule, graph)).and_then(|_| eval::flow(graph, frame)))
            .collect(),
        bytes: (0..graphs.len())
            .map(|rule| if counts_bytes(rule) { counted_len } else { 0 })
            .collect(),
        pending: (0..graphs.len()).filter(matching).map(bit).sum(),
        matched,
    }
}

/// The frame as filters see it: the hook's bytes, with the outermost tag moved to where
/// the view has it.
fn present(bytes: &[u8], tag: Option<VlanTag>, case: &Case) -> (Vec<u8>, Option<VlanTag>) {
    let mut seen = bytes.to_vec();
    match (case.vlan, case.flavour, tag) {
        (VlanView::AsFrame, Flavour::Skb, Some(tag)) => {
            let mut inserted = tag.tpid.to_be_bytes().to_vec();
            inserted.extend(tag.tci.to_be_bytes());
            seen.splice(12..12, inserted);
            (seen, None)
        }
        (VlanView::Live, Flavour::Xdp, _) if bytes.len() >= 18 => {
            let half = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            if !matches!(half(12), 0x8100 | 0x88a8) {
                return (seen, None);
            }
            seen.drain(12..16);
            (seen, Some(VlanTag { tpid: half(12), tci: half(14) }))
        }
        (VlanView::Live, Flavour::Skb, tag) => (seen, tag),
        _ => (seen, None),
    }
}

fn compare(case: &Case) {
    if !bpf::available() {
        return;
    }
    let mut too_far = 0;
    for seed in case.seeds.clone() {
        let mut random = Random(seed);
        let graphs: Vec<Graph> = (0..12).map(|_| random::graph(&mut random, 10)).collect();
        let target = target(case.flavour, case.vlan, case.kernel);
        let program = match kernel::generate(&graphs, &target) {
            // The widest of random graphs are more than older kernels jump over.
            Err(Error::TooFar { .. }) => {
                too_far += 1;
                continue;
            }
            program => program.unwrap_or_else(|error| panic!("seed {seed}: {error}")),
        };
        let loaded = Loaded::link(&program, &graphs, case.flavour)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for _ in 0..60 {
            let bytes = random::frame(&mut random, case.longest);
            compare_on(case, &graphs, &loaded, bytes, &mut random, seed);
        }
    }
    let seeds = case.seeds.end - case.seeds.start;
    assert!(too_far * 20 <= seeds, "{too_far} of {seeds} have jumps that are too far");
}

/// One frame, with or without a tag outside of it, whole or in two buffers.
pub fn compare_on(
    case: &Case,
    graphs: &[Graph],
    loaded: &Loaded,
    mut bytes: Vec<u8>,
    random: &mut Random,
    seed: u64,
) {
    let tag = (case.flavour == Flavour::Skb && random.chance(40)).then(|| VlanTag {
        tpid: random.pick(&[0x8100, 0x88a8]),
        tci: random.below(0x10000) as u16,
    });
    if case.flavour == Flavour::Skb {
        kernel::lengthen_for_skb(&mut bytes);
    }
    // The kernel wants the Ethernet header in the first buffer.
    let linear = case
        .scattered
        .then(|| 14 + random.below(bytes.len() as u32 - 13))
        .map(|linear| linear.min(bytes.len() as u32));
    let tag_bytes = if tag.is_some() { 4 } else { 0 };
    let sending = Sending {
        tag,
        linear,
        outbound: random.chance(50),
        more: tag_bytes + random.pick(&[0, 0, 100]),
    };
    let (seen, expected) = sending.both(case, graphs, loaded, &bytes);
    if seen != expected {
        sending.report(case, graphs, bytes, seed);
    }
}

/// How a frame is sent.
struct Sending {
    tag: Option<VlanTag>,
    linear: Option<u32>,
    outbound: bool,
    /// Bytes on the wire beside those there.
    more: u32,
}

impl Sending {
    /// What the kernel counts, and what the evaluator.
    fn both(&self, case: &Case, graphs: &[Graph], loaded: &Loaded, bytes: &[u8]) -> (Seen, Seen) {
        let counted_len = bytes.len() as u32 + self.more;
        let (seen_bytes, seen_tag) = present(bytes, self.tag, case);
        let frame = Frame {
            wire_len: counted_len - if seen_tag.is_some() { 4 } else { 0 },
            bytes: &seen_bytes,
            vlan: seen_tag,
            outbound: Some(self.outbound),
        };
        let meta = u64::from(counted_len) | u64::from(self.outbound) << 32;
        let linear = self.linear.map(|linear| linear.min(bytes.len() as u32));
        let seen = loaded.run(&Sent { bytes, meta, tag: self.tag, linear });
        (seen, expected(graphs, &frame, u64::from(counted_len)))
    }

    /// Panics with the smallest that differs.
    fn report(&self, case: &Case, graphs: &[Graph], bytes: Vec<u8>, seed: u64) -> ! {
        let target = target(case.flavour, case.vlan, case.kernel);
        let load = |graphs: &[Graph]| Loaded::new(graphs, &target).ok();
        let differs = |graphs: &[Graph], bytes: &[u8]| {
            load(graphs).is_some_and(|loaded| {
                let (seen, expected) = self.both(case, graphs, &loaded, bytes);
                seen != expected
            })
        };
        let mut graphs = shrink::list(graphs, |graphs| differs(graphs, &bytes));
        for rule in 0..graphs.len() {
            let with = |graph: &Graph| {
                let mut graphs = graphs.clone();
                graphs[rule] = graph.clone();
                graphs
            };
            let smaller =
                testing::shrink::graph(&graphs[rule], |graph| differs(&with(graph), &bytes));
            graphs = with(&smaller);
        }
        let bytes = shrink::bytes(&bytes, 14, |bytes| {
            let mut long = bytes.to_vec();
            kernel::lengthen_for_skb(&mut long);
            (case.flavour == Flavour::Xdp || long.len() == bytes.len()) && differs(&graphs, bytes)
        });
        let shown: String = graphs.iter().map(show::graph).collect();
        panic!(
            "seed {seed} differs; still do, for {:?} {:?},\n{shown}sent {bytes:02x?}, tag {:?}, \
             linear {:?}, outbound {}, {} bytes more on the wire\n(kernel, evaluator): {:?}",
            case.flavour,
            case.vlan,
            self.tag,
            self.linear,
            self.outbound,
            self.more,
            load(&graphs).map(|loaded| self.both(case, &graphs, &loaded, &bytes))
        );
    }
}

fn seeds(first: u64, count: u64) -> std::ops::Range<u64> {
    // More of them where somebody has the time.
    let times = std::env::var("PROBE_TEST_TIMES").ok().and_then(|times| times.parse().ok());
    first * 1_000_000..first * 1_000_000 + count * times.unwrap_or(1)
}

#[test]
fn xdp_as_frame() {
    let (flavour, vlan) = (Flavour::Xdp, VlanView::AsFrame);
    let seeds = seeds(1, 60);
    compare(&Case { flavour, vlan, kernel: this_kernel(), seeds, longest: 300, scattered: false });
}

#[test]
fn xdp_live() {
    let (flavour, vlan) = (Flavour::Xdp, VlanView::Live);
    let seeds = seeds(2, 60);
    compare(&Case { flavour, vlan, kernel: this_kernel(), seeds, longest: 300, scattered: false });
}

#[test]
fn skb_as_frame() {
    let (flavour, vlan) = (Flavour::Skb, VlanView::AsFrame);
    let seeds = seeds(3, 60);
    compare(&Case { flavour, vlan, kernel: this_kernel(), seeds, longest: 300, scattered: false });
}

#[test]
fn skb_live() {
    let (flavour, vlan) = (Flavour::Skb, VlanView::Live);
    let seeds = seeds(4, 60);
    compare(&Case { flavour, vlan, kernel: this_kernel(), seeds, longest: 300, scattered: false });
}

#[test]
fn xdp_in_several_buffers() {
    let (flavour, kernel) = (Flavour::Xdp, this_kernel());
    for (first, vlan) in [(5, VlanView::AsFrame), (6, VlanView::Live)] {
        let seeds = seeds(first, 30);
        compare(&Case { flavour, vlan, kernel, seeds, longest: 6000, scattered: true });
    }
}

#[test]
fn code_for_the_oldest_kernel() {
    let kernel = Kernel::default();
    for (first, flavour) in [(7, Flavour::Xdp), (8, Flavour::Skb)] {
        for (more, vlan) in [(0, VlanView::AsFrame), (10, VlanView::Live)] {
            let seeds = seeds(first + more, 20);
            compare(&Case { flavour, vlan, kernel, seeds, longest: 300, scattered: false });
        }
    }
}

/// As many extension headers as fit a frame of nearly 64 KiB, with TCP behind them.
#[test]
fn the_longest_header_chain() {
    if !bpf::available() || !this_kernel().may_goto {
        return;
    }
    const HEADERS: usize = 7500;
    let mut bytes = vec![0; 12];
    bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0xff, 0xff, 60, 64]);
    bytes.resize(14 + 40, 0);
    for header in 0..HEADERS {
        // Destination options of eight bytes; the last one leads to TCP.
        let next = if header + 1 == HEADERS { 6 } else { 60 };
        bytes.extend([next, 0, 1, 4, 0, 0, 0, 0]);
    }
    bytes.resize(bytes.len() + 20, 0);
    let texts = ["ip6 protochain 6", "ip6 protochain 17"];
    let graphs = texts.map(|text| {
        let filter = probe_filter::compile(text, &probe_filter::Options::default());
        filter.expect("a filter").graph().clone()
    });
    let target = target(Flavour::Xdp, VlanView::AsFrame, this_kernel());
    let loaded = Loaded::new(&graphs, &target).expect("two rules");
    let seen = loaded.run(&Sent { bytes: &bytes, meta: bytes.len() as u64, ..Sent::default() });
    assert_eq!(seen.matched, [true, false]);
}

//! Constants at the edges, in every executor: whatever a filter asks, it loads and matches what
//! it matches in the evaluator.

use probe_filter::ebpf::{Flavour, Kernel};
use probe_filter::ir::{Frame, Graph, LinkType, VlanView};
use probe_filter::testing::frames::{Rng, pool};
use probe_filter::testing::random::Random;
use probe_filter::{Filter, Machine, Options, compile, eval};
use test_support::bpf;
use test_support::extremes;

use crate::ebpf::{Case, compare_on};
use crate::harness::kernel::{Loaded, target, this_kernel};

/// What did not load before this test was there: a wrapping sum as an index, whose constant
/// the verifier remembers, and an index that no payload reaches.
const REFUSED_ONCE: [&str; 8] = [
    "payload[0x20000000] = 1",
    "payload[0x20000000 + payload[0]] = 1",
    "not (payload[0x7fffffff:4] = 1)",
    "ether[ether[0:4]+0x20000000] >= 0",
    "ether[ether[0:4]-0xe0000000:2] >= 0",
    "ether[ether[14:4]+0x7fffffff:4] >= 0",
    "ip[ether[0:4]+0x3fffffff] >= 0 and tcp[ether[0:4]+0x40000001] >= 0",
    "ether[0x20000000] = 0 or not ether[0x1fffffff] = 0 or len < 0xfffffff0",
];

fn options(vlan: VlanView) -> Options<'static> {
    Options::default().vlan(vlan).netmask(0xffff_ff00).direction(true).ifindex(1)
}

/// So many filters that compile.
fn filters(rng: &mut Rng, vlan: VlanView, count: usize) -> Vec<Filter> {
    let options = options(vlan);
    std::iter::repeat_with(|| match rng.below(5) {
        0 => extremes::filter_beyond_libpcap(rng),
        _ => extremes::filter(rng),
    })
    .filter_map(|text| compile(&text, &options).ok())
    .take(count)
    .collect()
}

fn frames(rng: &mut Rng, count: usize) -> Vec<Vec<u8>> {
    let mut frames = pool(LinkType::Ethernet, rng.next_u64(), count);
    for frame in frames.iter_mut().skip(1).step_by(2) {
        extremes::spread(rng, frame);
    }
    frames
}

fn times() -> u64 {
    std::env::var("PROBE_TEST_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The filters one by one and all together, on frames that a hook can have.
fn on_the_hook(case: &Case, filters: &[Filter], frames: &[Vec<u8>], seed: u64) {
    let target = target(case.flavour, case.vlan, case.kernel);
    let graphs: Vec<Graph> = filters.iter().map(|filter| filter.graph().clone()).collect();
    let texts: Vec<&str> = filters.iter().map(Filter::text).collect();
    let singles: Vec<&[Graph]> = graphs.chunks(1).collect();
    for (graphs, texts) in
        singles.into_iter().zip(texts.chunks(1)).chain([(&graphs[..], &texts[..])])
    {
        let loaded = Loaded::new(graphs, &target)
            .unwrap_or_else(|error| panic!("{:?}: {texts:#?}\n{error}", case.flavour));
        let mut random = Random(seed);
        for bytes in frames.iter().filter(|bytes| (14..3000).contains(&bytes.len())) {
            compare_on(case, graphs, &loaded, bytes.clone(), &mut random, seed);
        }
    }
}

fn every_hook(mut each: impl FnMut(&Case)) {
    if !bpf::available() {
        return;
    }
    for kernel in [this_kernel(), Kernel::default()] {
        for flavour in [Flavour::Xdp, Flavour::Skb] {
            for vlan in [VlanView::AsFrame, VlanView::Live] {
                // The oldest kernels have no scattered frames.
                let scattered = flavour == Flavour::Xdp && kernel.xdp_load_bytes;
                let (seeds, longest) = (0..0, 0);
                each(&Case { flavour, vlan, kernel, seeds, longest, scattered });
            }
        }
    }
}

#[test]
fn what_was_refused_once_loads_on_every_hook() {
    let frames = frames(&mut Rng::new(50), 60);
    every_hook(|case| {
        let compile = |text| compile(text, &options(case.vlan)).expect(text);
        on_the_hook(case, &REFUSED_ONCE.map(compile), &frames, 50);
    });
}

#[test]
fn ebpf_with_extreme_constants() {
    for seed in 51..51 + 6 * times() {
        every_hook(|case| {
            let mut rng = Rng::new(seed);
            let filters = filters(&mut rng, case.vlan, 12);
            let frames = frames(&mut rng, 60);
            on_the_hook(case, &filters, &frames, seed);
        });
    }
}

#[test]
fn classic_bpf_with_extreme_constants() {
    let mut rng = Rng::new(61);
    let (mut said, mut matches) = (0, 0);
    let count = 600 * times();
    for filter in filters(&mut rng, VlanView::AsFrame, count as usize) {
        let frames = frames(&mut rng, 60);
        said += u64::from(crate::cbpf::check(filter.graph(), filter.text(), &frames, &mut matches));
    }
    assert!(said > count / 2, "only {said} of {count} filters in classic BPF");
    assert!(matches > 1000, "{matches} matches");
}

/// Here frames are long enough for offsets beyond 16 bits, too.
#[test]
fn the_machine_with_extreme_constants() {
    let mut rng = Rng::new(71);
    let mut matches = 0;
    for round in 0..200 * times() {
        let vlan = if round % 2 == 0 { VlanView::AsFrame } else { VlanView::Live };
        let filters = filters(&mut rng, vlan, 12);
        let graphs: Vec<&Graph> = filters.iter().map(Filter::graph).collect();
        let mut machine = Machine::new(&graphs);
        let mut frames = frames(&mut rng, 60);
        for frame in &mut frames {
            if rng.one_in(4) {
                let length = rng.pick(&[0xffff, 0x1_0000, 0x1_0001, 0x1_0004, 262_144]);
                frame.resize(length, 0x5a);
            }
        }
        for bytes in &frames {
            let wire_len = bytes.len() as u32;
            let frame = Frame { bytes, wire_len, vlan: None, outbound: Some(true) };
            let mut counted = vec![0; graphs.len()];
            machine.run(&frame, |rule| counted[rule] += 1);
            for (filter, counted) in filters.iter().zip(counted) {
                let expected = usize::from(eval::matches(filter.graph(), &frame));
                matches += expected;
                let start = &bytes[..bytes.len().min(100)];
                assert_eq!(counted, expected, "{} on {start:02x?}", filter.text());
            }
        }
    }
    assert!(matches > 1000, "{matches} matches");
}

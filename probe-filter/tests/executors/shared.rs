//! Rules that share the walk to the TCP or UDP header: hundreds of them load on every hook,
//! and in the kernel they match what each matches by itself in the evaluator.

use probe_filter::ebpf::{Flavour, Kernel};
use probe_filter::ir::{Graph, LinkType, VlanView};
use probe_filter::testing::frames::pool;
use probe_filter::testing::random::Random;
use probe_filter::{FlowSeed, Options, compile};
use test_support::{bpf, expressions::MACROS};

use crate::ebpf::{Case, compare_on};
use crate::harness::kernel::{Loaded, generate, target, this_kernel};

const SETTINGS: [(Flavour, VlanView); 4] = [
    (Flavour::Xdp, VlanView::AsFrame),
    (Flavour::Xdp, VlanView::Live),
    (Flavour::Skb, VlanView::AsFrame),
    (Flavour::Skb, VlanView::Live),
];

/// A walk that runs off the end of a frame leaves its rules unmatched, negated ones too, and
/// the frame's end lies on either side of a tag that the kernel holds outside of it.
#[test]
fn a_shared_walk_that_traps_matches_nothing() {
    if !bpf::available() {
        return;
    }
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    // A second tag, hop-by-hop options, TCP.
    frame.extend([0x91, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 60, 0, 64]);
    frame.extend([0x20; 32]);
    frame.extend([6, 0, 1, 4, 0, 0, 0, 0]);
    frame.extend([0xc0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
    frame.extend(*b"GET / HTTP/1.1\r\n\r\n");
    for (flavour, vlan) in SETTINGS {
        let options = Options::default().vlan(vlan);
        let compile = |text| compile(text, &options).expect(text).graph().clone();
        let graphs = ["not @syn", "not payload \"GET \"", "@syn", "not (payload[2] > 300)"];
        let graphs = graphs.map(compile);
        let (kernel, seeds, longest, scattered) = (this_kernel(), 0..0, 0, false);
        let case = Case { flavour, vlan, kernel, seeds, longest, scattered };
        let loaded = Loaded::new(&graphs, &target(flavour, vlan, kernel)).expect("four rules");
        let mut random = Random(1);
        for end in 14..=frame.len() {
            // With and without a tag outside.
            for seed in 0..8 {
                let bytes = frame[..end].to_vec();
                compare_on(&case, &graphs, &loaded, bytes, &mut random, seed);
            }
        }
    }
}

/// Every macro alone and negated, twice in a rule, and what only looks alike.
fn mixture() -> Vec<String> {
    let mut texts: Vec<String> = MACROS.iter().map(|&name| name.to_owned()).collect();
    texts.extend(MACROS.iter().map(|name| format!("not {name} and (tcp or port 53)")));
    texts.extend(MACROS.iter().zip(MACROS.iter().rev()).map(|(one, other)| {
        format!("len > 60 and {one} and port 80 or ip6 and not {other} or {one} and udp")
    }));
    texts.extend(
        [
            "payload \"GET \"",
            "payload \"GET\" or payload \"POST\"",
            "not payload \"SSH-\"",
            "payload[0:2] = 0x4745",
            "payload[ip[8]] = 0x20 or @get",
            "@get or payload \"\\x16\"",
            "pppoes and @syn",
            "vlan and @syn",
            "vlan and vlan and @get",
            "@syn or vlan 5 and @syn",
            "@unreachable and port 80",
            "@unreachable and @syn",
            "@get or @unreachable and not payload \"GET \" or @post",
            "tcp port 80",
            "ip6",
        ]
        .map(String::from),
    );
    texts
}

/// Rules that sample whole connections (every third one has a place for the hash), with the walk that
/// finds them shared, and one of them by itself.
#[test]
fn hashes_of_connections_are_the_evaluators() {
    if !bpf::available() {
        return;
    }
    let texts = ["", "udp", "len > 90", "@syn", "", "tcp", "vlan", "", "", "@unreachable and tcp"];
    for (first, (flavour, vlan)) in (1..).zip(SETTINGS) {
        let options = Options::default().vlan(vlan).flows(FlowSeed::new(first));
        let graphs = texts.map(|text| compile(text, &options).expect(text).graph().clone());
        for graphs in [&graphs[..], &graphs[..1], &graphs[9..]] {
            let kernel = this_kernel();
            let case = Case { flavour, vlan, kernel, seeds: 0..1, longest: 0, scattered: false };
            let loaded = Loaded::new(graphs, &target(flavour, vlan, kernel)).expect("loads");
            let mut random = Random(first);
            for frame in pool(LinkType::Ethernet, first, 700) {
                if (14..3000).contains(&frame.len()) {
                    compare_on(&case, graphs, &loaded, frame, &mut random, first);
                }
            }
        }
    }
}

fn graphs(texts: &[String], vlan: VlanView) -> Vec<Graph> {
    let options = Options::default().direction(true).vlan(vlan);
    let graph = |text: &String| compile(text, &options).expect(text).graph().clone();
    texts.iter().map(graph).collect()
}

#[test]
fn shared_walks_match_what_each_rule_matches() {
    if !bpf::available() {
        return;
    }
    let texts = mixture();
    for (first, (flavour, vlan)) in (1..).zip(SETTINGS) {
        let graphs = graphs(&texts, vlan);
        // A test run lays out XDP frames in two buffers, skbs not.
        let layouts: &[bool] = if flavour == Flavour::Xdp { &[false, true] } else { &[false] };
        for &scattered in layouts {
            let kernel = this_kernel();
            let case = Case { flavour, vlan, kernel, seeds: 0..1, longest: 0, scattered };
            let loaded = Loaded::new(&graphs, &target(flavour, vlan, kernel)).expect("loads");
            let mut random = Random(first);
            for frame in pool(LinkType::Ethernet, first, 700) {
                // As many as a buffer of a test run holds.
                if (14..3000).contains(&frame.len()) {
                    compare_on(&case, &graphs, &loaded, frame, &mut random, first);
                }
            }
        }
    }
}

/// The walk stands in the code once: a further rule costs what it asks behind it.
#[test]
fn hundreds_of_macro_rules_load() {
    if !bpf::available() {
        return;
    }
    let rules = |count: usize| -> Vec<String> {
        (0..count)
            .map(|n| match n % 4 {
                0 => format!("@syn and dst port {}", n + 1),
                1 => format!("@get and src port {}", n + 1),
                2 => format!("@tls-hello and host 192.0.2.{}", n % 256),
                _ => format!("payload \"USER {n}\""),
            })
            .collect()
    };
    for (flavour, vlan) in SETTINGS {
        // Without long jumps, too, and without reading XDP frames by a helper.
        for (kernel, most) in [(this_kernel(), 500), (Kernel::release(5, 15), 300)] {
            let target = target(flavour, vlan, kernel);
            let code = |count| {
                let graphs = graphs(&rules(count), vlan);
                let program = generate(&graphs, &target).expect("code");
                let loaded = Loaded::link(&program, &graphs, flavour);
                loaded.unwrap_or_else(|error| panic!("{count} on {flavour:?} {vlan:?}: {error}"));
                program.stats
            };
            let (one, some, many) = (code(1), code(100), code(most));
            let further = |stats: &probe_filter::ebpf::Stats, rules: usize| {
                (stats.fast_instructions - one.fast_instructions) / rules
            };
            assert!(further(&some, 100) < 60, "{some:?}, beside {one:?}");
            assert!(further(&many, most) < 60, "{many:?}, beside {one:?}");
        }
    }
}

//! Lists of real filters in the kernel against the evaluator: what rules share, and
//! what they do not.

use crate::frames::{self, Rng};
use crate::generator;
use crate::harness::kernel::{Loaded, Sent, target, this_kernel};
use crate::harness::{bpf, kernel};
use probe_filter::ebpf::Flavour;
use probe_filter::ir::{Frame, Graph, LinkType, VlanView};
use probe_filter::{Options, compile, eval};

/// Compares every rule on every frame. Returns how many matches there were.
pub fn check(texts: &[String], flavour: Flavour, frames: &[Vec<u8>]) -> usize {
    let options = Options { direction: true, ..Options::default() };
    let graphs: Vec<Graph> = texts
        .iter()
        .map(|text| compile(text, &options).unwrap_or_else(|error| panic!("{text}: {error}")))
        .map(|filter| filter.graph().clone())
        .collect();
    let target = target(flavour, VlanView::AsFrame, this_kernel());
    let loaded = Loaded::new(&graphs, &target)
        .unwrap_or_else(|error| panic!("{} rules: {texts:#?}\n{error}", texts.len()));
    let mut matches = 0;
    for bytes in frames {
        let mut bytes = bytes.clone();
        if flavour == Flavour::Skb {
            kernel::lengthen_for_skb(&mut bytes);
        }
        if bytes.len() < 14 || bytes.len() > 3000 {
            continue;
        }
        let wire_len = bytes.len() as u32;
        let frame = Frame { bytes: &bytes, wire_len, vlan: None, outbound: Some(false) };
        let seen = loaded.run(&Sent { bytes: &bytes, meta: wire_len.into(), ..Sent::default() });
        for (rule, graph) in graphs.iter().enumerate() {
            let expected = eval::matches(graph, &frame);
            matches += usize::from(expected);
            assert_eq!(
                seen.matched[rule],
                expected,
                "{:?}, one of {} rules, on {bytes:02x?}",
                texts[rule],
                texts.len()
            );
        }
    }
    matches
}

fn both(texts: &[String], frames: &[Vec<u8>]) {
    let matches: usize =
        [Flavour::Xdp, Flavour::Skb].into_iter().map(|flavour| check(texts, flavour, frames)).sum();
    assert!(matches > 0, "no frame matched any of {texts:?}");
}

/// Ports that the frames are made with, and many more.
fn ports(count: u32) -> impl Iterator<Item = u32> {
    [80, 443, 53, 22, 25].into_iter().chain(1000..).take(count as usize)
}

#[test]
fn rules_on_one_port_each() {
    if !bpf::available() {
        return;
    }
    let frames = frames::pool(LinkType::Ethernet, 1, 600);
    for head in ["port", "tcp port", "udp dst port", "tcp src or dst port", "src and dst port"] {
        let all: Vec<String> = ports(64).map(|port| format!("{head} {port}")).collect();
        both(&all, &frames);
        for count in [2, 3, 5] {
            for flavour in [Flavour::Xdp, Flavour::Skb] {
                check(&all[..count], flavour, &frames);
            }
        }
    }
}

#[test]
fn rules_on_one_host_each() {
    if !bpf::available() {
        return;
    }
    let frames = frames::pool(LinkType::Ethernet, 2, 400);
    let hosts = ["10.0.0.1", "10.0.0.2", "192.168.1.1", "224.0.0.1", "fe80::1", "2001:db8::1"];
    for head in ["host", "src host", "tcp port 80 and host", "not host", "ip or dst host"] {
        let texts: Vec<String> = hosts.iter().map(|host| format!("{head} {host}")).collect();
        both(&texts, &frames);
        let texts: Vec<String> = (0..40)
            .map(|n| format!("{head} 10.0.0.{n}"))
            .chain(ports(20).map(|port| format!("{head} 10.0.0.1 and port {port}")))
            .collect();
        both(&texts, &frames);
    }
}

#[test]
fn alternatives_in_one_rule() {
    if !bpf::available() {
        return;
    }
    let frames = frames::pool(LinkType::Ethernet, 3, 600);
    let list = |head: &str, count| {
        let parts: Vec<String> = ports(count).map(|port| format!("{head} {port}")).collect();
        parts.join(" or ")
    };
    let texts = ["port", "tcp port", "src port", "udp dst port"]
        .iter()
        .flat_map(|head| [list(head, 4), list(head, 9), list(head, 70)])
        .chain(["not port 80 and not port 443 and not port 53 and not port 22 and tcp".into()])
        .collect::<Vec<String>>();
    both(&texts, &frames);
    for text in texts {
        both(&[text], &frames);
    }
}

#[test]
fn random_lists_of_rules() {
    if !bpf::available() {
        return;
    }
    let times: u64 =
        std::env::var("PROBE_TEST_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let options = Options { direction: true, ..Options::default() };
    let mut matches = 0;
    for seed in 0..25 * times {
        let mut rng = Rng::new(1000 + seed);
        let count = 1 + rng.below(40);
        let texts: Vec<String> = std::iter::repeat_with(|| generator::filter(&mut rng))
            .filter(|text| compile(text, &options).is_ok())
            .take(count)
            .collect();
        let frames = frames::pool(LinkType::Ethernet, seed, 150);
        for flavour in [Flavour::Xdp, Flavour::Skb] {
            matches += check(&texts, flavour, &frames);
        }
    }
    assert!(matches > 1000, "{matches} matches");
}

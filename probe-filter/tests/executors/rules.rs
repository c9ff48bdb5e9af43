//! Lists of real filters in the kernel against the evaluator: what rules share, and
//! what they do not.

use probe_filter::ebpf::Flavour;
use probe_filter::ir::{Frame, Graph, LinkType, VlanView};
use probe_filter::testing::frames::{self, Rng};
use probe_filter::{Options, compile, eval};
use test_support::expressions::{self, pieces};
use test_support::{bpf, shrink};

use crate::harness::kernel;
use crate::harness::kernel::{Loaded, Sent, target, this_kernel};

/// Compares every rule on every frame. Returns how many matches there were.
pub fn check(texts: &[String], flavour: Flavour, frames: &[Vec<u8>]) -> usize {
    let together = Together::new(texts, flavour).unwrap_or_else(|error| {
        panic!("{} rules: {texts:#?}\n{error}", texts.len());
    });
    let mut matches = 0;
    for bytes in frames {
        let mut bytes = bytes.clone();
        if flavour == Flavour::Skb {
            kernel::lengthen_for_skb(&mut bytes);
        }
        if bytes.len() < ETHERNET || bytes.len() > 3000 {
            continue;
        }
        for (rule, (seen, expected)) in together.verdicts(&bytes).into_iter().enumerate() {
            matches += usize::from(expected);
            if seen != expected {
                report(texts, &texts[rule], flavour, &bytes);
            }
        }
    }
    matches
}

/// The least that the kernel runs a program on.
const ETHERNET: usize = 14;

/// Rules in one program.
struct Together {
    graphs: Vec<Graph>,
    loaded: Loaded,
}

impl Together {
    fn new(texts: &[String], flavour: Flavour) -> Result<Self, String> {
        let options = Options::default().direction(true);
        let graph = |text: &String| match compile(text, &options) {
            Ok(filter) => Ok(filter.graph().clone()),
            Err(error) => Err(format!("{text}: {error}")),
        };
        let graphs = texts.iter().map(graph).collect::<Result<Vec<_>, _>>()?;
        let target = target(flavour, VlanView::AsFrame, this_kernel());
        let loaded = Loaded::new(&graphs, &target)?;
        Ok(Self { graphs, loaded })
    }

    /// What the kernel says of each rule, and what the evaluator.
    fn verdicts(&self, bytes: &[u8]) -> Vec<(bool, bool)> {
        let wire_len = bytes.len() as u32;
        let frame = Frame { bytes, wire_len, vlan: None, outbound: Some(false) };
        let seen = self.loaded.run(&Sent { bytes, meta: wire_len.into(), ..Sent::default() });
        let expected = self.graphs.iter().map(|graph| eval::matches(graph, &frame));
        seen.matched.into_iter().zip(expected).collect()
    }
}

/// Panics with the smallest that differs.
fn report(texts: &[String], culprit: &str, flavour: Flavour, bytes: &[u8]) -> ! {
    // Of a rule that is there several times any may be the one.
    let differs = |texts: &[String], bytes: &[u8]| {
        let mut long = bytes.to_vec();
        if flavour == Flavour::Skb {
            kernel::lengthen_for_skb(&mut long);
        }
        long.len() == bytes.len()
            && Together::new(texts, flavour).is_ok_and(|together| {
                together.verdicts(bytes).into_iter().any(|(seen, expected)| seen != expected)
            })
    };
    let mut rules = shrink::list(texts, |texts| differs(texts, bytes));
    for rule in 0..rules.len() {
        let with = |text: &str| {
            let mut rules = rules.clone();
            rules[rule] = text.to_owned();
            rules
        };
        let shorter = shrink::text(&rules[rule], pieces, |text| differs(&with(text), bytes));
        rules = with(&shorter);
    }
    let bytes = shrink::bytes(bytes, ETHERNET, |bytes| differs(&rules, bytes));
    let verdicts = Together::new(&rules, flavour).map(|together| together.verdicts(&bytes));
    panic!(
        "{culprit:?}, one of {} rules, differs; still so do, for {flavour:?}, {rules:#?}\n\
         on {bytes:02x?}\n(kernel, evaluator): {verdicts:?}",
        texts.len()
    );
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

fn any(rng: &mut Rng) -> String {
    if rng.one_in(4) { expressions::extended(rng) } else { expressions::filter(rng) }
}

#[test]
fn random_lists_of_rules() {
    if !bpf::available() {
        return;
    }
    let times: u64 =
        std::env::var("PROBE_TEST_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let options = Options::default().direction(true);
    let mut matches = 0;
    for seed in 0..25 * times {
        let mut rng = Rng::new(1000 + seed);
        let count = 1 + rng.below(40);
        let texts: Vec<String> = std::iter::repeat_with(|| any(&mut rng))
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

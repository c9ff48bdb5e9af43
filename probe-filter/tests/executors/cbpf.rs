//! Classic BPF in the kernel (SO_ATTACH_FILTER) against the evaluator, and its listings.

use probe_filter::ir::{Frame, Graph, LinkType};
use probe_filter::testing;
use probe_filter::testing::frames::{self, Rng};
use probe_filter::testing::random::{self, Random};
use probe_filter::{Options, cbpf, compile, eval};
use test_support::expressions;
use test_support::shrink;

use crate::harness::show;
use crate::harness::socket::Filtered;

/// Runs one graph over frames; false if classic BPF cannot say it. Any user may attach
/// a filter to a socket, so that this is never skipped.
pub fn check(graph: &Graph, name: &str, frames: &[Vec<u8>], matches: &mut usize) -> bool {
    let program = match cbpf::generate(graph) {
        Ok(program) => program,
        Err(_) => return false,
    };
    let socket = Filtered::new().expect("a pair of sockets");
    socket.attach(&program).unwrap_or_else(|error| panic!("{name}: {error}\n{program}"));
    for bytes in frames {
        let expected = expected(graph, bytes);
        *matches += usize::from(expected);
        if socket.passes(bytes) != expected {
            report(graph, name, bytes);
        }
    }
    true
}

fn expected(graph: &Graph, bytes: &[u8]) -> bool {
    let wire_len = bytes.len() as u32;
    eval::matches(graph, &Frame { bytes, wire_len, vlan: None, outbound: Some(false) })
}

/// Panics with the smallest that differs.
fn report(graph: &Graph, name: &str, bytes: &[u8]) -> ! {
    let differs = |graph: &Graph, bytes: &[u8]| {
        let Ok(program) = cbpf::generate(graph) else { return false };
        let socket = Filtered::new().expect("a pair of sockets");
        socket.attach(&program).is_ok() && socket.passes(bytes) != expected(graph, bytes)
    };
    let graph = testing::shrink::graph(graph, |graph| differs(graph, bytes));
    let bytes = shrink::bytes(bytes, 1, |bytes| differs(&graph, bytes));
    let program = cbpf::generate(&graph).expect("it was generated before");
    panic!(
        "{name} differs; still does\n{}\n{program}\non {bytes:02x?}: the evaluator says {}",
        show::graph(&graph),
        expected(&graph, &bytes)
    );
}

fn times() -> u64 {
    std::env::var("PROBE_TEST_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[test]
fn random_graphs() {
    let (mut said, mut matches) = (0, 0);
    let count = 400 * times();
    for seed in 0..count {
        let mut random = Random(seed);
        let graph = random::graph(&mut random, 10);
        let frames: Vec<Vec<u8>> = (0..30).map(|_| random::frame(&mut random, 300)).collect();
        said += u64::from(check(&graph, &format!("seed {seed}"), &frames, &mut matches));
    }
    assert!(said > count / 2, "only {said} of {count} graphs in classic BPF");
    assert!(matches > 100, "{matches} matches");
}

#[test]
fn random_filters() {
    let options = Options::default().direction(true);
    let (mut said, mut matches) = (0, 0);
    let mut rng = Rng::new(7);
    let count = 500 * times();
    for round in 0..count {
        let text = if rng.one_in(4) {
            expressions::extended(&mut rng)
        } else {
            expressions::filter(&mut rng)
        };
        let Ok(filter) = compile(&text, &options) else { continue };
        let frames = frames::pool(LinkType::Ethernet, round, 60);
        said += u64::from(check(filter.graph(), &text, &frames, &mut matches));
    }
    assert!(said > count / 2, "only {said} of {count} filters in classic BPF");
    assert!(matches > 100, "{matches} matches");
}

#[test]
fn listings_look_like_tcpdumps() {
    let filter = compile("ip", &Options::default()).expect("a filter");
    let program = cbpf::generate(filter.graph()).expect("classic BPF");
    assert_eq!(
        program.to_string(),
        "(000) ldh      [12]\n\
         (001) jeq      #0x800           jt 2\tjf 3\n\
         (002) ret      #262144\n\
         (003) ret      #0\n"
    );
    assert_eq!(
        program.c_array(),
        "{ 0x28, 0, 0, 0x0000000c },\n\
         { 0x15, 0, 1, 0x00000800 },\n\
         { 0x6, 0, 0, 0x00040000 },\n\
         { 0x6, 0, 0, 0x00000000 },\n"
    );
    assert_eq!(program.decimal(), "4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n");
}

#[test]
fn what_classic_bpf_cannot_hold_is_refused_with_the_reason() {
    let nets: Vec<String> =
        (0..5000).map(|n| format!("host 10.0.{}.{}", n / 250, n % 250)).collect();
    let filter = compile(&nets.join(" or "), &Options::default()).expect("a filter");
    let error = cbpf::generate(filter.graph()).expect_err("too long");
    assert!(matches!(error, cbpf::Error::TooLong { .. }), "{error}");
    assert!(error.to_string().contains("4096 instructions"), "{error}");
}

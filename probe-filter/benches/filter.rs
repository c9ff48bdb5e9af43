//! What compiling a filter takes, and asking it about frames, without root:
//! `cargo bench -p probe-filter`.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use probe_filter::ebpf::{Flavour, Host, inline};
use probe_filter::testing::frames::pool;
use probe_filter::{Filter, Frame, LinkType, Machine, Options, cbpf, compile};

const FILTERS: [&str; 4] = [
    "tcp port 80",
    "@syn",
    "@get and net 10.0.0.0/8",
    "tcp[(tcp[12]>>2):4] = 0x47455420 or ip6 host 2001:db8::1",
];
/// Frames asked about in one go: valid and broken ones of all protocols.
const FRAMES: usize = 1000;

fn filter(text: &str) -> Filter {
    compile(text, &Options::default()).expect(text)
}

/// From text to graph, and from there to code.
fn compiling(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    for text in FILTERS {
        group.bench_function(BenchmarkId::new("graph", text), |b| {
            b.iter(|| filter(black_box(text)));
        });
        let filter = filter(text);
        group.bench_function(BenchmarkId::new("eBPF", text), |b| {
            b.iter(|| inline(filter.graph(), &Host::new(Flavour::Xdp)).expect(text));
        });
        group.bench_function(BenchmarkId::new("classic", text), |b| {
            b.iter(|| cbpf::generate(filter.graph()).expect(text));
        });
    }
}

/// Rules over frames: the plain evaluator, one rule; the machine, one rule and many.
fn matching(c: &mut Criterion) {
    let frames = pool(LinkType::Ethernet, 1, FRAMES);
    let frames: Vec<Frame<'_>> = (frames.iter())
        .map(|bytes| Frame { bytes, wire_len: bytes.len() as u32, vlan: None, outbound: None })
        .collect();
    let mut group = c.benchmark_group("match");
    group.throughput(Throughput::Elements(FRAMES as u64));
    for text in FILTERS {
        let filter = filter(text);
        group.bench_function(BenchmarkId::new("evaluator", text), |b| {
            b.iter(|| frames.iter().filter(|frame| filter.matches(frame)).count());
        });
    }
    for rules in [1, 16, 256] {
        let filters: Vec<Filter> =
            (0..rules).map(|n| filter(&format!("tcp dst port {}", 80 + n))).collect();
        let graphs: Vec<_> = filters.iter().map(Filter::graph).collect();
        group.bench_function(BenchmarkId::new("machine", format!("{rules} rules")), |b| {
            b.iter_batched_ref(
                || Machine::new(&graphs),
                |machine| {
                    let mut counts = 0_u64;
                    for frame in &frames {
                        machine.run(frame, |_| counts += 1);
                    }
                    counts
                },
                BatchSize::LargeInput,
            );
        });
    }
}

criterion_group!(benches, compiling, matching);
criterion_main!(benches);

//! What printing frames takes, by layer and by flags, without root: `cargo bench -p probe-print`.
//! The frames are those of the golden texts, whole and cut.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use probe_frame::{Frame, LinkType, WallTime};
use probe_print::{Dump, Printer, Style};
use testbed::samples::captures;

fn printing(c: &mut Criterion) {
    let styles = [
        ("plain", Style::default()),
        ("-e -vv", Style { link_header: true, verbose: 2, ..Style::default() }),
        ("-X", Style { dump: Dump::HexAndText { link: false }, ..Style::default() }),
    ];
    let mut group = c.benchmark_group("print");
    for capture in captures() {
        group.throughput(Throughput::Elements(capture.frames.len() as u64));
        for (flags, style) in styles {
            let name = format!("{}/{}", capture.layer, capture.name);
            group.bench_function(BenchmarkId::new(name, flags), |b| {
                let mut out = Vec::new();
                b.iter(|| {
                    // A new one each time: it remembers connections.
                    let mut printer = Printer::new(style);
                    out.clear();
                    for bytes in &capture.frames {
                        let (time, wire_len) = (WallTime::new(0, 0), bytes.len() as u32);
                        let frame = Frame {
                            time,
                            wire_len,
                            bytes,
                            link: LinkType::Ethernet,
                            ifindex: 0,
                            outbound: None,
                        };
                        printer.print(&frame, &mut out);
                    }
                    out.len()
                });
            });
        }
    }
}

criterion_group!(benches, printing);
criterion_main!(benches);

//! What reading and writing capture files takes, in memory: `cargo bench -p probe-pcap`.

use std::io::{self, Cursor};
use std::sync::{Arc, Mutex};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use probe_pcap::{Contents, Format, Frame, LinkType, Origin, Precision, Reader, WallTime, Writer};

const FRAMES: u32 = 10_000;
/// Bytes of a frame: a SYN, and a full one.
const LENGTHS: [usize; 2] = [60, 1514];

/// Where a writer writes, so that what it wrote can be had.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(format: &Format, length: usize, to: Box<dyn io::Write + Send>) -> io::Result<()> {
    let contents = Contents { link: LinkType::Ethernet, snaplen: 65_535, format: format.clone() };
    let mut writer = Writer::to_stream(to, &contents)?;
    let bytes = &vec![0x5a; length][..];
    for number in 0..FRAMES {
        let time = WallTime::new(1_700_000_000, number.into());
        let wire_len = length as u32;
        writer.write(&Frame {
            time,
            wire_len,
            bytes,
            link: LinkType::Ethernet,
            ifindex: 0,
            outbound: None,
        })?;
    }
    writer.finish(None)
}

fn files(c: &mut Criterion) {
    let mut group = c.benchmark_group("file");
    let pcapng = Format::PcapNg(Origin::default());
    for (name, format) in [("pcap", Format::Pcap(Precision::Nano)), ("pcapng", pcapng)] {
        for length in LENGTHS {
            group.throughput(Throughput::Elements(FRAMES.into()));
            let parameter = format!("{length} bytes");
            group.bench_function(BenchmarkId::new(format!("{name}, write"), &parameter), |b| {
                b.iter(|| write(&format, length, Box::new(io::sink())).expect("a sink"));
            });
            let memory = Memory::default();
            write(&format, length, Box::new(memory.clone())).expect("memory");
            let file = memory.0.lock().expect("nobody panics with it").clone();
            group.bench_function(BenchmarkId::new(format!("{name}, read"), &parameter), |b| {
                b.iter(|| {
                    let stream = Box::new(Cursor::new(file.clone()));
                    let mut reader = Reader::new(name.to_owned(), stream).expect(name);
                    let mut frames = 0;
                    while reader.next().expect(name).is_some() {
                        frames += 1;
                    }
                    assert_eq!(frames, FRAMES);
                });
            });
        }
    }
}

criterion_group!(benches, files);
criterion_main!(benches);

//! All rings together: waited for at once, drained in the order of kernel time.

use std::{
    ops::ControlFlow,
    os::fd::AsFd as _,
    thread,
    time::{Duration, Instant},
};

use aya::maps::{Map, MapData};
use probe_common::{RecordHeader, RingLayout, names};

use super::{Error, ring::Ring};

/// How long a record may take from its time stamp to its place in the ring, in
/// nanoseconds. Younger records wait for the next drain, so that an older one of
/// another CPU still comes before them.
const IN_FLIGHT_NS: u64 = 100_000;

/// How long the reader sleeps on a quiet link. Nobody wakes it: a wake-up costs the
/// receive path more than the record, and a look at an empty ring costs next to nothing.
const QUIET: Duration = Duration::from_millis(10);

/// How long it sleeps in the worst flood.
const BUSY: Duration = Duration::from_micros(200);

/// The reader comes back when this part of the fullest ring will have filled up, going by
/// the last look: the rest holds what comes in faster meanwhile.
const PART: u32 = 8;

/// The rings of all CPUs.
pub struct Rings {
    rings: Vec<Ring>,
    layout: RingLayout,
    /// When the rings were last looked at.
    looked: Instant,
    /// How long until they should be looked at again.
    pause: Duration,
    /// Keeps the map until the rings are gone.
    _map: MapData,
}

impl Rings {
    /// Maps the rings of the map, `count` of them.
    pub(super) fn open(map: Map, count: u32, layout: RingLayout) -> Result<Self, Error> {
        let Map::Array(map) = map else {
            return Err(Error::Missing(names::RINGS));
        };
        let rings = Ring::map(map.fd().as_fd(), count as usize, layout)
            .map_err(|source| Error::Rings { source })?;
        Ok(Self { rings, layout, looked: Instant::now(), pause: BUSY, _map: map })
    }

    /// Waits until it is time to [`drain`](Self::drain) again, or for as long as the timeout.
    pub fn wait(&self, timeout: Duration) {
        thread::sleep(self.pause.saturating_sub(self.looked.elapsed()).min(timeout));
    }

    /// Hands the records so far to `sink`, in the order of kernel time over all CPUs,
    /// until it breaks. The youngest are left for the next call.
    pub fn drain(
        &mut self,
        sink: &mut dyn FnMut(&RecordHeader, &[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let until = super::monotonic_ns().saturating_sub(IN_FLIGHT_NS);
        self.drain_until(until, sink)
    }

    /// Hands all records to `sink`, until it breaks: for the end, when nobody writes any more.
    pub fn drain_all(
        &mut self,
        sink: &mut dyn FnMut(&RecordHeader, &[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.drain_until(u64::MAX, sink)
    }

    fn drain_until(
        &mut self,
        until: u64,
        sink: &mut dyn FnMut(&RecordHeader, &[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.look();
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue()
            && let Some((ring, limit)) = self.earliest(until)
        {
            flow = drain_one(ring, limit, sink);
        }
        self.rings.iter_mut().for_each(Ring::release);
        flow
    }

    /// Takes note of what the kernel has written, and of how fast it does.
    fn look(&mut self) {
        let fullest = self.rings.iter_mut().map(Ring::refresh).max().unwrap_or(0);
        let elapsed = self.looked.elapsed();
        self.looked += elapsed;
        let aim = u64::from(self.layout.len / PART);
        // A pause as long as the last one would bring `fullest` bytes again.
        let pause = elapsed.as_nanos() * u128::from(aim) / u128::from(fullest.max(1));
        self.pause = Duration::from_nanos(pause.min(QUIET.as_nanos()) as u64).max(BUSY);
    }

    /// The ring with the earliest record, and up to when it stays the earliest.
    fn earliest(&mut self, until: u64) -> Option<(&mut Ring, u64)> {
        let mut first: Option<(usize, u64)> = None;
        let mut limit = until;
        for (index, ring) in self.rings.iter_mut().enumerate() {
            let Some(time) = ring.next_time().filter(|&time| time <= until) else {
                continue;
            };
            match first {
                Some((_, earliest)) if time >= earliest => limit = limit.min(time),
                _ => {
                    limit = first.map_or(limit, |(_, second)| limit.min(second));
                    first = Some((index, time));
                }
            }
        }
        let (index, _) = first?;
        Some((self.rings.get_mut(index)?, limit))
    }
}

/// Records handed over before their place goes back to the kernel: often enough that a
/// ring in a flood has room, seldom enough that the shared cache line stays put.
const RELEASE_EVERY: u32 = 256;

fn drain_one(
    ring: &mut Ring,
    limit: u64,
    sink: &mut dyn FnMut(&RecordHeader, &[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut handed = 0u32;
    while ring.next_time().is_some_and(|time| time <= limit) {
        let Some(record) = ring.next() else {
            break;
        };
        sink(&record.header, record.frame)?;
        handed += 1;
        if handed.is_multiple_of(RELEASE_EVERY) {
            ring.release();
        }
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions, Xdp};
    use probe_filter::{Options, compile, ebpf::Flavour, ir::VlanView};
    use testbed::requirements::{Requirement, met};

    use super::*;
    use crate::{
        kernel::{
            load::{RuleSpec, Setting, load},
            session::program,
            timing::Timing,
        },
        rules,
    };

    /// Frames of every length around the copy's steps, through a ring so small that it
    /// wraps, read back: each program copies in a way of its own.
    fn frames_come_back(name: &'static str, lengths: &[usize]) {
        let filter = compile("", &Options::default()).unwrap();
        let rule = RuleSpec { graph: filter.graph(), sampler: Some(rules::sampler(1, None)) };
        let flavour = if name == names::INGRESS { Flavour::Skb } else { Flavour::Xdp };
        let layout = RingLayout::new(0, 4096);
        let cpus = std::thread::available_parallelism().unwrap().get() as u32;
        let setting = Setting {
            rules: &[rule],
            flavour,
            link: Default::default(),
            vlan: VlanView::AsFrame,
            snaplen: 4096,
            ring: layout,
            rings: cpus,
            goal: 0,
            diagnostics: false,
            offline: false,
        };
        let mut ebpf = load(&setting, &mut Timing::start()).unwrap();
        let map = ebpf.take_map(names::RINGS).unwrap();
        let mut rings = Rings::open(map, cpus, layout).unwrap();
        for &length in lengths {
            let frame: Vec<u8> = (0..length).map(|at| (at * 7 + length) as u8).collect();
            let options = TestRunOptions { data_in: Some(&frame), ..TestRunOptions::new() };
            match flavour {
                Flavour::Xdp => {
                    let program: &mut Xdp = program(&mut ebpf, name).unwrap();
                    if program.fd().is_err() {
                        program.load().unwrap();
                    }
                    program.test_run(options).unwrap();
                }
                Flavour::Skb => {
                    let program: &mut SchedClassifier = program(&mut ebpf, name).unwrap();
                    if program.fd().is_err() {
                        program.load().unwrap();
                    }
                    program.test_run(options).unwrap();
                }
            }
            let mut found = Vec::new();
            let _ = rings.drain_all(&mut |header, bytes| {
                assert_eq!(header.wire_len as usize, length, "{name}");
                assert_eq!((header.captured_len, header.rules), (length as u32, 1), "{name}");
                found.push(bytes.to_vec());
                ControlFlow::Continue(())
            });
            assert_eq!(found, [frame], "{name}: {length} bytes");
        }
    }

    #[test]
    fn every_program_copies_whole_frames() {
        if !met(&[Requirement::Root, Requirement::Kernel(5, 18)]) {
            return;
        }
        let linear: Vec<usize> = (14..80).chain([1500, 1501, 2047, 3000, 3001, 3520]).collect();
        frames_come_back(names::XDP, &linear);
        frames_come_back(names::XDP_LINEAR, &linear);
        frames_come_back(names::INGRESS, &linear[1..]);
    }
}

//! The rings of all CPUs: polled together, read in the order of kernel time.

use std::{
    mem,
    os::fd::AsFd as _,
    thread,
    time::{Duration, Instant},
};

use aya::maps::{Map, MapData};
use probe_common::{RingLayout, names};
use serde::{Deserialize, Serialize};

use super::{
    Error, Ktime,
    merge::{IN_FLIGHT_NS, earliest},
    ring::{Loan, Record, Ring, Span},
};

/// How long the reader sleeps at most. Nobody wakes it: a wake-up costs the receive path more
/// than the record, and a look at an empty ring costs next to nothing.
const QUIET: Duration = Duration::from_millis(10);

/// Bytes a second that a CPU may write. A flood comes without notice: the sleep on a quiet
/// link is so short that it does not fill the rings, unless they are very small.
const FASTEST: u64 = 2_000_000_000;

/// How long it sleeps in the worst flood.
const BUSY: Duration = Duration::from_micros(200);

/// The reader comes back when this part of the small rings will have filled up, going by the
/// last look: the rest, and the large ring, hold what comes in faster meanwhile.
const PART: u32 = 2;

/// How full rings are, in bytes of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// What they hold.
    pub used: u64,
    /// What they have room for.
    pub size: u64,
}

/// The rings of all CPUs, for each of the program sets that write to them.
pub struct Rings {
    /// Those of the first set, then those of the next.
    rings: Vec<Ring>,
    /// How many of them a set has.
    of_set: usize,
    clock: Ktime,
    /// Bytes of the small rings.
    small: u32,
    /// How full the rings of one CPU were at most.
    fill: Fill,
    /// When the rings were last looked at.
    looked: Instant,
    /// How long until they should be looked at again.
    pause: Duration,
    /// The longest pause.
    quiet: Duration,
    /// Records up to this time are handed out.
    horizon: u64,
    /// The ring that has the earliest of them, and up to when it stays the earliest.
    earliest: Option<(usize, u64)>,
    /// The program set that writes to it.
    set: usize,
    /// Keeps the maps until the rings are gone.
    _maps: Vec<MapData>,
}

impl Rings {
    /// Maps the rings of so many CPUs, from a map of each program set.
    pub(super) fn open(sets: Vec<Map>, cpus: u32, layout: RingLayout) -> Result<Self, Error> {
        let (mut rings, mut maps) = (Vec::new(), Vec::new());
        for map in sets {
            let Map::Array(map) = map else {
                return Err(Error::Missing(names::RINGS));
            };
            let own = Ring::map(map.fd().as_fd(), cpus as usize, layout);
            rings.extend(own.map_err(|source| Error::Rings { source })?);
            maps.push(map);
        }
        let [small, large] = layout.len;
        let fills = (u64::from(small) + u64::from(large)) * 1_000_000_000 / FASTEST;
        Ok(Self {
            rings,
            of_set: cpus as usize * Ring::PER_CPU,
            clock: Ktime::measure()?,
            small,
            fill: Fill { used: 0, size: u64::from(small) + u64::from(large) },
            looked: Instant::now(),
            pause: BUSY,
            quiet: QUIET.min(Duration::from_nanos(fills)),
            horizon: 0,
            earliest: None,
            set: 0,
            _maps: maps,
        })
    }

    /// The clock of the records' time stamps.
    pub fn clock(&self) -> Ktime {
        self.clock
    }

    /// How many CPUs have one, by their numbers.
    pub fn cpus(&self) -> u32 {
        (self.of_set / Ring::PER_CPU) as u32
    }

    /// How full the rings of one CPU were at most, at the looks since this was asked before.
    pub fn fill(&mut self) -> Fill {
        let Fill { used, size } = &mut self.fill;
        Fill { used: mem::take(used), size: *size }
    }

    /// Sleeps longer on a quiet link, for those who are always there: each time costs some 30 us. A flood that
    /// fills the rings in a shorter time than this loses what comes first, and that is counted.
    pub fn sleep_up_to(&mut self, longest: Duration) {
        self.quiet = longest;
    }

    /// Waits until it is time to [`look`](Self::look) again, or for as long as the timeout.
    pub fn wait(&self, timeout: Duration) {
        thread::sleep(self.pause.saturating_sub(self.looked.elapsed()).min(timeout));
    }

    /// Takes note of what the kernel has written, and of how fast it does. The youngest
    /// records are left for the next time.
    pub fn look(&mut self) {
        // The clock first: what comes while the rings are gone through is younger than this.
        self.horizon = self.clock.now().saturating_sub(IN_FLIGHT_NS);
        self.refresh();
    }

    /// Takes note of all that there is: for the end, when nobody writes any more.
    pub fn look_at_all(&mut self) {
        self.refresh();
        self.horizon = u64::MAX;
    }

    /// The next record that was there at the last look, in the order of kernel time over all
    /// CPUs. Of two with the same time the small ring's comes first.
    /// With it comes the number of the program set that wrote it.
    pub fn next_record(&mut self) -> Option<(usize, Record)> {
        if let Some((index, limit)) = self.earliest
            && let Some(record) = self.rings.get_mut(index)?.next(limit)
        {
            return Some((self.set, record));
        }
        self.earliest = earliest(&self.rings, self.horizon);
        let (index, limit) = self.earliest?;
        self.set = index / self.of_set;
        Some((self.set, self.rings.get_mut(index)?.next(limit)?))
    }

    /// The bytes of a frame; `None` once its record is part of a loan.
    pub fn bytes(&self, span: Span) -> Option<&[u8]> {
        self.rings.chunks(self.of_set).find_map(|set| set.first()?.bytes(span))
    }

    /// The records since the last loan, whose places go back to the kernel with it.
    pub fn lend(&mut self) -> Option<Loan> {
        self.rings.chunks_mut(self.of_set).filter_map(Ring::lend).reduce(Loan::and)
    }

    fn refresh(&mut self) {
        let fullest = self.rings.iter_mut().map(Ring::refresh).max().unwrap_or(0);
        let waiting = |cpu: &[Ring]| cpu.iter().map(Ring::waiting).sum();
        let used = self.rings.chunks(Ring::PER_CPU).map(waiting).max().unwrap_or(0);
        self.fill.used = self.fill.used.max(used);
        let elapsed = self.looked.elapsed();
        self.looked += elapsed;
        let aim = u64::from(self.small / PART);
        // A pause as long as the last one would bring `fullest` bytes again.
        let pause = elapsed.as_nanos() * u128::from(aim) / u128::from(fullest.max(1));
        self.pause = Duration::from_nanos(pause.min(self.quiet.as_nanos()) as u64).max(BUSY);
        self.earliest = None;
    }
}

#[cfg(test)]
mod tests {
    use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions, Xdp};
    use probe_filter::{Options, compile, ebpf::Flavour, ir::VlanView};
    use testbed::requirements::{Requirement, met};

    use probe_common::{Split, record_len};

    use super::*;
    use crate::{
        kernel::{
            lists::{Lists, Memory, Order},
            load::{RuleSpec, Setting, load},
            session::program,
            timing::Timing,
        },
        rules,
    };

    /// Frames of every length around the copy's steps, through a ring so small that it
    /// wraps, read back: each program copies in a way of its own.
    fn frames_come_back(name: &'static str, xdp_load_bytes: bool, lengths: &[usize]) {
        let filter = compile("", &Options::default()).unwrap();
        let rule = RuleSpec {
            graph: filter.graph(),
            sampler: Some(rules::sampler(1, None)),
            lists: Lists::default(),
        };
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
            order: Order::default(),
            memory: Memory::on(1, [0, 0], 1, 0),
            goal: 0,
            split: Split::None,
            slots: 1,
            xdp_load_bytes,
            diagnostics: false,
            offline: false,
        };
        let (mut ebpf, _samplers) = load(&setting, &mut Timing::start()).unwrap();
        let map = ebpf.take_map(names::RINGS).unwrap();
        let mut rings = Rings::open(vec![map], cpus, layout).unwrap();
        // Kept for a while, so that frames come through both rings.
        let mut loans = std::collections::VecDeque::new();
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
            rings.look_at_all();
            let Fill { used, size } = rings.fill();
            assert_eq!((used, rings.fill().used), (record_len(length as u32), 0), "{name}");
            assert!(used <= size, "{name}: {used} of {size}");
            let (_, Record { header, frame: span }) = rings.next_record().unwrap();
            assert_eq!(header.wire_len as usize, length, "{name}");
            assert_eq!((header.captured_len, header.rules), (length as u32, 1), "{name}");
            assert!(rings.next_record().is_none(), "{name}: {length} bytes");
            // Before it is lent, and as part of the loan.
            assert_eq!(rings.bytes(span), Some(&frame[..]), "{name}: {length} bytes");
            loans.push_back(rings.lend().unwrap());
            assert_eq!(
                loans.back().unwrap().bytes(span),
                Some(&frame[..]),
                "{name}: {length} bytes"
            );
            if loans.len() > 3 {
                loans.pop_front();
            }
        }
    }

    #[test]
    fn every_program_copies_whole_frames() {
        if !met(&[Requirement::Root, Requirement::Kernel(5, 18)]) {
            return;
        }
        let linear: Vec<usize> = (14..140).chain([1500, 1501, 2047, 3000, 3001, 3520]).collect();
        frames_come_back(names::XDP, true, &linear);
        frames_come_back(names::XDP_LINEAR, true, &linear);
        frames_come_back(names::XDP_LINEAR, false, &linear);
        frames_come_back(names::INGRESS, true, &linear[1..]);
    }
}

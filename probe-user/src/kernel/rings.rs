//! All rings together: waited for at once, drained in the order of kernel time.

use std::{
    io,
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
    ///
    /// # Errors
    /// None today; a transport that waits on descriptors has some.
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        thread::sleep(self.pause.saturating_sub(self.looked.elapsed()).min(timeout));
        Ok(())
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

//! All rings together: waited for at once, drained in the order of kernel time.

use std::{
    io,
    ops::ControlFlow,
    os::fd::{AsFd as _, AsRawFd as _},
    time::Duration,
};

use aya::{
    maps::{Map, MapData},
    util::online_cpus,
};
use probe_common::{RecordHeader, names};

use super::{Error, ring::Ring};

/// How long a record may take from its time stamp to its place in the ring, in
/// nanoseconds. Younger records wait for the next drain, so that an older one of
/// another CPU still comes before them.
const IN_FLIGHT_NS: u64 = 100_000;

/// The rings of all online CPUs.
pub struct Rings {
    rings: Vec<Ring>,
    /// The map must outlive the events that it refers to.
    _map: MapData,
}

impl Rings {
    /// Opens a ring of `len` bytes for each CPU and puts it into the map. The length is
    /// rounded up to a power of two of whole pages.
    pub(super) fn open(map: Map, len: usize) -> Result<Self, Error> {
        let Map::PerfEventArray(map) = map else {
            return Err(Error::Missing(names::RECORDS));
        };
        let len = len.max(super::page_size()).next_power_of_two();
        let cpus = online_cpus().map_err(|(_, source)| Error::Ring { cpu: 0, source })?;
        let mut rings = Vec::with_capacity(cpus.len());
        for cpu in cpus {
            let of_cpu = |source| Error::Ring { cpu, source };
            let ring = Ring::open(cpu, len).map_err(of_cpu)?;
            insert(&map, cpu, &ring).map_err(of_cpu)?;
            rings.push(ring);
        }
        Ok(Self { rings, _map: map })
    }

    /// Waits until a ring has reached its watermark, or for as long as the timeout.
    ///
    /// # Errors
    /// Those of poll(2), but for an interruption, which ends the wait.
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        let mut fds: Vec<_> = self
            .rings
            .iter()
            .map(|ring| libc::pollfd {
                fd: ring.as_fd().as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            })
            .collect();
        let timeout = timeout.as_millis().min(i32::MAX as u128) as i32;
        // SAFETY: the array lives through the call and its length is stated.
        let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout) };
        match io::Error::last_os_error() {
            error if ready < 0 && error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
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
        self.rings.iter_mut().for_each(Ring::refresh);
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue()
            && let Some((ring, limit)) = self.earliest(until)
        {
            flow = drain_one(ring, limit, sink);
        }
        self.rings.iter_mut().for_each(Ring::release);
        flow
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

/// Puts a ring's event into the perf event array (bpf(2), BPF_MAP_UPDATE_ELEM): aya does
/// this only for rings that it opened itself, with a wake-up a record.
fn insert(map: &MapData, cpu: u32, ring: &Ring) -> io::Result<()> {
    use aya_obj::generated::{bpf_attr, bpf_cmd::BPF_MAP_UPDATE_ELEM};

    let event = ring.as_fd().as_raw_fd();
    // SAFETY: all zeroes is a valid value of this union of C structures of numbers.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    // SAFETY: the variant of the command below; all its fields are numbers.
    let update = unsafe { &mut attr.__bindgen_anon_2 };
    update.map_fd = map.fd().as_fd().as_raw_fd() as u32;
    update.key = (&raw const cpu) as u64;
    update.__bindgen_anon_1.value = (&raw const event) as u64;
    // SAFETY: key and value live through the call and have the map's sizes, four bytes each.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_MAP_UPDATE_ELEM as libc::c_long,
            &raw mut attr,
            size_of::<bpf_attr>(),
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

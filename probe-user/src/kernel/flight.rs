//! The rings that overwrite their oldest records, [`probe_common::overwriting`]: nobody reads them
//! until something has happened. Then what they hold is copied, and what comes after it is read
//! like any other ring's, from the same place on: nothing is missing in between, and nothing twice.
//!
//! Programs go on writing during the copy. What of it is whole is known afterwards, by how far they
//! came meanwhile; see there.

use std::{
    mem::offset_of,
    os::fd::AsFd as _,
    sync::{
        Arc,
        atomic::{Ordering, fence},
    },
};

use aya::maps::{Map, MapData};
use probe_common::{
    RING_CONTROL_LEN, RecordHeader, RingControl, RingLayout, names,
    overwriting::{LINK_LEN, Link, reach, slot_len},
};

use super::{
    Error, Fill, Ktime,
    merge::{IN_FLIGHT_NS, Timed, earliest},
    ring::Mapping,
};

/// The overwriting rings of all CPUs, for each of the program sets that write to them.
pub struct FlightRings {
    /// Those of the first set, then those of the next.
    rings: Vec<Ring>,
    /// How many of them a set has.
    of_set: usize,
    clock: Ktime,
    /// Records up to this time are handed out.
    horizon: u64,
    /// The ring that has the earliest of them, and up to when it stays the earliest.
    earliest: Option<(usize, u64)>,
    /// Keeps the maps until the rings are gone.
    _maps: Arc<Vec<MapData>>,
}

impl FlightRings {
    /// Maps the rings of so many CPUs, from a map of each program set. Records carry at most
    /// `snaplen` bytes of a frame.
    pub(super) fn open(
        sets: Vec<Map>,
        cpus: u32,
        layout: RingLayout,
        snaplen: u32,
    ) -> Result<Self, Error> {
        let (mut rings, mut maps) = (Vec::new(), Vec::new());
        for map in sets {
            let Map::Array(map) = map else {
                return Err(Error::Missing(names::RINGS));
            };
            let memory = Mapping::new(map.fd().as_fd(), layout.value_size as usize * cpus as usize);
            let memory = Arc::new(memory.map_err(|source| Error::Rings { source })?);
            rings.extend((0..cpus).map(|cpu| Ring::new(&memory, cpu, layout, snaplen)));
            maps.push(map);
        }
        let (of_set, clock) = (cpus as usize, Ktime::measure()?);
        Ok(Self { rings, of_set, clock, horizon: 0, earliest: None, _maps: Arc::new(maps) })
    }

    /// Another reader of the same rings, who knows nothing of this one.
    pub fn reader(&self) -> Self {
        let rings = self.rings.iter().map(Ring::reader).collect();
        let (of_set, clock, _maps) = (self.of_set, self.clock, Arc::clone(&self._maps));
        Self { rings, of_set, clock, horizon: 0, earliest: None, _maps }
    }

    /// The clock of the records' time stamps.
    pub fn clock(&self) -> Ktime {
        self.clock
    }

    /// Bytes that each ring holds, links included.
    pub fn ring_len(&self) -> u64 {
        self.rings.first().map_or(0, |ring| ring.len)
    }

    /// Records that were written to each ring so far. Costs a load a ring, and no system call.
    pub fn written(&self) -> Vec<u64> {
        self.rings.iter().map(Ring::written).collect()
    }

    /// Bytes that were written to each ring so far, links included: of them the last
    /// [`ring_len`](Self::ring_len) are there. Costs a load a ring, and no system call.
    pub fn produced(&self) -> Vec<u64> {
        self.rings.iter().map(Ring::produced).collect()
    }

    /// How full all of them are. Costs a load a ring, and no system call.
    pub fn fill(&self) -> Fill {
        let used = self.rings.iter().map(|ring| ring.produced().min(ring.len)).sum();
        Fill { used, size: self.rings.iter().map(|ring| ring.len).sum() }
    }

    /// Of each ring the number of records before the one that comes next, since the programs were
    /// loaded: of those that were handed out, and of those that were overwritten.
    pub fn positions(&self) -> Vec<u64> {
        self.rings.iter().map(|ring| ring.records).collect()
    }

    /// The time of each ring's next record.
    pub fn next_times(&self) -> Vec<Option<u64>> {
        self.rings.iter().map(Timed::next_time).collect()
    }

    /// Records that were overwritten before they were copied, over all rings, since the start or the
    /// last [`release`](Self::release).
    pub fn overwritten(&self) -> u64 {
        self.rings.iter().map(|ring| ring.overwritten).sum()
    }

    /// Copies what the rings hold and was not handed out yet. Gives the time up to which it is all
    /// there, in kernel time, at most `until`: younger records are left for the next look, since an
    /// older one may still come from another CPU.
    ///
    /// The first look takes as much memory as the rings have, until [`release`](Self::release).
    pub fn look(&mut self, until: u64) -> u64 {
        self.rings.iter_mut().for_each(Ring::make_room);
        // The clock first: what comes while the rings are gone through is younger than this.
        self.horizon = self.clock.now().saturating_sub(IN_FLIGHT_NS).min(until);
        self.rings.iter_mut().for_each(Ring::copy);
        self.earliest = None;
        self.horizon
    }

    /// Copies what came meanwhile, without handing it out before the next look: to be called now and then
    /// by who takes his time with the records, lest they be overwritten.
    pub fn keep_up(&mut self) {
        self.rings.iter_mut().for_each(Ring::copy);
    }

    /// The next record of the last look, in the order of kernel time over all CPUs, with the number
    /// of the program set that wrote it and the frame's bytes.
    pub fn next_record(&mut self) -> Option<(usize, RecordHeader, &[u8])> {
        let next = |rings: &mut [Ring], (index, limit): (usize, u64)| {
            rings.get_mut(index)?.next(limit).map(|found| (index, found))
        };
        let found = self.earliest.and_then(|earliest| next(&mut self.rings, earliest));
        let found = found.or_else(|| {
            self.earliest = earliest(&self.rings, self.horizon);
            next(&mut self.rings, self.earliest?)
        });
        let (index, (header, at)) = found?;
        let bytes = self.rings.get(index)?.bytes(at, header.captured_len)?;
        Some((index / self.of_set, header, bytes))
    }

    /// Passes over the records of the last look that are older than this, in kernel time.
    pub fn skip_before(&mut self, time: u64) {
        let Some(until) = time.checked_sub(1) else { return };
        for ring in &mut self.rings {
            while ring.next(until).is_some() {}
        }
        self.earliest = None;
    }

    /// Gives the memory of the copies back, and forgets what was handed out: the next look begins with
    /// all that the rings hold then.
    pub fn release(&mut self) {
        for ring in &mut self.rings {
            *ring = ring.reader();
        }
        self.earliest = None;
    }
}

/// The ring of one CPU.
struct Ring {
    memory: Arc<Mapping>,
    /// Where its control words lie in the mapping.
    base: usize,
    /// Bytes that it holds: a power of two.
    len: u64,
    /// How far from `produced` on a program writes at most.
    reach: u64,
    /// The ring's bytes as they were when they were copied, each word at the place that it has there.
    copy: Vec<u64>,
    /// Where the next record begins; runs on, modulo nothing.
    tail: u64,
    /// Records before that.
    records: u64,
    /// The end of what was copied and is whole; at most a round behind the tail.
    head: u64,
    overwritten: u64,
}

impl Ring {
    fn new(memory: &Arc<Mapping>, cpu: u32, layout: RingLayout, snaplen: u32) -> Self {
        let base = cpu as usize * layout.value_size as usize;
        Self::unread(memory, base, layout.len[0].into(), reach(snaplen))
    }

    /// The same ring, for who has read nothing yet.
    fn reader(&self) -> Self {
        Self::unread(&self.memory, self.base, self.len, self.reach)
    }

    fn unread(memory: &Arc<Mapping>, base: usize, len: u64, reach: u64) -> Self {
        Self {
            memory: Arc::clone(memory),
            base,
            len,
            reach,
            copy: Vec::new(),
            tail: 0,
            records: 0,
            head: 0,
            overwritten: 0,
        }
    }

    fn control(&self, offset: usize, order: Ordering) -> u64 {
        self.memory.word(self.base + offset).load(order)
    }

    fn written(&self) -> u64 {
        self.control(offset_of!(RingControl, records), Ordering::Relaxed)
    }

    fn produced(&self) -> u64 {
        self.control(offset_of!(RingControl, produced), Ordering::Relaxed)
    }

    /// Gets the copy's memory before it is needed: page faults during the copy would cost records.
    fn make_room(&mut self) {
        const WORDS_OF_A_PAGE: usize = 4096 / size_of::<u64>();
        let words = ((self.len + self.reach) / size_of::<u64>() as u64) as usize;
        if self.copy.len() != words {
            self.copy = vec![0; words];
            // Not the zero that is there, which a compiler would leave out.
            self.copy.iter_mut().step_by(WORDS_OF_A_PAGE).for_each(|word| *word = u64::MAX);
        }
    }

    /// Copies what came since the last time, as far as there is room beside what was copied before and
    /// not handed out yet; or as much as is left of it.
    fn copy(&mut self) {
        let control = offset_of!(RingControl, produced);
        let produced = self.control(control, Ordering::Acquire);
        let oldest = produced.saturating_sub(self.len);
        let all_is_read = self.tail == self.head;
        if oldest > self.head && !all_is_read {
            // There is a gap, and what came before it goes first.
            return;
        }
        let from = self.head.max(oldest);
        let room = if all_is_read { produced } else { self.tail + self.len };
        let end = produced.min(room);
        self.copy_words(from, end);
        // The loads of the copy before the one of how far the programs came meanwhile.
        fence(Ordering::Acquire);
        let now = self.control(control, Ordering::Relaxed);
        let whole = (now + self.reach).saturating_sub(self.len).max(from);
        if self.head >= whole {
            self.head = if end == produced { end } else { self.last_before(end) };
        } else if all_is_read && whole <= end {
            self.head = end;
            self.tail = self.oldest(whole);
            let records = self.link(self.tail).records();
            self.overwritten += records.saturating_sub(self.records);
            self.records = records;
        }
        // Else it was a whole round during the copy, and nothing of it is left. How many records that
        // were, a later look will tell.
    }

    /// Goes forward from the head, record by record, to the last place between two that is not behind
    /// a position.
    fn last_before(&self, end: u64) -> u64 {
        let mut at = self.head;
        while let Some((header, _)) = self.header(at) {
            let next = at + slot_len(header.captured_len);
            if next > end {
                break;
            }
            at = next;
        }
        at
    }

    /// Copies the words from one position to another, at most one round later, and the link there.
    fn copy_words(&mut self, from: u64, to: u64) {
        let (first, last) = ((from & (self.len - 1)) as usize, (to & (self.len - 1)) as usize);
        let link = LINK_LEN as usize;
        if from / self.len == to / self.len {
            self.copy_bytes(first, last + link);
        } else {
            // Up to the end of what a record that began before the ring's end may take.
            self.copy_bytes(first, (self.len + self.reach) as usize);
            self.copy_bytes(0, last + link);
        }
    }

    /// Copies bytes of the ring, from one multiple of eight to another.
    fn copy_bytes(&mut self, from: usize, to: usize) {
        if let Some(words) = self.copy.get_mut(from / size_of::<u64>()..to / size_of::<u64>()) {
            self.memory.load(self.base + RING_CONTROL_LEN + from, words);
        }
    }

    /// Goes back from the head, record by record, to the oldest one that begins at or behind a
    /// position.
    fn oldest(&self, limit: u64) -> u64 {
        let least = slot_len(0);
        let mut at = self.head;
        loop {
            let before = self.link(at).len_before();
            match at.checked_sub(before) {
                Some(start) if start >= limit && before >= least => at = start,
                _ => return at,
            }
        }
    }

    /// The link at a position.
    fn link(&self, at: u64) -> Link {
        let index = (at & (self.len - 1)) as usize / size_of::<u64>();
        Link::from_word(self.copy.get(index).copied().unwrap_or_default())
    }

    /// The header of the record at a position, and where in the copy its frame's bytes are.
    fn header(&self, at: u64) -> Option<(RecordHeader, usize)> {
        let start = ((at & (self.len - 1)) + LINK_LEN) as usize;
        let bytes = self.all_bytes().get(start..start + size_of::<RecordHeader>())?;
        let header: RecordHeader = bytemuck::try_pod_read_unaligned(bytes).ok()?;
        Some((header, start + size_of::<RecordHeader>()))
    }

    /// The header of the next record.
    fn peek(&self) -> Option<(RecordHeader, usize)> {
        if self.tail < self.head { self.header(self.tail) } else { None }
    }

    /// The next record, if it is not younger than `until`, and where its frame's bytes are.
    fn next(&mut self, until: u64) -> Option<(RecordHeader, usize)> {
        let (header, at) = self.peek().filter(|(header, _)| header.timestamp_ns <= until)?;
        self.tail = self.head.min(self.tail + slot_len(header.captured_len));
        self.records += 1;
        Some((header, at))
    }

    fn bytes(&self, at: usize, len: u32) -> Option<&[u8]> {
        self.all_bytes().get(at..at.checked_add(len as usize)?)
    }

    fn all_bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.copy)
    }
}

impl Timed for Ring {
    /// `None` where the last copy has no more.
    fn next_time(&self) -> Option<u64> {
        self.peek().map(|(header, _)| header.timestamp_ns)
    }
}

/// Memory as the kernel's maps have it, and what programs do there: for tests without a kernel.
#[cfg(test)]
pub(crate) mod bed {
    use super::*;

    /// What the programs of one CPU do.
    pub(crate) struct Writer {
        memory: Arc<Mapping>,
        base: usize,
        len: u64,
        produced: u64,
        records: u64,
    }

    /// Rings of so many CPUs, and who writes to them.
    pub(crate) fn rings(cpus: u32, bytes: usize, snaplen: u32) -> (FlightRings, Vec<Writer>) {
        let layout = RingLayout::overwriting(u32::MAX, bytes, snaplen);
        let file = tempfile::tempfile().unwrap();
        let size = layout.value_size as usize * cpus as usize;
        file.set_len(size as u64).unwrap();
        let memory = Arc::new(Mapping::new(file.as_fd(), size).unwrap());
        let rings: Vec<Ring> =
            (0..cpus).map(|cpu| Ring::new(&memory, cpu, layout, snaplen)).collect();
        let writer = |ring: &Ring| Writer {
            memory: Arc::clone(&memory),
            base: ring.base,
            len: ring.len,
            produced: 0,
            records: 0,
        };
        let writers = rings.iter().map(writer).collect();
        let (of_set, clock) = (cpus as usize, Ktime::default());
        (
            FlightRings { rings, of_set, clock, horizon: 0, earliest: None, _maps: Arc::default() },
            writers,
        )
    }

    impl Writer {
        /// `overwrite` in probe-ebpf/src/ring.rs, word by word.
        pub(crate) fn record(&mut self, timestamp_ns: u64, frame: &[u8]) {
            let header = RecordHeader {
                timestamp_ns,
                rules: 1,
                wire_len: frame.len() as u32,
                captured_len: frame.len() as u32,
                ifindex: 1,
                ..bytemuck::Zeroable::zeroed()
            };
            let slot = slot_len(header.captured_len);
            let mut bytes = [bytemuck::bytes_of(&header), frame].concat();
            bytes.resize((slot - LINK_LEN) as usize, 0);
            let start = self.at(self.produced) + LINK_LEN as usize;
            for (index, word) in bytes.chunks_exact(8).enumerate() {
                self.store(start + index * 8, u64::from_ne_bytes(word.try_into().unwrap()));
            }
            self.records += 1;
            self.produced += slot;
            self.store(self.at(self.produced), Link::new(self.records, slot).to_word());
            self.store(self.base + offset_of!(RingControl, records), self.records);
            let produced = self.base + offset_of!(RingControl, produced);
            self.memory.word(produced).store(self.produced, Ordering::Release);
            // What the next record stores becomes visible behind it.
            fence(Ordering::Release);
        }

        fn at(&self, position: u64) -> usize {
            self.base + RING_CONTROL_LEN + (position & (self.len - 1)) as usize
        }

        fn store(&self, offset: usize, word: u64) {
            self.memory.word(offset).store(word, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::{bed::Writer, *};

    /// A frame that shows its number in each of its words, and whose length depends on it.
    fn frame(number: u64, most: u64) -> Vec<u8> {
        number.to_ne_bytes().repeat(2 + (number % (most / 8 - 1)) as usize)
    }

    fn write(writer: &mut Writer, numbers: std::ops::Range<u64>, most: u64) {
        for number in numbers {
            writer.record(number, &frame(number, most));
        }
    }

    /// The numbers of the frames of a look, each of them whole.
    fn read(rings: &mut FlightRings, most: u64) -> Vec<u64> {
        rings.look(u64::MAX);
        let mut numbers = Vec::new();
        while let Some((set, header, bytes)) = rings.next_record() {
            assert_eq!((set, header.captured_len as usize), (0, bytes.len()));
            assert_eq!(bytes, frame(header.timestamp_ns, most), "torn");
            numbers.push(header.timestamp_ns);
        }
        numbers
    }

    #[test]
    fn what_is_held_is_read_once_and_what_is_not_is_counted() {
        let most = 512;
        let (mut rings, mut writers) = bed::rings(1, 16 << 10, most as u32);
        let writer = &mut writers[0];
        assert_eq!(read(&mut rings, most), [0; 0]);
        assert_eq!(rings.fill(), Fill { used: 0, size: 16 << 10 });
        write(writer, 0..10, most);
        let bytes: u64 = (0..10).map(|n| slot_len(frame(n, most).len() as u32)).sum();
        assert_eq!(rings.fill().used, bytes);
        assert_eq!(read(&mut rings, most), (0..10).collect::<Vec<_>>());
        assert_eq!(read(&mut rings, most), [0; 0]);
        // Several rounds, and looks of a few records: nothing is missed.
        for start in (10..1000).step_by(20) {
            write(writer, start..start + 20, most);
            assert_eq!(read(&mut rings, most), (start..start + 20).collect::<Vec<_>>());
        }
        assert_eq!((rings.overwritten(), rings.positions()), (0, vec![1010]));
        assert_eq!(rings.fill(), Fill { used: 16 << 10, size: 16 << 10 });
        // Now nobody looks for many rounds.
        write(writer, 1010..3000, most);
        let held = read(&mut rings, most);
        let first = held[0];
        assert_eq!(held, (first..3000).collect::<Vec<_>>());
        assert_eq!((rings.overwritten(), rings.written()), (first - 1010, vec![3000]));
        // All that fits is there, but for a record at the edge that may be half overwritten.
        let bytes: u64 = held.iter().map(|&n| slot_len(frame(n, most).len() as u32)).sum();
        assert!(bytes + 2 * reach(most as u32) > 16 << 10, "{bytes}");
        // Whoever begins anew has all that is held.
        let again = read(&mut rings.reader(), most);
        assert_eq!(again, held);
        rings.release();
        write(writer, 3000..3005, most);
        let held = read(&mut rings, most);
        assert_eq!(held, (held[0]..3005).collect::<Vec<_>>());
        assert!(held[0] >= first && held.len() + 5 >= again.len(), "{held:?}");
        assert_eq!(rings.overwritten(), held[0]);
    }

    /// While a look is handed out slowly, what comes meanwhile is copied into the room that it leaves.
    #[test]
    fn a_slow_reader_keeps_up() {
        let most = 512;
        let (mut rings, mut writers) = bed::rings(1, 16 << 10, most as u32);
        write(&mut writers[0], 0..30, most);
        rings.look(u64::MAX);
        let (mut written, mut next) = (30, 0);
        while next < 2000 {
            let (_, header, bytes) = rings.next_record().unwrap();
            assert_eq!(bytes, frame(next, most));
            assert_eq!(header.timestamp_ns, next);
            next += 1;
            // A little faster than it is read, for a while.
            let more = if written < 200 && next % 4 == 0 { 2 } else { 1 };
            write(&mut writers[0], written..written + more, most);
            written += more;
            rings.keep_up();
        }
        assert_eq!(rings.overwritten(), 0);
        // By more than both hold he is too far behind: what he has comes first, and then what is left.
        write(&mut writers[0], written..written + 300, most);
        rings.keep_up();
        let rest = read(&mut rings, most);
        let there = rest.iter().take_while(|&&number| number < written).count();
        assert_eq!(rest[..there], (next..next + there as u64).collect::<Vec<_>>());
        let more = read(&mut rings, most);
        let all = [&rest[there..], &more].concat();
        assert_eq!(all, (all[0]..written + 300).collect::<Vec<_>>());
        assert_eq!(rings.overwritten(), all[0] - (next + there as u64));
    }

    #[test]
    fn cpus_are_merged_by_time() {
        let most = 64;
        let (mut rings, mut writers) = bed::rings(3, 4096, most as u32);
        for number in 0..30 {
            writers[(number % 7 % 3) as usize].record(number, &frame(number, most));
        }
        assert_eq!(read(&mut rings, most), (0..30).collect::<Vec<_>>());
    }

    /// Looks in a flood, again and again: each record that is handed out is whole, in order, and none
    /// is missing but those that are counted.
    #[test]
    fn a_flood_tears_nothing() {
        let most = 200;
        let (mut rings, mut writers) = bed::rings(1, 64 << 10, most as u32);
        let mut writer = writers.remove(0);
        let end = AtomicBool::new(false);
        let looks = if cfg!(debug_assertions) { 300 } else { 3000 };
        std::thread::scope(|scope| {
            let flood = scope.spawn(|| {
                let mut number = 0;
                // Not for ever, should the other side fail.
                while !end.load(Ordering::Relaxed) && number < 1 << 28 {
                    write(&mut writer, number..number + 1, most);
                    number += 1;
                }
                number
            });
            let (mut next, mut got, mut left) = (0, 0, looks);
            while left > 0 {
                let overwritten = rings.overwritten();
                let numbers = read(&mut rings, most);
                if let Some(&first) = numbers.first() {
                    assert_eq!(first - next, rings.overwritten() - overwritten);
                    assert_eq!(numbers, (first..first + numbers.len() as u64).collect::<Vec<_>>());
                    next = first + numbers.len() as u64;
                    got += numbers.len() as u64;
                    left -= 1;
                }
            }
            end.store(true, Ordering::Relaxed);
            let written = flood.join().unwrap();
            let rest = read(&mut rings, most).len() as u64;
            assert_eq!(got + rest + rings.overwritten(), written);
        });
    }
}

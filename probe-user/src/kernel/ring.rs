//! The rings in memory that the kernel programs write: mapped, and read in place. The
//! layout and the protocol are those of [`RingControl`].
//!
//! A reader's position moves in two steps: a record that was read belongs to the next
//! [`Loan`], and its place goes back to the kernel when that is dropped, wherever it went.
//!
//! What makes a slice of a frame's bytes sound, while a kernel program writes to the same memory:
//!
//! - The program writes only from `produced` on, and never so far that it would reach what lies
//!   from `consumed` on (`place` in probe-ebpf/src/ring.rs).
//! - A reader makes a [`Span`] only of bytes before a `produced` that it has loaded with acquire
//!   order, which pairs with the release order of the program's store.
//! - A span carries the number of the loan that its record belongs to. Only that loan gives a
//!   slice of it, and before it is lent only the rings do, until [`Ring::lend`], which borrows
//!   them mutably. A slice borrows whoever gave it, so that it ends before the loan does.
//! - `consumed` moves when a loan is dropped, and in the order in which loans were made: a loan
//!   that ends early waits, in [`Returns`], for those before it.

use std::{
    collections::BTreeMap,
    io,
    mem::offset_of,
    os::fd::BorrowedFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use memmap2::{MmapOptions, MmapRaw};
use probe_common::{RING_CONTROL_LEN, RecordHeader, RingControl, RingLayout, record_len};

use super::merge::Timed;

/// One record in a ring.
pub struct Record {
    /// What the kernel says of the frame.
    pub header: RecordHeader,
    /// Where the frame's bytes are.
    pub frame: Span,
}

/// Where bytes of a frame are in the rings' memory, and which loan they belong to.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    start: usize,
    len: u32,
    loan: LoanId,
}

/// Names a loan: no two of a process have the same name, those of other rings included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LoanId(u64);

impl LoanId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The places of the records that were read between one loan and the next; the kernel has them
/// back when this and all loans before it are dropped.
pub struct Loan {
    memory: Arc<Mapping>,
    id: LoanId,
    /// The readers' positions that moved, by their places in the mapping.
    ends: Vec<(usize, u64)>,
    /// What was lent of other mappings at the same time.
    others: Vec<Self>,
}

impl Loan {
    /// The bytes of a frame; `None` unless its record is part of this loan.
    pub fn bytes(&self, span: Span) -> Option<&[u8]> {
        let others = || self.others.iter().find_map(|other| other.bytes(span));
        self.memory.bytes(span, self.id).or_else(others)
    }

    /// Makes one loan of two.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.others.push(other);
        self
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.memory.give_back(self.id, std::mem::take(&mut self.ends));
    }
}

/// Loans that are out, and those that ended before an earlier one did.
#[derive(Default)]
struct Returns {
    /// By loan: where the readers' positions go when it ends. `None` while it is out.
    loans: BTreeMap<LoanId, Option<Vec<(usize, u64)>>>,
}

/// One of a CPU's rings, as its only reader sees it.
pub struct Ring {
    memory: Arc<Mapping>,
    /// Where its control words lie in the mapping.
    base: usize,
    /// Bytes of records that it holds, less one: a power of two, and its positions' mask.
    mask: u64,
    /// Where its memory ends in the mapping.
    end: usize,
    /// Where the next record begins; runs on, modulo nothing.
    tail: u64,
    /// What the last loan ended with.
    lent: u64,
    /// The loan that what is read now will be part of.
    loan: LoanId,
    /// The end of what this reader knows to be written.
    head: u64,
}

impl Ring {
    /// Rings of one CPU: a small one, and a large one for what it has no room for.
    pub const PER_CPU: usize = 2;

    /// Maps the array, which has the rings of `cpus` CPUs.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn map(array: BorrowedFd<'_>, cpus: usize, layout: RingLayout) -> io::Result<Vec<Self>> {
        let RingLayout { len: [first, second], second_at, value_size, overwrites: _ } = layout;
        let [second_at, value_size] = [second_at as usize, value_size as usize];
        let len = value_size.checked_mul(cpus).ok_or(io::ErrorKind::OutOfMemory)?;
        let memory = Arc::new(Mapping::new(array, len)?);
        let loan = LoanId::next();
        let of_cpu = |cpu: usize| -> [_; Self::PER_CPU] {
            let start = cpu * value_size;
            [(start, first, start + second_at), (start + second_at, second, start + value_size)]
        };
        let ring = |(base, len, end)| Self {
            memory: Arc::clone(&memory),
            base,
            mask: u64::from(len).saturating_sub(1),
            end,
            tail: 0,
            lent: 0,
            loan,
            head: 0,
        };
        Ok((0..cpus).flat_map(of_cpu).map(ring).collect())
    }

    /// Takes note of all that the kernel has written by now. Returns the bytes that are new.
    pub fn refresh(&mut self) -> u64 {
        let produced = self.base + offset_of!(RingControl, produced);
        let head = self.memory.word(produced).load(Ordering::Acquire);
        let new = head.wrapping_sub(self.head);
        self.head = head;
        new
    }

    /// Bytes that the last [`refresh`](Self::refresh) found, and that are part of no loan yet.
    pub fn waiting(&self) -> u64 {
        self.head.wrapping_sub(self.lent)
    }

    /// The next record, if it is not younger than `until`.
    pub fn next(&mut self, until: u64) -> Option<Record> {
        let header = self.peek().filter(|header| header.timestamp_ns <= until)?;
        let frame = self.span(size_of::<RecordHeader>(), header.captured_len);
        self.tail = self.head.min(self.tail + record_len(header.captured_len));
        Some(Record { header, frame })
    }

    /// The bytes of a frame that was read from these rings; `None` once its record is part of
    /// a loan.
    pub fn bytes(&self, span: Span) -> Option<&[u8]> {
        self.memory.bytes(span, self.loan)
    }

    /// What was read since the last loan of these rings, which are all that share a mapping.
    pub fn lend(rings: &mut [Self]) -> Option<Loan> {
        let first = rings.first()?;
        let (memory, id, next) = (Arc::clone(&first.memory), first.loan, LoanId::next());
        let mut ends = Vec::new();
        for ring in rings {
            ring.loan = next;
            if ring.tail != ring.lent {
                ring.lent = ring.tail;
                ends.push((ring.base + offset_of!(RingControl, consumed), ring.tail));
            }
        }
        memory.lend(id);
        Some(Loan { memory, id, ends, others: Vec::new() })
    }

    fn peek(&self) -> Option<RecordHeader> {
        if self.tail >= self.head {
            return None;
        }
        let head = self.span(0, size_of::<RecordHeader>() as u32);
        bytemuck::try_pod_read_unaligned(self.bytes(head)?).ok()
    }

    /// `len` bytes from `skip` bytes behind the reader's position, in one piece: a record that
    /// begins before the end of the ring runs on behind it.
    fn span(&self, skip: usize, len: u32) -> Span {
        let start = self.base + RING_CONTROL_LEN + (self.tail & self.mask) as usize + skip;
        let room = self.end.saturating_sub(start);
        Span { start, len: len.min(room as u32), loan: self.loan }
    }
}

impl Timed for Ring {
    /// `None` where there is none before the last [`refresh`](Self::refresh).
    fn next_time(&self) -> Option<u64> {
        Some(self.peek()?.timestamp_ns)
    }
}

/// A map's values, for reading and for moving the readers' positions.
pub(super) struct Mapping {
    memory: MmapRaw,
    returns: Mutex<Returns>,
}

impl Mapping {
    pub(super) fn new(map: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        let memory = MmapOptions::new().len(len).map_raw(&map)?;
        Ok(Self { memory, returns: Mutex::default() })
    }

    /// A word of the mapping, at a multiple of eight.
    pub(super) fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(
            offset.is_multiple_of(8) && offset + 8 <= self.memory.len(),
            "a word of the mapping"
        );
        let word = self.memory.as_mut_ptr().wrapping_add(offset);
        // SAFETY: inside of the mapping; aligned, because the mapping is and the offset is; mapped as long as self
        // lives; and shared with programs that load and store it whole.
        unsafe { AtomicU64::from_ptr(word.cast()) }
    }

    /// Copies words that programs may be writing, from a multiple of eight on.
    pub(super) fn load(&self, offset: usize, words: &mut [u64]) {
        let end = offset.saturating_add(size_of_val(words));
        assert!(offset.is_multiple_of(8) && end <= self.memory.len(), "words of the mapping");
        let mut place = self.memory.as_mut_ptr().wrapping_add(offset).cast();
        for word in words {
            // SAFETY: as in `word`, of which this is many.
            *word = unsafe { AtomicU64::from_ptr(place) }.load(Ordering::Relaxed);
            place = place.wrapping_add(1);
        }
    }

    /// The bytes of a span that belongs to this loan, which has not ended.
    fn bytes(&self, span: Span, loan: LoanId) -> Option<&[u8]> {
        let (start, len) = (span.start, span.len as usize);
        if span.loan != loan || start > self.memory.len() || len > self.memory.len() - start {
            return None;
        }
        let start = self.memory.as_ptr().wrapping_add(start);
        // SAFETY: inside of the mapping, which is there as long as self lives, and left alone by the programs until the loan
        // ends (see above).
        Some(unsafe { std::slice::from_raw_parts(start, len) })
    }

    fn lend(&self, loan: LoanId) {
        let mut returns = self.returns.lock().unwrap_or_else(PoisonError::into_inner);
        returns.loans.insert(loan, None);
    }

    /// Ends a loan. The readers' positions move up to the first loan that is out.
    fn give_back(&self, loan: LoanId, ends: Vec<(usize, u64)>) {
        let mut returns = self.returns.lock().unwrap_or_else(PoisonError::into_inner);
        returns.loans.insert(loan, Some(ends));
        while let Some(first) = returns.loans.first_entry()
            && first.get().is_some()
        {
            for (consumed, end) in first.remove().into_iter().flatten() {
                // Release: the programs overwrite only after the last read. They load it and
                // branch on it before they store (`place` in probe-ebpf/src/ring.rs).
                self.word(consumed).store(end, Ordering::Release);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        os::{fd::AsFd as _, unix::fs::FileExt as _},
    };

    use super::*;

    /// Memory as the kernel's map has it, and its two rings.
    struct Bed {
        file: File,
        layout: RingLayout,
        rings: Vec<Ring>,
        produced: u64,
    }

    impl Bed {
        fn new() -> Self {
            let layout = RingLayout::new(0, 64);
            let file = tempfile::tempfile().unwrap();
            file.set_len(layout.value_size.into()).unwrap();
            let rings = Ring::map(file.as_fd(), 1, layout).unwrap();
            Self { file, layout, rings, produced: 0 }
        }

        /// What a program does, in the small ring. Returns the reader's record of it.
        fn frame(&mut self, bytes: &[u8]) -> Span {
            let captured_len = bytes.len() as u32;
            let header = RecordHeader { captured_len, ..bytemuck::Zeroable::zeroed() };
            let mask = u64::from(self.layout.len[0]) - 1;
            let at = RING_CONTROL_LEN as u64 + (self.produced & mask);
            self.file.write_all_at(bytemuck::bytes_of(&header), at).unwrap();
            self.file.write_all_at(bytes, at + size_of::<RecordHeader>() as u64).unwrap();
            self.produced += record_len(captured_len);
            let produced = offset_of!(RingControl, produced) as u64;
            self.file.write_all_at(&self.produced.to_ne_bytes(), produced).unwrap();
            self.rings[0].refresh();
            self.rings[0].next(u64::MAX).unwrap().frame
        }

        fn lend(&mut self) -> Loan {
            Ring::lend(&mut self.rings).unwrap()
        }

        fn consumed(&self) -> u64 {
            let mut word = [0; 8];
            self.file.read_exact_at(&mut word, offset_of!(RingControl, consumed) as u64).unwrap();
            u64::from_ne_bytes(word)
        }
    }

    #[test]
    fn a_span_has_bytes_only_while_its_loan_is_out() {
        let mut bed = Bed::new();
        let one = bed.frame(b"one");
        assert_eq!(bed.rings[0].bytes(one), Some(&b"one"[..]));
        let first = bed.lend();
        assert_eq!(first.bytes(one), Some(&b"one"[..]));
        assert_eq!(bed.rings[0].bytes(one), None, "lent");
        let two = bed.frame(b"two");
        assert_eq!(first.bytes(two), None, "read after the loan");
        drop(first);
        let second = bed.lend();
        assert_eq!(second.bytes(two), Some(&b"two"[..]));
        assert_eq!(second.bytes(one), None, "its loan has ended");
        let mut others = Bed::new();
        let other = others.frame(b"two");
        assert_eq!((second.bytes(other), bed.rings[0].bytes(other)), (None, None), "other rings");
    }

    #[test]
    fn places_go_back_in_the_order_of_the_loans() {
        let mut bed = Bed::new();
        let spans = [bed.frame(b"one")];
        let first = bed.lend();
        bed.frame(b"two");
        let second = bed.lend();
        bed.frame(b"three");
        assert_eq!(bed.rings[0].waiting(), record_len(5), "the others are lent");
        let third = bed.lend();
        assert_eq!(bed.rings[0].waiting(), 0);
        let record = record_len(3);
        drop(second);
        assert_eq!(bed.consumed(), 0, "the first is out");
        assert_eq!(first.bytes(spans[0]), Some(&b"one"[..]));
        drop(first);
        assert_eq!(bed.consumed(), 2 * record);
        drop(third);
        assert_eq!(bed.consumed(), 2 * record + record_len(5));
    }
}

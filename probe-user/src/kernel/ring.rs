//! The rings in memory that the kernel programs write: mapped, and read in place. The
//! layout and the protocol are those of [`RingControl`].
//!
//! A reader's position moves in two steps: a record that was read belongs to the next
//! [`Loan`], and its place goes back to the kernel when that is dropped, wherever it went.

use std::{
    io,
    mem::offset_of,
    os::fd::{AsRawFd as _, BorrowedFd},
    ptr::{self, NonNull},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use probe_common::{RING_CONTROL_LEN, RecordHeader, RingControl, RingLayout, record_len};

/// One record in a ring.
pub struct Record {
    /// What the kernel says of the frame.
    pub header: RecordHeader,
    /// Where the frame's bytes are.
    pub frame: Span,
}

/// Where bytes of a frame are in the rings' memory.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    start: usize,
    len: u32,
}

/// The places of the records that were read between one loan and the next; the kernel
/// has them back when this is dropped, and with them those of all loans before: they are to
/// be dropped in their order.
pub struct Loan {
    memory: Arc<Mapping>,
    /// The readers' positions that moved, by their places in the mapping.
    ends: Vec<(usize, u64)>,
}

impl Loan {
    /// The bytes of a frame whose record is part of this loan.
    pub fn bytes(&self, span: Span) -> &[u8] {
        self.memory.bytes(span)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        for &(consumed, end) in &self.ends {
            self.memory.word(consumed).store(end, Ordering::Release);
        }
    }
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
    /// The end of what this reader knows to be written.
    head: u64,
}

impl Ring {
    /// Maps the array, which has the rings of `cpus` CPUs.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn map(array: BorrowedFd<'_>, cpus: usize, layout: RingLayout) -> io::Result<Vec<Self>> {
        let RingLayout { len: [first, second], second_at, value_size } = layout;
        let [second_at, value_size] = [second_at as usize, value_size as usize];
        let len = value_size.checked_mul(cpus).ok_or(io::ErrorKind::OutOfMemory)?;
        let memory = Arc::new(Mapping::new(array, len)?);
        let of_cpu = |cpu: usize| {
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

    /// The time of the next record, `CLOCK_MONOTONIC` nanoseconds. `None` where there is
    /// none before the last [`refresh`](Self::refresh).
    pub fn next_time(&self) -> Option<u64> {
        Some(self.peek()?.timestamp_ns)
    }

    /// The next record, if it is not younger than `until`.
    pub fn next(&mut self, until: u64) -> Option<Record> {
        let header = self.peek().filter(|header| header.timestamp_ns <= until)?;
        let frame = self.span(size_of::<RecordHeader>(), header.captured_len);
        self.tail = self.head.min(self.tail + record_len(header.captured_len));
        Some(Record { header, frame })
    }

    /// The bytes of a frame whose record is not part of a loan yet.
    pub fn bytes(&self, span: Span) -> &[u8] {
        self.memory.bytes(span)
    }

    /// What was read since the last loan of these rings.
    pub fn lend(rings: &mut [Self]) -> Option<Loan> {
        let memory = Arc::clone(&rings.first()?.memory);
        let moved = rings.iter_mut().filter(|ring| ring.tail != ring.lent).map(|ring| {
            ring.lent = ring.tail;
            (ring.base + offset_of!(RingControl, consumed), ring.tail)
        });
        Some(Loan { memory, ends: moved.collect() })
    }

    fn peek(&self) -> Option<RecordHeader> {
        (self.tail < self.head).then(|| {
            let head = self.span(0, size_of::<RecordHeader>() as u32);
            bytemuck::pod_read_unaligned(self.memory.bytes(head))
        })
    }

    /// `len` bytes from `skip` bytes behind the reader's position, in one piece: a record that
    /// begins before the end of the ring runs on behind it.
    fn span(&self, skip: usize, len: u32) -> Span {
        let start = self.base + RING_CONTROL_LEN + (self.tail & self.mask) as usize + skip;
        let room = self.end.saturating_sub(start);
        Span { start, len: len.min(room as u32) }
    }
}

/// A map's values, for reading and for moving the readers' positions.
struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

impl Mapping {
    fn new(map: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory
        // that exists already.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                map.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { base, len })
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len, "a word of the mapping");
        // SAFETY: the offset lies inside of the mapping.
        let word = unsafe { self.base.as_ptr().add(offset) };
        // SAFETY: aligned, because the mapping is and the offset is; mapped as long as self
        // lives; and shared with programs that load and store it whole.
        unsafe { AtomicU64::from_ptr(word.cast()) }
    }

    /// The caller asks only for records that lie before `produced` and were not given back,
    /// which the programs do not write to.
    fn bytes(&self, span: Span) -> &[u8] {
        let (start, len) = (span.start, span.len as usize);
        assert!(start <= self.len && len <= self.len - start, "a part of the mapping");
        // SAFETY: the start lies inside of the mapping.
        let start = unsafe { self.base.as_ptr().add(start) };
        // SAFETY: mapped as long as self lives, checked just now, and left alone by the
        // programs until `consumed` moves, which a `Loan` does in its end.
        unsafe { std::slice::from_raw_parts(start, len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, whole, and no reference into it outlives self.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

// SAFETY: the mapping is owned, and what other threads see of it are atomics and bytes
// that nobody writes.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

//! The rings in memory that the kernel programs write: mapped, and read in place. The
//! layout and the protocol are those of [`RingControl`].

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

/// One record in the ring.
pub struct Record<'a> {
    /// What the kernel says of the frame.
    pub header: RecordHeader,
    /// The frame's bytes.
    pub frame: &'a [u8],
}

/// The ring of one CPU, as its only reader sees it.
pub struct Ring {
    memory: Arc<Mapping>,
    /// Where its control words lie in the mapping.
    base: usize,
    layout: RingLayout,
    /// Where the next record begins; runs on, modulo nothing.
    tail: u64,
    /// The end of what this reader knows to be written.
    head: u64,
}

impl Ring {
    /// Maps the array of `count` rings.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn map(array: BorrowedFd<'_>, count: usize, layout: RingLayout) -> io::Result<Vec<Self>> {
        let value_size = layout.value_size as usize;
        let len = value_size.checked_mul(count).ok_or(io::ErrorKind::OutOfMemory)?;
        let memory = Arc::new(Mapping::new(array, len)?);
        let ring = |index| Self {
            memory: Arc::clone(&memory),
            base: index * value_size,
            layout,
            tail: 0,
            head: 0,
        };
        Ok((0..count).map(ring).collect())
    }

    /// Takes note of all that the kernel has written by now. Returns the bytes that are new.
    pub fn refresh(&mut self) -> u64 {
        let head = self.control(offset_of!(RingControl, produced)).load(Ordering::Acquire);
        let new = head.wrapping_sub(self.head);
        self.head = head;
        new
    }

    /// The time of the next record, `CLOCK_MONOTONIC` nanoseconds. `None` where there is
    /// none before the last [`refresh`](Self::refresh).
    pub fn next_time(&self) -> Option<u64> {
        Some(self.peek()?.timestamp_ns)
    }

    /// The next record. Its place is free once [`release`](Self::release) is called.
    pub fn next(&mut self) -> Option<Record<'_>> {
        let header = self.peek()?;
        let (start, head) = (self.tail, size_of::<RecordHeader>());
        self.tail = self.head.min(start + record_len(header.captured_len));
        // In one piece with its header, which may be all that lies before the ring's end.
        let whole = self.slice(start, head + header.captured_len as usize);
        Some(Record { header, frame: whole.get(head..).unwrap_or_default() })
    }

    /// Gives the place of all records read back to the kernel.
    pub fn release(&mut self) {
        self.control(offset_of!(RingControl, consumed)).store(self.tail, Ordering::Release);
    }

    fn peek(&self) -> Option<RecordHeader> {
        (self.tail < self.head)
            .then(|| bytemuck::pod_read_unaligned(self.slice(self.tail, size_of::<RecordHeader>())))
    }

    /// A word of [`RingControl`], by its offset.
    fn control(&self, offset: usize) -> &AtomicU64 {
        self.memory.word(self.base + offset)
    }

    /// `len` bytes from position `at`, in one piece: a record that begins before the end of
    /// the ring runs on behind it.
    fn slice(&self, at: u64, len: usize) -> &[u8] {
        let start = (at % u64::from(self.layout.len)) as usize;
        let room = self.layout.value_size as usize - RING_CONTROL_LEN - start;
        self.memory.bytes(self.base + RING_CONTROL_LEN + start, len.min(room))
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

    /// The caller asks only for what lies between tail and head, which the programs do not
    /// write to.
    fn bytes(&self, offset: usize, len: usize) -> &[u8] {
        assert!(offset <= self.len && len <= self.len - offset, "a part of the mapping");
        // SAFETY: the offset lies inside of the mapping.
        let start = unsafe { self.base.as_ptr().add(offset) };
        // SAFETY: mapped as long as self lives, checked just now, and left alone by the
        // programs until the reader's position moves, which takes a `&mut Ring`.
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

//! The perf ring of one CPU: opened with a watermark, mapped, and read in place.
//!
//! The layout and the protocol are those of perf_event_open(2) and
//! include/uapi/linux/perf_event.h: the kernel writes records at `data_head`, user space
//! hands their place back through `data_tail`.

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering},
};

use aya_obj::generated::{
    PERF_FLAG_FD_CLOEXEC, perf_event_attr, perf_event_header, perf_event_mmap_page,
    perf_event_sample_format::PERF_SAMPLE_RAW, perf_event_type::PERF_RECORD_SAMPLE,
    perf_sw_ids::PERF_COUNT_SW_BPF_OUTPUT, perf_type_id::PERF_TYPE_SOFTWARE,
};
use probe_common::RecordHeader;

/// A reader is woken when this part of the ring is full: late enough that a wake-up
/// serves thousands of frames, early enough that the rest holds what comes meanwhile.
const WATERMARK_PART: usize = 4;

/// `struct perf_event_header`, and the sample's `u32 size`.
const EVENT_LEN: usize = size_of::<perf_event_header>();
const SAMPLE_LEN: usize = EVENT_LEN + size_of::<u32>();

/// One record in the ring.
pub struct Record<'a> {
    /// What the kernel says of the frame.
    pub header: RecordHeader,
    /// The frame's bytes.
    pub frame: &'a [u8],
}

/// The ring of one CPU.
pub struct Ring {
    event: OwnedFd,
    map: Mapping,
    /// Where the next record begins; runs on, modulo nothing.
    tail: u64,
    /// The end of what this reader knows to be written.
    head: u64,
    /// A record that wraps around the end of the ring, put together.
    joined: Vec<u8>,
}

impl Ring {
    /// Opens and maps the ring of `cpu`, of `len` bytes: a power of two, whole pages.
    ///
    /// # Errors
    /// Those of perf_event_open(2) and mmap(2).
    pub fn open(cpu: u32, len: usize) -> io::Result<Self> {
        let event = perf_event_open(cpu, (len / WATERMARK_PART) as u32)?;
        let map = Mapping::new(event.as_fd(), len)?;
        Ok(Self { event, map, tail: 0, head: 0, joined: Vec::new() })
    }

    /// Takes note of all that the kernel has written by now.
    pub fn refresh(&mut self) {
        self.head = self.map.head().load(Ordering::Acquire);
    }

    /// The time of the next record, `CLOCK_MONOTONIC` nanoseconds; skips what is no
    /// record. `None` where there is none before the last [`refresh`](Self::refresh).
    pub fn next_time(&mut self) -> Option<u64> {
        while self.tail < self.head {
            if let Some(header) = self.peek() {
                return Some(header.timestamp_ns);
            }
            self.skip();
        }
        None
    }

    /// The next record. Its place is free once the following one is asked for and
    /// [`release`](Self::release) was called.
    pub fn next(&mut self) -> Option<Record<'_>> {
        self.next_time()?;
        let header = self.peek()?;
        let start = self.tail + (SAMPLE_LEN + size_of::<RecordHeader>()) as u64;
        let end = self.tail + self.event_len() as u64;
        let len = (header.captured_len as usize).min(end.saturating_sub(start) as usize);
        self.tail = end;
        let frame = match self.map.slice(start, len) {
            (whole, []) => whole,
            (first, second) => {
                self.joined.clear();
                self.joined.extend_from_slice(first);
                self.joined.extend_from_slice(second);
                &self.joined
            }
        };
        Some(Record { header, frame })
    }

    /// Gives the place of all records read back to the kernel.
    pub fn release(&mut self) {
        self.map.tail().store(self.tail, Ordering::Release);
    }

    /// The next event's header of ours, if it is a sample that can hold one.
    fn peek(&self) -> Option<RecordHeader> {
        let event: EventHeader = self.read(self.tail);
        let enough = self.event_len() >= SAMPLE_LEN + size_of::<RecordHeader>();
        (event.kind == PERF_RECORD_SAMPLE as u32 && enough)
            .then(|| self.read(self.tail + SAMPLE_LEN as u64))
    }

    fn event_len(&self) -> usize {
        let event: EventHeader = self.read(self.tail);
        usize::from(event.size)
    }

    fn skip(&mut self) {
        // A length of nothing would hold us here for ever.
        self.tail += self.event_len().max(EVENT_LEN) as u64;
    }

    fn read<T: bytemuck::Pod>(&self, at: u64) -> T {
        let mut value = T::zeroed();
        let (first, second) = self.map.slice(at, size_of::<T>());
        let bytes = bytemuck::bytes_of_mut(&mut value);
        let (head, tail) = bytes.split_at_mut(first.len());
        head.copy_from_slice(first);
        tail.copy_from_slice(second);
        value
    }
}

impl AsFd for Ring {
    /// Readable once the watermark is reached.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// `struct perf_event_header`, which the bindings do not mark as plain data.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct EventHeader {
    kind: u32,
    misc: u16,
    size: u16,
}

/// A software event whose samples are what `bpf_perf_event_output` hands in.
fn perf_event_open(cpu: u32, watermark: u32) -> io::Result<OwnedFd> {
    // SAFETY: all zeroes is a valid value of this C structure of numbers.
    let mut attr: perf_event_attr = unsafe { std::mem::zeroed() };
    attr.size = size_of::<perf_event_attr>() as u32;
    attr.type_ = PERF_TYPE_SOFTWARE as u32;
    attr.config = PERF_COUNT_SW_BPF_OUTPUT as u64;
    attr.sample_type = PERF_SAMPLE_RAW as u64;
    attr.__bindgen_anon_1.sample_period = 1;
    attr.set_watermark(1);
    attr.__bindgen_anon_2.wakeup_watermark = watermark;
    // SAFETY: the attributes live through the call and their size is stated; the kernel
    // reads no other memory of ours.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attr,
            -1,
            cpu as libc::c_int,
            -1,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// The control page and the data pages, mapped for reading and for moving the tail.
struct Mapping {
    base: NonNull<u8>,
    page: usize,
    len: usize,
}

impl Mapping {
    fn new(event: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        let page = super::page_size();
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory
        // that exists already.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                page + len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                event.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { base, page, len })
    }

    fn control(&self) -> *mut perf_event_mmap_page {
        self.base.as_ptr().cast()
    }

    fn head(&self) -> &AtomicU64 {
        // SAFETY: the control page is mapped as long as self lives.
        let head = unsafe { &raw mut (*self.control()).data_head };
        // SAFETY: aligned, mapped, and shared with the kernel, which stores it whole.
        unsafe { AtomicU64::from_ptr(head) }
    }

    fn tail(&self) -> &AtomicU64 {
        // SAFETY: the control page is mapped as long as self lives.
        let tail = unsafe { &raw mut (*self.control()).data_tail };
        // SAFETY: aligned, mapped, and shared with the kernel, which only reads it.
        unsafe { AtomicU64::from_ptr(tail) }
    }

    /// `len` bytes from position `at`, in two pieces where they wrap. The caller asks
    /// only for what lies between tail and head, which the kernel does not write to.
    fn slice(&self, at: u64, len: usize) -> (&[u8], &[u8]) {
        let len = len.min(self.len);
        let start = (at % self.len as u64) as usize;
        let first = len.min(self.len - start);
        // SAFETY: start is below the length of the data pages, which follow the control page.
        let from = unsafe { self.base.as_ptr().add(self.page + start) };
        // SAFETY: start + first is at most the length of the mapped data pages, and the
        // kernel leaves the bytes between tail and head alone.
        let first = unsafe { std::slice::from_raw_parts(from, first) };
        // SAFETY: the data pages follow the control page.
        let begin = unsafe { self.base.as_ptr().add(self.page) };
        // SAFETY: len is at most the length of the mapped data pages, and as above.
        let second = unsafe { std::slice::from_raw_parts(begin, len - first.len()) };
        (first, second)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, whole, and no reference into it outlives self.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.page + self.len) };
    }
}

// SAFETY: the mapping is owned; moving it to another thread moves the only access.
unsafe impl Send for Mapping {}

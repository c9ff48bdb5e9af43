//! Records for user space: written into the memory-mapped rings of this CPU, without a
//! wake-up. The layout is that of [`RingControl`].
//!
//! Two orders hold between a program and the reader, on whatever CPU that runs:
//!
//! - **Records before `produced`.** The reader loads `produced` with acquire order and then reads
//!   the records before it. So [`publish`] stores it with release order: see there.
//! - **`consumed` before the bytes it frees.** The reader reads a record, then stores `consumed`
//!   with release order. [`place`] loads it and branches on it, and only behind that branch are
//!   bytes overwritten: a control dependency, which orders a load before the stores behind it on
//!   every machine of the kernel's memory model (tools/memory-model/Documentation/
//!   control-dependencies.txt). It needs no acquire, which BPF has only since 6.15. The compiler
//!   has to keep the branch: the load is volatile, and what is stored behind it differs from what
//!   happens without it.
//!
//! For a flight recorder a CPU has one ring instead, which overwrites its oldest records
//! ([`probe_common::overwriting`]): [`overwrite`]. It needs the first of these orders, and that what
//! is written after a `publish` becomes visible after it.
//!
//! **Of the two rings of a CPU** a record goes into the small one if that has room, else into the
//! large one. Each is in the order of time by itself, both together need not be: while the
//! reader is behind, records leave for the large ring, and those after them go into the small one
//! again as soon as a part of it is given back. So the reader merges by time stamp
//! (probe-user/src/kernel/rings.rs), as it does for the rings of different CPUs.

use core::arch::asm;

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use probe_common::{
    RING_CONTROL_LEN, RecordHeader, RingControl,
    overwriting::{LINK_LEN, Link, slot_len},
    record_len,
};

use crate::{
    atomic::fetch_add,
    frame::{Frame, at_most},
    maps::{OVERWRITES, RING_LEN, RINGS, SECOND_AT, SECOND_LEN, SNAPLEN, STORES_IN_ORDER},
};

/// `ENOSPC`: both rings are full (include/uapi/asm-generic/errno-base.h).
pub const FULL: i64 = -28;

/// `ENODEV`: this CPU came online after the rings were made.
const NO_RING: i64 = -19;

/// Writes one record, whole or not at all.
///
/// # Errors
/// [`FULL`], or another negative errno.
#[inline(always)]
pub fn write<F: Frame>(frame: &F, timestamp_ns: u64, rules: u64) -> Result<(), i64> {
    // SAFETY: the helper takes nothing and returns a number.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let Some(rings) = RINGS.get_ptr_mut(cpu) else {
        return Err(NO_RING);
    };
    let (all, most) = (frame.len(), SNAPLEN.load());
    let captured_len = at_most(at_most(all, most), F::longest_copy());
    if OVERWRITES.load() != 0 {
        return overwrite(frame, rings, frame.header(timestamp_ns, rules, captured_len));
    }
    let record = record_len(captured_len);
    // SAFETY: the second ring's control words are within the map value (`RingLayout`), which
    // the verifier checks against the map that is there.
    let second = unsafe { rings.cast::<u8>().add(SECOND_AT.load() as usize) };
    let Some(place) = place(rings, RING_LEN.load(), record)
        .or_else(|| place(second.cast(), SECOND_LEN.load(), record))
    else {
        return Err(FULL);
    };
    let header = frame.header(timestamp_ns, rules, captured_len);
    // SAFETY: behind the control words and the ring there is room for one record more; the
    // ring begins at a multiple of eight, as every record does.
    unsafe { place.start.cast::<RecordHeader>().write(header) };
    // SAFETY: as above.
    let bytes = unsafe { place.start.add(size_of::<RecordHeader>()) };
    frame.copy(bytes, captured_len)?;
    publish(place.ring, place.end);
    Ok(())
}

/// Writes one record over the oldest ones of this CPU's only ring, as
/// [`probe_common::overwriting`] lays it out. There is no reader to wait for.
///
/// # Errors
/// A negative errno, where the frame could not be copied: then nothing is published.
#[inline(always)]
fn overwrite<F: Frame>(frame: &F, ring: *mut RingControl, header: RecordHeader) -> Result<(), i64> {
    // SAFETY: within the map value. Nobody but this CPU's programs writes it, and they do
    // not interrupt each other (see `count::observe`).
    let produced = unsafe { (*ring).produced };
    // SAFETY: as above.
    let records = unsafe { (*ring).records } + 1;
    let slot = slot_len(header.captured_len);
    let end = produced + slot;
    // SAFETY: behind the ring's bytes there is room for what `overwriting::reach` has.
    let start = unsafe { at(ring, produced).add(LINK_LEN as usize) };
    let captured_len = header.captured_len;
    // SAFETY: as above; a multiple of eight, as all that stands in the ring.
    unsafe { start.cast::<RecordHeader>().write(header) };
    // SAFETY: as above.
    frame.copy(unsafe { start.add(size_of::<RecordHeader>()) }, captured_len)?;
    let link = Link::new(records, slot).to_word();
    // SAFETY: within the ring, and a multiple of eight.
    unsafe { at(ring, end).cast::<u64>().write(link) };
    // SAFETY: as for `produced`.
    unsafe { (*ring).records = records };
    publish(ring, end);
    Ok(())
}

/// The place of a position in the only ring of this CPU.
#[inline(always)]
fn at(ring: *mut RingControl, position: u64) -> *mut u8 {
    let offset = RING_CONTROL_LEN as u64 + (position & (u64::from(RING_LEN.load()) - 1));
    ring.cast::<u8>().wrapping_add(offset as usize)
}

/// Where a record goes.
struct Place {
    ring: *mut RingControl,
    start: *mut u8,
    /// Its end, as the ring counts.
    end: u64,
}

/// The place for a record of so many bytes in a ring with `len` bytes of records; `None`
/// where the ring is full.
#[inline(always)]
fn place(ring: *mut RingControl, len: u32, record: u64) -> Option<Place> {
    let len = u64::from(len);
    // SAFETY: within the map value. Nobody but this CPU's programs writes it, and they do
    // not interrupt each other (see `count::observe`).
    let produced = unsafe { (*ring).produced };
    // SAFETY: as above.
    let consumed = unsafe { &raw const (*ring).consumed };
    // SAFETY: user space may write at any time, and whatever it writes there only decides
    // which of its records are lost. Volatile, so that it is loaded once, and here.
    let consumed = unsafe { consumed.read_volatile() };
    if produced.wrapping_sub(consumed) + record > len {
        return None;
    }
    let offset = RING_CONTROL_LEN as u64 + (produced & (len - 1));
    // SAFETY: a ring of `len` bytes follows its control words.
    let start = unsafe { ring.cast::<u8>().add(offset as usize) };
    Some(Place { ring, start, end: produced + record })
}

/// Shows user space what lies before `end`, after it lies there: a store with release order, for
/// which BPF has no instruction before 6.15.
///
/// Where the machine keeps stores in order a plain one does, as long as the compiler keeps them in
/// order too: it may move a write that is not volatile, as the header's, behind a volatile one.
/// The empty assembly forbids that (LLVM has no code for `compiler_fence` on this machine).
/// Elsewhere the atomic orders them, for compiler and machine.
#[inline(always)]
fn publish(ring: *mut RingControl, end: u64) {
    // SAFETY: within a map value.
    let produced = unsafe { &raw mut (*ring).produced };
    // SAFETY: no instruction; to the compiler it may read and write any memory.
    unsafe { asm!("") };
    if STORES_IN_ORDER.load() != 0 {
        // SAFETY: as above; aligned, and written by this CPU alone.
        unsafe { produced.write_volatile(end) };
    } else {
        // SAFETY: as above.
        let before = unsafe { produced.read() };
        // An atomic that returns a value orders what comes before it (LKMM).
        // SAFETY: as above.
        unsafe { fetch_add(produced, end - before) };
    }
}

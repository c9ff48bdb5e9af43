//! Records for user space: written into the memory-mapped ring of this CPU, without a
//! wake-up. The layout is that of [`RingControl`].

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use probe_common::{RING_CONTROL_LEN, RecordHeader, RingControl, record_len};

use crate::{
    atomic::fetch_add,
    frame::Frame,
    maps::{RING_LEN, RINGS, SNAPLEN, STORES_IN_ORDER},
};

/// `ENOSPC`: the ring is full (include/uapi/asm-generic/errno-base.h).
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
    let Some(ring) = RINGS.get_ptr_mut(cpu) else {
        return Err(NO_RING);
    };
    // SAFETY: within the map value. Nobody but this CPU's programs writes it, and they do
    // not interrupt each other (see `count::observe`).
    let produced = unsafe { (*ring).produced };
    // SAFETY: as above.
    let consumed = unsafe { &raw const (*ring).consumed };
    // SAFETY: user space may write at any time, and whatever it writes there only decides
    // which of its records are lost.
    let consumed = unsafe { consumed.read_volatile() };
    let len = u64::from(RING_LEN.load());
    let (all, most) = (frame.len(), SNAPLEN.load());
    let captured_len = if all < most { all } else { most };
    let captured_len = if captured_len < F::MOST { captured_len } else { F::MOST };
    let record = record_len(captured_len);
    if produced.wrapping_sub(consumed) + record > len {
        return Err(FULL);
    }
    let start = RING_CONTROL_LEN as u64 + (produced & (len - 1));
    // SAFETY: a value is as long as the control words, the ring, and one record more
    // (`RingLayout`), which the verifier checks against the map that is there.
    let at = unsafe { ring.cast::<u8>().add(start as usize) };
    // SAFETY: as above; the ring begins at a multiple of eight, as every record does.
    unsafe { at.cast::<RecordHeader>().write(frame.header(timestamp_ns, rules, captured_len)) };
    // SAFETY: as above.
    let bytes = unsafe { at.add(size_of::<RecordHeader>()) };
    frame.copy(bytes, captured_len)?;
    publish(ring, produced + record);
    Ok(())
}

/// Shows user space what lies before `end`, after it lies there.
#[inline(always)]
fn publish(ring: *mut RingControl, end: u64) {
    // SAFETY: within a map value.
    let produced = unsafe { &raw mut (*ring).produced };
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

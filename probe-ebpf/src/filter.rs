//! The place where the generated filter goes.
//!
//! User space exchanges this function for one generated from the rules before it
//! loads the object, so its body never runs; it only has to look like the real one to
//! the compiler: it reads all arguments, writes to the state, and returns what nobody
//! can predict.

use core::{ffi::c_void, ptr};

use probe_common::CpuState;

/// Raises the counters of the rules that match and sets the bits of the sampled ones
/// in [`CpuState::pending`].
///
/// `meta`: bits 0 to 31 hold the length on the wire in bytes, bit 32 says that the
/// frame is being sent.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn filter(
    ctx: *mut c_void,
    data: *const u8,
    data_end: *const u8,
    state: *mut CpuState,
    meta: u64,
) -> u32 {
    let all = ctx as u64 ^ data as u64 ^ data_end as u64 ^ meta;
    // SAFETY: the only caller passes a map value.
    let pending = unsafe { &raw mut (*state).pending };
    // SAFETY: as above; volatile, so that the compiler believes in the effect.
    unsafe { ptr::write_volatile(pending, all) };
    // SAFETY: as above.
    unsafe { ptr::read_volatile(pending) as u32 }
}

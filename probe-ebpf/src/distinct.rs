//! How many different keys there are: registers for each list and CPU.

use probe_common::distinct::{grown, register_of};

use crate::{atomic::add, maps::DISTINCT};

/// Lets the register of a hash grow, if it does, in the table at this place; `false` where there is none.
#[inline(always)]
pub fn count(place: u32, hash: u64) -> bool {
    let Some(table) = DISTINCT.get_ptr_mut(place) else { return false };
    // SAFETY: within a map value.
    let registers: *mut u8 = unsafe { &raw mut (*table).registers }.cast();
    // SAFETY: there are as many as the bits of a hash can name.
    let register = unsafe { registers.add(register_of(hash)) };
    // SAFETY: as above; programs of one CPU do not interrupt each other (see `count::observe`), and user space writes
    // 0 at any time.
    let value = unsafe { register.read_volatile() };
    // Written in any case: whether it grows nobody can predict.
    // SAFETY: as above.
    unsafe { register.write_volatile(grown(value, hash)) };
    true
}

/// Counts a frame whose key may be missing, in the table at this place, which all CPUs may write at once.
#[inline(always)]
pub fn miss(place: u32) {
    let Some(table) = DISTINCT.get_ptr_mut(place) else { return };
    // SAFETY: within a map value.
    let missed = unsafe { &raw mut (*table).missed };
    // SAFETY: as above; aligned, and used as an atomic only.
    unsafe { add(missed, 1) };
}

//! Which keys come most often: a table for each list and CPU.

use probe_common::{
    Counter,
    key::Key,
    top::{Admission, Outcome, Set, TopLayout, WAYS, next_random},
};

use crate::maps::{TOP_SETS, TOPS};

/// Counts a frame of `wire_len` bytes in the table at this place.
#[inline(always)]
pub fn count(place: u32, key: &Key, hash: u64, wire_len: u32) {
    let Some(header) = TOPS.get_ptr_mut(place) else { return };
    let layout = TopLayout::of(TOP_SETS.load());
    // SAFETY: within a map value.
    let half = unsafe { &raw const (*header).counting };
    // SAFETY: user space may write it at any time, and what it writes decides no more than where a
    // frame is counted. Volatile, so that it is loaded once.
    let half = unsafe { half.read_volatile() } & 1;
    let number = hash as u32 & (layout.sets() - 1);
    let start = header.cast::<u8>();
    let at = layout.sets_at(half) + number * size_of::<Set>() as u32;
    // SAFETY: the layout is that of the map value, which the verifier checks; aligned, because
    // values and sets are.
    let set = unsafe { start.add(at as usize) }.cast::<Set>();
    // SAFETY: as above; programs of one CPU do not interrupt each other (see `count::observe`),
    // and user space is at the other half.
    let set = unsafe { &mut *set };
    // SAFETY: as above; user space wrote it before the first frame.
    let random = || next_random(unsafe { &mut (*header).random });
    match set.count((hash >> 32) as u32, wire_len, random) {
        Outcome::Counted => {}
        Outcome::Admitted { way, error } => {
            let at = layout.admissions_at(half) + number * size_of::<[Admission; WAYS]>() as u32;
            // SAFETY: as above.
            let admissions = unsafe { start.add(at as usize) }.cast::<[Admission; WAYS]>();
            // SAFETY: as above.
            unsafe { (*admissions)[way & (WAYS - 1)] = Admission::new(*key, error) };
        }
        Outcome::Refused => {
            // SAFETY: as above; of this half.
            let refused = unsafe { &mut (*header).refused[half as usize] };
            *refused += Counter { packets: 1, bytes: u64::from(wire_len) };
        }
    }
}

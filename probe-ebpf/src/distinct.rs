//! How many different keys there are: registers that all CPUs share.

use probe_common::distinct::{DistinctTable, grow, word_of};

use crate::{
    atomic::{compare_exchange, fetch_add},
    maps::DISTINCT,
};

/// Lets the register of a hash grow, if it does.
#[inline(always)]
pub fn count(list: u32, hash: u64) {
    let Some(table) = DISTINCT.get_ptr_mut(list) else { return };
    // SAFETY: within a map value.
    let word = unsafe { &raw mut (*table).words[word_of(hash)] };
    // SAFETY: as above, aligned; others write it whole and at any time.
    let read = unsafe { word.read_volatile() };
    // SAFETY: as above; others write it by atomics only.
    if !grow(read, hash, |old, new| unsafe { compare_exchange(word, old, new) }) {
        missed(table);
    }
}

#[inline(always)]
fn missed(table: *mut DistinctTable) {
    // SAFETY: within a map value.
    let missed = unsafe { &raw mut (*table).missed };
    // SAFETY: as above; aligned, and used as an atomic only.
    unsafe { fetch_add(missed, 1) };
}

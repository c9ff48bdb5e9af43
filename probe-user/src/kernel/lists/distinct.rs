//! The registers that all CPUs let grow: taken a word at a time.

use std::{
    os::fd::AsFd as _,
    sync::atomic::{AtomicU64, Ordering},
};

use aya::maps::{Map, MapData};
use memmap2::{MmapOptions, MmapRaw};
use probe_common::{
    distinct::{DistinctTable, WORDS},
    names,
};

use crate::kernel::Error;

/// The registers of all lists.
pub struct Registers {
    memory: MmapRaw,
    lists: usize,
    /// What was taken last.
    taken: Vec<u64>,
    /// Keeps the map until the mapping is gone.
    _map: MapData,
}

impl Registers {
    /// Maps them.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn open(map: Map, lists: usize) -> Result<Self, Error> {
        let Map::Array(map) = map else { return Err(Error::Missing(names::DISTINCT)) };
        let len = lists * size_of::<DistinctTable>();
        let memory = MmapOptions::new().len(len).map_raw(&map.fd().as_fd());
        let memory = memory.map_err(|source| Error::Lists { source })?;
        Ok(Self { memory, lists, taken: vec![0; WORDS], _map: map })
    }

    /// Takes the registers of one list, and how many frames missed them.
    pub fn take(&mut self, list: usize, f: impl FnOnce(&[u64], u64)) {
        assert!(list < self.lists, "a list that there is");
        let tables: *mut DistinctTable = self.memory.as_mut_ptr().cast();
        let table = tables.wrapping_add(list);
        // SAFETY: inside of the mapping.
        let words = unsafe { &raw mut (*table).words };
        let words: *mut u64 = words.cast();
        for (number, taken) in self.taken.iter_mut().enumerate() {
            // SAFETY: one of the words above, aligned; the programs write it by atomics.
            *taken = take(unsafe { AtomicU64::from_ptr(words.wrapping_add(number)) });
        }
        // SAFETY: inside of the mapping.
        let missed = unsafe { &raw mut (*table).missed };
        // SAFETY: as above; aligned, and the programs write it by atomics.
        let missed = take(unsafe { AtomicU64::from_ptr(missed) });
        f(&self.taken, missed);
    }
}

/// What is in a word, which is 0 from then on. Most words of lists with few keys are left alone.
fn take(word: &AtomicU64) -> u64 {
    if word.load(Ordering::Relaxed) == 0 { 0 } else { word.swap(0, Ordering::Relaxed) }
}

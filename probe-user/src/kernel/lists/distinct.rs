//! The registers that each CPU lets grow: taken a word at a time.

use std::{
    os::fd::AsFd as _,
    sync::atomic::{AtomicU64, Ordering},
};

use aya::maps::{Map, MapData};
use memmap2::{MmapOptions, MmapRaw};
use probe_common::{
    distinct::{DistinctTable, REGISTERS},
    names,
};
use probe_sketch::Distinct;

use crate::kernel::Error;

/// Eight registers.
type Word = u64;

/// The registers of all lists and CPUs of a program set.
pub struct Registers {
    memory: MmapRaw,
    lists: usize,
    cpus: usize,
    /// Those of one CPU as they are taken.
    words: Box<[Word]>,
    /// Those of all CPUs, of the list that was taken last.
    taken: Distinct,
    /// Keeps the map until the mapping is gone.
    _map: MapData,
}

impl Registers {
    /// Maps them.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn open(map: Map, lists: usize, cpus: usize) -> Result<Self, Error> {
        let Map::Array(map) = map else { return Err(Error::Missing(names::DISTINCT)) };
        let len = lists * cpus * size_of::<DistinctTable>();
        let memory = MmapOptions::new().len(len).map_raw(&map.fd().as_fd());
        let memory = memory.map_err(|source| Error::Lists { source })?;
        let words = vec![0; REGISTERS / size_of::<Word>()].into();
        Ok(Self { memory, lists, cpus, words, taken: Distinct::default(), _map: map })
    }

    /// Takes the registers of one list, those of all CPUs in one, and how many frames missed them.
    pub fn take(&mut self, list: usize, f: impl FnOnce(&[u8], u64)) {
        assert!(list < self.lists, "a list that there is");
        let tables: *mut DistinctTable = self.memory.as_mut_ptr().cast();
        let first = tables.wrapping_add(list);
        self.taken.clear();
        for cpu in 0..self.cpus {
            // SAFETY: inside of the mapping.
            let registers = unsafe { &raw mut (*first.wrapping_add(cpu * self.lists)).registers };
            let words: *mut Word = registers.cast();
            for (number, taken) in self.words.iter_mut().enumerate() {
                // SAFETY: one of the words above, aligned as the table is; the programs write single bytes of it.
                *taken = take(unsafe { AtomicU64::from_ptr(words.wrapping_add(number)) });
            }
            self.taken.merge(bytemuck::cast_slice(&self.words));
        }
        // SAFETY: inside of the mapping.
        let missed = unsafe { &raw mut (*first).missed };
        // SAFETY: as above; aligned, and the programs write it by atomics.
        let missed = take(unsafe { AtomicU64::from_ptr(missed) });
        f(self.taken.registers(), missed);
    }
}

/// What is in a word, which is 0 from then on. Most words of lists with few keys are left alone.
fn take(word: &AtomicU64) -> u64 {
    if word.load(Ordering::Relaxed) == 0 { 0 } else { word.swap(0, Ordering::Relaxed) }
}

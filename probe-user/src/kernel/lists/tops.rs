//! The tables of the largest keys: mapped, read a half at a time, and emptied. The layout is that of
//! [`TopLayout`].
//!
//! The programs count in the half that [`TopHeader::counting`] names. [`Tops::turn`] names the other
//! one in all tables. As soon as no program runs that has read the word before, the half that was
//! left is nobody's but ours, until the next turn.

use std::{
    hash::{BuildHasher as _, RandomState},
    os::fd::AsFd as _,
    slice,
    sync::atomic::{AtomicU32, Ordering},
};

use aya::maps::{Map, MapData};
use memmap2::{MmapOptions, MmapRaw};
use probe_common::{
    Counter, names,
    top::{Admission, Set, TopHeader, TopLayout, WAYS},
};
use probe_sketch::{Pin, View, pin};

use super::Memory;
use crate::kernel::Error;

/// The tables of all lists and CPUs of a program set.
pub struct Tops {
    memory: MmapRaw,
    lists: usize,
    cpus: usize,
    layout: TopLayout,
    /// Which half counts.
    counting: u32,
    /// What the table that was taken last is to pin.
    pins: Vec<Pin>,
    /// Keeps the map until the mapping is gone.
    _map: MapData,
}

impl Tops {
    /// Maps the tables and makes them ready, before the first frame.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn open(map: Map, lists: usize, sizes: &Memory) -> Result<Self, Error> {
        let Map::Array(map) = map else { return Err(Error::Missing(names::TOPS)) };
        let (cpus, layout) = (sizes.cpus() as usize, sizes.layout());
        let len = lists * cpus * layout.value_size() as usize;
        let memory = MmapOptions::new().len(len).map_raw(&map.fd().as_fd());
        let memory = memory.map_err(|source| Error::Lists { source })?;
        let tops = Self { memory, lists, cpus, layout, counting: 0, pins: Vec::new(), _map: map };
        // Its keys are the system's random numbers.
        let random = RandomState::new();
        for number in 0..lists * cpus {
            // SAFETY: inside of the mapping, and no program runs yet.
            let header = unsafe { &mut *tops.header(number) };
            header.random = random.hash_one(number).max(1);
        }
        Ok(tops)
    }

    /// Lets the programs count in the other half. What was left, and what they refuse, is there for
    /// [`take`](Self::take) when no program runs any more that has not noticed
    /// (`wait_for_programs`).
    pub fn turn(&mut self) {
        self.counting ^= 1;
        for number in 0..self.lists * self.cpus {
            // SAFETY: inside of the mapping.
            let word = unsafe { &raw mut (*self.header(number)).counting };
            // SAFETY: as above; aligned, because the mapping and each table are; the programs
            // load the word whole.
            let word = unsafe { AtomicU32::from_ptr(word) };
            word.store(self.counting, Ordering::Release);
        }
    }

    /// Takes what one list has counted on each CPU up to the last [`turn`](Self::turn), and
    /// empties it, but for entries of the keys that `f` says to pin. It is called once a CPU.
    pub fn take(&mut self, list: usize, mut f: impl FnMut(View<'_>, Counter, &mut Vec<Pin>)) {
        assert!(list < self.lists, "a list that there is");
        let left = self.counting ^ 1;
        let sets = self.layout.sets() as usize;
        for cpu in 0..self.cpus {
            let header = self.header(cpu * self.lists + list);
            let at = |at: u32| header.cast::<u8>().wrapping_add(at as usize);
            let first: *mut Set = at(self.layout.sets_at(left)).cast();
            // SAFETY: inside of the mapping, aligned, and this half is ours since the last turn.
            let own_sets = unsafe { slice::from_raw_parts_mut(first, sets) };
            let first: *mut [Admission; WAYS] = at(self.layout.admissions_at(left)).cast();
            // SAFETY: as above.
            let admissions = unsafe { slice::from_raw_parts_mut(first, sets) };
            // SAFETY: as above; the programs write the other half's.
            let refused = unsafe { &mut (*header).refused[left as usize] };
            self.pins.clear();
            f(View { sets: own_sets, admissions }, *refused, &mut self.pins);
            own_sets.fill(Set::default());
            pin(own_sets, admissions, &self.pins);
            *refused = Counter::default();
        }
    }

    /// The state of a table's random numbers.
    #[cfg(test)]
    pub fn random(&self, list: usize, cpu: usize) -> u64 {
        // SAFETY: inside of the mapping, and no program runs.
        unsafe { (*self.header(cpu * self.lists + list)).random }
    }

    /// What a table begins with: they lie CPU by CPU, list by list.
    fn header(&self, number: usize) -> *mut TopHeader {
        let at = number * self.layout.value_size() as usize;
        self.memory.as_mut_ptr().wrapping_add(at).cast()
    }
}

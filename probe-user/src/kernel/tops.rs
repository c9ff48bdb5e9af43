//! The tables of largest keys in memory that the kernel programs write: mapped, read a half at a
//! time, and emptied. The layout is that of [`TopTable`].
//!
//! The programs count in the half that [`TopTable::counting`] names. [`Tops::turn`] names the other
//! one for all tables, and waits until no program runs that has read the word before. From then on
//! the half that was left is nobody's but ours, until the next turn.

use std::{
    hash::{BuildHasher as _, RandomState},
    mem::offset_of,
    os::fd::AsFd as _,
    sync::atomic::{AtomicU32, Ordering},
};

use aya::maps::{Map, MapData};
use memmap2::{MmapOptions, MmapRaw};
use probe_common::{
    Counter,
    key::{KEY_WORDS, Seeds},
    names,
    top::{Half, TopTable},
};

use super::{Error, session::wait_for_programs};

/// The tables of all lists and CPUs.
pub struct Tops {
    memory: MmapRaw,
    lists: usize,
    cpus: usize,
    seeds: Seeds,
    /// Which half counts.
    counting: u32,
    /// Keeps the map until the mapping is gone.
    _map: MapData,
}

impl Tops {
    /// Maps the tables and makes them ready, before the first frame.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub(super) fn open(map: Map, lists: u32, cpus: u32) -> Result<Self, Error> {
        let Map::Array(map) = map else { return Err(Error::Missing(names::TOPS)) };
        let (lists, cpus) = (lists as usize, cpus as usize);
        let len = lists * cpus * size_of::<TopTable>();
        let memory = MmapOptions::new().len(len).map_raw(&map.fd().as_fd());
        let memory = memory.map_err(|source| Error::Tops { source })?;
        // Keys that the system has drawn, and a number that is another one each time.
        let random = RandomState::new();
        let drawn: [u64; KEY_WORDS + 1] = std::array::from_fn(|n| random.hash_one(n));
        let tops = Self { memory, lists, cpus, seeds: Seeds::new(drawn), counting: 0, _map: map };
        for (number, table) in tops.tables().enumerate() {
            // SAFETY: inside of the mapping, and no program runs yet.
            let table = unsafe { &mut *table };
            table.seeds = tops.seeds;
            table.random = random.hash_one(("random", number)).max(1);
        }
        Ok(tops)
    }

    /// What the keys are hashed with.
    pub fn seeds(&self) -> Seeds {
        self.seeds
    }

    /// Lets the programs count in the other half. What was left is then there for
    /// [`take`](Self::take), and what they refuse goes with it.
    pub fn turn(&mut self) {
        self.counting ^= 1;
        for table in self.tables() {
            let word = table.wrapping_byte_add(offset_of!(TopTable, counting));
            // SAFETY: inside of the mapping; aligned, because the mapping and each table are; the
            // programs load the word whole.
            let word = unsafe { AtomicU32::from_ptr(word.cast()) };
            word.store(self.counting, Ordering::Release);
        }
        wait_for_programs();
    }

    /// Takes what one list has counted on each CPU up to the last [`turn`](Self::turn), and
    /// empties it. `f` is called once a CPU.
    pub fn take(&mut self, list: usize, mut f: impl FnMut(&Half)) {
        assert!(list < self.lists, "a list that there is");
        let left = self.counting as usize ^ 1;
        let tables: Vec<*mut TopTable> =
            self.tables().skip(list * self.cpus).take(self.cpus).collect();
        for table in tables {
            // SAFETY: inside of the mapping, and this half is ours since the last turn.
            let half = unsafe { &mut (*table).halves[left] };
            f(half);
            half.sets.fill(Default::default());
            half.refused = Counter::default();
        }
    }

    /// The tables, list by list, CPU by CPU.
    fn tables(&self) -> impl Iterator<Item = *mut TopTable> + use<> {
        let start: *mut TopTable = self.memory.as_mut_ptr().cast();
        (0..self.lists * self.cpus).map(move |number| start.wrapping_add(number))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use probe_common::key::Key;
    use probe_filter::{Options, compile_keyed, ir::LinkType};
    use testbed::requirements::{Requirement, met};

    use super::*;
    use crate::kernel::{Hook, RuleSpec, TestRun};

    /// UDP from 192.0.2.`source` to port `port`.
    fn frame(source: u8, port: u8) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, source]);
        frame.extend([198, 51, 100, 9, 0, 53, 0, port, 0, 8, 0, 0]);
        frame
    }

    #[test]
    fn programs_count_by_keys_in_the_half_that_is_named() {
        if !met(&[Requirement::Root]) {
            return;
        }
        let options = Options::default();
        let filters = ["src", "dport"]
            .map(|key| compile_keyed("udp", key.parse().unwrap(), &options).unwrap());
        let rules = filters
            .iter()
            .map(|filter| RuleSpec { graph: filter.graph(), sampler: None })
            .collect::<Vec<_>>();
        for hook in [Hook::Tcx, Hook::Xdp] {
            let mut run = TestRun::new(&rules, hook, LinkType::Ethernet).unwrap();
            let mut expected = [BTreeMap::new(), BTreeMap::new()];
            for turn in 0..4u32 {
                for n in 0..50 {
                    let (source, port) = ((n % 7) as u8, (n % 3 + turn) as u8);
                    let frame = frame(source, port);
                    run.run(&frame, 100 + n).unwrap();
                    let address = Key([0, 0, 0xffff, 0xc000_0200 + u32::from(source), 0]);
                    let port = Key([port.into(), 0, 0, 0, 0]);
                    for (map, key) in expected.iter_mut().zip([address, port]) {
                        let counter = map.entry(key).or_insert(Counter::default());
                        *counter += Counter { packets: 1, bytes: (100 + n).into() };
                    }
                }
                let tops = run.tops().unwrap();
                tops.turn();
                for (list, expected) in expected.iter_mut().enumerate() {
                    let mut found = BTreeMap::new();
                    tops.take(list, |half| {
                        assert_eq!(half.refused, Counter::default());
                        for (set, admissions) in half.sets.iter().zip(&half.admissions) {
                            for (entry, admission) in set.entries().iter().zip(admissions) {
                                let Some(counter) = entry.counter() else { continue };
                                assert_eq!(admission.error, 0);
                                *found.entry(admission.key).or_insert(Counter::default()) +=
                                    counter;
                            }
                        }
                    });
                    assert_eq!(&found, expected, "{hook}, list {list}, turn {turn}");
                    expected.clear();
                }
            }
            assert_eq!(run.counts().unwrap().rules[0].packets, 200);
        }
    }
}

//! One table of keys: read as a kernel program left it, or counted here.

use probe_common::{
    Counter,
    key::{Key, Seeds},
    top::{Admission, Outcome, Set, WAYS, next_random},
};

/// What a table holds.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// A power of two of them.
    pub sets: &'a [Set],
    /// Those of each set.
    pub admissions: &'a [[Admission; WAYS]],
}

/// A key that is to be counted exactly from the first frame on: an entry of a table is kept for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The key.
    pub key: Key,
    /// Its hash.
    pub hash: u64,
}

/// Pins keys in a table that is empty, those that come first where a set has no room for more.
pub fn pin(sets: &mut [Set], admissions: &mut [[Admission; WAYS]], pins: &[Pin]) {
    for &Pin { key, hash } in pins {
        let number = set_of(hash, sets.len());
        if let Some(way) = sets[number].pin(tag_of(hash)) {
            admissions[number][way] = Admission::new(key, 0);
        }
    }
}

/// What one table says of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) key: Key,
    pub(crate) counter: Counter,
    /// Frames of the count that may be others'.
    pub(crate) error: u32,
}

impl View<'_> {
    /// Its keys, each with the number of its set.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (usize, Counted)> + '_ {
        self.sets.iter().zip(self.admissions).enumerate().flat_map(|(number, (set, admissions))| {
            set.entries().iter().zip(admissions).filter_map(move |(entry, admission)| {
                let &Admission { key, error, .. } = admission;
                Some((number, Counted { key, counter: entry.counter()?, error }))
            })
        })
    }
}

/// The twin of a kernel program's table, for frames of a file.
#[derive(Clone, Debug)]
pub struct Table {
    sets: Vec<Set>,
    admissions: Vec<[Admission; WAYS]>,
    seeds: Seeds,
    random: u64,
    refused: Counter,
}

impl Table {
    /// An empty table of `sets` sets, rounded up to a power of two. The same random numbers give
    /// the same results.
    pub fn new(sets: usize, seeds: Seeds, random: u64) -> Self {
        let sets = sets.next_power_of_two();
        Self {
            sets: vec![Set::default(); sets],
            admissions: vec![Default::default(); sets],
            seeds,
            random: random.max(1),
            refused: Counter::default(),
        }
    }

    /// Counts a frame of `len` wire bytes.
    pub fn count(&mut self, key: Key, len: u32) {
        let hash = self.seeds.hash(&key);
        let number = set_of(hash, self.sets.len());
        let random = || next_random(&mut self.random);
        match self.sets[number].count(tag_of(hash), len, random) {
            Outcome::Counted => {}
            Outcome::Admitted { way, error } => {
                self.admissions[number][way] = Admission::new(key, error);
            }
            Outcome::Refused => {
                self.refused += Counter { packets: 1, bytes: len.into() };
            }
        }
    }

    /// What it holds.
    pub fn view(&self) -> View<'_> {
        View { sets: &self.sets, admissions: &self.admissions }
    }

    /// Frames that were not admitted.
    pub fn refused(&self) -> Counter {
        self.refused
    }

    /// Forgets all that it counted.
    pub fn clear(&mut self) {
        self.sets.fill(Set::default());
        self.refused = Counter::default();
    }

    /// Pins keys, where nothing is counted yet.
    pub fn pin(&mut self, pins: &[Pin]) {
        pin(&mut self.sets, &mut self.admissions, pins);
    }
}

/// The bits of a hash that tell the keys of a set apart.
fn tag_of(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The set of a hash, among a power of two of them.
pub(crate) fn set_of(hash: u64, sets: usize) -> usize {
    hash as usize & (sets - 1)
}

//! One table of keys: read as a kernel program left it, or counted here.

use probe_common::{
    Counter,
    key::{Key, Seeds},
    top::{Admission, Outcome, Set, WAYS, next_random},
};

/// A table at the end of an epoch.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// A power of two of them.
    pub sets: &'a [Set],
    /// [`WAYS`] for each set.
    pub admissions: &'a [Admission],
    /// The epoch that is read.
    pub epoch: u16,
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
        let admissions = self.admissions.chunks_exact(WAYS);
        self.sets.iter().zip(admissions).enumerate().flat_map(move |(number, (set, admissions))| {
            set.entries().iter().zip(admissions).filter_map(move |(entry, admission)| {
                let (packets, bytes) = entry.counts(self.epoch)?;
                let counter = Counter { packets: packets.into(), bytes };
                Some((number, Counted { key: admission.key, counter, error: admission.error }))
            })
        })
    }
}

/// The twin of a kernel program's table, for frames of a file.
#[derive(Clone, Debug)]
pub struct Table {
    sets: Vec<Set>,
    admissions: Vec<Admission>,
    seeds: Seeds,
    random: u64,
    epoch: u16,
    refused: Counter,
}

impl Table {
    /// An empty table of `sets` sets, rounded up to a power of two. The same random numbers give
    /// the same results.
    pub fn new(sets: usize, seeds: Seeds, random: u64) -> Self {
        let sets = sets.next_power_of_two();
        Self {
            sets: vec![Set::default(); sets],
            admissions: vec![Admission::default(); sets * WAYS],
            seeds,
            random: random.max(1),
            epoch: 1,
            refused: Counter::default(),
        }
    }

    /// Counts a frame of `len` wire bytes.
    pub fn count(&mut self, key: Key, len: u32) {
        let hash = self.seeds.hash(&key);
        let number = set_of(hash, self.sets.len());
        let random = next_random(&mut self.random);
        match self.sets[number].count((hash >> 32) as u32, self.epoch, len, random) {
            Outcome::Counted => {}
            Outcome::Admitted { way, error } => {
                self.admissions[number * WAYS + way] = Admission::new(key, error, len);
            }
            Outcome::Refused => {
                self.refused += Counter { packets: 1, bytes: len.into() };
            }
        }
    }

    /// Ends the epoch: what the table holds, and what it refused since the last call. From now on
    /// it counts anew.
    pub fn end_epoch(&mut self) -> (View<'_>, Counter) {
        let epoch = self.epoch;
        // Epoch 0 is that of memory which nobody has written.
        self.epoch = epoch.checked_add(1).unwrap_or(1);
        let refused = std::mem::take(&mut self.refused);
        (View { sets: &self.sets, admissions: &self.admissions, epoch }, refused)
    }
}

/// The set of a hash, among a power of two of them.
pub(crate) fn set_of(hash: u64, sets: usize) -> usize {
    hash as usize & (sets - 1)
}

//! The largest keys since the start: the tables of all CPUs, put together each time they are read.

use std::{cmp::Reverse, collections::BinaryHeap};

use probe_common::{
    Counter,
    key::{Key, Seeds},
};
use rustc_hash::FxHashMap;

use crate::table::{Counted, View, set_of};

/// Standard deviations to either side of a count. What a key was counted less before its admission
/// is distributed geometrically, so its tail is longer than a normal distribution's: beyond five
/// times the mean lies e^-5, 0.7 %, of a single one, and less of a sum.
const DEVIATIONS: f64 = 5.0;

/// The keys since the start, in bounded memory.
#[derive(Clone, Debug)]
pub struct Totals {
    keys: FxHashMap<Key, Tally>,
    /// Keys that are kept; half as many more between two prunings, and those of a table.
    kept: usize,
    seeds: Seeds,
    /// For each set of the largest table so far, over all tables that were added: the square of what a
    /// key that was not in it may have been counted less.
    squares: Vec<f64>,
    /// What a key that was not kept may have counted.
    pruned: u64,
    /// All frames of the keys that were not kept.
    dropped: u64,
    /// Frames that no table admitted.
    refused: Counter,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    counter: Counter,
    /// The counter when the interval began.
    before: Counter,
    /// Frames of the count that may be others': never more.
    error: u64,
    /// Square of the deviation, beside that of its set: of the tables in which it had an entry.
    square: f64,
    /// What it may have counted before it was kept.
    missing: u64,
}

/// A key, and the interval in which its true number of frames lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub key: Key,
    /// Frames, and wire bytes without FCS.
    pub counter: Counter,
    /// Those of them that were counted since the [interval](Totals::begin_interval) began.
    pub since: Counter,
    /// There were at least so many frames.
    pub low: u64,
    /// There were at most so many frames.
    pub high: u64,
}

impl Totals {
    /// Of tables with the same seeds. Keeps `kept` keys.
    pub fn new(seeds: Seeds, kept: usize) -> Self {
        Self {
            keys: FxHashMap::default(),
            kept: kept.max(1),
            seeds,
            squares: vec![0.0],
            pruned: 0,
            dropped: 0,
            refused: Counter::default(),
        }
    }

    /// Adds what one table counted since it was empty, and what it refused: each CPU's, again and
    /// again. Tables may have any power of two of sets: a set of a small table has the keys of several
    /// sets of a larger one, those whose numbers end in the same bits.
    pub fn add(&mut self, view: &View<'_>, refused: Counter) {
        self.refused += refused;
        let sets = view.sets.len();
        while self.squares.len() < sets {
            self.squares.extend_from_within(..);
        }
        let least = |number: usize| f64::from(view.sets[number].least());
        for (number, square) in self.squares.iter_mut().enumerate() {
            *square += least(number % sets).powi(2);
        }
        for (number, Counted { key, counter, error }) in view.keys() {
            let new = Tally { missing: self.pruned, ..Tally::default() };
            let tally = self.keys.entry(key).or_insert(new);
            tally.counter += counter;
            tally.error += u64::from(error);
            // Its own deviation takes the place of that of keys without an entry.
            tally.square += f64::from(error).powi(2) - least(number).powi(2);
        }
        // With the 1,024 keys of the largest table, 4,096 that are kept are 7,168 then: as many as a hash table of
        // 8,192 places takes before it doubles (hashbrown fills seven of eight).
        if self.keys.len() > self.kept + self.kept / 2 {
            self.prune();
        }
    }

    /// Drops all but the largest keys.
    fn prune(&mut self) {
        let mut order: Vec<(u64, Key)> =
            self.keys.iter().map(|(key, tally)| (tally.counter.packets, *key)).collect();
        order.select_nth_unstable_by(self.kept, |a, b| b.cmp(a));
        for (_, key) in &order[self.kept..] {
            let high = self.row(key).map_or(0, |row| row.high);
            self.pruned = self.pruned.max(high);
            self.dropped += self.keys.remove(key).map_or(0, |tally| tally.counter.packets);
        }
    }

    /// An interval begins: what is added from now on is what [`Row::since`] says.
    pub fn begin_interval(&mut self) {
        self.keys.values_mut().for_each(|tally| tally.before = tally.counter);
    }

    /// Frames of keys that are no longer kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Frames that no table admitted. With those of all keys, kept and no longer kept, these are all
    /// that were counted.
    pub fn refused(&self) -> Counter {
        self.refused
    }

    /// Frames of all keys that are kept.
    pub fn kept(&self) -> u64 {
        self.keys.values().map(|tally| tally.counter.packets).sum()
    }

    /// The key's row, if it is kept.
    pub fn row(&self, key: &Key) -> Option<Row> {
        let &Tally { counter, before, error, square, missing } = self.keys.get(key)?;
        let set = set_of(self.seeds.hash(key), self.squares.len());
        let variance = (self.squares[set] + square).max(0.0);
        let deviation = (DEVIATIONS * variance.sqrt()).ceil() as u64;
        let packets = counter.packets;
        Some(Row {
            key: *key,
            counter,
            since: Counter {
                packets: counter.packets.saturating_sub(before.packets),
                bytes: counter.bytes.saturating_sub(before.bytes),
            },
            low: packets.saturating_sub(error.min(deviation)),
            high: packets + deviation + missing,
        })
    }

    /// Frames of those `count` keys that have most since the [interval](Self::begin_interval) began, the
    /// largest number first.
    pub fn largest_since(&self, count: usize) -> Vec<u64> {
        let since = |tally: &Tally| tally.counter.packets.saturating_sub(tally.before.packets);
        largest(self.keys.values().map(since), count)
    }

    /// The `count` largest keys, the largest first; of equal ones the lesser key.
    pub fn top(&self, count: usize) -> Vec<Row> {
        let ranked = self.keys.iter().map(|(key, tally)| (tally.counter.packets, Reverse(*key)));
        largest(ranked, count).iter().filter_map(|(_, key)| self.row(&key.0)).collect()
    }
}

/// The `count` largest of them, the largest first, in memory for no more than those.
fn largest<T: Ord>(items: impl Iterator<Item = T>, count: usize) -> Vec<T> {
    let mut kept = BinaryHeap::new();
    for item in items {
        if kept.len() < count {
            kept.push(Reverse(item));
        } else if let Some(mut least) = kept.peek_mut()
            && least.0 < item
        {
            *least = Reverse(item);
        }
    }
    kept.into_sorted_vec().into_iter().map(|Reverse(item)| item).collect()
}

//! The largest keys since the start: the tables of all CPUs, put together each time they are read.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    mem,
    ops::{AddAssign, SubAssign},
};

use hashbrown::HashTable;
use probe_common::{
    Counter,
    key::{Key, Seeds},
};

use crate::table::{Counted, Pin, View, set_of};

/// Standard deviations to either side of a count. What a key was counted less before its admission
/// is distributed geometrically, so its tail is longer than a normal distribution's: beyond five
/// times the mean lies e^-5, 0.7 %, of a single one, and less of a sum.
const DEVIATIONS: f64 = 5.0;

/// A key that has so many frames for sure has not come by chance, as each one of a flood does that comes once or twice.
const OFTEN: u64 = 8;

/// Keys that may be kept for a while beyond those that are: as many as the largest table has.
const BETWEEN: usize = 1024;

/// The keys since the start, in bounded memory.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Each at the [`place`] of its hash.
    keys: HashTable<(Key, Tally)>,
    /// Keys that are kept, with [`BETWEEN`] more between two prunings, and those of a table.
    kept: usize,
    seeds: Seeds,
    /// For each set of the largest table so far, over all tables that were added: of a key that was not in it.
    noise: Vec<Noise>,
    /// What a key that was not kept may have had for sure.
    pruned: u64,
    /// All frames of the keys that were not kept.
    dropped: u64,
    /// Frames that no table admitted.
    refused: Counter,
}

/// How far the count of a key may be from the truth.
#[derive(Clone, Copy, Debug, Default)]
struct Noise {
    /// The square of the deviation: of what it was counted more by what its entry took over, and less before that.
    square: f64,
    /// What is counted for nobody, because others took its entry before, and again, perhaps. Such an entry was the
    /// least of its set, which only grows: it had no more than the least has at the end. Not a deviation: over
    /// many tables it does not cancel.
    lost: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    counter: Counter,
    /// The counter when the interval began.
    before: Counter,
    /// Frames of the count that may be others': never more.
    error: u64,
    /// Beside that of its set: of the tables in which it had an entry.
    noise: Noise,
    /// What it may have had for sure before it was kept.
    missing: u64,
    /// Frames that are its own for sure, since [`Totals::pins`] was asked, and weighted with those before.
    recent: u32,
    weight: u32,
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
            keys: HashTable::new(),
            kept: kept.max(1),
            seeds,
            noise: vec![Noise::default()],
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
        while self.noise.len() < sets {
            self.noise.extend_from_within(..);
        }
        let absent = |number: usize| Noise::of(view.sets[number].least());
        for (number, noise) in self.noise.iter_mut().enumerate() {
            *noise += absent(number % sets);
        }
        for (number, Counted { key, counter, error }) in view.keys() {
            let new = Tally { missing: self.pruned, ..Tally::default() };
            let place_of = |(key, _): &(Key, Tally)| place(self.seeds.hash(key));
            let entry = self.keys.entry(place_of(&(key, new)), |it| it.0 == key, place_of);
            let (_, tally) = entry.or_insert((key, new)).into_mut();
            tally.counter += counter;
            tally.error += u64::from(error);
            let sure = counter.packets - u64::from(error);
            tally.recent = tally.recent.saturating_add(sure as u32);
            // Its own deviation takes the place of that of keys without an entry.
            tally.noise += Noise::of(error);
            tally.noise -= absent(number);
        }
        if self.keys.len() > self.kept + BETWEEN {
            self.prune();
        }
    }

    /// Keeps at least so many keys from now on.
    pub fn keep(&mut self, kept: usize) {
        self.kept = self.kept.max(kept);
    }

    /// Drops all but the largest keys, by what is theirs for sure: what an entry took over is as much for each of a flood.
    fn prune(&mut self) {
        let rank =
            |(key, tally): &(Key, Tally)| (tally.sure(), tally.counter.packets, Reverse(*key));
        let mut ranks: Vec<_> = self.keys.iter().map(rank).collect();
        let (_, &mut largest_dropped, _) =
            ranks.select_nth_unstable_by_key(self.kept, |rank| Reverse(*rank));
        let Self { keys, pruned, dropped, .. } = self;
        keys.retain(|it| {
            let keeps = rank(it) > largest_dropped;
            if !keeps {
                let (_, tally) = it;
                *pruned = (*pruned).max(tally.sure() + tally.missing);
                *dropped += tally.counter.packets;
            }
            keeps
        });
    }

    /// The keys for which the next tables are to keep entries: those that come most often of late, a quarter of a
    /// table's entries at most. To be asked once for all tables of one moment.
    pub fn pins(&mut self) -> Vec<Pin> {
        let ranked = self.keys.iter_mut().filter_map(|(key, tally)| {
            let before = tally.weight - tally.weight / 4;
            tally.weight = before.saturating_add(mem::take(&mut tally.recent));
            (tally.sure() >= OFTEN).then_some((tally.weight, Reverse(*key)))
        });
        let ranked = largest(ranked, self.noise.len());
        let pin = |(_, Reverse(key))| Pin { key, hash: self.seeds.hash(&key) };
        ranked.into_iter().map(pin).collect()
    }

    /// An interval begins: what is added from now on is what [`Row::since`] says.
    pub fn begin_interval(&mut self) {
        self.keys.iter_mut().for_each(|(_, tally)| tally.before = tally.counter);
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
        self.keys.iter().map(|(_, tally)| tally.counter.packets).sum()
    }

    /// The key's row, if it is kept.
    pub fn row(&self, key: &Key) -> Option<Row> {
        let (_, tally) = self.keys.find(place(self.seeds.hash(key)), |(it, _)| it == key)?;
        let noise = noise_of(&self.noise, &self.seeds, key, tally);
        let Tally { counter, before, error, .. } = tally;
        Some(Row {
            key: *key,
            counter: *counter,
            since: Counter {
                packets: counter.packets.saturating_sub(before.packets),
                bytes: counter.bytes.saturating_sub(before.bytes),
            },
            low: counter.packets.saturating_sub(noise.deviation().min(*error)),
            high: tally.high(noise),
        })
    }

    /// Frames of those `count` keys that have most since the [interval](Self::begin_interval) began, the
    /// largest number first.
    pub fn largest_since(&self, count: usize) -> Vec<u64> {
        let since =
            |(_, tally): &(Key, Tally)| tally.counter.packets.saturating_sub(tally.before.packets);
        largest(self.keys.iter().map(since), count)
    }

    /// The `count` largest keys, the largest first; of equal ones the lesser key.
    pub fn top(&self, count: usize) -> Vec<Row> {
        let ranked = self.keys.iter().map(|(key, tally)| (tally.counter.packets, Reverse(*key)));
        largest(ranked, count).iter().filter_map(|(_, key)| self.row(&key.0)).collect()
    }
}

impl Tally {
    /// There were at most so many frames, of a count with this noise.
    fn high(&self, noise: Noise) -> u64 {
        self.counter.packets + noise.deviation() + noise.lost.max(0) as u64 + self.missing
    }

    /// Frames that are its own for sure.
    fn sure(&self) -> u64 {
        self.counter.packets - self.error
    }
}

impl Noise {
    /// Of a key in a table: `count` is what its entry took over, or what the least entry of its set has, where it has
    /// none.
    fn of(count: u32) -> Self {
        Self { square: f64::from(count).powi(2), lost: count.into() }
    }

    /// How far a count may be from the truth, but for what was lost.
    fn deviation(self) -> u64 {
        (DEVIATIONS * self.square.max(0.0).sqrt()).ceil() as u64
    }
}

impl AddAssign for Noise {
    fn add_assign(&mut self, other: Self) {
        self.square += other.square;
        self.lost += other.lost;
    }
}

impl SubAssign for Noise {
    fn sub_assign(&mut self, other: Self) {
        self.square -= other.square;
        self.lost -= other.lost;
    }
}

/// That of a key, over all tables.
fn noise_of(sets: &[Noise], seeds: &Seeds, key: &Key, tally: &Tally) -> Noise {
    let mut noise = sets[set_of(seeds.hash(key), sets.len())];
    noise += tally.noise;
    noise
}

/// Where a key is kept, by its hash. Tables hold their keys set by set, the lowest bits of the hash: these are above
/// the lowest ones here, so that memory is gone through in one direction, and not back and forth.
fn place(hash: u64) -> u64 {
    /// Of all that choose among the places for 3,584 keys.
    const LOW: u64 = 0xfff;
    /// Those below the set's.
    const OTHERS: u32 = 4;
    let low = hash & LOW;
    hash & !LOW | (low << OTHERS | low >> (LOW.count_ones() - OTHERS)) & LOW
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

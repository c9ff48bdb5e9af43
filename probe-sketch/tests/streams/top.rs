//! The largest keys.

use std::collections::HashMap;

use probe_common::{Counter, key::Key, top::WAYS};
use probe_sketch::{Table, Totals};

use crate::stream::{Kind, LATE, Random, key, len};

/// Sets of a table: 1,024 entries.
const SETS: usize = 256;
const CPUS: usize = 2;
/// As many as `probe-user` keeps.
const KEPT: usize = 1_536;

/// How long a stream is.
#[derive(Clone, Copy)]
struct Length {
    frames: usize,
    /// Frames of an epoch, a tick of a second.
    epoch: usize,
}

/// 10 seconds at 100,000 frames a second.
const SHORT: Length = Length { frames: 1_000_000, epoch: 100_000 };

/// What tables counted, and the truth.
struct Outcome {
    totals: Totals,
    truth: HashMap<Key, Counter>,
}

/// Counts a stream in tables of these numbers of sets, which take turns, an epoch each.
fn count(kind: Kind, length: Length, seed: u64, sizes: &[usize]) -> Outcome {
    let mut random = Random(seed);
    let seeds = random.seeds();
    let mut of_cpus = |sets: usize| -> Vec<Table> {
        (0..CPUS).map(|_| Table::new(sets, seeds, random.next())).collect()
    };
    let mut turns: Vec<Vec<Table>> = sizes.iter().map(|&sets| of_cpus(sets)).collect();
    let mut totals = Totals::new(seeds, KEPT);
    let mut truth = HashMap::new();
    let mut cpus = Random(random.next());
    let mut sources = kind.sources(length.frames, || random.next());
    for number in 0..length.frames / length.epoch {
        let turn = number % turns.len();
        let tables = &mut turns[turn];
        for source in sources.by_ref().take(length.epoch) {
            // Which CPU takes a frame has nothing to do with its source.
            let cpu = cpus.next() as usize % CPUS;
            tables[cpu].count(key(source), len(source));
            *truth.entry(key(source)).or_insert(Counter::default()) +=
                Counter { packets: 1, bytes: len(source).into() };
        }
        for table in tables {
            totals.add(&table.view(), table.refused());
            table.clear();
        }
    }
    Outcome { totals, truth }
}

/// The true largest keys, those of equal counts in the order of `Totals::top`.
fn largest(truth: &HashMap<Key, Counter>, count: usize) -> Vec<(Key, Counter)> {
    let mut all: Vec<(Key, Counter)> =
        truth.iter().map(|(key, counter)| (*key, *counter)).collect();
    all.sort_by_key(|(key, counter)| (std::cmp::Reverse(counter.packets), *key));
    all.truncate(count);
    all
}

/// Those of the ten largest keys that stand clear of the noise are within 1 % and in their order.
fn judge(what: &str, Outcome { totals, truth }: &Outcome) {
    let entries = (SETS * WAYS * CPUS) as f64;
    let clear = 100.0 * (2.0 * totals.refused().packets as f64 / entries).sqrt();
    let mut order = Vec::new();
    for (key, counter) in largest(truth, 10) {
        if (counter.packets as f64) < clear {
            continue;
        }
        order.push(key);
        let row = totals.row(&key).unwrap_or_else(|| panic!("{what}: a source is missing"));
        for (found, truth) in
            [(row.counter.packets, counter.packets), (row.counter.bytes, counter.bytes)]
        {
            let error = found.abs_diff(truth) as f64 / truth as f64;
            assert!(error <= 0.01, "{what}: {counter:?} is {row:?}");
        }
    }
    let found: Vec<Key> = totals.top(order.len()).iter().map(|row| row.key).collect();
    assert_eq!(found, order, "{what}");
}

#[test]
fn the_largest_keys_are_found_in_any_stream() {
    let (mut rows, mut outside) = (0, Vec::new());
    for kind in Kind::ALL {
        for seed in 1..=5 {
            let outcome = count(kind, SHORT, seed, &[SETS]);
            judge(&format!("{kind:?}, seed {seed}"), &outcome);
            let Outcome { totals, truth } = outcome;
            if kind == Kind::Late {
                let found = totals.top(10).iter().any(|row| row.key == key(LATE));
                assert!(found, "seed {seed}: the late source is not there");
            }
            for row in totals.top(100) {
                rows += 1;
                let true_count = truth[&row.key].packets;
                if !(row.low..=row.high).contains(&true_count) {
                    outside.push((kind, seed, true_count, row));
                }
                if row.low == row.high {
                    assert_eq!(row.counter, truth[&row.key], "{kind:?}, seed {seed}: exact");
                }
            }
        }
    }
    assert!(rows > 1_000);
    assert!(outside.len() * 100 <= rows, "{} of {rows}: {outside:#?}", outside.len());
    println!("outside of its interval: {} of {rows} rows", outside.len());
}

#[test]
fn every_frame_is_in_the_table_or_refused() {
    for kind in Kind::ALL {
        let Outcome { totals, .. } = count(kind, SHORT, 7, &[SETS]);
        let kept: u64 = totals.top(usize::MAX).iter().map(|row| row.counter.packets).sum();
        assert_eq!(kept, totals.kept());
        let all = kept + totals.dropped() + totals.refused().packets;
        assert_eq!(all, SHORT.frames as u64, "{kind:?}");
    }
}

/// As where programs that take the place of others have more lists, and so less memory for each: the
/// totals of all tables add up, and the intervals hold.
#[test]
fn tables_of_several_sizes_are_put_together() {
    let (mut rows, mut outside) = (0, Vec::new());
    for kind in Kind::ALL {
        let Outcome { totals, truth } = count(kind, SHORT, 3, &[64, SETS, 16]);
        let all = totals.kept() + totals.dropped() + totals.refused().packets;
        assert_eq!(all, SHORT.frames as u64, "{kind:?}");
        for row in totals.top(100) {
            rows += 1;
            let true_count = truth[&row.key].packets;
            if !(row.low..=row.high).contains(&true_count) {
                outside.push((kind, true_count, row));
            }
        }
    }
    assert!(rows > 200);
    assert!(outside.len() * 100 <= rows, "{} of {rows}: {outside:#?}", outside.len());
}

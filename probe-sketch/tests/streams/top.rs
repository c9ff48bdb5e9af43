//! The largest keys.

use std::collections::HashMap;

use probe_common::{Counter, key::Key, top::WAYS};
use probe_sketch::{Row, Table, Totals};

use crate::stream::{Kind, LATE, POPULATION, Random, key, len};

/// Sets of a table: 1,024 entries.
const SETS: usize = 256;
const CPUS: usize = 2;
/// As many as `probe-user` keeps.
const KEPT: usize = 1_536;

/// How a stream is counted.
#[derive(Clone, Copy)]
struct Run {
    frames: usize,
    /// Frames of an epoch, a tick of a second.
    epoch: usize,
    /// Whether the largest keys are pinned.
    pins: bool,
}

/// 10 seconds at 100,000 frames a second.
const SHORT: Run = Run { frames: 1_000_000, epoch: 100_000, pins: true };
/// Some minutes of it.
const LONGER: Run = Run { frames: 20_000_000, ..SHORT };
/// Three quarters of an hour at 800,000.
const LONGEST: Run = Run { frames: 2_100_000_000, epoch: 800_000, pins: true };

/// What tables counted, and the truth.
struct Outcome {
    totals: Totals,
    /// Of a long stream without the sources of its flood, which come once or twice.
    truth: HashMap<Key, Counter>,
}

/// Counts a stream in tables of these numbers of sets, which take turns, an epoch each.
fn count(kind: Kind, run: Run, seed: u64, sizes: &[usize]) -> Outcome {
    let mut random = Random(seed);
    let seeds = random.seeds();
    let mut of_cpus = |sets: usize| -> Vec<Table> {
        (0..CPUS).map(|_| Table::new(sets, seeds, random.next())).collect()
    };
    let mut turns: Vec<Vec<Table>> = sizes.iter().map(|&sets| of_cpus(sets)).collect();
    let mut totals = Totals::new(seeds, KEPT);
    let mut truth = HashMap::new();
    let (mut cpus, is_short) = (Random(random.next()), run.frames <= SHORT.frames);
    let mut sources = kind.sources(run.frames, || random.next());
    for number in 0..run.frames / run.epoch {
        let turn = number % turns.len();
        let tables = &mut turns[turn];
        for source in sources.by_ref().take(run.epoch) {
            // Which CPU takes a frame has nothing to do with its source.
            let cpu = cpus.next() as usize % CPUS;
            tables[cpu].count(key(source), len(source));
            if is_short || source < POPULATION as u64 || source == LATE {
                *truth.entry(key(source)).or_insert(Counter::default()) +=
                    Counter { packets: 1, bytes: len(source).into() };
            }
        }
        // As of the epoch before, as `probe-user` does.
        let pins = if run.pins { totals.pins() } else { Vec::new() };
        for table in tables {
            totals.add(&table.view(), table.refused());
            table.clear();
            table.pin(&pins);
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

/// Whether those of the ten largest keys that stand clear of the noise are within 1 % and in their order; how many
/// these are, and how far off they are at most.
fn judge(what: &str, Outcome { totals, truth }: &Outcome) -> (usize, f64) {
    let entries = (SETS * WAYS * CPUS) as f64;
    let clear = 100.0 * (2.0 * totals.refused().packets as f64 / entries).sqrt();
    let (mut order, mut worst) = (Vec::new(), 0f64);
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
            worst = worst.max(error);
        }
    }
    let found: Vec<Key> = totals.top(order.len()).iter().map(|row| row.key).collect();
    assert_eq!(found, order, "{what}");
    (order.len(), worst)
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

/// A key that loses its entry again and again loses what it had counted, which adds up over the epochs: the intervals
/// know it, of keys that are pinned and of those that never are.
#[test]
fn the_truth_is_inside_over_many_epochs() {
    for (kind, pins) in [Kind::Flood, Kind::Twice, Kind::Late].into_iter().zip([true, false, false])
    {
        let Outcome { totals, truth } = count(kind, Run { pins, ..LONGER }, 1, &[SETS]);
        let mut rows = 0;
        for (key, Counter { packets, .. }) in largest(&truth, 500) {
            let Some(row) = totals.row(&key) else { continue };
            rows += 1;
            assert!((row.low..=row.high).contains(&packets), "{kind:?}: {packets} is {row:?}");
        }
        assert!(rows >= 30, "{kind:?}: {rows}");
    }
}

/// Some minutes of floods; with `PROBE_LONG_FLOODS=1`, and best with `--release`, as long as each of the ten
/// largest sources needs to stand clear of the noise.
#[test]
fn the_largest_keys_of_a_long_flood_are_within_one_percent() {
    let is_long = std::env::var_os("PROBE_LONG_FLOODS").is_some();
    let (run, seeds) = if is_long { (LONGEST, 1..=5) } else { (LONGER, 1..=1) };
    for kind in [Kind::Flood, Kind::Twice, Kind::Late] {
        std::thread::scope(|scope| {
            for seed in seeds.clone() {
                scope.spawn(move || {
                    let outcome = count(kind, run, seed, &[SETS]);
                    let (clear, worst) = judge(&format!("{kind:?}, seed {seed}"), &outcome);
                    let least = if is_long { 10 } else { 1 };
                    assert!(clear >= least, "{kind:?}, seed {seed}: {clear}");
                    let Outcome { totals, truth } = outcome;
                    let rows = totals.top(100);
                    let inside = |row: &&Row| match truth.get(&row.key) {
                        Some(truth) => (row.low..=row.high).contains(&truth.packets),
                        // One of the flood, which came once or twice.
                        None => row.low <= 2 && row.high >= 1,
                    };
                    let inside = rows.iter().filter(inside).count();
                    println!(
                        "{kind:?}, seed {seed}: {clear} clear, at most {:.3} % off, truth inside in {inside} of {}",
                        worst * 100.0,
                        rows.len()
                    );
                    assert!(inside >= 99, "{kind:?}, seed {seed}: {inside} of {}", rows.len());
                });
            }
        });
    }
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

//! How many different keys.

use probe_common::{
    distinct::REGISTERS,
    key::{KEY_WORDS, Key},
};
use probe_sketch::Distinct;

use crate::stream::{Random, key};

#[test]
fn within_two_percent_of_the_truth_and_inside_the_interval() {
    let mut outside = 0;
    for count in [0, 1, 2, 8, 11, 100, 10_000, 1_000_000] {
        let mut worst: f64 = 0.0;
        for seed in 1..=20 {
            let mut random = Random(seed);
            let seeds = random.seeds();
            let mut halves = [Distinct::default(), Distinct::default()];
            for number in 0..count {
                let hash = seeds.hash(&key(number));
                halves[usize::from(random.next() & 1 == 0)].add(hash);
                if number % 3 == 0 {
                    halves[0].add(hash);
                }
            }
            let [mut all, other] = halves;
            all.merge(other.registers());
            let estimate = all.estimate();
            let error = estimate.estimate.abs_diff(count) as f64 / count.max(1) as f64;
            assert!(error <= 0.02, "{count} keys, seed {seed}: {estimate:?}");
            worst = worst.max(error);
            outside += u32::from(!(estimate.low..=estimate.high).contains(&count));
        }
        println!("{count} keys: at worst {:.2} % wrong", worst * 100.0);
    }
    assert!(outside <= 1, "{outside} of 160 intervals do not hold the truth");
}

#[test]
fn what_came_before_changes_nothing() {
    let seeds = Random(3).seeds();
    let mut once = Distinct::default();
    let mut often = Distinct::default();
    for number in 0..1000 {
        once.add(seeds.hash(&key(number)));
    }
    for number in (0..1000).rev().chain(0..1000) {
        often.add(seeds.hash(&key(number)));
    }
    assert_eq!(once, often);
}

/// Keys that differ by the same step, as the addresses of a scan do, are told apart as well as random ones: the
/// hash leaves nothing of the step.
#[test]
fn distinct_keys_in_steps() {
    const KEYS: u32 = 60_000;
    const SEEDS: u64 = 50;
    let standard_error = 1.04 / (REGISTERS as f64).sqrt();
    for word in 0..KEY_WORDS {
        for step in [1, 7, 256, 65_536] {
            let squares: f64 = (1..=SEEDS)
                .map(|seed| {
                    let seeds = Random(seed).seeds();
                    let mut keys = Distinct::default();
                    for number in 0..KEYS {
                        let mut key = [0, 0, 0xffff_0000, 0, 0];
                        key[word] ^= number.wrapping_mul(step);
                        keys.add(seeds.hash(&Key(key)));
                    }
                    (keys.estimate().estimate as f64 / f64::from(KEYS) - 1.0).powi(2)
                })
                .sum();
            let error = (squares / SEEDS as f64).sqrt();
            println!("word {word}, step {step}: {:.2} % standard error", error * 100.0);
            assert!(error < 1.3 * standard_error, "word {word}, step {step}: {error}");
        }
    }
}

/// Of few keys, two share a register as often as chance has it: then one of them is not seen, and nothing tells.
#[test]
fn few_keys_share_a_register_as_often_as_chance_has_it() {
    const KEYS: u64 = 12;
    const SEEDS: u32 = 20_000;
    let mut random = Random(1);
    let shared: u64 = (0..SEEDS)
        .map(|_| {
            let seeds = random.seeds();
            let mut keys = Distinct::default();
            (0..KEYS).for_each(|number| keys.add(seeds.hash(&key(number))));
            KEYS - keys.estimate().estimate
        })
        .sum();
    let expected = (KEYS * (KEYS - 1) / 2 * u64::from(SEEDS)) as f64 / REGISTERS as f64;
    println!("{shared} of {SEEDS} starts, {expected:.0} expected");
    // Five deviations of a Poisson distribution.
    assert!((shared as f64 - expected).abs() < 5.0 * expected.sqrt(), "{shared}, {expected:.0}");
}

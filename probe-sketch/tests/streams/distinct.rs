//! How many different keys.

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
            all.merge(other.words());
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

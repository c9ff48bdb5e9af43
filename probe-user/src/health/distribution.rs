//! Times by bucket, as they go from one process to another and into metrics.

use std::collections::BTreeMap;

use probe_flow::histogram::Histogram;
use serde::{Deserialize, Serialize};

/// How long things took, since some start. The buckets are those of [`Histogram`], which has the
/// reasons: Prometheus's native histograms with schema 4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many times there are.
    pub count: u64,
    /// Their sum, in nanoseconds.
    pub sum_ns: u64,
    /// How many of them are 0: they are in no bucket.
    pub zeros: u64,
    /// How many there are in bucket `k`, whose times are at most `2^(k/16)` seconds. None is 0.
    pub buckets: BTreeMap<i32, u64>,
}

impl From<&Histogram> for Distribution {
    fn from(times: &Histogram) -> Self {
        Self {
            count: times.count(),
            sum_ns: u64::try_from(times.sum_ns()).unwrap_or(u64::MAX),
            zeros: times.zeros(),
            buckets: times.buckets().map(|bucket| (bucket.index, bucket.count)).collect(),
        }
    }
}

impl Distribution {
    /// Adds those of another one.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.zeros += other.zeros;
        for (&index, &count) in &other.buckets {
            *self.buckets.entry(index).or_default() += count;
        }
    }

    /// How many times are at most `2^octave` seconds: the bounds of the buckets are such that this is
    /// exact.
    pub fn up_to(&self, octave: i32) -> u64 {
        self.zeros + self.buckets.range(..=octave * 16).map(|(_, count)| count).sum::<u64>()
    }

    /// Runs of buckets that follow one another: the index of the first, and the counts of all.
    pub fn runs(&self) -> Vec<(i32, Vec<u64>)> {
        let mut runs: Vec<(i32, Vec<u64>)> = Vec::new();
        for (&index, &count) in &self.buckets {
            match runs.last_mut() {
                Some((first, counts)) if *first + counts.len() as i32 == index => {
                    counts.push(count);
                }
                _ => runs.push((index, vec![count])),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times_ns: &[u64]) -> Distribution {
        let mut histogram = Histogram::new();
        times_ns.iter().for_each(|&ns| histogram.record(ns));
        Distribution::from(&histogram)
    }

    #[test]
    fn two_add_up_to_one_of_both() {
        let (first, second) = ([0, 1, 40_000, 1_000_000_000], [40_001, 7, 2_000_000_000]);
        let mut sum = of(&first);
        sum.merge(&of(&second));
        assert_eq!(sum, of(&[&first[..], &second].concat()));
        assert_eq!((sum.count, sum.sum_ns, sum.zeros), (7, 3_000_080_009, 1));
    }

    #[test]
    fn whole_octaves_are_exact() {
        let times = of(&[0, 500_000_000, 500_000_001, 1_000_000_000, 1_000_000_001]);
        assert_eq!([-1, 0, 1].map(|octave| times.up_to(octave)), [2, 4, 5]);
    }

    #[test]
    fn runs_have_no_holes() {
        let buckets = BTreeMap::from([(-3, 1), (-2, 2), (0, 3), (1, 4), (9, 5)]);
        let times = Distribution { buckets, ..Distribution::default() };
        let expected = [(-3, vec![1, 2]), (0, vec![3, 4]), (9, vec![5])];
        assert_eq!(times.runs(), expected);
    }
}

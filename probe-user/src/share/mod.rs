//! Whole connections, one in so many, as the load allows: which share of them is followed, how many each of
//! those stands for, and how far a sum of them may be from the truth.

mod choice;
mod load;
mod pace;

pub use choice::{Budget, Share, Table, choice};
pub use load::Load;

/// A number of connections, of which some were chosen at random: each counts as those that it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// As many as they were, give or take the [margin](Self::margin).
    pub sum: u64,
    /// What the choice adds.
    variance: f64,
}

impl Estimate {
    /// One that stands for `weight`.
    pub fn add(&mut self, weight: u32) {
        self.sum += u64::from(weight);
        self.variance += variance(weight);
    }

    /// All of several.
    pub fn all(parts: &[Self]) -> Self {
        Self {
            sum: parts.iter().map(|part| part.sum).sum(),
            variance: parts.iter().map(|part| part.variance).sum(),
        }
    }

    /// How far the sum may be from the truth, in 999 of 1,000 cases.
    pub fn margin(&self) -> u64 {
        margin(self.variance)
    }
}

/// What one connection adds to the variance of a sum, of which it was chosen at random to stand for `weight`.
pub fn variance(weight: u32) -> f64 {
    f64::from(weight) * f64::from(weight.saturating_sub(1))
}

/// How far a sum of such a variance may be from the truth, in 999 of 1,000 cases.
pub fn margin(variance: f64) -> u64 {
    const DEVIATIONS: f64 = 3.3;
    (DEVIATIONS * variance.sqrt()).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_are_is_exact() {
        let mut estimate = Estimate::default();
        (0..1000).for_each(|_| estimate.add(1));
        assert_eq!((estimate.sum, estimate.margin()), (1000, 0));
        estimate.add(16);
        // 3.3 times the root of 16 * 15.
        assert_eq!((estimate.sum, estimate.margin()), (1016, 52));
        let all = Estimate::all(&[estimate; 4]);
        assert_eq!((all.sum, all.margin()), (4064, 103));
    }
}

//! Medians and spread: what stands for a number of rounds.

/// The middle of the rounds, with the least and the most.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The median.
    pub middle: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of one value a round; not a number where there is none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        Self {
            middle: median(values.iter().copied()),
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// Two cells of a table: the median, and least to most.
    pub fn cells(&self, digits: usize) -> String {
        let Self { middle, least, most } = self;
        if middle.is_nan() {
            return "- | -".to_owned();
        }
        format!("{middle:.digits$} | {least:.digits$} to {most:.digits$}")
    }
}

/// The middle value.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// The mean of the middle half: as deaf to outliers as the median, and finer where the values
/// are whole numbers.
pub fn middle_mean(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let cut = values.len() / 4;
    let middle = &values[cut..values.len() - cut];
    middle.iter().sum::<f64>() / middle.len() as f64
}

/// Seconds in a table; there are none where nothing was measured.
pub fn seconds(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Spread, median, middle_mean};

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median([].into_iter()).is_nan());
    }

    #[test]
    fn the_middle_half_has_a_mean() {
        assert_eq!(middle_mean([0.0, 1.0, 2.0, 900.0].into_iter()), 1.5);
        assert_eq!(middle_mean([4.0].into_iter()), 4.0);
        assert!(middle_mean([].into_iter()).is_nan());
    }

    #[test]
    fn a_spread_shows_its_ends() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]).cells(1), "2.0 | 1.0 to 3.0");
        assert_eq!(Spread::of([]).cells(1), "- | -");
    }
}

//! The 95 % interval of a rate.
//!
//! Arrivals are taken as a Poisson process, and the bounds are exact for it. Traffic
//! paced more evenly than that lies well inside; bursts make the truth wider, which no
//! single count can tell.
//!
//! Two ways to stop give two distributions (Garwood 1936; Cox 1953):
//! - at a fixed time T, N is a Poisson number: chi2(2N)/2T to chi2(2N+2)/2T;
//! - at the Nth match, the time from the first to the last is a sum of N-1 gaps:
//!   chi2(2N-2)/2T on both sides.

use std::time::Duration;

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

/// Left out on either side.
const TAIL: f64 = 0.025;

/// A measured rate, per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

impl Rate {
    /// The same rate in another unit.
    pub fn scaled(self, factor: f64) -> Self {
        Self { value: self.value * factor, low: self.low * factor, high: self.high * factor }
    }
}

/// `matches` within a time fixed beforehand.
pub fn fixed_time(matches: u64, time: Duration) -> Option<Rate> {
    let seconds = positive(time)?;
    let n = matches as f64;
    let low = if matches == 0 { 0.0 } else { quantile(2.0 * n, TAIL) / (2.0 * seconds) };
    let high = quantile(2.0 * n + 2.0, 1.0 - TAIL) / (2.0 * seconds);
    Some(Rate { value: n / seconds, low, high })
}

/// `matches`, the number fixed beforehand, from the first to the last in `time`. Two
/// matches are the least that have a time between them.
pub fn fixed_count(matches: u64, time: Duration) -> Option<Rate> {
    let seconds = positive(time)?;
    let gaps = matches.checked_sub(1).filter(|&gaps| gaps > 0)? as f64;
    Some(Rate {
        value: gaps / seconds,
        low: quantile(2.0 * gaps, TAIL) / (2.0 * seconds),
        high: quantile(2.0 * gaps, 1.0 - TAIL) / (2.0 * seconds),
    })
}

fn positive(time: Duration) -> Option<f64> {
    Some(time.as_secs_f64()).filter(|&seconds| seconds > 0.0)
}

/// Above this many degrees of freedom the Wilson-Hilferty cube is within 1e-7 of the
/// exact quantile (tested below), and takes no iteration.
const CUBE_FROM: f64 = 10_000.0;

/// Quantile of the chi-square distribution.
fn quantile(freedom: f64, p: f64) -> f64 {
    if freedom < CUBE_FROM {
        return ChiSquared::new(freedom).map_or(f64::NAN, |chi| chi.inverse_cdf(p));
    }
    let z = Normal::standard().inverse_cdf(p);
    let variance = 2.0 / (9.0 * freedom);
    freedom * (1.0 - variance + z * variance.sqrt()).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance * b.abs().max(1e-12), "{a} is not {b}");
    }

    /// Bounds of a Poisson count, computed from the definition: the means for which N or
    /// more, and N or fewer, have a probability of 2.5 %.
    #[test]
    fn poisson_bounds() {
        for (n, low, high) in [
            (0, 0.0, 3.6889),
            (1, 0.0253, 5.5716),
            (2, 0.2422, 7.2247),
            (5, 1.6235, 11.6683),
            (10, 4.7954, 18.3904),
            (50, 37.1110, 65.9188),
            (100, 81.3640, 121.6268),
        ] {
            let rate = fixed_time(n, Duration::from_secs(1)).unwrap();
            assert!((rate.low - low).abs() < 1e-4, "{n}: {}", rate.low);
            assert!((rate.high - high).abs() < 1e-4, "{n}: {}", rate.high);
            assert_eq!(rate.value, n as f64);
        }
    }

    #[test]
    fn time_scales() {
        let one = fixed_time(100, Duration::from_secs(1)).unwrap();
        let ten = fixed_time(100, Duration::from_secs(10)).unwrap();
        close(one.low, ten.low * 10.0, 1e-12);
        close(one.high, ten.high * 10.0, 1e-12);
        assert_eq!(fixed_time(1, Duration::ZERO), None);
    }

    #[test]
    fn the_nth_match() {
        assert_eq!(fixed_count(1, Duration::from_secs(1)), None);
        let rate = fixed_count(10_001, Duration::from_secs(10)).unwrap();
        assert_eq!(rate.value, 1000.0);
        // 1.96 / sqrt(10000) = 1.96 % to either side.
        close(rate.low, 980.5, 1e-3);
        close(rate.high, 1019.7, 1e-3);
        // One gap is an exponential time: its quantiles are known in closed form.
        let one = fixed_count(2, Duration::from_secs(1)).unwrap();
        close(one.low, -(1.0f64 - 0.025).ln(), 1e-6);
        close(one.high, -(0.025f64).ln(), 1e-6);
    }

    /// The approximation meets the exact quantile where it takes over.
    #[test]
    fn the_cube_is_good_enough() {
        for p in [TAIL, 1.0 - TAIL] {
            let exact = quantile(CUBE_FROM - 1.0, p);
            let z = Normal::standard().inverse_cdf(p);
            let variance = 2.0 / (9.0 * (CUBE_FROM - 1.0));
            let cube = (CUBE_FROM - 1.0) * (1.0 - variance + z * variance.sqrt()).powi(3);
            close(cube, exact, 1e-7);
        }
    }

    /// In simulated Poisson traffic the true rate lies in the interval 95 times in 100.
    #[test]
    fn coverage() {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut by_count, mut by_time, runs) = (0, 0, 2000);
        for _ in 0..runs {
            let gaps: f64 = (0..49).map(|_| -(1.0 - uniform()).ln()).sum();
            let rate = fixed_count(50, Duration::from_secs_f64(gaps)).unwrap();
            by_count += u32::from(rate.low <= 1.0 && 1.0 <= rate.high);
            let (mut time, mut n) = (0.0, 0);
            loop {
                time += -(1.0 - uniform()).ln();
                if time > 20.0 {
                    break;
                }
                n += 1;
            }
            let rate = fixed_time(n, Duration::from_secs(20)).unwrap();
            by_time += u32::from(rate.low <= 1.0 && 1.0 <= rate.high);
        }
        assert!((1870..=1930).contains(&by_count), "{by_count} of {runs}");
        // Conservative by construction: a count is a whole number.
        assert!((1890..=1970).contains(&by_time), "{by_time} of {runs}");
    }
}

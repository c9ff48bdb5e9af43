//! How many different keys there were, from the registers that kernel programs write.

use probe_common::distinct::{MAX_RANK, REGISTERS, grown, register_of};

/// Standard deviations to either side of an estimate: 99.9 % of a normal distribution.
const DEVIATIONS: f64 = 3.3;
/// What is less probable is not said: as much lies outside of so many deviations.
const CERTAIN: f64 = 0.001;

/// The registers of some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct {
    registers: Box<[u8]>,
}

/// A number of keys, and the interval in which the truth lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The most likely number.
    pub estimate: u64,
    /// There were at least so many.
    pub low: u64,
    /// There were at most so many.
    pub high: u64,
}

impl Default for Distinct {
    /// No key yet.
    fn default() -> Self {
        Self { registers: vec![0; REGISTERS].into() }
    }
}

impl Distinct {
    /// Takes in a key by its hash.
    pub fn add(&mut self, hash: u64) {
        let register = &mut self.registers[register_of(hash)];
        *register = grown(*register, hash);
    }

    /// Takes in the keys of other registers, such as those that kernel programs wrote: then these
    /// say how many keys one or the other had.
    pub fn merge(&mut self, registers: &[u8]) {
        for (own, &other) in self.registers.iter_mut().zip(registers) {
            *own = other.max(*own);
        }
    }

    /// To be changed.
    pub(crate) fn registers_mut(&mut self) -> &mut [u8] {
        &mut self.registers
    }

    /// Forgets all keys.
    pub fn clear(&mut self) {
        self.registers.fill(0);
    }

    /// The registers.
    pub fn registers(&self) -> &[u8] {
        &self.registers
    }

    /// How many keys there were.
    ///
    /// The most likely number, given the registers, each of which is the largest of a Poisson
    /// number of ranks (Ertl, "New cardinality estimation algorithms for HyperLogLog sketches",
    /// 2017): no other formula for few or for many keys. The interval is that of the curvature of
    /// the likelihood, less what the Poisson model adds: it lets the number itself vary.
    pub fn estimate(&self) -> Estimate {
        let histogram = self.histogram();
        let empty = histogram[0];
        let filled = u64::from(REGISTERS as u32 - empty);
        if filled == 0 {
            return Estimate { estimate: 0, low: 0, high: 0 };
        }
        let registers = REGISTERS as f64;
        let rate = most_likely(&histogram);
        let estimate = rate * registers;
        let variance = registers.powi(2) / -curvature(&histogram, rate) - estimate;
        // Of few keys, the variance is the probability that two of them share a register, and nothing
        // else is uncertain.
        if variance < CERTAIN {
            return Estimate { estimate: filled, low: filled, high: filled };
        }
        let deviation = DEVIATIONS * variance.sqrt();
        Estimate {
            estimate: (estimate.round() as u64).max(filled),
            // Each register that is not empty has had a key.
            low: ((estimate - deviation).floor().max(0.0) as u64).max(filled),
            high: ((estimate + deviation).ceil() as u64).max(filled),
        }
    }

    /// How many registers have each value.
    fn histogram(&self) -> [u32; MAX_RANK as usize + 1] {
        // Several, in turn: most registers have one of a few values, and a count that was raised a moment
        // ago has to be waited for. One place for each byte that there is: no value is out of bounds.
        const TABLES: usize = 4;
        let mut tables = [[0u32; 1 << u8::BITS]; TABLES];
        let (bytes, _) = self.registers.as_chunks::<TABLES>();
        for registers in bytes {
            for (table, &register) in tables.iter_mut().zip(registers) {
                table[usize::from(register)] += 1;
            }
        }
        let mut histogram = [0; MAX_RANK as usize + 1];
        for table in tables {
            for (value, count) in table.into_iter().enumerate() {
                histogram[value.min(MAX_RANK as usize)] += count;
            }
        }
        histogram
    }
}

/// Keys a register for which the registers are most likely: where the likelihood's slope is 0.
///
/// The slope falls, and ever less steeply, so that its tangent at a rate below meets 0 below, too: Newton's
/// steps come from there and never go beyond.
fn most_likely(histogram: &[u32]) -> f64 {
    /// A step that changes no more than the last bits.
    const SETTLED: f64 = 1e-14;
    let is_below = |rate: f64| slope(histogram, rate) > 0.0;
    let share = |(k, &count): (usize, &u32)| f64::from(count) * 2f64.powi(-(k as i32));
    // Near the harmonic mean of 2^value, which is what HyperLogLog estimates by.
    let mut rate = REGISTERS as f64 / histogram.iter().enumerate().map(share).sum::<f64>();
    while !is_below(rate) {
        rate /= 2.0;
    }
    // Below the root each step at least doubles the rate, or the digits that are right.
    for _ in 0..64 + MAX_RANK {
        let next = rate - slope(histogram, rate) / curvature(histogram, rate);
        // Of all registers at their largest value no number of keys is the most likely one.
        if !next.is_finite() || next - rate <= rate * SETTLED {
            break;
        }
        rate = next;
    }
    rate
}

/// The derivative of the logarithm of the likelihood at `rate` keys a register.
///
/// A register of value k has the probability exp(-rate / 2^k) (1 - exp(-rate / 2^k)), that of rank
/// k being 2^-k; of value 0 exp(-rate), and the largest rank is as likely as the one below it.
fn slope(histogram: &[u32], rate: f64) -> f64 {
    terms(histogram, |share| -share, |share| share / (rate * share).exp_m1())
}

/// Its second derivative, a negative number.
fn curvature(histogram: &[u32], rate: f64) -> f64 {
    // exp(x) / (exp(x) - 1)^2, without an infinity above an infinity.
    terms(histogram, |_| 0.0, |share| -(share / (2.0 * (rate * share / 2.0).sinh())).powi(2))
}

/// A sum over the registers: `below` of those that no key of a higher rank came to, `at` of those
/// that one of the rank came to.
fn terms(histogram: &[u32], below: impl Fn(f64) -> f64, at: impl Fn(f64) -> f64) -> f64 {
    let most = histogram.len() - 1;
    let value = |(k, &count): (usize, &u32)| {
        let share = 2f64.powi(-(k.min(most - 1) as i32));
        let term = match k {
            0 => below(1.0),
            _ if k == most => at(share),
            _ => below(share) + at(share),
        };
        f64::from(count) * term
    };
    histogram.iter().enumerate().filter(|(_, count)| **count != 0).map(value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The root as it is found by halving, as often as an f64 has bits.
    fn by_halving(histogram: &[u32]) -> f64 {
        let (mut low, mut high) = (0.0, 2f64.powi(MAX_RANK as i32));
        for _ in 0..64 + MAX_RANK {
            let middle = f64::midpoint(low, high);
            if slope(histogram, middle) > 0.0 { low = middle } else { high = middle }
        }
        high
    }

    #[test]
    fn the_most_likely_rate_is_where_halving_finds_it() {
        let mut registers = Distinct::default();
        let (mut state, mut keys) = (0u64, 0u64);
        for power in 0..22 {
            while keys < 1 << power {
                // SplitMix64 (Steele, Lea and Flood, 2014).
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                registers.add(z ^ (z >> 31));
                keys += 1;
            }
            let histogram = registers.histogram();
            let (rate, expected) = (most_likely(&histogram), by_halving(&histogram));
            assert!((rate / expected - 1.0).abs() < 1e-9, "{keys} keys: {rate}, {expected}");
        }
    }

    /// Values that no key leaves, such as those of all registers but one.
    #[test]
    fn odd_registers_have_a_rate() {
        for (value, others) in
            [(1, 0), (40, 0), (1, 30), (MAX_RANK as usize, 0), (MAX_RANK as usize, 1)]
        {
            let mut histogram = [0; MAX_RANK as usize + 1];
            histogram[others] += REGISTERS as u32 - 1;
            histogram[value] += 1;
            let (rate, expected) = (most_likely(&histogram), by_halving(&histogram));
            assert!((rate / expected - 1.0).abs() < 1e-9, "{value}: {rate}, {expected}");
        }
        let mut full = [0; MAX_RANK as usize + 1];
        full[MAX_RANK as usize] = REGISTERS as u32;
        assert!(most_likely(&full).is_finite());
    }
}

//! How many different keys there were, from the registers that kernel programs share.

use probe_common::distinct::{MAX_RANK, REGISTERS, WORDS, grown, registers, word_of};

/// Standard deviations to either side of an estimate: 99.9 % of a normal distribution.
const DEVIATIONS: f64 = 3.3;
/// What is less probable is not said: as much lies outside of so many deviations.
const CERTAIN: f64 = 0.001;

/// The registers of some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct {
    words: Vec<u64>,
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
        Self { words: vec![0; WORDS] }
    }
}

impl Distinct {
    /// Takes in a key by its hash.
    pub fn add(&mut self, hash: u64) {
        let word = &mut self.words[word_of(hash)];
        if let Some(new) = grown(*word, hash) {
            *word = new;
        }
    }

    /// Takes in the keys of other registers, such as those that kernel programs wrote: then these
    /// say how many keys one or the other had.
    pub fn merge(&mut self, words: &[u64]) {
        for (own, other) in self.words.iter_mut().zip(words) {
            let mut bytes = own.to_le_bytes();
            for (own, other) in bytes.iter_mut().zip(other.to_le_bytes()) {
                *own = other.max(*own);
            }
            *own = u64::from_le_bytes(bytes);
        }
    }

    /// Forgets all keys.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// The registers, eight to a word.
    pub fn words(&self) -> &[u64] {
        &self.words
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
        let mut histogram = [0; MAX_RANK as usize + 1];
        for register in registers(&self.words) {
            histogram[usize::from(register).min(MAX_RANK as usize)] += 1;
        }
        histogram
    }
}

/// Keys a register for which the registers are most likely: where the likelihood's slope is 0.
fn most_likely(histogram: &[u32]) -> f64 {
    let (mut low, mut high) = (0.0, 2f64.powi(MAX_RANK as i32));
    // As many halvings as an f64 has bits.
    for _ in 0..64 + MAX_RANK {
        let middle = f64::midpoint(low, high);
        if slope(histogram, middle) > 0.0 { low = middle } else { high = middle }
    }
    high
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
        f64::from(count) * if count == 0 { 0.0 } else { term }
    };
    histogram.iter().enumerate().map(value).sum()
}

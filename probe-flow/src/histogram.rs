//! Histograms of times: 16 buckets an octave, so that a quantile is right within 2.2 % whatever the
//! times are, and histograms of many places and moments add up.
//!
//! The buckets are those of Prometheus's native histograms with schema 4: bucket `k` has the times above
//! `2^((k-1)/16)` seconds, up to and including `2^(k/16)` seconds
//! (<https://prometheus.io/docs/specs/native_histograms/>). Bounds are powers of two of *seconds*: buckets
//! made from the leading bits of nanoseconds would be other ones. So the bounds are a table of whole
//! nanoseconds, computed without rounding errors, and a time is in the bucket that exact arithmetic puts it
//! in; `(log2(x) * 16).ceil()` in floating point is not exact at the bounds.

/// Buckets an octave: schema 4 says 2^4.
const PER_OCTAVE: i32 = 16;
/// The bucket of 1 ns, the shortest time there is: 16 * log2(10^-9) is -478.4.
const FIRST: i32 = -478;
/// The bucket of `u64::MAX` ns, 584 years.
const LAST: i32 = 546;
const NS_PER_SECOND: u128 = 1_000_000_000;

/// The relative error of a [quantile](Histogram::quantile_ns) at most: half a bucket's width,
/// `2^(1/32) - 1`.
pub const RELATIVE_ERROR: f64 = 0.021_897_148_654_116_68;

/// `floor(2^(j/16) * 2^96)`.
const ROOTS: [u128; PER_OCTAVE as usize] = [
    0x1_0000_0000_0000_0000_0000_0000,
    0x1_0b55_86cf_9890_f629_8b92_b718,
    0x1_172b_83c7_d517_adcd_f7c8_c50e,
    0x1_2387_a6e7_5623_866c_1fad_b1c1,
    0x1_306f_e0a3_1b71_52de_8d5a_4630,
    0x1_3dea_64c1_2342_235b_4122_3e13,
    0x1_4bfd_ad53_62a2_71d4_397a_fec4,
    0x1_5ab0_7dd4_8542_958c_9301_5191,
    0x1_6a09_e667_f3bc_c908_b2fb_1366,
    0x1_7a11_473e_b018_6d7d_5102_3f6c,
    0x1_8ace_5422_aa0d_b5ba_7c55_a192,
    0x1_9c49_182a_3f09_01c7_c46b_071f,
    0x1_ae89_f995_ad3a_d5e8_734d_1773,
    0x1_c199_bdd8_5529_c222_0cb1_2a09,
    0x1_d581_8dcf_ba48_725d_a05a_eb66,
    0x1_ea4a_fa2a_490d_9858_f73a_18f5,
];

/// The longest time of each bucket, in nanoseconds, from [`FIRST`] on.
static LONGEST_NS: [u64; (LAST - FIRST + 1) as usize] = longest();

#[expect(clippy::indexing_slicing, reason = "computed by the compiler, which would refuse it")]
const fn longest() -> [u64; (LAST - FIRST + 1) as usize] {
    let mut table = [0; (LAST - FIRST + 1) as usize];
    let mut k = FIRST;
    while k <= LAST {
        let (octave, part) = (k.div_euclid(PER_OCTAVE), k.rem_euclid(PER_OCTAVE));
        // Less than 2^30 times less than 2^97.
        let bound = (NS_PER_SECOND * ROOTS[part as usize]) >> (96 - octave);
        table[(k - FIRST) as usize] =
            if bound > u64::MAX as u128 { u64::MAX } else { bound as u64 };
        k += 1;
    }
    table
}

/// The bucket of a time that is not 0.
fn bucket_of(ns: u64) -> i32 {
    // The time is at least 2^b ns, and less than twice that; 2^b ns lie in bucket 16 * b + FIRST.
    let least = PER_OCTAVE as usize * ns.ilog2() as usize;
    let octave = LONGEST_NS.get(least..).unwrap_or_default();
    let octave = octave.get(..=PER_OCTAVE as usize).unwrap_or(octave);
    FIRST + (least + octave.partition_point(|&longest| longest < ns)) as i32
}

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its number in schema 4: its times are at most `2^(index/16)` seconds.
    pub index: i32,
    /// How many times are in it.
    pub count: u64,
}

impl Bucket {
    /// Its upper bound in seconds, which belongs to it.
    pub fn bound_seconds(&self) -> f64 {
        bound_seconds(f64::from(self.index))
    }
}

fn bound_seconds(index: f64) -> f64 {
    (index / f64::from(PER_OCTAVE)).exp2()
}

/// Times by bucket. Takes 8 bytes for each bucket between the shortest and the longest time, 8 KiB at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Times of 0, which have no bucket.
    zeros: u64,
    /// The index of the first of the buckets.
    first: i32,
    buckets: Vec<u64>,
    count: u64,
    sum_ns: u128,
    /// Where there are times, the shortest and the longest one.
    extremes_ns: Option<(u64, u64)>,
}

impl Histogram {
    /// Without times.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a time, in nanoseconds.
    pub fn record(&mut self, ns: u64) {
        self.record_many(ns, 1);
    }

    /// Adds a time, in nanoseconds, that stands for so many.
    pub fn record_many(&mut self, ns: u64, times: u64) {
        if times == 0 {
            return;
        }
        self.count += times;
        self.sum_ns += u128::from(ns) * u128::from(times);
        self.reach(ns, ns);
        if ns == 0 {
            self.zeros += times;
        } else {
            *self.bucket(bucket_of(ns)) += times;
        }
    }

    /// Adds all times of another one.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.zeros += other.zeros;
        if let Some((least, most)) = other.extremes_ns {
            self.reach(least, most);
        }
        for Bucket { index, count } in other.buckets() {
            *self.bucket(index) += count;
        }
    }

    fn reach(&mut self, least: u64, most: u64) {
        let (shortest, longest) = self.extremes_ns.unwrap_or((least, most));
        self.extremes_ns = Some((shortest.min(least), longest.max(most)));
    }

    /// Makes room for a bucket.
    fn bucket(&mut self, index: i32) -> &mut u64 {
        if self.buckets.is_empty() {
            self.first = index;
        }
        if index < self.first {
            let missing = (self.first - index) as usize;
            self.buckets.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = index;
        }
        let place = (index - self.first) as usize;
        if place >= self.buckets.len() {
            self.buckets.resize(place + 1, 0);
        }
        #[expect(clippy::indexing_slicing, reason = "made long enough in the line above")]
        &mut self.buckets[place]
    }

    /// How many times there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum, in nanoseconds.
    pub fn sum_ns(&self) -> u128 {
        self.sum_ns
    }

    /// How many of them are 0: they are in no bucket.
    pub fn zeros(&self) -> u64 {
        self.zeros
    }

    /// The buckets that have times, the shortest times first.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        let buckets = (self.first..).zip(&self.buckets);
        buckets.filter(|&(_, &count)| count != 0).map(|(index, &count)| Bucket { index, count })
    }

    /// The time that a share `q` of all times does not exceed (0.5 is the median), in nanoseconds;
    /// `None` where there is none. Of `n` times it is number `ceil(q * n)`, and the first one at least; what
    /// is said of it is the middle of its bucket, which is wrong by [`RELATIVE_ERROR`] at most, and the shortest and the longest
    /// time are exact.
    pub fn quantile_ns(&self, q: f64) -> Option<f64> {
        let (shortest, longest) = self.extremes_ns?;
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut up_to = self.zeros;
        if rank <= up_to {
            return Some(0.0);
        }
        let holds = |bucket: &Bucket| {
            up_to += bucket.count;
            rank <= up_to
        };
        let index = self.buckets().find(holds)?.index;
        let middle = bound_seconds(f64::from(index) - 0.5) * NS_PER_SECOND as f64;
        Some(middle.clamp(shortest as f64, longest as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number without bounds, in digits of 32 bits, the lowest first.
    #[derive(Clone, PartialEq, Eq, Debug)]
    struct Big(Vec<u32>);

    impl Big {
        fn times(&self, factor: u128) -> Self {
            let mut product = vec![0u32; self.0.len() + 4];
            for (place, digit) in (0..4).map(|place| (place, (factor >> (32 * place)) as u32)) {
                let mut carry = 0u64;
                for (at, out) in product[place..].iter_mut().enumerate() {
                    let own = u64::from(self.0.get(at).copied().unwrap_or(0));
                    let sum = u64::from(*out) + own * u64::from(digit) + carry;
                    (*out, carry) = (sum as u32, sum >> 32);
                }
            }
            product.truncate(product.iter().rposition(|&digit| digit != 0).map_or(1, |at| at + 1));
            Self(product)
        }

        fn power(base: u128, exponent: u32) -> Self {
            (0..exponent).fold(Self(vec![1]), |power, _| power.times(base))
        }

        /// Times `2^bits`.
        fn shifted(&self, bits: u32) -> Self {
            let mut digits = vec![0; bits as usize / 32];
            digits.extend(self.times(1 << (bits % 32)).0);
            Self(digits)
        }

        fn is_at_most(&self, other: &Self) -> bool {
            let digits = |big: &Self, len: usize| {
                let mut digits = big.0.clone();
                digits.resize(len, 0);
                digits.reverse();
                digits
            };
            let len = self.0.len().max(other.0.len());
            digits(self, len) <= digits(other, len)
        }
    }

    /// Whether a time is at most `2^(k/16)` seconds, by whole numbers: both sides to the power of 16.
    fn is_within(ns: u128, k: i32) -> bool {
        let (left, right) = (Big::power(ns, 16), Big::power(NS_PER_SECOND, 16));
        let bits = k.unsigned_abs();
        if k < 0 {
            left.shifted(bits).is_at_most(&right)
        } else {
            left.is_at_most(&right.shifted(bits))
        }
    }

    #[test]
    fn every_bound_is_exact() {
        for k in FIRST..LAST {
            let longest = u128::from(LONGEST_NS[(k - FIRST) as usize]);
            assert!(is_within(longest, k), "{longest} ns, bucket {k}");
            assert!(!is_within(longest + 1, k), "{longest} ns + 1, bucket {k}");
        }
        assert!(is_within(u64::MAX.into(), LAST) && !is_within(u64::MAX.into(), LAST - 1));
        assert!(is_within(1, FIRST) && !is_within(1, FIRST - 1));
    }

    #[test]
    fn times_at_every_bound_are_in_their_bucket() {
        for k in FIRST..=LAST {
            let longest = LONGEST_NS[(k - FIRST) as usize];
            let exact = |ns| LONGEST_NS.partition_point(|&longest| longest < ns) as i32 + FIRST;
            assert_eq!(bucket_of(longest), exact(longest), "{longest} ns");
            if let Some(next) = longest.checked_add(1) {
                assert_eq!(bucket_of(next), exact(next), "{next} ns");
                // Below 23 ns there are buckets without a whole number of nanoseconds.
                let followed = bucket_of(next) == k + 1;
                assert!(followed || next <= 23, "{next} ns is the first one of the next bucket");
            }
        }
        // 1 s is the upper bound of bucket 0, and 250 ms of bucket -32.
        assert_eq!([1_000_000_000, 1_000_000_001, 250_000_000].map(bucket_of), [0, 1, -32]);
    }

    /// Times as they come: many short ones, some a thousand times as long.
    fn times(seed: u64, count: usize) -> Vec<u64> {
        let mut random = seed;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random >> 33
        };
        (0..count).map(|_| 1 + (next() << (next() % 21)) / (1 + next() % 1_000)).collect()
    }

    #[test]
    fn quantiles_are_within_half_a_bucket() {
        for seed in 0..20 {
            let mut times = times(seed, 3_001);
            let mut histogram = Histogram::new();
            times.iter().for_each(|&ns| histogram.record(ns));
            times.sort_unstable();
            for q in [0.0, 0.01, 0.5, 0.9, 0.99, 1.0] {
                let rank = ((q * 3_001.0f64).ceil() as usize).max(1);
                let (exact, said) = (times[rank - 1] as f64, histogram.quantile_ns(q).unwrap());
                // Short times are whole nanoseconds, which buckets cut otherwise than their middle.
                let error = (said - exact).abs() / exact;
                assert!(error <= RELATIVE_ERROR + 1e-9, "seed {seed}, {q}: {said}, not {exact}");
            }
            assert_eq!(histogram.sum_ns(), times.iter().map(|&ns| u128::from(ns)).sum());
        }
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let (mut whole, mut parts) = (Histogram::new(), Histogram::new());
        for seed in 0..5 {
            let mut part = Histogram::new();
            for ns in times(seed, 100).into_iter().chain([0]) {
                whole.record(ns);
                part.record(ns);
            }
            parts.merge(&part);
        }
        assert_eq!(parts, whole);
        assert_eq!((whole.count(), whole.zeros()), (505, 5));
        let counted: u64 = whole.buckets().map(|bucket| bucket.count).sum();
        assert_eq!(counted + whole.zeros(), whole.count());
    }

    #[test]
    fn none_one_and_the_longest() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile_ns(0.5), None);
        histogram.merge(&Histogram::new());
        assert_eq!((histogram.count(), histogram.buckets().count()), (0, 0));
        histogram.record(21_500);
        assert_eq!(histogram.quantile_ns(0.99), Some(21_500.0));
        histogram.record(u64::MAX);
        histogram.record(0);
        histogram.record(1);
        assert_eq!(histogram.quantile_ns(0.0), Some(0.0));
        let indices: Vec<i32> = histogram.buckets().map(|bucket| bucket.index).collect();
        assert_eq!(indices, [FIRST, -248, LAST]);
        assert!((histogram.buckets().nth(1).unwrap().bound_seconds() - 21.5e-6).abs() < 1e-6);
    }
}

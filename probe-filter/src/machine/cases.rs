//! One value against many constants: a table in which each constant has a place of its own,
//! found by a multiplication. A search by halves makes the processor guess at each step.

/// Where a value leads.
#[derive(Clone, Debug)]
pub(super) struct Cases {
    /// By place: the constant, and where it leads.
    places: Box<[(u32, u32)]>,
    /// Odd, so that different values stay different.
    factor: u32,
    /// What is shifted out of the product for a place.
    shift: u32,
}

impl Cases {
    /// With more cases the table would be larger than what it spares is worth.
    const MOST: usize = 64;
    /// Tries for a factor, before the table is doubled.
    const TRIES: u32 = 64;

    /// The largest table has 2 to the power of so many places: 128 KiB.
    const MOST_BITS: u32 = 14;

    /// Distinct constants, and where all others lead. `None` where they are too many, or too
    /// much alike.
    pub(super) fn new(cases: &[(u32, u32)], default: u32) -> Option<Self> {
        if cases.len() > Self::MOST {
            return None;
        }
        let least_bits = cases.len().next_power_of_two().ilog2() + 2;
        (least_bits..=Self::MOST_BITS).find_map(|bits| {
            let shift = u32::BITS - bits;
            // Odd numbers with their bits well spread: multiples of 2^32 divided by the
            // golden ratio.
            let mut factors = (1..=Self::TRIES).map(|n| 0x9e37_79b9_u32.wrapping_mul(2 * n - 1));
            factors.find_map(|factor| {
                // An empty slot becomes (0, default). Only 0 itself could take that for a case of
                // its own, and is looked up in slot 0, where `default` is right if that is empty.
                let mut places = vec![None; 1 << bits];
                for &(constant, to) in cases {
                    let place = &mut places[(constant.wrapping_mul(factor) >> shift) as usize];
                    if place.replace((constant, to)).is_some() {
                        return None;
                    }
                }
                let places = places.into_iter().map(|place| place.unwrap_or((0, default)));
                Some(Self { places: places.collect(), factor, shift })
            })
        })
    }

    #[inline(always)]
    pub(super) fn find(&self, value: u32, default: u32) -> u32 {
        let place = (value.wrapping_mul(self.factor) >> self.shift) as usize;
        match self.places.get(place) {
            Some(&(constant, to)) if constant == value => to,
            _ => default,
        }
    }

    /// Calls `f` on every target.
    pub(super) fn for_each_target(&mut self, mut f: impl FnMut(&mut u32)) {
        self.places.iter_mut().for_each(|place| f(&mut place.1));
    }
}

#[cfg(test)]
mod tests {
    use super::Cases;
    use crate::testing::random::Random;

    const DEFAULT: u32 = u32::MAX;

    #[test]
    fn all_cases_are_found_and_nothing_else() {
        let mut random = Random(3);
        for round in 0..2_000 {
            let count = 1 + random.below(Cases::MOST as u32);
            let spread = [1, 2, 0x100, 0x1_0000, 0x0100_0000][round % 5];
            let first = if random.chance(50) { 0 } else { random.next_u64() as u32 };
            let cases: Vec<(u32, u32)> =
                (0..count).map(|n| (first.wrapping_add(n.wrapping_mul(spread)), n)).collect();
            let mut distinct: Vec<u32> = cases.iter().map(|case| case.0).collect();
            distinct.sort_unstable();
            distinct.dedup();
            if distinct.len() != cases.len() {
                continue;
            }
            let table = Cases::new(&cases, DEFAULT).expect("a factor for neighbours");
            for &(constant, to) in &cases {
                assert_eq!(table.find(constant, DEFAULT), to, "{cases:x?}");
            }
            let others = [0, 1, u32::MAX, first.wrapping_sub(1)].into_iter();
            for other in others.chain((0..50).map(|_| random.next_u64() as u32)) {
                if !distinct.contains(&other) {
                    assert_eq!(table.find(other, DEFAULT), DEFAULT, "{other:#x} in {cases:x?}");
                }
            }
        }
    }
}

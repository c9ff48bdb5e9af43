//! Random numbers that are the same every time, and random damage.

/// Marsaglia's xorshift.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Numbers that hang on the seed alone.
    pub fn new(seed: u64) -> Self {
        // It would stay at zero for ever.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Any number but zero.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Any bytes, so many.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.number() as u8).collect()
    }
}

/// An input out of some, with bytes changed, left out, repeated, or put in from another one.
pub fn changed(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = inputs[random.below(inputs.len())].clone();
    for _ in 0..=random.below(4) {
        let (at, length) = (random.below(input.len() + 1), 1 + random.below(8));
        let end = (at + length).min(input.len());
        match random.below(5) {
            0 => drop(input.drain(at..end)),
            1 => input.truncate(at),
            2 => input[at..end].fill([0, 1, 0x7f, 0xff, random.below(256) as u8][random.below(5)]),
            3 => input[at..end].iter_mut().for_each(|byte| *byte ^= 1 << random.below(8)),
            _ => {
                let other = &inputs[random.below(inputs.len())];
                let from = random.below(other.len() + 1);
                let part = &other[from..(from + 4 * length).min(other.len())];
                input.splice(at..at, part.iter().copied());
            }
        }
    }
    input
}

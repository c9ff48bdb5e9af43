//! Registers at rest, in half the memory.

use probe_common::distinct::REGISTERS;

use crate::Distinct;

/// Registers that change no more, half a byte each: how far each is above the least of them. The few that
/// are farther above than that can say stand apart (as in HLL_4 of Apache DataSketches).
#[derive(Clone, Debug)]
pub struct Packed {
    least: u8,
    /// The first half of the registers in the low bits, the second in the high ones: so the compiler makes
    /// instructions for many at once.
    halves: Box<[u8]>,
    /// The others: which, and its value.
    apart: Vec<(u16, u8)>,
}

/// What half a byte can say.
const MOST: u8 = 15;

impl Packed {
    /// Of these registers.
    pub fn of(registers: &Distinct) -> Self {
        let registers = registers.registers();
        let least = registers.iter().copied().min().unwrap_or(0);
        let mut apart = Vec::new();
        for (number, &register) in registers.iter().enumerate() {
            if register - least > MOST {
                apart.push((number as u16, register));
            }
        }
        let half = |register: u8| (register - least).min(MOST);
        let (first, second) = registers.split_at(REGISTERS / 2);
        let halves = first.iter().zip(second).map(|(&low, &high)| half(low) | half(high) << 4);
        Self { least, halves: halves.collect(), apart }
    }

    /// Lets these registers have had its keys, too.
    pub fn merge_into(&self, registers: &mut Distinct) {
        let registers = registers.registers_mut();
        let (first, second) = registers.split_at_mut(REGISTERS / 2);
        for ((low, high), halves) in first.iter_mut().zip(second).zip(&self.halves) {
            *low = (*low).max(self.least + (halves & MOST));
            *high = (*high).max(self.least + (halves >> 4));
        }
        for &(number, register) in &self.apart {
            let own = &mut registers[usize::from(number)];
            *own = register.max(*own);
        }
    }
}

const _: () = assert!(REGISTERS <= 1 << u16::BITS);

#[cfg(test)]
mod tests {
    use super::*;

    /// Registers of this many keys above a least value, some of them changed to any value there is.
    fn registers(seed: u64, keys: u32, least: u8, changed: u32) -> Distinct {
        let mut state = seed;
        let mut random = || {
            // SplitMix64 (Steele, Lea and Flood, 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let mut registers = Distinct::default();
        (0..keys).for_each(|_| registers.add(random()));
        registers.registers_mut().iter_mut().for_each(|register| *register += least);
        for _ in 0..changed {
            let place = random() as usize % REGISTERS;
            registers.registers_mut()[place] = random() as u8;
        }
        registers
    }

    #[test]
    fn nothing_is_lost_by_packing() {
        let other = registers(7, 100_000, 0, 500);
        for (seed, (keys, least, changed)) in
            [(0, 0, 0), (5, 0, 0), (50_000, 0, 0), (3_000_000, 0, 0), (9, 20, 0), (70_000, 3, 900)]
                .into_iter()
                .enumerate()
        {
            let whole = registers(seed as u64, keys, least, changed);
            let packed = Packed::of(&whole);
            let (mut expected, mut merged) = (other.clone(), other.clone());
            expected.merge(whole.registers());
            packed.merge_into(&mut merged);
            assert_eq!(merged, expected, "{keys} keys above {least}, {changed} changed");
            let mut alone = Distinct::default();
            packed.merge_into(&mut alone);
            assert_eq!(alone, whole, "{keys} keys above {least}, {changed} changed");
            assert!(changed > 0 || packed.apart.len() < 100, "{} apart", packed.apart.len());
        }
    }
}

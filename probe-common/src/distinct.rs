//! How many different keys there were: the registers of a HyperLogLog (Flajolet et al., 2007), and
//! what a kernel program does to them for each frame.
//!
//! All CPUs share the registers. A register only grows, and the largest value that any frame asked
//! for is the right one, so the order in which CPUs write does not matter.

use bytemuck::{Pod, Zeroable};

/// Bits of a hash that choose a register.
pub const INDEX_BITS: u32 = 15;
/// Registers: 32 KiB, for a standard error of 1.04 / sqrt(2^15) = 0.6 %.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// 64-bit words that hold them, a byte each: the kernel exchanges whole words.
pub const WORDS: usize = REGISTERS / 8;
/// The largest value of a register: the other bits of the hash are all 0.
pub const MAX_RANK: u32 = 64 - INDEX_BITS + 1;
/// How often a frame tries to write a word that other CPUs write at the same moment.
pub const TRIES: usize = 4;

/// The registers of one list. User space takes a word by writing 0 in its place, in one step: a key
/// whose register has not grown is in the word that was taken, and one that makes it grow finds
/// the 0 and is in the next one. So there is no moment at which a key is lost.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct DistinctTable {
    /// Frames whose key may be missing: see [`grow`].
    pub missed: u64,
    reserved: [u64; 7],
    /// Eight registers in each.
    pub words: [u64; WORDS],
}

/// The word that holds the register of a hash.
#[inline(always)]
pub fn word_of(hash: u64) -> usize {
    (hash >> (64 - INDEX_BITS + 3)) as usize & (WORDS - 1)
}

/// Lets the register of a hash grow, in the word that was read as `word` a moment ago. `exchange`
/// writes its second argument where the word still is the first one, in one step, and says what it
/// was.
///
/// `false` where the key may be missing: [`TRIES`] times in a row somebody else has written the word
/// between the reading and the writing, some ten nanoseconds. Other CPUs do so when one of its eight
/// registers grows, which it does 400 times at the most until user space takes it.
#[inline(always)]
pub fn grow(mut word: u64, hash: u64, mut exchange: impl FnMut(u64, u64) -> u64) -> bool {
    for _ in 0..TRIES {
        let Some(new) = grown(word, hash) else { return true };
        let was = exchange(word, new);
        if was == word {
            return true;
        }
        word = was;
    }
    false
}

/// The word after this hash, where it makes the register grow. A register of value r learns
/// nothing from a hash that has a 1 among its low r bits: after the first frames that is all that
/// happens.
#[inline(always)]
pub fn grown(word: u64, hash: u64) -> Option<u64> {
    let shift = ((hash >> (64 - INDEX_BITS)) & 7) * 8;
    let register = (word >> shift) & 0x3f;
    if hash & (u64::MAX << register) != hash {
        return None;
    }
    // Above the rest of the hash are the bits that chose the register: a 1 in their place ends it.
    let rank = u64::from((hash | 1 << (64 - INDEX_BITS)).trailing_zeros()) + 1;
    (rank > register).then_some(word & !(0xff << shift) | rank << shift)
}

const _: () = assert!(size_of::<DistinctTable>() == 64 + (32 << 10));

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash of register 0 and of this rank.
    fn hash(rank: u32) -> u64 {
        1 << (rank - 1)
    }

    #[test]
    fn a_word_that_others_write_is_tried_again() {
        // Other registers of the word have grown, so often.
        for others in 0..=TRIES as u64 {
            let (mut word, mut left) = (0, others);
            let grew = grow(word, hash(5), |old, new| {
                if left > 0 {
                    left -= 1;
                    word += 1 << 8;
                }
                let was = word;
                if was == old {
                    word = new;
                }
                was
            });
            let register = if grew { 5 } else { 0 };
            assert_eq!((grew, word), (others < TRIES as u64, others << 8 | register));
        }
    }

    #[test]
    fn what_another_has_written_need_not_be_written() {
        // Another one has let this register grow as far, or farther.
        for theirs in [5, 9] {
            let mut tries = 0;
            assert!(grow(0, hash(5), |_, _| {
                tries += 1;
                theirs
            }));
            assert_eq!(tries, 1);
        }
        assert!(grow(7, hash(5), |_, _| panic!("nothing to write")));
    }
}

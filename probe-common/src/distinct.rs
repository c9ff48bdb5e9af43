//! How many different keys there were: the registers of a HyperLogLog (Flajolet et al., 2007), and
//! what a kernel program does to them for each frame.
//!
//! All CPUs share the registers. A register only grows, and the largest value that any frame asked
//! for is the right one, so the order in which CPUs write does not matter.

/// Bits of a hash that choose a register.
pub const INDEX_BITS: u32 = 15;
/// Registers: 32 KiB, for a standard error of 1.04 / sqrt(2^15) = 0.6 %.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// 64-bit words that hold them, a byte each: the kernel exchanges whole words.
pub const WORDS: usize = REGISTERS / 8;
/// The largest value of a register: the other bits of the hash are all 0.
pub const MAX_RANK: u32 = 64 - INDEX_BITS + 1;

/// The word that holds the register of a hash.
#[inline(always)]
pub fn word_of(hash: u64) -> usize {
    (hash >> (64 - INDEX_BITS + 3)) as usize & (WORDS - 1)
}

/// The word after this hash, where it makes the register grow. A register of value r learns
/// nothing from a hash that has a 1 among its low r bits: after the first frames that is all that
/// happens.
#[inline(always)]
pub fn grown(word: u64, hash: u64) -> Option<u64> {
    let shift = ((hash >> (64 - INDEX_BITS)) & 7) * 8;
    let register = (word >> shift) & 0x3f;
    let rest = hash & ((1 << (64 - INDEX_BITS)) - 1);
    if rest & ((1 << register) - 1) != 0 {
        return None;
    }
    // The bit above the rest, which chose the register, ends it.
    let rank = u64::from((rest | 1 << (64 - INDEX_BITS)).trailing_zeros()) + 1;
    (rank > register).then_some(word & !(0xff << shift) | rank << shift)
}

/// The registers in words.
pub fn registers(words: &[u64]) -> impl Iterator<Item = u8> + '_ {
    words.iter().flat_map(|word| word.to_le_bytes())
}

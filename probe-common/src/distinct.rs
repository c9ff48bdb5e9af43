//! How many different keys there were: the registers of a HyperLogLog (Flajolet et al., 2007), and
//! what a kernel program does to them for each frame.
//!
//! Each CPU has registers of its own, and of those of one number the largest is the right one, so user
//! space puts them together when it takes them. Where all CPUs share them, one that grows has to be exchanged:
//! in a flood of new keys that, and the branch in front of it, which nobody can predict, cost as much as all the rest.

use bytemuck::{Pod, Zeroable};

use crate::top::lesser;

/// Bits of a hash that choose a register.
pub const INDEX_BITS: u32 = 15;
/// Registers: 32 KiB, for a standard error of 1.04 / sqrt(2^15) = 0.6 %.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// The largest value of a register: the other bits of the hash are all 0.
pub const MAX_RANK: u32 = 64 - INDEX_BITS + 1;

/// The registers of one list and CPU. User space takes eight at a time by writing 0 in their place, in
/// one step. A frame of this CPU that has read its register before and writes it behind that leaves the larger
/// one of the two values: its own key is in what is taken next, and with it, once in so many times, one that was
/// taken before. No key is lost.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct DistinctTable {
    /// Frames of CPUs that have no registers, because they came online later. Their keys may be missing. They are
    /// counted in the list's first table.
    pub missed: u64,
    reserved: [u64; 7],
    /// A byte each.
    pub registers: [u8; REGISTERS],
}

/// The register of a hash.
#[inline(always)]
pub fn register_of(hash: u64) -> usize {
    (hash >> (64 - INDEX_BITS)) as usize
}

/// What a register of this value is after a hash: the larger one of it and of the hash's rank, the place of its lowest 1.
#[inline(always)]
pub fn grown(register: u8, hash: u64) -> u8 {
    // Above the rest of the hash are the bits that chose the register: a 1 in their place ends it.
    let rank = u64::from((hash | 1 << (64 - INDEX_BITS)).trailing_zeros()) + 1;
    let register = u64::from(register);
    (register + rank - lesser(register, rank)) as u8
}

const _: () = assert!(size_of::<DistinctTable>() == 64 + (32 << 10));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_is_the_largest_rank() {
        for rank in 1..=MAX_RANK as u8 {
            // Bits above the rank's change nothing, those that chose the register among them.
            for above in [0, 1 << 63, u64::MAX] {
                let hash = 1 << (rank - 1) | above & u64::MAX << (rank - 1);
                for register in 0..=MAX_RANK as u8 {
                    assert_eq!(grown(register, hash), register.max(rank), "{hash:x}");
                }
            }
        }
        assert_eq!(grown(0, 0), MAX_RANK as u8);
        assert_eq!([0, u64::MAX, 1 << 49].map(register_of), [0, REGISTERS - 1, 1]);
    }
}

//! Keys that frames are counted by, such as a source address, and their hash.

use bytemuck::{Pod, Zeroable};

/// 32-bit words of a [`Key`].
pub const KEY_WORDS: usize = 5;

/// What a frame is counted by: up to 20 bytes in the order of the wire, padded with zeros.
///
/// All keys of a list are of one kind, or say by their length which they are; so padding makes no
/// two keys equal.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
pub struct Key(pub [u32; KEY_WORDS]);

/// Drawn at random at each start, so that nobody can choose addresses whose hashes collide.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Seeds {
    /// A factor for each word of a key; odd ones make the hash of a single word a bijection.
    factors: [u64; KEY_WORDS],
    /// The hash of nothing.
    start: u64,
}

impl Seeds {
    /// Seeds from random numbers.
    pub fn new(random: [u64; KEY_WORDS + 1]) -> Self {
        let [a, b, c, d, e, start] = random;
        Self { factors: [a | 1, b | 1, c | 1, d | 1, e | 1], start }
    }

    /// Seeds from their words.
    #[inline(always)]
    pub fn from_words(words: [u64; KEY_WORDS + 1]) -> Self {
        bytemuck::cast(words)
    }

    /// Their words.
    pub fn words(&self) -> [u64; KEY_WORDS + 1] {
        bytemuck::cast(*self)
    }

    /// 64 bits of which all depend on all bits of the key.
    ///
    /// The sum of products is multilinear hashing (Carter and Wegman, 1979; Lemire and Kaser, "Strongly
    /// universal string hashing is fast", 2013): two keys collide with a probability of at most
    /// 2^-33 over the seeds. What follows is a bijection, with the factor of MurmurHash3's 64-bit mixer,
    /// which lets the low bits depend on the high ones: as the high bits of the sum are even over the
    /// seeds already, its second round would change no estimate (`distinct_keys_in_steps`).
    #[inline(always)]
    pub fn hash(&self, key: &Key) -> u64 {
        self.hash_of(key, true)
    }

    /// The same; of a key that is not `long` its last word is 0, and not looked at.
    #[inline(always)]
    pub fn hash_of(&self, key: &Key, long: bool) -> u64 {
        let mut sum = self.start;
        let term = |word: usize| self.factors[word].wrapping_mul(u64::from(key.0[word]));
        for word in 0..KEY_WORDS - 1 {
            sum = sum.wrapping_add(term(word));
        }
        if long {
            sum = sum.wrapping_add(term(KEY_WORDS - 1));
        }
        sum ^= sum >> 32;
        sum = sum.wrapping_mul(0xff51_afd7_ed55_8ccd);
        sum ^ (sum >> 32)
    }
}

const _: () = assert!(size_of::<Key>() == 20);

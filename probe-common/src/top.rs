//! The table that finds the largest keys among any number of them: what a kernel program does to
//! it for each frame, and its layout.
//!
//! Set-associative, with randomized admission (Ben Basat et al., "Randomized admission policy for
//! efficient top-k, frequency, and volume estimation", IEEE/ACM Transactions on Networking, 2019):
//! a key that is in its set is counted; one that is not replaces the least entry of the set with
//! probability 1 / (least + 1), and begins with that entry's count. So a flood of keys that come
//! once or twice passes by the keys that come often, and what a key is counted less before its
//! admission and more by it cancels in the mean.
//!
//! Every counted frame adds one to the packets of one entry, or one to the frames not admitted:
//! the two sums together are the frames, exactly.

use bytemuck::{Pod, Zeroable};

use crate::{Counter, key::Key};

/// Entries of a set.
pub const WAYS: usize = 4;
/// Entries of a set that may be [pinned](Set::pin): as many are left for keys that come anew.
pub const MAX_PINNED: usize = WAYS / 2;
/// Marks the packets of a pinned entry: more than any other has.
const PINNED: u32 = 1 << 31;

/// A key's counts: a quarter of a cache line. All zero where there is no key.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Entry {
    /// Bits of the key's hash that did not choose the set, and never 0.
    tag: u32,
    /// Frames, above [`PINNED`] where the entry is pinned. Stops at its largest value: user space empties tables
    /// long before.
    packets: u32,
    /// Wire bytes.
    bytes: u64,
}

/// The entries that keys of one hash compete for: one cache line, and all that a frame of a known
/// key touches.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Set([Entry; WAYS]);

/// What is written when a key is admitted, beside its entry.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Admission {
    /// The key.
    pub key: Key,
    /// The count that the key took over: so many frames of its count may be others'.
    pub error: u32,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its key has an entry, which counted it.
    Counted,
    /// Its key has an entry from now on, and an [`Admission`] is to be written for it.
    Admitted {
        /// The entry's place in the set.
        way: usize,
        /// The count that it took over.
        error: u32,
    },
    /// Its key has none.
    Refused,
}

impl Admission {
    /// Of a key, at the cost of an entry that had counted `error`.
    #[inline(always)]
    pub fn new(key: Key, error: u32) -> Self {
        Self { key, error }
    }
}

impl Entry {
    /// Frames and wire bytes, if there is a key. Of a pinned one there may be none.
    pub fn counter(&self) -> Option<Counter> {
        let Self { packets, bytes, .. } = *self;
        (packets > 0).then_some(Counter { packets: (packets & !PINNED).into(), bytes })
    }
}

impl Set {
    /// Counts a frame of `len` wire bytes, whose key has this tag. `random` is asked where the set
    /// has no entry for the key: its numbers are even over all values.
    #[inline(always)]
    pub fn count(&mut self, tag: u32, len: u32, random: impl FnOnce() -> u32) -> Outcome {
        // Of an empty entry the tag is 0.
        let tag = tag | 1;
        let (way, difference) = self.least_of(|entry| entry.tag ^ tag);
        if difference == 0 {
            let entry = &mut self.0[way];
            entry.packets = entry.packets.saturating_add(1);
            entry.bytes += u64::from(len);
            return Outcome::Counted;
        }
        let (way, least) = self.least_of(|entry| entry.packets);
        // One in least + 1 of the random numbers, without a division.
        let count = u64::from(least) + 1;
        if (u64::from(random()) * count) >> 32 != 0 {
            return Outcome::Refused;
        }
        // The frame stands for `count` frames of its key, of which all but it were refused.
        let bytes = u64::from(len) * count;
        self.0[way] = Entry { tag, packets: count as u32, bytes };
        Outcome::Admitted { way, error: least }
    }

    /// Gives the key of this tag an entry that no other one takes, whatever comes: so all of its frames are counted. For
    /// a set that is empty but for others like that. The place of the entry; `None` where there are
    /// [`MAX_PINNED`].
    pub fn pin(&mut self, tag: u32) -> Option<usize> {
        let way = self.0[..MAX_PINNED].iter().position(|entry| entry.packets == 0)?;
        self.0[way] = Entry { tag: tag | 1, packets: PINNED, bytes: 0 };
        Some(way)
    }

    /// The first entry that has the least of some value, and the value.
    #[inline(always)]
    fn least_of(&self, value: impl Fn(&Entry) -> u32) -> (usize, u32) {
        let ranked = |way: usize| u64::from(value(&self.0[way])) << 2 | way as u64;
        let least = lesser(lesser(ranked(0), ranked(1)), lesser(ranked(2), ranked(3)));
        (least as usize & (WAYS - 1), (least >> 2) as u32)
    }

    /// The entries, each in its place.
    pub fn entries(&self) -> &[Entry; WAYS] {
        &self.0
    }

    /// The count that a key which is not in the set has to beat: the least of the entries, 0
    /// where one is free. As long as it is 0 no frame was refused.
    pub fn least(&self) -> u32 {
        self.0.iter().map(|entry| entry.packets).min().unwrap_or(0)
    }
}

/// The lesser one, without a branch: which of several entries it is nobody can predict, and a branch
/// that is predicted wrongly costs more than all the rest. Both are below 2^40: by 63 bits the compiler
/// would know what is meant, and make a branch of it.
#[inline(always)]
pub(crate) fn lesser(a: u64, b: u64) -> u64 {
    let difference = a.wrapping_sub(b) as i64;
    b.wrapping_add((difference & difference >> 40) as u64)
}

/// What the memory of one list and CPU begins with: all that a frame touches beside its set.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct TopHeader {
    /// State of the random numbers; never 0. Written by user space before the first frame.
    pub random: u64,
    /// Which half counts: 0 or 1. Written by user space at any time.
    pub counting: u32,
    reserved: u32,
    /// Frames that each half did not admit.
    pub refused: [Counter; 2],
    reserved_too: [u64; 2],
}

/// The memory of one list and CPU: [`TopHeader`] and two halves. The programs count in one half
/// while user space reads the other one and empties it. A half is its [`Set`]s and then, for each
/// of them, the [`Admission`]s that say whose the entries are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopLayout {
    sets: u32,
}

impl TopLayout {
    /// 1,024 entries; 80 KiB with both halves.
    pub const LARGEST: Self = Self { sets: 256 };

    /// 64 entries; 5 KiB.
    pub const SMALLEST: Self = Self { sets: 16 };

    /// With so many sets in a half, a power of two.
    #[inline(always)]
    pub const fn of(sets: u32) -> Self {
        Self { sets }
    }

    /// The largest of which so many fit into `bytes`; the smallest where none do.
    pub const fn within(bytes: u64, tables: u64) -> Self {
        let mut layout = Self::LARGEST;
        while layout.sets > Self::SMALLEST.sets && layout.value_size() as u64 * tables > bytes {
            layout.sets /= 2;
        }
        layout
    }

    /// Sets of a half.
    #[inline(always)]
    pub const fn sets(self) -> u32 {
        self.sets
    }

    /// Where a half's sets begin, in bytes. A mask in the place of a product: a verifier before Linux
    /// 6.10 or so learns bounds of sums, differences and masks of unknown numbers, and of nothing else.
    #[inline(always)]
    pub const fn sets_at(self, half: u32) -> u32 {
        size_of::<TopHeader>() as u32 + (self.half_size() & (half & 1).wrapping_neg())
    }

    /// Bytes of a half.
    const fn half_size(self) -> u32 {
        self.sets * (size_of::<Set>() + WAYS * size_of::<Admission>()) as u32
    }

    /// Where a half's admissions begin, in bytes.
    #[inline(always)]
    pub const fn admissions_at(self, half: u32) -> u32 {
        self.sets_at(half) + self.sets * size_of::<Set>() as u32
    }

    /// Bytes of all of it.
    pub const fn value_size(self) -> u32 {
        size_of::<TopHeader>() as u32 + 2 * self.half_size()
    }
}

/// The next random number: xorshift64 (Marsaglia, "Xorshift RNGs", 2003). The state is never 0.
#[inline(always)]
pub fn next_random(state: &mut u64) -> u32 {
    let mut x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    (x >> 32) as u32
}

const _: () = {
    assert!(size_of::<Set>() == 64);
    assert!(size_of::<Admission>() == 24);
    assert!(size_of::<TopHeader>() == 64);
    assert!(TopLayout::LARGEST.value_size() == (80 << 10) + 64);
    assert!(TopLayout::SMALLEST.value_size() == (5 << 10) + 64);
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Others take all entries but those that are pinned.
    #[test]
    fn a_pinned_entry_stays() {
        let mut set = Set::default();
        let pinned = [10, 20, 30].map(|tag| set.pin(tag));
        assert_eq!(pinned, [Some(0), Some(1), None]);
        // Each frame of a new key takes the place of the lesser one of two entries.
        for number in 0..900 {
            let admitted = set.count(100 + 2 * number, 60, || 0);
            let way = 2 + number as usize % 2;
            assert_eq!(admitted, Outcome::Admitted { way, error: number / 2 });
        }
        for _ in 0..7 {
            assert_eq!(set.count(20, 100, || panic!("it has an entry")), Outcome::Counted);
        }
        let counters = set.entries().map(|entry| entry.counter().unwrap().packets);
        assert_eq!(counters, [0, 7, 450, 450]);
        assert_eq!(set.entries()[1].counter().unwrap().bytes, 700);
        assert_eq!(set.least(), 450);
    }
}

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

use crate::{
    Counter,
    key::{Key, Seeds},
};

/// Entries of a set.
pub const WAYS: usize = 4;

/// A key's counts in one epoch: a quarter of a cache line.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Entry {
    /// Bits of the key's hash that did not choose the set.
    tag: u32,
    /// Frames. An epoch ends long before they wrap.
    packets: u32,
    /// Wire bytes in the low 48 bits, and above them the epoch that all of this belongs to.
    bytes_and_epoch: u64,
}

const EPOCH_SHIFT: u32 = 48;

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
    /// Wire bytes of the frame by which the key was admitted.
    pub len: u32,
    reserved: u32,
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
    /// Of a key, by a frame of `len` wire bytes, at the cost of an entry that had counted `error`.
    #[inline(always)]
    pub fn new(key: Key, error: u32, len: u32) -> Self {
        Self { key, error, len, reserved: 0 }
    }
}

impl Entry {
    #[inline(always)]
    fn is_of(&self, epoch: u16) -> bool {
        self.bytes_and_epoch >> EPOCH_SHIFT == u64::from(epoch)
    }

    /// Frames and wire bytes that the entry counted in an epoch, if it did.
    pub fn counts(&self, epoch: u16) -> Option<(u32, u64)> {
        let bytes = self.bytes_and_epoch & ((1 << EPOCH_SHIFT) - 1);
        (self.is_of(epoch) && self.packets > 0).then_some((self.packets, bytes))
    }
}

impl Set {
    /// Counts a frame of `len` wire bytes, whose key has this tag. `random` is even over all its
    /// values.
    ///
    /// An entry of another epoch is as good as none: nobody has to clear a table.
    #[inline(always)]
    pub fn count(&mut self, tag: u32, epoch: u16, len: u32, random: u32) -> Outcome {
        let (mut least_way, mut least) = (0, u32::MAX);
        for (way, entry) in self.0.iter_mut().enumerate() {
            let packets = if entry.is_of(epoch) { entry.packets } else { 0 };
            if packets != 0 && entry.tag == tag {
                entry.packets += 1;
                entry.bytes_and_epoch += u64::from(len);
                return Outcome::Counted;
            }
            if packets < least {
                (least_way, least) = (way, packets);
            }
        }
        // One in least + 1 of the values of `random`, without a division.
        let count = u64::from(least) + 1;
        if (u64::from(random) * count) >> 32 != 0 {
            return Outcome::Refused;
        }
        // The frame stands for `count` frames of its key, of which all but it were refused.
        self.0[least_way & (WAYS - 1)] = Entry {
            tag,
            packets: count as u32,
            bytes_and_epoch: (u64::from(epoch) << EPOCH_SHIFT) + u64::from(len) * count,
        };
        Outcome::Admitted { way: least_way, error: least }
    }

    /// The entries, each in its place.
    pub fn entries(&self) -> &[Entry; WAYS] {
        &self.0
    }

    /// The count that a key which is not in the set has to beat: the least of the entries, 0
    /// where one is free. Where it is 0 at the end of an epoch, no frame was ever refused.
    pub fn least(&self, epoch: u16) -> u32 {
        self.0
            .iter()
            .map(|entry| entry.counts(epoch).map_or(0, |(packets, _)| packets))
            .min()
            .unwrap_or(0)
    }
}

/// Sets of a table: 1,024 entries.
pub const SETS: usize = 256;

/// A table of one list and CPU: 96 KiB of memory that the program and user space share.
///
/// There is an entry for each epoch's parity, so that the epoch before the current one is whole
/// while user space reads it.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct TopTable {
    /// Written by user space before the first frame.
    pub seeds: Seeds,
    /// State of the random numbers; never 0. Written by user space before the first frame.
    pub random: u64,
    /// Where counts go: written by user space at any time, one more each time. Never 0 in its low
    /// 16 bits, which is the epoch of memory that nobody has written.
    pub epoch: u32,
    reserved: u32,
    /// Frames that were not admitted, by the parity of the epoch.
    pub refused: [Counter; 2],
    reserved_line: [u64; 4],
    /// By the parity of the epoch.
    pub sets: [[Set; SETS]; 2],
    /// By the parity of the epoch, an admission for each entry.
    pub admissions: [[[Admission; WAYS]; SETS]; 2],
}

impl TopTable {
    /// Counts a frame of `len` wire bytes in an epoch, of which the caller has made sure that the
    /// table is in it.
    #[inline(always)]
    pub fn count(&mut self, key: &Key, len: u32, epoch: u32) {
        let hash = self.seeds.hash(key);
        let random = next_random(&mut self.random);
        let (half, set) = (epoch as usize & 1, hash as usize & (SETS - 1));
        match self.sets[half][set].count((hash >> 32) as u32, epoch as u16, len, random) {
            Outcome::Counted => {}
            Outcome::Admitted { way, error } => {
                self.admissions[half][set][way & (WAYS - 1)] = Admission::new(*key, error, len);
            }
            Outcome::Refused => {
                let refused = &mut self.refused[half];
                refused.packets += 1;
                refused.bytes += u64::from(len);
            }
        }
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
    assert!(size_of::<Admission>() == 32);
    assert!(core::mem::offset_of!(TopTable, sets) == 128);
    // 128 KiB for a list and CPU are the promise.
    assert!(size_of::<TopTable>() == 128 + 2 * SETS * (64 + 32 * WAYS));
};

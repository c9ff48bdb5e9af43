//! Streams of source addresses.

use probe_common::key::{KEY_WORDS, Key, Seeds};
pub use testbed::{LATE, POPULATION, Stream as Kind};

/// Random numbers: SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn seeds(&mut self) -> Seeds {
        let mut random = [0; KEY_WORDS + 1];
        random.fill_with(|| self.next());
        Seeds::new(random)
    }
}

/// The key of a source: an IPv4 address, or every second time an IPv6 address.
pub fn key(source: u64) -> Key {
    let low = source as u32;
    match source & 1 {
        0 => Key([0, 0, 0xffff_0000, low, 0]),
        _ => Key([0xb80d_0120, (source >> 32) as u32, 0, low, 0]),
    }
}

/// Wire bytes of a frame of a source.
pub fn len(source: u64) -> u32 {
    60 + (source % 7) as u32 * 200
}

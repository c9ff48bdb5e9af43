//! Streams of source addresses.

use probe_common::key::{KEY_WORDS, Key, Seeds};

/// Sources of the Zipf distribution.
const POPULATION: usize = 1_000_000;

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

    /// Evenly from 0 to below 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn seeds(&mut self) -> Seeds {
        let mut random = [0; KEY_WORDS + 1];
        random.fill_with(|| self.next());
        Seeds::new(random)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One source.
    One,
    /// Zipf(1.0) over a million sources.
    Zipf,
    /// 99 of 100 frames from sources that never come again, the others as Zipf.
    Flood,
    /// As Flood, and each of its sources comes twice, the second time 200 frames later.
    Twice,
    /// As Flood, and after four fifths of the stream a source begins with 1 of 200 frames.
    Late,
}

pub const KINDS: [Kind; 5] = [Kind::One, Kind::Zipf, Kind::Flood, Kind::Twice, Kind::Late];

/// The late source's number: none of the others is as high.
pub const LATE: u64 = u64::MAX;

/// The sources of a stream, as numbers.
pub fn stream(kind: Kind, frames: usize, random: &mut Random) -> Vec<u64> {
    let mut sums = Vec::with_capacity(POPULATION);
    let mut sum = 0.0;
    for rank in 1..=POPULATION {
        sum += 1.0 / rank as f64;
        sums.push(sum);
    }
    let zipf = |random: &mut Random| {
        let at = random.share() * sum;
        sums.partition_point(|sum| *sum <= at) as u64
    };
    let mut sources: Vec<u64> = Vec::with_capacity(frames);
    for number in 0..frames {
        let flood = random.share() < 0.99;
        let late = number >= frames / 5 * 4 && random.share() < 0.005;
        let fresh = POPULATION as u64 + number as u64;
        sources.push(match kind {
            Kind::One => 0,
            Kind::Late if late => LATE,
            Kind::Twice if flood && number >= 200 && sources[number - 200] >= POPULATION as u64 => {
                // What comes a second time does not come a third.
                let earlier = sources[number - 200];
                if earlier == fresh - 200 { earlier } else { fresh }
            }
            Kind::Flood | Kind::Twice | Kind::Late if flood => fresh,
            _ => zipf(random),
        });
    }
    sources
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

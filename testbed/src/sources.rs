//! Streams of sources, as numbers: those at which schemes that count by source fail.

use std::net::Ipv4Addr;

use crate::{Frame, SERVER_V4, Tcp, tcp_flags};

/// Sources of the Zipf distribution: they have the numbers below this, the most frequent one the least.
pub const POPULATION: usize = 1_000_000;

/// Frames between the first and the second one of a flood's source.
const APART: usize = 200;

/// The late source's number: none of the others is as high.
pub const LATE: u64 = u64::MAX;

/// A kind of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
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

impl Stream {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::One, Self::Zipf, Self::Flood, Self::Twice, Self::Late];

    /// What it is called in a table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one source",
            Self::Zipf => "Zipf(1.0) over 1,000,000",
            Self::Flood => "99 % random + Zipf",
            Self::Twice => "the same, each twice",
            Self::Late => "the same, a late source",
        }
    }

    /// The sources of so many frames. `random` gives numbers that are even over all values.
    pub fn sources(
        self,
        frames: usize,
        mut random: impl FnMut() -> u64,
    ) -> impl Iterator<Item = u64> {
        let mut sums = Vec::with_capacity(POPULATION);
        let mut sum = 0.0;
        for rank in 1..=POPULATION {
            sum += 1.0 / rank as f64;
            sums.push(sum);
        }
        // Evenly from 0 to below 1.
        let mut share = move || (random() >> 11) as f64 / (1u64 << 53) as f64;
        // Those of the frames before.
        let mut recent = [0; APART];
        (0..frames).map(move |number| {
            let (flood, late) = (share() < 0.99, share() < 0.005);
            let fresh = (POPULATION + number) as u64;
            let earlier = recent[number % APART];
            let source = match self {
                Self::One => 0,
                Self::Late if late && number >= frames / 5 * 4 => LATE,
                // What comes a second time does not come a third.
                Self::Twice if flood && earlier == fresh - APART as u64 => earlier,
                Self::Flood | Self::Twice | Self::Late if flood => fresh,
                _ => {
                    let at = share() * sum;
                    sums.partition_point(|sum| *sum <= at) as u64
                }
            };
            recent[number % APART] = source;
            source
        })
    }
}

/// Number `n` of many strangers, all over 10.0.0.0/8, asks for a connection to port 80.
pub fn stranger(n: u32) -> Frame {
    let source = Ipv4Addr::from_bits(10 << 24 | n.wrapping_mul(0x9e37_79b1) >> 8);
    let tcp = Tcp {
        source: 1024 + (n % 60_000) as u16,
        destination: 80,
        sequence: n.wrapping_mul(0x85eb_ca6b),
        flags: tcp_flags::SYN,
        window: 64_240,
        options: vec![2, 4, 5, 0xb4],
        ..Tcp::default()
    };
    Frame::ipv4(source, SERVER_V4).tcp(tcp)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::Random;

    #[test]
    fn streams_are_what_they_are_called() {
        const FRAMES: usize = 100_000;
        let times = |stream: Stream| {
            let mut random = Random::new(7);
            let mut times = HashMap::new();
            for source in stream.sources(FRAMES, || random.number()) {
                *times.entry(source).or_insert(0) += 1;
            }
            times
        };
        let flood = |times: &HashMap<u64, usize>| -> Vec<usize> {
            let is_flood = |source: u64| source >= POPULATION as u64 && source != LATE;
            times.iter().filter(|(source, _)| is_flood(**source)).map(|(_, times)| *times).collect()
        };
        assert_eq!(times(Stream::One), [(0, FRAMES)].into());
        // 1 of 14.4 frames comes from the first source: the sum of 1/n up to a million.
        let zipf = times(Stream::Zipf);
        assert!((6_500..7_400).contains(&zipf[&0]) && flood(&zipf).is_empty());
        let once = flood(&times(Stream::Flood));
        assert!(once.len() > 98_500 && once.iter().all(|times| *times == 1));
        let twice = flood(&times(Stream::Twice));
        let both = twice.iter().filter(|times| **times == 2).count();
        assert!(both > 48_000 && twice.iter().all(|times| *times <= 2), "{both}");
        let late = times(Stream::Late)[&LATE];
        assert!((70..130).contains(&late), "{late}");
    }
}

//! The fuzz target over its seeds and over random changes to them: bounded, the same every
//! time, and without a fuzzer. `PROBE_TEST_TIMES=n` changes n times as many.
//!
//! `PROBE_WRITE_SEEDS=1` writes the seeds into fuzz/corpus, for a fuzzer to start from.

use std::{env, fs, path::Path};

use test_support::fuzz::print as target;
use testbed::samples::captures;

/// Ethernet frames and the IP packets in them, each in a style of its own.
fn seeds() -> Vec<Vec<u8>> {
    /// The bit of the first byte that says that there is no Ethernet header, and its length.
    const RAW: (u8, usize) = (1, 14);
    let frames = captures().into_iter().flat_map(|capture| capture.frames);
    let mut seeds = Vec::new();
    for (number, frame) in frames.enumerate() {
        let settings = (number as u8).wrapping_mul(2);
        seeds.push([&[settings, 0][..], &frame].concat());
        seeds.push([&[settings | RAW.0, 0][..], &frame[RAW.1..]].concat());
    }
    seeds
}

/// Marsaglia's xorshift: the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// A seed with bytes changed, left out, repeated, or put in from another one.
fn changed(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let (at, length) = (random.below(input.len() + 1), 1 + random.below(8));
        let end = (at + length).min(input.len());
        match random.below(5) {
            0 => drop(input.drain(at..end)),
            1 => input.truncate(at),
            2 => input[at..end].fill([0, 1, 0x7f, 0xff, random.below(256) as u8][random.below(5)]),
            3 => input[at..end].iter_mut().for_each(|byte| *byte ^= 1 << random.below(8)),
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                let part = &other[from..(from + 4 * length).min(other.len())];
                input.splice(at..at, part.iter().copied());
            }
        }
    }
    input
}

/// Shows the input that the target fails on.
fn run(input: &[u8]) {
    if let Err(panic) = std::panic::catch_unwind(|| target::run(input)) {
        eprintln!("the input: {input:02x?}");
        std::panic::resume_unwind(panic)
    }
}

#[test]
fn seeds_and_changes_print() {
    let seeds = seeds();
    if env::var_os("PROBE_WRITE_SEEDS").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/print");
        fs::create_dir_all(&folder).expect("making the folder of a corpus");
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).expect("writing a seed");
        }
    }
    seeds.iter().for_each(|seed| run(seed));
    let times = env::var("PROBE_TEST_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..100_000 * times {
        run(&changed(&seeds, &mut random));
    }
}

//! The fuzz target over its seeds and over random changes to them: bounded, the same every
//! time, and without a fuzzer. `PROBE_TEST_TIMES=n` changes n times as many.
//!
//! `PROBE_WRITE_SEEDS=1` writes the seeds into fuzz/corpus, for a fuzzer to start from.

use std::io::Write as _;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use test_support::fuzz::{file as target, shown, times, write_seeds};
use testbed::{CaptureFile, Random, changed};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// Files of all kinds, some of them packed.
fn seeds() -> Vec<Vec<u8>> {
    let files = (0..200).map(|seed| CaptureFile::random(&mut Random::new(seed)).bytes);
    let pack = |(number, file): (usize, Vec<u8>)| match number % 10 {
        0 => gzip(&file),
        1 => compress_to_vec(file.as_slice(), CompressionLevel::Fastest),
        _ => file,
    };
    files.enumerate().map(pack).collect()
}

#[test]
fn seeds_and_changes_are_read_or_refused() {
    let seeds = seeds();
    write_seeds("file", &seeds);
    seeds.iter().for_each(|seed| shown(target::run, seed));
    let mut random = Random::new(1);
    for _ in 0..20_000 * times() {
        shown(target::run, &changed(&seeds, &mut random));
    }
}

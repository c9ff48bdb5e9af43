//! The fuzz target over its seeds and over random changes to them: bounded, the same every
//! time, and without a fuzzer. `PROBE_TEST_TIMES=n` changes n times as many.
//!
//! `PROBE_WRITE_SEEDS=1` writes the seeds into fuzz/corpus, for a fuzzer to start from.

use std::{env, fs, io::Write as _, path::Path};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use test_support::fuzz::file as target;
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

/// Shows the input that the target fails on.
fn run(input: &[u8]) {
    if let Err(panic) = std::panic::catch_unwind(|| target::run(input)) {
        eprintln!("the input: {input:02x?}");
        std::panic::resume_unwind(panic)
    }
}

#[test]
fn seeds_and_changes_are_read_or_refused() {
    let seeds = seeds();
    if env::var_os("PROBE_WRITE_SEEDS").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/file");
        fs::create_dir_all(&folder).expect("making the folder of a corpus");
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed).expect("writing a seed");
        }
    }
    seeds.iter().for_each(|seed| run(seed));
    let times = env::var("PROBE_TEST_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut random = Random::new(1);
    for _ in 0..20_000 * times {
        run(&changed(&seeds, &mut random));
    }
}

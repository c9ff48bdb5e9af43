//! What the fuzz targets do with an input, a file a target. The fuzzer calls these functions
//! (`fuzz/fuzz_targets`), and so do ordinary tests, over seeds and random changes to them.

pub mod classic;
pub mod expression;
pub mod file;
pub mod flow;
pub mod frame;
pub mod print;

use std::panic::{RefUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::{env, fs};

/// How many times as much a test does as it does in CI: `PROBE_TEST_TIMES`, or once.
pub fn times() -> usize {
    env::var("PROBE_TEST_TIMES").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Writes a target's seeds into fuzz/corpus, for a fuzzer to start from, where
/// `PROBE_WRITE_SEEDS` asks for it.
///
/// # Panics
/// Where they cannot be written.
pub fn write_seeds(target: &str, seeds: &[Vec<u8>]) {
    if env::var_os("PROBE_WRITE_SEEDS").is_none() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    fs::create_dir_all(&folder).expect("making the folder of a corpus");
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number}")), seed).expect("writing a seed");
    }
}

/// Runs a target, and shows the input that it fails on.
///
/// # Panics
/// Where the target does.
pub fn shown<T>(run: impl Fn(&[u8]) -> T + RefUnwindSafe, input: &[u8]) -> T {
    catch_unwind(|| run(input)).unwrap_or_else(|panic| {
        eprintln!("the input: {:?}", String::from_utf8_lossy(input));
        eprintln!("its bytes: {input:02x?}");
        resume_unwind(panic)
    })
}

//! `cargo xtask fuzz`: builds the fuzz targets and runs them, one after the other. They are
//! libFuzzer's, built as cargo-fuzz builds them with `--sanitizer none`: the flags are ones that
//! every compiler takes, so that neither a nightly toolchain nor another tool is needed.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xtask::setup::{self, Use};
use xtask::shell::{cargo, root, run, say, target_dir};

/// The targets, each with the package whose test `fuzz` has its seeds.
const TARGETS: &[(&str, &str)] = &[
    ("print", "probe-print"),
    ("file", "probe-pcap"),
    ("flow", "probe-flow"),
    ("expression", "probe-filter"),
    ("frame", "probe-filter"),
    ("classic", "probe-filter"),
];

/// How the compiler says to libFuzzer where an input led, and with what it compared bytes.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    --cfg fuzzing";

/// An input that takes so many seconds is a finding, too.
const SLOW: u32 = 10;

/// Runs the targets of these names, or all, so many seconds each. Fails at the first finding,
/// whose input libFuzzer leaves in `fuzz/artifacts`.
pub fn run_targets(names: &[String], seconds: u32, release: bool) -> Result<()> {
    let mut chosen = TARGETS.to_vec();
    if !names.is_empty() {
        chosen.retain(|(target, _)| names.iter().any(|name| name == target));
    }
    if let Some(name) = names.iter().find(|name| TARGETS.iter().all(|(known, _)| known != name)) {
        let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        bail!("there is no fuzz target {name}, but {}", known.join(", "));
    }
    setup::packages(&[Use::Fuzz])?;
    let folder = root().join("fuzz");
    write_seeds(&folder, &chosen)?;

    let host = host()?;
    let mut build = cargo(&["build", "--target", &host, "--target-dir"]);
    build.arg(target_dir().join("fuzz")).current_dir(&folder).env("RUSTFLAGS", COVERAGE);
    if release {
        build.arg("--release");
    }
    build.args(chosen.iter().flat_map(|(target, _)| ["--bin", target]));
    run(build)?;
    let profile = if release { "release" } else { "debug" };
    let programs = target_dir().join("fuzz").join(host).join(profile);
    for (target, _) in &chosen {
        let artifacts = folder.join("artifacts").join(target);
        fs::create_dir_all(&artifacts)
            .with_context(|| format!("making {}", artifacts.display()))?;
        let mut fuzzer = Command::new(programs.join(target));
        fuzzer.arg(folder.join("corpus").join(target));
        // libFuzzer puts the name of an input right behind the prefix.
        fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display()));
        fuzzer.args([format!("-max_total_time={seconds}"), format!("-timeout={SLOW}")]);
        fuzzer.args(["-print_final_stats=1", "-verbosity=0"]);
        run(fuzzer)?;
        say(format!("fuzz {target}: no finding in {seconds} s"));
    }
    Ok(())
}

/// Makes the corpora that are not there yet, out of what the tests have.
fn write_seeds(folder: &Path, chosen: &[(&str, &str)]) -> Result<()> {
    let is_missing = |target: &str| {
        let corpus = folder.join("corpus").join(target);
        fs::read_dir(corpus).map_or(true, |mut entries| entries.next().is_none())
    };
    let mut packages: Vec<&str> = chosen
        .iter()
        .filter(|(target, _)| is_missing(target))
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let mut test = cargo(&["test", "--test", "fuzz"]);
    test.args(packages.iter().flat_map(|package| ["--package", package]));
    test.env("PROBE_WRITE_SEEDS", "1");
    run(test)
}

/// The triple of this machine. Named as a target, it keeps the flags from build scripts and
/// macros, which do not link libFuzzer.
fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().context("rustc -vV")?;
    ensure!(output.status.success(), "rustc -vV: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV names no host")
}

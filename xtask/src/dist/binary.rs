//! The program for a machine: static, stripped, and the same bytes wherever it is built.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xtask::setup::{self, Toolchain};
use xtask::shell::{cargo, root, run, say, target_dir};

use super::{Release, Target, copy_into};

/// What the program may have, in bytes: it is copied to each host of a fleet.
const LARGEST: u64 = 10 << 20;

/// The profile in Cargo.toml that releases are built by.
pub const PROFILE: &str = "dist";

/// Builds it, into `TARGET/probe` of the release's folder.
pub fn build(release: &Release, target: Target, toolchain: &Toolchain) -> Result<()> {
    let triple = target.triple();
    let mut build = release.dated(cargo(&["build", "--package", "probe-user", "--locked"]));
    build.args(["--profile", PROFILE]);
    setup::static_for(&mut build, triple)?;
    build.env("CARGO_ENCODED_RUSTFLAGS", flags(toolchain)?.join("\x1f"));
    run(build)?;
    let built = target_dir().join(triple).join(PROFILE).join("probe");
    let size = fs::metadata(&built).with_context(|| format!("no {}", built.display()))?.len();
    say(format!("{triple}: {size} bytes"));
    ensure!(size <= LARGEST, "{}: {size} bytes, of {LARGEST} at most", built.display());
    copy_into(&built, &release.folder.join(triple))
}

/// Folders of this machine under names that are the same on each: panics and debug information
/// say where a line of code stands.
fn flags(toolchain: &Toolchain) -> Result<Vec<String>> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")?;
    let sysroot = toolchain.rustc.ancestors().nth(2).context("rustc lies in a bin folder")?;
    // The last one that fits counts.
    let folders = [
        (sysroot.to_owned(), "/usr/src/rust"),
        (home, "/usr/src/cargo"),
        (root().to_owned(), "/usr/src/probe"),
        (target_dir(), "/usr/src/target"),
    ];
    Ok(folders.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).into())
}

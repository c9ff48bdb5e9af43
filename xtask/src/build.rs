//! `cargo xtask build`: the kernel programs, through probe-user's build script, and
//! `target/release/probe`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::setup;
use crate::shell::{cargo, run, target_dir};

/// Builds the release binary and says where it is.
pub fn release() -> Result<PathBuf> {
    setup::toolchain()?;
    run(cargo(&["build", "--release", "--package", "probe-user"]))?;
    Ok(target_dir().join("release/probe"))
}

/// Writes the manual pages into a folder. They are made by an example of probe-user, from its flags and
/// the documentation.
pub fn manual(folder: &Path) -> Result<()> {
    setup::toolchain()?;
    let mut cargo =
        cargo(&["run", "--quiet", "--package", "probe-user", "--example", "manual", "--"]);
    cargo.arg(std::path::absolute(folder)?);
    run(cargo)
}

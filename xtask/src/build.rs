//! `cargo xtask build`: the kernel programs, through probe-user's build script, and
//! `target/release/probe`.

use std::path::PathBuf;

use anyhow::Result;

use crate::setup;
use crate::shell::{cargo, run, target_dir};

/// Builds the release binary and says where it is.
pub fn release() -> Result<PathBuf> {
    setup::toolchain()?;
    run(cargo(&["build", "--release", "--package", "probe-user"]))?;
    Ok(target_dir().join("release/probe"))
}

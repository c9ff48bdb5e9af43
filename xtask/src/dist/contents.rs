//! What the program is made of (a software bill of materials), as CycloneDX.

use std::fs;

use anyhow::{Context, Result};
use xtask::setup::CARGO_CYCLONEDX;
use xtask::shell::{root, run};

use super::{Release, Target};

/// Makes `probe-VERSION.cdx.json`: the crates of probe-user, those of its tests left out. What
/// differs between machines is nothing but the machine.
pub fn make(release: &Release) -> Result<()> {
    let mut list = release.dated(std::process::Command::new(CARGO_CYCLONEDX.find_or_build()?));
    list.args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--no-build-deps"]);
    list.args(["--describe", "binaries", "--target", Target::X86_64.triple()]);
    list.arg("--manifest-path").arg(root().join("probe-user/Cargo.toml"));
    run(list)?;
    // It writes beside each manifest of the workspace that is a part of it.
    let made = root().join("probe-user/probe_bin.cdx.json");
    let place = release.folder.join(format!("probe-{}.cdx.json", release.version));
    fs::rename(&made, &place).with_context(|| format!("moving {}", made.display()))
}

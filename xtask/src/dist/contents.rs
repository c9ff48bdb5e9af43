//! What the program is made of (a software bill of materials), as CycloneDX.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use xtask::setup::CARGO_CYCLONEDX;
use xtask::shell::{root, run};

use super::{Release, Target};

/// How the names of the files end that cargo-cyclonedx makes.
const MADE: &str = "_bin.cdx.json";

/// Makes `probe-VERSION.cdx.json`: the crates that the program is linked of. Those for another machine
/// are the same.
pub fn make(release: &Release) -> Result<()> {
    let mut list = release.dated(Command::new(CARGO_CYCLONEDX.find_or_build()?));
    list.args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5"]);
    list.args(["--describe", "binaries", "--no-build-deps", "--target", Target::X86_64.triple()]);
    list.arg("--manifest-path").arg(root().join("probe-user/Cargo.toml"));
    run(list)?;
    // It writes one beside the manifest of each program of the workspace.
    let made = made()?;
    let ours = root().join(format!("probe-user/probe{MADE}"));
    let text = fs::read_to_string(&ours).with_context(|| format!("reading {}", ours.display()))?;
    for file in made {
        fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
    }
    // Our own crates are named by their folders.
    let text = text.replace(&root().display().to_string(), "/usr/src/probe");
    let place = release.folder.join(format!("probe-{}.cdx.json", release.version));
    fs::write(&place, text).with_context(|| format!("writing {}", place.display()))
}

fn made() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(root())? {
        let folder = folder?.path();
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(&folder)? {
            let file = file?;
            if file.file_name().to_string_lossy().ends_with(MADE) {
                found.push(file.path());
            }
        }
    }
    Ok(found)
}

//! cargo-deny, into the project's own folder: it reads deny.toml for `cargo xtask lint`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use testbed::requirements::find_tool;

use super::tools;
use crate::shell::{cargo, run, say};

const VERSION: &str = "0.20.2";

/// Finds cargo-deny in the project's folder or on the PATH, or builds it.
pub fn deny() -> Result<PathBuf> {
    let own = tools().join("bin/cargo-deny");
    if let Some(found) = find_tool("cargo-deny").filter(|path| answers(path)) {
        return Ok(found);
    }
    if !answers(&own) {
        say(format!("cargo-deny {VERSION}: building it into .tools (two or three minutes)"));
        let mut install = cargo(&["install", "cargo-deny", "--version", VERSION, "--locked"]);
        install.args(["--force", "--quiet", "--root"]).arg(tools());
        run(install).context("building cargo-deny")?;
    }
    Ok(own)
}

fn answers(deny: &Path) -> bool {
    Command::new(deny).arg("--version").output().is_ok_and(|answer| answer.status.success())
}

//! bpf-linker, into the project's own folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use testbed::requirements::find_tool;

use super::tools;
use crate::shell::{cargo, run, say};

/// The last version that works with the LLVM inside rustc (later ones want a system LLVM).
const VERSION: &str = "0.10.3";

/// Finds the linker in the project's folder or on the PATH, or builds it.
pub fn find_or_install(llvm_lib: &Path) -> Result<PathBuf> {
    let own = tools().join("bin/bpf-linker");
    for candidate in [Some(own.clone()), find_tool("bpf-linker")].into_iter().flatten() {
        if is_right(&candidate, llvm_lib) {
            return Ok(candidate);
        }
    }
    say(format!("bpf-linker {VERSION}: building it into .tools (about a minute)"));
    let root = tools();
    let mut install = cargo(&["install", "bpf-linker", "--version", VERSION, "--locked"]);
    install.args(["--force", "--quiet", "--root"]).arg(&root);
    run(install).context("building bpf-linker")?;
    Ok(own)
}

fn is_right(linker: &Path, llvm_lib: &Path) -> bool {
    let asked = Command::new(linker).arg("--version").env("LD_LIBRARY_PATH", llvm_lib).output();
    asked.is_ok_and(|answer| {
        String::from_utf8_lossy(&answer.stdout).split_whitespace().any(|word| word == VERSION)
    })
}

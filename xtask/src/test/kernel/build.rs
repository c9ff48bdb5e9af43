//! The programs that run in a virtual machine: `live` and `probe`, built for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Stage;
use crate::setup::Machine;
use crate::shell::{cargo, say};

/// Rust's name for Arm with a C library that links statically, by rustc's own linker.
const ARM64: &str = "aarch64-unknown-linux-musl";
/// Enough for a standard library over a slow line.
const DOWNLOAD: Duration = Duration::from_secs(600);
/// Enough for a test program that only names its tests.
const LIST: Duration = Duration::from_secs(20);

/// What runs in the machine.
pub struct Programs {
    /// The test program.
    pub live: PathBuf,
    /// probe, at the place where the test program looks for it.
    pub probe: PathBuf,
}

/// Builds both for a machine.
pub fn for_machine(machine: Machine) -> Result<Programs> {
    let mut command = cargo(&["test", "--package", "probe-user", "--test", "live", "--no-run"]);
    command.arg("--message-format=json-render-diagnostics");
    if machine == Machine::Arm64 {
        add_target()?;
        command.args(["--target", ARM64]);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld");
    }
    say("building the test program `live` and probe");
    let output = command.stderr(Stdio::inherit()).output().context("starting cargo")?;
    ensure!(output.status.success(), "building the test program failed ({})", output.status);
    let text = String::from_utf8(output.stdout)?;
    let messages: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let executable = |name: &str| {
        let message = messages
            .iter()
            .find(|message| message["target"]["name"] == name && message["executable"].is_string());
        let path = message.and_then(|message| message["executable"].as_str());
        path.map(PathBuf::from).with_context(|| format!("cargo built no {name}"))
    };
    Ok(Programs { live: executable("live")?, probe: executable("probe")? })
}

/// The standard library for Arm, from rustup.
fn add_target() -> Result<()> {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", ARM64]).env_remove("RUST_BACKTRACE");
    testbed::run(rustup, DOWNLOAD)
        .with_context(|| format!("Rust's standard library for {ARM64}"))
        .map(drop)
}

/// The names of the tests of a stage, those with one of `parts` in their name where there are
/// any; by the test program of this machine, which has the same tests.
pub fn names(live: &Path, stage: &Stage, parts: &[String]) -> Result<Vec<String>> {
    let ignored = list(live, stage.tests, &["--ignored"])?;
    let mut names = match stage.ignored {
        true => ignored,
        // Without a flag the list has all tests.
        false => {
            let mut all = list(live, stage.tests, &[])?;
            all.retain(|name| !ignored.contains(name));
            all
        }
    };
    names.retain(|name| parts.is_empty() || parts.iter().any(|part| name.contains(part)));
    Ok(names)
}

fn list(live: &Path, tests: &[&str], flags: &[&str]) -> Result<Vec<String>> {
    let mut command = Command::new(live);
    command.args(["--list", "--format", "terse"]).args(flags).args(tests);
    let said = testbed::run(command, LIST)?.text();
    let names = said.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(str::to_owned).collect())
}

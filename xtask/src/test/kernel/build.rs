//! The programs that run in a virtual machine: `live` and `probe`, built for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::setup::{Machine, static_for};
use xtask::shell::{cargo, say};

use super::Stage;

/// Rust's name for Arm with a C library that links statically.
const ARM64: &str = "aarch64-unknown-linux-musl";
/// Enough for a test program that only names its tests.
const LIST: Duration = Duration::from_secs(20);

/// What runs in the machine.
pub struct Programs {
    /// The test program.
    pub live: PathBuf,
    /// probe as it is released: an unoptimised one takes seconds to start on an emulated
    /// processor.
    pub probe: PathBuf,
    /// Where the test program looks for it.
    pub place: PathBuf,
}

/// Builds both for a machine.
pub fn for_machine(machine: Machine) -> Result<Programs> {
    say(format!("building the test program `live` and probe for {}", machine.architecture()));
    let test = executables(machine, &["test", "--test", "live", "--no-run"])?;
    let release = executables(machine, &["build", "--release", "--bin", "probe"])?;
    let find = |built: &HashMap<String, PathBuf>, name: &str| {
        built.get(name).cloned().with_context(|| format!("cargo built no {name}"))
    };
    Ok(Programs {
        live: find(&test, "live")?,
        probe: find(&release, "probe")?,
        place: find(&test, "probe")?,
    })
}

/// Runs a cargo command over probe-user, and says which programs it has built, by name.
fn executables(machine: Machine, arguments: &[&str]) -> Result<HashMap<String, PathBuf>> {
    let mut command = cargo(arguments);
    command.args(["--package", "probe-user", "--message-format=json-render-diagnostics"]);
    if machine == Machine::Arm64 {
        static_for(&mut command, ARM64)?;
    }
    let output = command.stderr(Stdio::inherit()).output().context("starting cargo")?;
    ensure!(output.status.success(), "cargo {} failed ({})", arguments[0], output.status);
    let text = String::from_utf8(output.stdout)?;
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = messages.filter_map(|message| {
        let path = message["executable"].as_str()?;
        Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(path)))
    });
    Ok(programs.collect())
}

/// The names of the tests of a stage, those with one of `parts` in their name where there are
/// any; by the test program of this machine, which has the same tests.
pub fn names(live: &Path, stage: &Stage, parts: &[String]) -> Result<Vec<String>> {
    let ignored = list(live, stage.tests, &["--ignored"])?;
    let mut names = if stage.ignored {
        ignored
    } else {
        // Without a flag the list has all tests.
        let mut all = list(live, stage.tests, &[])?;
        all.retain(|name| !ignored.contains(name));
        all
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

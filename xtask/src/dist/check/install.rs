//! `cargo install` as somebody does it who has just cloned the repository.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::run;
use xtask::shell::{cargo, finish, root};

use super::again::copy_sources;

/// Enough for a program that only starts.
const LIMIT: Duration = Duration::from_secs(20);

/// Installs it into a folder, and counts the frames of a file by the kernel's program, which shows that
/// one is in it.
pub fn check() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let checkout = folder.path().join("checkout");
    copy_sources(&checkout)?;
    let mut install = cargo(&["install", "--locked", "--path", "probe-user", "--root"]);
    install.arg(folder.path()).current_dir(&checkout).env_remove("CARGO_TARGET_DIR");
    finish(install)?;
    let mut count = Command::new(folder.path().join("bin/probe"));
    count.args(["count", "--engine", "kernel", "--format", "json", "-r"]);
    count.arg(root().join("probe-print/tests/golden/transport/tcp.pcap")).arg("tcp");
    let counted = run(count, LIMIT)?.text();
    ensure!(counted.contains("\"final\":true"), "{counted}");
    Ok("cargo install --path probe-user makes a program that counts".into())
}

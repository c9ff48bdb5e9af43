//! `cargo xtask run`: probe, built and started; without arguments the demonstration. And the
//! benchmarks, which are a program of their own.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context, Result};
use testbed::requirements::is_root;
use xtask::build;
use xtask::setup::{self, Use};
use xtask::shell::{as_root, cargo, say};

use crate::demo;

/// Builds probe and becomes it, through sudo where we are not root.
pub fn probe(arguments: &[OsString]) -> Result<()> {
    let probe = build::release()?;
    let mut command = as_root(&probe, &[]);
    command.args(arguments);
    become_it(command)
}

/// Sets up, builds, and shows the demonstration, which needs root.
pub fn demonstration() -> Result<()> {
    setup::packages(&[Use::Demo])?;
    let probe = build::release()?;
    if is_root() {
        return demo::show(&probe);
    }
    say("the demonstration makes network namespaces: going on through sudo");
    let mut again = as_root(env::current_exe()?, &["CARGO_TARGET_DIR", "PATH"]);
    again.arg("demo").arg(probe);
    become_it(again)
}

/// Becomes the benchmarks: they parse their arguments, and build what they measure.
pub fn benchmarks(arguments: &[OsString]) -> Result<()> {
    let mut command = cargo(&["run", "--quiet", "--release", "--package", "bench", "--"]);
    command.args(arguments);
    become_it(command)
}

/// exec, not a child: signals and the exit code are then its own.
fn become_it(mut command: Command) -> Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("starting {}", command.get_program().to_string_lossy()))
}

//! `cargo xtask test`: every test, with a skip counted as a failure.

mod kernel;

use std::env;
use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use testbed::requirements::{REQUIRED, is_root};
use xtask::setup::{self, CAPTURES, Use};
use xtask::shell::{cargo, run, say};

pub use kernel::on_kernels;

/// Sets up and runs all tests. Everything is built as the user; only the test programs
/// run as root.
pub fn all(arguments: &[OsString]) -> Result<()> {
    setup::packages(&[Use::Test])?;
    setup::toolchain()?;
    let captures = setup::captures()?;
    let mut test = cargo(&["test"]);
    if !is_root() {
        say("tests of the kernel side need root: running the test programs through sudo");
        test.args(["--config", &runner(&captures)]);
    }
    // The kernel programs have no tests of their own on the host; all others' tests load them.
    if arguments.is_empty() {
        test.args(["--workspace", "--exclude", "probe-ebpf"]);
    }
    test.args(arguments).env(REQUIRED, "1").env(CAPTURES, captures);
    run(test)
}

/// The setting by which cargo starts test programs through sudo, which hands on only the
/// variables named to it.
fn runner(captures: &Path) -> String {
    let path = env::var("PATH").unwrap_or_default();
    let captures = captures.display();
    format!(
        "target.'cfg(unix)'.runner = \
         ['sudo', '{REQUIRED}=1', '{CAPTURES}={captures}', 'PATH={path}']"
    )
}

//! `cargo xtask test`: every test, with a skip counted as a failure.

mod kernel;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::Result;
use testbed::requirements::{REQUIRED, is_root};
use xtask::setup::{self, CAPTURES, Use};
use xtask::shell::{cargo, root, run, say, target_dir};

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
        test.args(["--config", &runner(CAPTURES, &captures)]);
    }
    // The kernel programs have no tests of their own on the host; all others' tests load them.
    if arguments.is_empty() {
        test.args(["--workspace", "--exclude", "probe-ebpf"]);
    }
    test.args(arguments).env(REQUIRED, "1").env(CAPTURES, captures);
    run(test)
}

/// Where tests put pictures of what they show.
const PICTURES: &str = "PROBE_PICTURES";

/// Makes the pictures of the documentation: runs the tests that show what is in them, and keeps those that
/// the documentation has. The others are to be looked at.
pub fn pictures() -> Result<()> {
    setup::packages(&[Use::Test])?;
    setup::toolchain()?;
    let made = target_dir().join("pictures");
    fs::create_dir_all(&made)?;
    let mut test = cargo(&["test"]);
    if !is_root() {
        test.args(["--config", &runner(PICTURES, &made)]);
    }
    test.args(["--package", "probe-user", "--test", "live", "page_in_a_flood"]);
    test.env(REQUIRED, "1").env(PICTURES, &made);
    run(test)?;
    let kept = root().join("docs/pictures");
    fs::create_dir_all(&kept)?;
    fs::copy(made.join("page.png"), kept.join("page.png"))?;
    say(format!("docs/pictures/page.png is new; more are in {}", made.display()));
    Ok(())
}

/// The setting by which cargo starts test programs through sudo, which hands on only the
/// variables named to it; `name` is that of a folder.
fn runner(name: &str, folder: &Path) -> String {
    let path = env::var("PATH").unwrap_or_default();
    let folder = folder.display();
    format!(
        "target.'cfg(unix)'.runner = ['sudo', '{REQUIRED}=1', '{name}={folder}', 'PATH={path}']"
    )
}

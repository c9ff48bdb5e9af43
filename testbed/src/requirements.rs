//! What a test needs of the machine, and what happens where it is missing.
//!
//! ```no_run
//! use testbed::requirements::{Requirement::*, met};
//! # fn test() {
//! if !met(&[Root, Kernel(6, 6), Tool("tcpdump")]) {
//!     return; // said loudly; a failure where REQUIRED is set
//! }
//! # }
//! ```

use std::env;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

/// The environment variable that turns a missing requirement into a failure. `cargo
/// xtask test` sets it to 1.
pub const REQUIRED: &str = "PROBE_REQUIRE_KERNEL_TESTS";

/// Something a test cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The right to make namespaces and load programs.
    Root,
    /// A kernel of at least this version.
    Kernel(u32, u32),
    /// The kernel's own type information, `/sys/kernel/btf/vmlinux`.
    Btf,
    /// A program on the PATH.
    Tool(&'static str),
    /// A folder or file at this place.
    File(&'static str),
}

impl Requirement {
    /// Whether this machine has it.
    pub fn is_met(self) -> bool {
        match self {
            Self::Root => is_root(),
            Self::Kernel(major, minor) => kernel_version() >= Some((major, minor)),
            Self::Btf => fs::exists("/sys/kernel/btf/vmlinux").unwrap_or(false),
            Self::Tool(name) => find_tool(name).is_some(),
            Self::File(path) => fs::exists(path).unwrap_or(false),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => write!(f, "root"),
            Self::Kernel(major, minor) => write!(f, "Linux {major}.{minor} or newer"),
            Self::Btf => write!(f, "a kernel with BTF (/sys/kernel/btf/vmlinux)"),
            Self::Tool(name) => write!(f, "the program {name}"),
            Self::File(path) => write!(f, "{path}"),
        }
    }
}

/// Whether everything is there. Where it is not, says so on the real standard error,
/// which the test harness does not hide.
///
/// # Panics
/// Where something is missing and [`REQUIRED`] is set to 1: a skip is then a failure.
#[must_use]
#[track_caller]
pub fn met(requirements: &[Requirement]) -> bool {
    let missing: Vec<String> = (requirements.iter().filter(|requirement| !requirement.is_met()))
        .map(ToString::to_string)
        .collect();
    if missing.is_empty() {
        return true;
    }
    let missing = missing.join(", ");
    assert!(env::var_os(REQUIRED).is_none_or(|value| value != "1"), "this test needs {missing}");
    let place = std::panic::Location::caller();
    // Not eprintln: the test harness captures that.
    let _ = writeln!(std::io::stderr(), "SKIPPED, NOT TESTED: {place} needs {missing}");
    false
}

/// Whether this process is root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Where a program lies, on the PATH or in the administrator's folders, which a
/// user's PATH often lacks.
pub fn find_tool(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// The running kernel's version.
pub fn kernel_version() -> Option<(u32, u32)> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

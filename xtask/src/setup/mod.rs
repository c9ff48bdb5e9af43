//! `cargo xtask setup`: finds what is needed, installs what is missing, says what it
//! does. Where nothing is missing it only looks, and takes milliseconds.

mod apt;
mod captures;
mod crates;
mod kernels;
mod linker;
mod packages;
mod rust;
mod sources;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::shell::{root, say};

pub use captures::{CAPTURES, captures};
pub use crates::{CARGO_CYCLONEDX, CARGO_DEB, MDBOOK, Tool};
pub use kernels::{Fetched, Kernel, Machine};
pub use packages::{Use, packages};
pub use rust::static_for;

/// What an eBPF build needs: read by probe-user's build script, `key = "value"` lines.
const RECORD: &str = ".tools/ebpf-toolchain";

/// A compiler with the sources of `core`, and a linker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// bpf-linker.
    pub linker: PathBuf,
    /// The folder of the libLLVM that bpf-linker loads.
    pub llvm_lib: PathBuf,
}

/// Sets up all that any command needs.
pub fn everything() -> Result<()> {
    packages(Use::ALL)?;
    let toolchain = toolchain()?;
    captures()?;
    say(format!("set up: {} and {}", toolchain.rustc.display(), toolchain.linker.display()));
    Ok(())
}

/// Finds or installs the eBPF toolchain, and records it for the build script.
pub fn toolchain() -> Result<Toolchain> {
    if let Some(known) = Toolchain::recorded()
        && known.works()
    {
        return Ok(known);
    }
    let rust = rust::find_or_install()?;
    let linker = linker::find_or_install(&rust.llvm_lib)?;
    let found = Toolchain { rustc: rust.rustc, linker, llvm_lib: rust.llvm_lib };
    found.record()?;
    Ok(found)
}

impl Toolchain {
    fn recorded() -> Option<Self> {
        let text = fs::read_to_string(root().join(RECORD)).ok()?;
        let value = |key: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(name, _)| name.trim() == key)
                .map(|(_, value)| PathBuf::from(value.trim().trim_matches('"')))
        };
        Some(Self {
            rustc: value("rustc")?,
            linker: value("linker")?,
            llvm_lib: value("llvm_lib")?,
        })
    }

    /// Whether all its files are still there; asks no program, so that it is quick.
    fn works(&self) -> bool {
        self.rustc.is_file()
            && rust::has_sources(&self.rustc)
            && self.linker.is_file()
            && rust::has_llvm(&self.llvm_lib)
    }

    fn record(&self) -> Result<()> {
        let mut text = String::from("# Written by `cargo xtask setup`.\n");
        let entries =
            [("rustc", &self.rustc), ("linker", &self.linker), ("llvm_lib", &self.llvm_lib)];
        for (key, path) in entries {
            writeln!(text, "{key} = \"{}\"", path.display())?;
        }
        let file = root().join(RECORD);
        fs::create_dir_all(tools())?;
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
    }
}

/// The project's own tools.
fn tools() -> PathBuf {
    root().join(".tools")
}

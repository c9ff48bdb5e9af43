//! A compiler that can build `core` for the BPF machine: one with core's sources and
//! with the LLVM that bpf-linker reads.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testbed::requirements::find_tool;

use super::packages::{apt_get, candidate_of};
use crate::shell::say;

/// The LLVM whose bitcode bpf-linker 0.10.3 reads.
const LLVM: &str = "22";
/// What to ask rustup for where no installed toolchain will do: its LLVM is 22.
const PINNED: &str = "nightly-2026-05-20";
/// Debian's own compiler and the sources that go with it.
const DEBIAN: [&str; 2] = ["rustc-web", "rust-web-src"];
/// Where Debian's compiler lies, and its LLVM.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// Enough to download a toolchain over a slow line.
const DOWNLOAD: Duration = Duration::from_secs(600);

/// A compiler, and the folder of its LLVM.
pub struct Rust {
    pub rustc: PathBuf,
    pub llvm_lib: PathBuf,
}

/// Finds one, or installs one: from rustup, else from Debian.
pub fn find_or_install() -> Result<Rust> {
    let mut installed = rustup_toolchains();
    if let Some(ready) = installed.iter().find(|toolchain| has_sources(&toolchain.rustc)) {
        say(format!("core's sources: found in rustup's toolchain {}", ready.name));
        return Ok(ready.rust());
    }
    if let Some(rust) = debian() {
        say(format!("core's sources: found with Debian's {}", rust.rustc.display()));
        return Ok(rust);
    }
    for toolchain in &installed {
        say(format!("core's sources: asking rustup for rust-src of {}", toolchain.name));
        let add = ["component", "add", "rust-src", "--toolchain", &toolchain.name];
        if rustup(&add) && has_sources(&toolchain.rustc) {
            return Ok(toolchain.rust());
        }
    }
    say(format!("core's sources: asking rustup for {PINNED}"));
    let flags = ["--profile=minimal", "--component=rust-src,clippy", "--no-self-update"];
    if rustup(&[&["toolchain", "install", PINNED], &flags[..]].concat()) {
        installed = rustup_toolchains();
        if let Some(ready) = installed.iter().find(|toolchain| has_sources(&toolchain.rustc)) {
            return Ok(ready.rust());
        }
    }
    if candidate_of(DEBIAN[0]).is_some() {
        apt_get("core's sources for eBPF", &DEBIAN)?;
        if let Some(rust) = debian() {
            return Ok(rust);
        }
    }
    bail!(
        "no compiler with core's sources and LLVM {LLVM} could be had: neither rust-src for an \
         installed toolchain, nor rustup's {PINNED}, nor Debian's packages {}",
        DEBIAN.join(" and ")
    )
}

/// Whether the sources of `core` lie beside a compiler.
pub fn has_sources(rustc: &Path) -> bool {
    let Some(sysroot) = rustc.parent().and_then(Path::parent) else { return false };
    sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs").is_file()
}

/// Whether a folder holds the LLVM that bpf-linker loads.
pub fn has_llvm(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with(&format!("libLLVM-{LLVM}"))
                || name.starts_with(&format!("libLLVM.so.{LLVM}"))
        })
    })
}

/// One of rustup's toolchains that has the right LLVM.
struct Installed {
    name: String,
    rustc: PathBuf,
    lib: PathBuf,
}

impl Installed {
    fn rust(&self) -> Rust {
        Rust { rustc: self.rustc.clone(), llvm_lib: self.lib.clone() }
    }
}

/// rustup's toolchains with the right LLVM, the default first.
fn rustup_toolchains() -> Vec<Installed> {
    let home = env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".rustup")));
    let Some(folder) = home.map(|home| home.join("toolchains")) else { return Vec::new() };
    let default = env::var("RUSTUP_TOOLCHAIN").unwrap_or_default();
    let mut found: Vec<Installed> = (fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| Installed {
            name: entry.file_name().to_string_lossy().into_owned(),
            rustc: entry.path().join("bin/rustc"),
            lib: entry.path().join("lib"),
        })
        .filter(|toolchain| toolchain.rustc.is_file() && has_llvm(&toolchain.lib))
        .collect();
    found.sort_by_key(|toolchain| (toolchain.name != default, toolchain.name.clone()));
    found
}

/// Debian's compiler, where it is there with its sources and the right LLVM. bpf-linker
/// loads a rustup toolchain's LLVM where there is one, else Debian's.
fn debian() -> Option<Rust> {
    let rustc = PathBuf::from(DEBIAN_RUSTC);
    let usable = rustc.is_file() && has_sources(&rustc) && llvm_version(&rustc)? == LLVM;
    if !usable {
        return None;
    }
    let multiarch = PathBuf::from(format!("/usr/lib/{}-linux-gnu", env::consts::ARCH));
    let folders = (rustup_toolchains().into_iter().map(|toolchain| toolchain.lib))
        .chain([multiarch, format!("/usr/lib/llvm-{LLVM}/lib").into()]);
    let llvm_lib = folders.into_iter().find(|folder| has_llvm(folder))?;
    Some(Rust { rustc, llvm_lib })
}

fn llvm_version(rustc: &Path) -> Option<String> {
    let output = Command::new(rustc).arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next().map(str::to_owned)
}

/// Prepares a cargo command that builds for a machine, by Rust's name for it (one of those with musl, whose
/// programs are static): the standard library from rustup; for Arm rustc's own linker; and for the
/// C in crates a compiler that brings no C library, in place of one that few have (`musl-gcc`).
pub fn static_for(build: &mut Command, target: &str) -> Result<()> {
    standard_library(target)?;
    let name = target.replace('-', "_");
    let compiler = if target.starts_with("aarch64") { "clang" } else { "cc" };
    let set_unless_there = |build: &mut Command, variable: String, value: &str| {
        if env::var_os(&variable).is_none() {
            build.env(variable, value);
        }
    };
    set_unless_there(build, format!("CC_{name}"), compiler);
    if target.starts_with("aarch64") {
        let linker = format!("CARGO_TARGET_{}_LINKER", name.to_uppercase());
        set_unless_there(build, linker, "rust-lld");
    }
    build.args(["--target", target]);
    Ok(())
}

/// Has rustup fetch the standard library for a machine; nothing where it is there.
fn standard_library(target: &str) -> Result<()> {
    let mut command = Command::new("rustup");
    // Backtraces of a failed download help nobody.
    command.args(["target", "add", target]).env_remove("RUST_BACKTRACE");
    let done = testbed::run(command, DOWNLOAD);
    done.with_context(|| format!("Rust's standard library for {target}")).map(drop)
}

/// Runs rustup and says whether it did what was asked; where it cannot there are other ways.
fn rustup(arguments: &[&str]) -> bool {
    if find_tool("rustup").is_none() {
        return false;
    }
    let mut command = Command::new("rustup");
    // Backtraces of a failed download help nobody.
    command.args(arguments).env_remove("RUST_BACKTRACE");
    let done = testbed::run(command, DOWNLOAD).context("rustup");
    if let Err(error) = &done {
        let text = format!("{error:#}");
        say(format!("rustup could not: {}", text.lines().next().unwrap_or_default()));
    }
    done.is_ok()
}

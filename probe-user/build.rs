//! Builds the eBPF object with the toolchain that `cargo xtask setup` found, and leaves
//! it where `kernel::load` embeds it from.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use object::{
    build::elf::{Builder, SectionData},
    elf::SHT_STRTAB,
};

/// Embeds an empty object instead, so that clippy, unit tests and fuzzing need only a
/// stable compiler. Such a binary says so when it is asked to attach.
const EMPTY_SWITCH: &str = "PROBE_EMPTY_OBJECT";

/// Written by `cargo xtask setup`: `key = "value"` lines.
const TOOLCHAIN: &str = ".tools/ebpf-toolchain";

/// Little-endian, as every machine that probe is for (probe-common refuses the others).
const TARGET: &str = "bpfel-unknown-none";

/// The instruction set of kernel 5.1 and newer: 32-bit arithmetic and jumps
/// (Documentation/bpf/bpf_design_QA.rst).
const TARGET_CPU: &str = "-Ctarget-cpu=v3";

fn main() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR").context("OUT_DIR")?);
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").context("CARGO_MANIFEST_DIR")?);
    let root = manifest.parent().context("the workspace's root")?;
    println!("cargo::rerun-if-env-changed={EMPTY_SWITCH}");
    for input in ["probe-ebpf", "probe-common", "Cargo.lock", TOOLCHAIN] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }

    let embedded = out.join("probe.o");
    if env::var_os(EMPTY_SWITCH).is_some_and(|value| value == "1") {
        return fs::write(&embedded, []).context("writing the empty object");
    }
    let target_dir = target_dir(&out)?;
    let toolchain = root.join(TOOLCHAIN);
    if !toolchain.is_file() {
        set_up(root, &target_dir)?;
    }
    let toolchain = fs::read_to_string(&toolchain)
        .with_context(|| format!("reading {}: run `cargo xtask setup`", toolchain.display()))?;
    let object = build(root, &target_dir, &settings(&toolchain))?;
    let bytes = fs::read(&object).with_context(|| format!("reading {}", object.display()))?;
    let bytes = without_debug_sections(&bytes)
        .with_context(|| format!("stripping {}", object.display()))?;
    fs::write(&embedded, bytes).with_context(|| format!("writing {}", embedded.display()))
}

/// An object without DWARF, five sixths of it: the kernel reads types and lines in `.BTF` and `.BTF.ext`.
fn without_debug_sections(object: &[u8]) -> Result<Vec<u8>> {
    let mut elf = Builder::read(object)?;
    for section in &mut elf.sections {
        let name = section.name.as_slice();
        section.delete = name.starts_with(b".debug") || name.starts_with(b".rel.debug");
    }
    elf.delete_orphan_symbols();
    // LLVM keeps names of sections and of symbols in one table, and this writes one for each.
    let names = elf.sections.add();
    names.name = b".shstrtab"[..].into();
    names.sh_type = SHT_STRTAB;
    names.data = SectionData::SectionString;
    let mut bytes = Vec::new();
    elf.write(&mut bytes)?;
    Ok(bytes)
}

/// Has xtask find the toolchain, or install what is missing: a clean checkout has none, and
/// `cargo install --path probe-user` asks for nothing else before.
fn set_up(root: &Path, target_dir: &Path) -> Result<()> {
    let status = Command::new(env::var("CARGO").context("CARGO")?)
        .current_dir(root)
        .args(["run", "--package", "xtask", "--target-dir"])
        .arg(target_dir)
        .args(["--", "toolchain"])
        // Flags are for the program that is built, which may be for another machine.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .status()
        .context("starting cargo for xtask")?;
    ensure!(
        status.success(),
        "no toolchain for eBPF could be set up ({status}); see above, and `cargo xtask setup`"
    );
    Ok(())
}

fn settings(text: &str) -> HashMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
        .collect()
}

/// A folder for the object's build beside this one's: shared by all profiles, and not
/// the one that the cargo that runs us holds locked.
fn target_dir(out: &Path) -> Result<PathBuf> {
    Ok(out.ancestors().nth(4).context("OUT_DIR is too short")?.join("ebpf"))
}

/// Folders of this machine under names that are the same on each: the object says where its lines
/// stand, and the same sources are to give the same bytes.
fn remapped(root: &Path, rustc: &Path) -> Result<Vec<String>> {
    let sysroot = rustc.ancestors().nth(2).context("rustc lies in a bin folder")?;
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let folders =
        [(Some(sysroot.to_owned()), "rust"), (home, "cargo"), (Some(root.into()), "probe")];
    // Of several that fit the last one counts.
    let known = folders.into_iter().filter_map(|(from, to)| Some((from?, to)));
    Ok(known
        .map(|(from, to)| format!("--remap-path-prefix={}=/usr/src/{to}", from.display()))
        .collect())
}

fn build(root: &Path, target_dir: &Path, toolchain: &HashMap<&str, &str>) -> Result<PathBuf> {
    let setting = |key| {
        toolchain
            .get(key)
            .copied()
            .with_context(|| format!("{TOOLCHAIN} has no `{key}`: run `cargo xtask setup` again"))
    };
    let linker = format!("-Clinker={}", setting("linker")?);
    let rustc = Path::new(setting("rustc")?);
    let mut flags: Vec<String> =
        ["-Cdebuginfo=2", TARGET_CPU, "-Clink-arg=--btf", &linker].map(str::to_owned).into();
    flags.extend(remapped(root, rustc)?);
    let mut cargo = Command::new(env::var("CARGO").context("CARGO")?);
    // Whoever builds the host's programs otherwise gets the same kernel programs.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PROFILE_")) {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .current_dir(root)
        .args(["build", "--package", "probe-ebpf", "--release", "-Z", "build-std=core"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(target_dir)
        .env("RUSTC", rustc)
        // Lets a stable or a distribution's compiler take the -Z flags.
        .env("RUSTC_BOOTSTRAP", "1")
        // Where bpf-linker finds the LLVM that it shares with rustc.
        .env("LD_LIBRARY_PATH", setting("llvm_lib")?)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .context("starting cargo for the eBPF object")?;
    ensure!(status.success(), "building the eBPF object failed ({status}); see above");
    Ok(target_dir.join(TARGET).join("release/probe"))
}

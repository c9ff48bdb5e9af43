//! Builds the eBPF object with the toolchain that `cargo xtask setup` found, and leaves
//! it where `kernel::load` embeds it from.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

/// Embeds an empty object instead, so that clippy, unit tests and fuzzing need only a
/// stable compiler. Such a binary says so when it is asked to attach.
const EMPTY_SWITCH: &str = "PROBE_EMPTY_OBJECT";

/// Written by `cargo xtask setup`: `key = "value"` lines.
const TOOLCHAIN: &str = ".tools/ebpf-toolchain";

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
    let Ok(toolchain) = fs::read_to_string(root.join(TOOLCHAIN)) else {
        bail!("no toolchain for eBPF has been set up here: run `cargo xtask setup` first");
    };
    let object = build(root, &target_dir(&out)?, &settings(&toolchain))?;
    fs::copy(&object, &embedded).with_context(|| format!("copying {}", object.display()))?;
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

fn build(root: &Path, target_dir: &Path, toolchain: &HashMap<&str, &str>) -> Result<PathBuf> {
    let setting = |key| {
        toolchain
            .get(key)
            .copied()
            .with_context(|| format!("{TOOLCHAIN} has no `{key}`: run `cargo xtask setup` again"))
    };
    let target = match env::var("CARGO_CFG_TARGET_ENDIAN").as_deref() {
        Ok("big") => "bpfeb-unknown-none",
        _ => "bpfel-unknown-none",
    };
    let linker = format!("-Clinker={}", setting("linker")?);
    let status = Command::new(env::var("CARGO").context("CARGO")?)
        .current_dir(root)
        .args(["build", "--package", "probe-ebpf", "--release", "-Z", "build-std=core"])
        .args(["--target", target, "--target-dir"])
        .arg(target_dir)
        .env("RUSTC", setting("rustc")?)
        // Lets a stable or a distribution's compiler take the -Z flags.
        .env("RUSTC_BOOTSTRAP", "1")
        // Where bpf-linker finds the LLVM that it shares with rustc.
        .env("LD_LIBRARY_PATH", setting("llvm_lib")?)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            ["-Cdebuginfo=2", TARGET_CPU, "-Clink-arg=--btf", &linker].join("\x1f"),
        )
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .context("starting cargo for the eBPF object")?;
    ensure!(status.success(), "building the eBPF object failed ({status}); see above");
    Ok(target_dir.join(target).join("release/probe"))
}

//! `cargo xtask lint`: what every change must pass.

mod dependencies;
mod licences;
mod links;

use std::env;
use std::process::Command;

use anyhow::{Result, ensure};
use xtask::setup::{self, Toolchain};
use xtask::shell::{cargo, root, run, say, target_dir};

/// All crates that run on the host.
const HOST: [&str; 3] = ["--workspace", "--exclude", "probe-ebpf"];

/// What is not built otherwise.
const FEATURES: &str = "--features=probe-user/otlp";

/// Runs every check, and fails where one did.
pub fn all() -> Result<()> {
    let toolchain = setup::toolchain()?;
    let mut doc = on_host("doc", &["--no-deps", "--document-private-items"]);
    doc.env("RUSTDOCFLAGS", "-Dwarnings");
    let results = [
        run(cargo(&["fmt", "--all", "--check"])),
        run(on_host("clippy", &["--all-targets", FEATURES, "--", "-Dwarnings"])),
        run(on_bpf(&toolchain)),
        run(doc),
        dependencies::check(),
        licences::check(),
        links::check(),
    ];
    let failures: Vec<String> =
        results.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    ensure!(failures.is_empty(), "{}", failures.join("\nxtask: "));
    say("lint: clean");
    Ok(())
}

/// A cargo command over the host's crates. With an empty object instead of the kernel
/// programs, and in a folder of its own so that this does not spoil the ordinary build.
fn on_host(command: &str, arguments: &[&str]) -> Command {
    let mut cargo = cargo(&[command]);
    cargo.args(HOST).arg("--target-dir").arg(target_dir().join("lint")).args(arguments);
    cargo.env("PROBE_EMPTY_OBJECT", "1");
    cargo
}

/// Clippy over the kernel programs, with the compiler that has core's sources. Where that
/// one has no clippy, its own warnings are denied.
fn on_bpf(toolchain: &Toolchain) -> Command {
    let bin = toolchain.rustc.parent().unwrap_or(&toolchain.rustc);
    let has = |name: &str| bin.join(name).is_file();
    let with_clippy = has("clippy-driver") && has("cargo-clippy") && has("cargo");
    let mut command = if with_clippy {
        let mut clippy = Command::new(bin.join("cargo-clippy"));
        // cargo-clippy starts whatever cargo it is told to, and that its rustc.
        clippy.arg("clippy").env("CARGO", bin.join("cargo"));
        clippy.current_dir(root());
        clippy
    } else {
        say("the compiler with core's sources has no clippy: denying its own warnings");
        cargo(&["check"])
    };
    command.args(["--package", "probe-ebpf", "--release", "-Z", "build-std=core"]);
    command.args(["--target", "bpfel-unknown-none", "--target-dir"]);
    command.arg(target_dir().join("lint"));
    if with_clippy {
        command.args(["--", "-Dwarnings"]);
    } else {
        command.env("RUSTFLAGS", "-Dwarnings");
    }
    let path = env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("RUSTC", &toolchain.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("LD_LIBRARY_PATH", &toolchain.llvm_lib)
        .env_remove("RUSTUP_TOOLCHAIN");
    command
}

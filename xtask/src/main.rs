//! The one way in: `cargo xtask COMMAND`. Every command sets up what it needs first.

mod build;
mod setup;
mod shell;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Sets up, builds, runs and tests probe.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find or install what is missing: a toolchain for eBPF, bpf-linker, system packages
    Setup,
    /// Build the kernel programs and target/release/probe
    Build,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Setup => setup::everything(),
        Command::Build => build::release().map(drop),
    }
}

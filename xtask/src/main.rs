//! The one way in: `cargo xtask COMMAND`. Every command sets up what it needs first.

// They end the program where a write fails; see shell.rs.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod demo;
mod dist;
mod docs;
mod fuzz;
mod lint;
mod pictures;
mod run;
mod test;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{build, setup, shell};

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
    /// Show probe at work in namespaces of its own; with arguments, run probe with them
    Run {
        /// Arguments for probe, after `--`: `cargo xtask run -- count -i eth1 @syn`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run all tests, those of the kernel side too; a test that cannot run fails
    Test {
        /// Run those of `live` that need no more than a kernel in a virtual machine, on this
        /// kernel of Debian's: 6.1, 6.12, newest, 5.10, arm64-6.12 and others; several at once
        /// by commas. Arguments are then parts of names of tests
        #[arg(long = "kernel", value_name = "KERNEL", value_delimiter = ',')]
        kernels: Vec<setup::Kernel>,
        /// Arguments for cargo test: `cargo xtask test --package testbed`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build fuzz targets and run them, one after the other
    Fuzz {
        /// How long each of them runs
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Build them optimised: it takes minutes, and they then get on many times faster
        #[arg(long)]
        release: bool,
        /// Names of targets; all of them unless given
        targets: Vec<String>,
    },
    /// Write the manual pages: FOLDER/man1/probe-count.1 and so on
    Man {
        /// Where to; made where it is not there
        folder: PathBuf,
    },
    /// Make the pictures of the documentation anew, from tests and data that show what is in them
    Pictures,
    /// Check format, lints, documentation, links, and which crate knows which
    Lint,
    /// Make a release: static programs, archives, Debian packages, what they are made of, sums
    Dist(dist::Args),
    /// Make a site of README.md and docs/
    Docs,
    /// Find or install what builds the kernel programs, and nothing else; probe-user's build script
    /// asks for it
    #[command(hide = true)]
    Toolchain,
    /// Measure what watching a link costs, beside tcpdump and nftables
    #[command(disable_help_flag = true)]
    Bench {
        /// Arguments of the benchmarks: `cargo xtask bench --help` names them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// The demonstration alone, once everything is built
    #[command(hide = true)]
    Demo {
        /// The binary that it shows
        probe: PathBuf,
    },
}

fn main() -> ExitCode {
    shell::main(|| perform(Cli::parse().command))
}

fn perform(command: Command) -> Result<()> {
    match command {
        Command::Setup => setup::everything(),
        Command::Build => build::release().map(drop),
        Command::Run { arguments } if arguments.is_empty() => run::demonstration(),
        Command::Run { arguments } => run::probe(&arguments),
        Command::Test { kernels, arguments } if kernels.is_empty() => test::all(&arguments),
        Command::Test { kernels, arguments } => test::on_kernels(&kernels, &arguments),
        Command::Fuzz { seconds, release, targets } => {
            fuzz::run_targets(&targets, seconds, release)
        }
        Command::Man { folder } => build::manual(&folder),
        Command::Pictures => pictures::draw().and_then(|()| test::pictures()),
        Command::Lint => lint::all(),
        Command::Dist(arguments) => dist::perform(&arguments),
        Command::Docs => docs::build(),
        Command::Toolchain => setup::toolchain().map(drop),
        Command::Bench { arguments } => run::benchmarks(&arguments),
        Command::Demo { probe } => demo::show(&probe),
    }
}

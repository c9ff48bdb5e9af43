//! `probe serve` and `probe check`.

use std::path::PathBuf;

use clap::Args;

use crate::serve;

/// Flags of `probe serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    probe serve /etc/probe/probe.toml\n  \
    probe serve --print-config /etc/probe/probe.toml\n\n\
    SIGHUP reads the file again: its rules take over while the old ones count, and a mistake in it \
    changes nothing.")]
pub struct ServeArgs {
    /// What to count and where, in TOML; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Print the configuration, defaults included, and end
    #[arg(long)]
    pub print_config: bool,

    /// Give up every right once the programs are attached: the file is not read again
    #[arg(long)]
    pub no_reload: bool,

    /// Print the counts of each interval, a line of JSON as `probe count --format json` has it
    #[arg(long)]
    pub json: bool,
}

impl ServeArgs {
    /// What the flags ask for.
    pub fn plan(self) -> serve::Plan {
        let Self { file, print_config, no_reload, json } = self;
        serve::Plan { file, print_config, no_reload, json }
    }
}

/// What `probe serve` starts to serve HTTP; nobody else does.
#[derive(Debug, Args)]
pub struct ServeHttpArgs {
    /// Descriptors of sockets that listen
    #[arg(value_name = "FD")]
    pub sockets: Vec<i32>,
}

/// Flags of `probe check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    probe check /etc/probe/probe.toml\n  \
    probe serve --print-config probe.toml | probe check -")]
pub struct CheckArgs {
    /// The configuration of `probe serve`; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

impl CheckArgs {
    /// What the flags ask for.
    pub fn plan(self) -> serve::check::Plan {
        serve::check::Plan { file: self.file }
    }
}

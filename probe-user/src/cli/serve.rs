//! `probe serve` and `probe check`.

use std::path::PathBuf;

use clap::Args;

use crate::serve;

/// Flags of `probe check`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  probe check /etc/probe/probe.toml")]
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

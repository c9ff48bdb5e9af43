//! `probe interfaces`.

use std::time::Duration;

use clap::Args;

use super::values;
use crate::interfaces::Plan;

/// Flags of `probe interfaces`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    probe interfaces                # a table of all\n  \
    probe interfaces eth0           # one at length, and what attaching would do\n  \
    probe interfaces --watch=5s")]
pub struct InterfacesArgs {
    /// Interfaces to describe at length [default: a table of all]
    #[arg(value_name = "IF")]
    pub names: Vec<String>,

    /// Print a JSON array; with --watch a JSON object a line
    #[arg(long)]
    pub json: bool,

    /// Show rates instead, every INTERVAL [default: 1s]
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, require_equals = true,
          default_missing_value = "1s", value_parser = values::duration)]
    pub watch: Option<Duration>,
}

impl InterfacesArgs {
    /// What the flags ask for.
    pub fn plan(self) -> Plan {
        let Self { names, json, watch } = self;
        Plan { names, json, watch }
    }
}

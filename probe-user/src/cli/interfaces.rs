//! `probe interfaces`.

use std::time::Duration;

use clap::Args;

use super::values;
use crate::interfaces::Plan;

/// Flags of `probe interfaces`.
#[derive(Debug, Args)]
pub struct InterfacesArgs {
    /// Only these, and at length
    #[arg(value_name = "IF")]
    pub names: Vec<String>,

    /// As a JSON array; with --watch an object a line
    #[arg(long)]
    pub json: bool,

    /// Show rates, again and again
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

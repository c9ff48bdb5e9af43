//! `probe interfaces`.

use clap::Args;

use crate::interfaces::Plan;

/// Flags of `probe interfaces`.
#[derive(Debug, Args)]
pub struct InterfacesArgs {
    /// Interfaces to list [default: all]
    #[arg(value_name = "IF")]
    pub names: Vec<String>,

    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
}

impl InterfacesArgs {
    /// What the flags ask for.
    pub fn plan(self) -> Plan {
        let Self { names, json } = self;
        Plan { names, json }
    }
}

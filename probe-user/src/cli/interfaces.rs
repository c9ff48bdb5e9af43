//! `probe interfaces`.

use clap::Args;

use crate::interfaces::Plan;

/// Flags of `probe interfaces`.
#[derive(Debug, Args)]
pub struct InterfacesArgs {
    /// Only these
    #[arg(value_name = "IF")]
    pub names: Vec<String>,

    /// As a JSON array
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

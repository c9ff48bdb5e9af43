//! `probe interfaces`.

use clap::Args;

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

//! `probe filter`.

use clap::Args;

use super::Expression;

/// Flags of `probe filter`.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Compile for raw IP (tunnels) instead of Ethernet
    #[arg(long)]
    pub raw: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a flattened group")]
    pub expression: Expression,
}

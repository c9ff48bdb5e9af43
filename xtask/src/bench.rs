//! bench
use anyhow::Result;
#[derive(clap::Args)]
pub struct Options {}
pub fn live(_options: &Options) -> Result<()> {
    anyhow::bail!("not yet")
}

//! The demonstration.
use anyhow::Result;
pub fn show() -> Result<()> {
    anyhow::bail!("not yet")
}

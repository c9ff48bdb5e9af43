//! `probe serve`: always on, configured by a file; and `probe check`, which says what that file would
//! do.

pub mod check;
mod present;

use anyhow::Result;

use crate::{config::Config, failure::Usage};

/// Refuses what can be written in a configuration, but that this version cannot run.
///
/// # Errors
/// Those parts, all of them.
fn supported(config: &Config) -> Result<(), Usage> {
    let mut parts = Vec::new();
    if config.health.is_some() {
        parts.push("[health]");
    }
    if !config.records.is_empty() {
        parts.push("[[record]]");
    }
    if config.rules.iter().any(|rule| !rule.lists.is_empty()) {
        parts.push("by and distinct (probe count has them)");
    }
    if parts.is_empty() {
        return Ok(());
    }
    Err(Usage::new(format!("not in this version of probe serve: {}", parts.join("; "))))
}

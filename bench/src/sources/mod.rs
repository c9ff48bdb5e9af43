//! The sources suite: what it costs to count by source, and whether the counts are right, where the
//! sources are a flood.

mod cost;
mod stream;

use anyhow::Result;

use crate::Bench;
use crate::report::Report;

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(5, 1);
    let mut text = bench.heading("sources", rounds, &["nft", "bpftrace"]);
    text += &cost::measure(bench, rounds, report)?;
    report.section("sources suite", text);
    Ok(())
}

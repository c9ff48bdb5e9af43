//! The sources suite: what it costs to count by source, and whether the counts are right, where the
//! sources are a flood.

mod cost;
mod floods;
mod scale;
mod stream;
mod truth;

use anyhow::Result;

use crate::Bench;
use crate::report::Report;

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(5, 1);
    let mut text = bench.heading("sources", rounds, &["nft", "bpftrace"]);
    text += &cost::measure(bench, 3 * rounds, report)?;
    text += &floods::measure(bench, rounds, report)?;
    text += &scale::measure(bench, rounds)?;
    report.section("sources suite", text);
    report.section("sources, right or wrong", truth::measure(bench)?);
    Ok(())
}

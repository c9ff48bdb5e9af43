//! The quick suite: counting and capturing beside tcpdump and nftables. One table in less
//! than half a minute, and the figures that a change is looked at for first.

use std::fmt::Write as _;

use anyhow::Result;

use crate::Bench;
use crate::compare::{Entry, Outcome, compare};
use crate::goals::held;
use crate::observer::{Observer, SYN};
use crate::report::Report;
use crate::rig::{Flood, SMALLEST};

/// What is counted, and what is captured.
const COUNT: [&str; 4] = ["count", "--hook", "tcx", "@syn"];
const CAPTURE: [&str; 8] = ["capture", "--hook", "tcx", "-s", "96", "-w", "/dev/null", "@syn"];

/// Measures, and says what came out in Markdown.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let (packets, rounds) = (bench.packets(200_000, 200_000), bench.rounds(7, 7));
    let flood = Flood::of_syns(packets);
    let mut observers = Vec::new();
    for build in &bench.builds {
        observers.extend([build.probe(&COUNT), build.probe(&CAPTURE)]);
    }
    observers.extend([Observer::nftables(), Observer::tcpdump(&["-w", "/dev/null", SYN])]);
    let entries: Vec<Entry> =
        (observers.into_iter()).map(|observer| Entry { observer, flood: flood.clone() }).collect();
    let (outcomes, bare) = compare("quick", &entries, rounds)?;
    let mut text = format!(
        "`cargo xtask bench --quick --packets {packets} --rounds {rounds}`\n\n{}\n\n",
        bench.machine(&["tcpdump", "nft"])
    );
    text += &table(&outcomes, bare.first().map_or(f64::NAN, |spread| spread.middle))?;
    for outcome in &outcomes {
        report.rounds(&outcome.observer.name, &outcome.added);
    }
    report.section("quick suite", text);
    Ok(())
}

fn table(outcomes: &[Outcome], bare: f64) -> Result<String> {
    let added = |start: &str| {
        let found = outcomes.iter().find(|one| one.observer.name.starts_with(start));
        found.map_or(f64::NAN, |one| one.spread().middle)
    };
    let tcpdump = added("tcpdump");
    let mut text = format!(
        "Frames of {SMALLEST} bytes. Added: ns a packet over the same round's time with nothing \
         attached; median of the rounds, least and most. CPU: of the observer's process, behind \
         its start, in seconds a million frames.\n\n\
         | observer | added ns | least to most | to tcpdump's | CPU s | lost |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for one in outcomes {
        let name = &one.observer.name;
        if let Some(reason) = &one.failed {
            writeln!(text, "| `{name}` | not measured: {reason} | | | | |")?;
            continue;
        }
        let (spread, seconds) = (one.spread(), one.process_seconds());
        let cpu = if seconds.is_nan() { "none".to_owned() } else { format!("{seconds:.3}") };
        let lost: u64 = one.samples.iter().map(|sample| sample.summary.counts.lost).sum();
        let ratio = spread.middle / tcpdump;
        writeln!(text, "| `{name}` | {} | {ratio:.2} | {cpu} | {lost} |", spread.cells(0))?;
    }
    let (count, capture) = (added("probe count"), added("probe capture"));
    writeln!(
        text,
        "\nNothing attached: {bare:.0} ns a packet, sender and receive path.\n\
         Counting costs {:.0} % of what tcpdump costs (goal: at most 10 %: {}), capturing {:.0} % \
         (goal: below 100 %: {}).",
        100.0 * count / tcpdump,
        held(count <= 0.1 * tcpdump),
        100.0 * capture / tcpdump,
        held(capture < tcpdump)
    )?;
    Ok(text)
}

//! The quick suite: counting and capturing beside tcpdump and nftables. One table in a
//! quarter of a minute, and the figures that a change is looked at for first.

use std::fmt::Write as _;

use anyhow::Result;

use super::Bench;
use super::observer::{Observer, SYN};
use super::report::held;
use super::rig::{Flood, SMALLEST, Sample, measure};
use super::stats::{Spread, median};
use crate::shell::say;

/// Where each stands among the observers; the first is the baseline.
const NOTHING: usize = 0;
const COUNT: usize = 1;
const CAPTURE: usize = 2;
const TCPDUMP: usize = 4;

/// Measures, and says what came out in Markdown.
pub fn run(bench: &Bench) -> Result<String> {
    let observers = observers(bench);
    let (packets, rounds) = (bench.packets(200_000, 200_000), bench.rounds(7, 7));
    let flood = Flood::of_syns(packets);
    let mut samples: Vec<Vec<Sample>> = Vec::new();
    for round in 1..=rounds {
        say(format!("round {round} of {rounds}"));
        let round = observers.iter().map(|observer| measure(observer, &flood));
        samples.push(round.collect::<Result<_>>()?);
    }
    text(&observers, &samples, packets, bench)
}

fn observers(bench: &Bench) -> [Observer; 5] {
    let probe = |words: &[&str]| Observer::probe(bench.builds[0].program.clone(), "", words);
    [
        Observer::nothing(),
        probe(&["count", "--hook", "tcx", "@syn"]),
        probe(&["capture", "--hook", "tcx", "-s", "96", "-w", "/dev/null", "@syn"]),
        Observer::nftables(),
        Observer::tcpdump(&["-w", "/dev/null", SYN]),
    ]
}

/// The result as text, in Markdown.
fn text(
    observers: &[Observer],
    rounds: &[Vec<Sample>],
    packets: u64,
    bench: &Bench,
) -> Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "`cargo xtask bench --quick --packets {packets} --rounds {}`\n\n{}\n",
        rounds.len(),
        bench.machine(&["tcpdump", "nft"])
    )?;
    writeln!(
        text,
        "Frames of {SMALLEST} bytes. Added: ns a packet over the same round's time with nothing \
         attached; median of the rounds, least and most. CPU: of the observer's process, from \
         start to end, in seconds a million frames.\n"
    )?;
    writeln!(text, "| observer | added ns | least to most | to tcpdump's | CPU s | lost |")?;
    writeln!(text, "| --- | ---: | ---: | ---: | ---: | ---: |")?;
    let column = |place: usize| rounds.iter().filter_map(move |round| round.get(place));
    let added = |place: usize| {
        let pairs = column(place).zip(column(NOTHING));
        Spread::of(pairs.map(|(with, without)| with.ns - without.ns))
    };
    let tcpdump = added(TCPDUMP).middle;
    for (place, observer) in observers.iter().enumerate().skip(1) {
        let spread = added(place);
        let seconds = column(place)
            .filter_map(|sample| sample.verdict.cpu)
            .map(|cpu| cpu.as_secs_f64() * 1e6 / packets as f64);
        let seconds = median(seconds);
        let cpu = if seconds.is_nan() { "none".to_owned() } else { format!("{seconds:.3}") };
        let lost: u64 = column(place).map(|sample| sample.verdict.told.lost).sum();
        writeln!(
            text,
            "| `{}` | {} | {:.2} | {cpu} | {lost} |",
            observer.name,
            spread.cells(0),
            spread.middle / tcpdump
        )?;
    }
    let baseline = median(column(NOTHING).map(|sample| sample.ns));
    let (count, capture) = (added(COUNT).middle, added(CAPTURE).middle);
    writeln!(text, "\nNothing attached: {baseline:.0} ns a packet, sender and receive path.")?;
    writeln!(
        text,
        "Counting costs {:.0} % of what tcpdump costs (goal: at most 10 %: {}), capturing {:.0} % \
         (goal: below 100 %: {}).",
        100.0 * count / tcpdump,
        held(count <= 0.1 * tcpdump),
        100.0 * capture / tcpdump,
        held(capture < tcpdump)
    )?;
    Ok(text)
}

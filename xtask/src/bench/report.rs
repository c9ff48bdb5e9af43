//! The benchmark's table: medians, spread and ratios, with the machine they belong to.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use testbed::run;

use super::observer::{OBSERVERS, Observer};
use super::{Options, Sample};
use crate::shell::{root, say};

/// Between these two lines of docs/benchmarks.md stands the result.
const BEGIN: &str = "<!-- quick suite: begin, written by cargo xtask bench --quick --write -->";
const END: &str = "<!-- quick suite: end -->";

/// The result as text, in Markdown.
pub fn text(
    rounds: &[Vec<Sample>],
    options: &Options,
    frame: usize,
    machine: &str,
) -> Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "`cargo xtask bench --quick --packets {} --rounds {}`\n\n{machine}\n",
        options.packets, options.rounds
    )?;
    writeln!(
        text,
        "Frames of {frame} bytes. Added: ns a packet over the same round's time with nothing \
         attached; median of the rounds, least and most. CPU: of the observer's process, from \
         start to end, in seconds a million frames.\n"
    )?;
    writeln!(text, "| observer | added ns | least to most | to tcpdump's | CPU s | lost |")?;
    writeln!(text, "| --- | ---: | ---: | ---: | ---: | ---: |")?;
    let baseline = median(column(rounds, Observer::Nothing).map(|sample| sample.ns));
    let tcpdump = median(added(rounds, Observer::Tcpdump));
    for observer in &OBSERVERS[1..] {
        let each: Vec<f64> = added(rounds, *observer).collect();
        let middle = median(each.iter().copied());
        let least = each.iter().copied().fold(f64::INFINITY, f64::min);
        let most = each.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let seconds = column(rounds, *observer)
            .filter_map(|sample| sample.verdict.cpu)
            .map(|cpu| cpu.as_secs_f64() * 1e6 / options.packets as f64);
        let seconds: Vec<f64> = seconds.collect();
        let cpu = if seconds.is_empty() {
            "none".to_owned()
        } else {
            format!("{:.3}", median(seconds.into_iter()))
        };
        let lost: u64 = column(rounds, *observer).map(|sample| sample.verdict.lost).sum();
        writeln!(
            text,
            "| `{}` | {middle:.0} | {least:.0} to {most:.0} | {:.2} | {cpu} | {lost} |",
            observer.name(),
            middle / tcpdump
        )?;
    }
    let (count, capture) =
        (median(added(rounds, Observer::Count)), median(added(rounds, Observer::Capture)));
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

/// Puts the result into docs/benchmarks.md.
pub fn write(text: &str) -> Result<()> {
    let file = root().join("docs/benchmarks.md");
    let page = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let marks = || Some((page.split_once(BEGIN)?.0, page.split_once(END)?.1));
    let (head, tail) = marks().context("docs/benchmarks.md has lost the quick suite's marks")?;
    fs::write(&file, format!("{head}{BEGIN}\n\n{text}\n{END}{tail}"))?;
    say("written to docs/benchmarks.md");
    Ok(())
}

fn column(rounds: &[Vec<Sample>], observer: Observer) -> impl Iterator<Item = Sample> + '_ {
    let samples = rounds.iter().flat_map(|round| OBSERVERS.iter().zip(round));
    samples.filter(move |(one, _)| **one == observer).map(|(_, sample)| *sample)
}

/// What an observer added in each round.
fn added(rounds: &[Vec<Sample>], observer: Observer) -> impl Iterator<Item = f64> + '_ {
    column(rounds, observer)
        .zip(column(rounds, Observer::Nothing))
        .map(|(with, without)| with.ns - without.ns)
}

/// The middle value.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

fn held(goal: bool) -> &'static str {
    if goal { "held" } else { "missed" }
}

/// The machine, its kernel, and the versions of the observers.
pub fn machine(probe: &Path, cpus: usize) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": ")).map_or("unknown CPU", |pair| pair.1);
    let version = |program: &Path| {
        let mut command = Command::new(program);
        command.arg("--version");
        let said = run(command, std::time::Duration::from_secs(5));
        let said =
            said.map(|one| if one.stdout.is_empty() { one.stderr.clone() } else { one.text() });
        said.ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_default()
    };
    let versions = [probe, Path::new("tcpdump"), Path::new("nft")].map(version);
    format!(
        "{model}, {cpus} CPUs; Linux {}; {}",
        read("/proc/sys/kernel/osrelease").trim(),
        versions.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median([].into_iter()).is_nan());
    }
}

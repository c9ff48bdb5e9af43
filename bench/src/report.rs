//! Where results go: printed, and with --write put into docs/benchmarks.md between the marks of
//! their section.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use testbed::requirements::find_tool;
use xtask::shell::{root, say};
use xtask::show;

use crate::goals::{Goal, Goals};
use crate::plot::Plot;
use crate::stats::{Spread, median};

/// Everything that a run found out.
#[derive(Debug, Default)]
pub struct Report {
    sections: Vec<(String, String)>,
    /// Names of files in docs/plots, and what goes into them.
    plots: Vec<(String, String)>,
    goals: Goals,
    /// What was measured, with one figure for each round.
    rounds: Vec<(String, Vec<f64>)>,
}

impl Report {
    /// Adds a section, and prints it.
    pub fn section(&mut self, name: &str, text: String) {
        show!("\n## {name}\n\n{text}");
        self.sections.push((name.to_owned(), text));
    }

    /// Adds a plot, and gives the line that shows it.
    pub fn plot(&mut self, name: &str, plot: &Plot) -> Result<String> {
        self.plots.push((format!("{name}.svg"), plot.svg()?));
        Ok(format!("\n![{}](plots/{name}.svg)\n", plot.title))
    }

    /// Keeps the rounds of something. Two builds' names differ in their marks at the end.
    pub fn rounds(&mut self, name: &str, figures: &[f64]) {
        self.rounds.push((name.to_owned(), figures.to_vec()));
    }

    /// The rounds of one build beside those of another.
    pub fn ratios(&self, this: &str, other: &str) -> String {
        let mut text = format!(
            "Ratio: of the medians; in each round, least and most.\n\n\
             | measured |{this} |{other} | ratio | least to most |\n\
             | --- | ---: | ---: | ---: | ---: |\n"
        );
        for (name, figures) in &self.rounds {
            let Some(name) = name.strip_suffix(this) else { continue };
            let beside = self.rounds.iter().find(|(two, _)| two.strip_suffix(other) == Some(name));
            let Some((_, others)) = beside else { continue };
            let (mine, theirs) = (median(figures.iter().copied()), median(others.iter().copied()));
            let each = Spread::of(figures.iter().zip(others).map(|(one, two)| one / two));
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "| {name} | {mine:.1} | {theirs:.1} | {:.2} | {:.2} to {:.2} |",
                mine / theirs,
                each.least,
                each.most
            );
        }
        text
    }

    /// What became of a goal.
    pub fn reached(&mut self, goal: Goal, figure: f64) {
        self.goals.reached(goal, figure);
    }

    /// What became of one whose limit was measured, too.
    pub fn reached_within(&mut self, goal: Goal, figure: f64, limit: f64) {
        self.goals.reached_within(goal, figure, limit);
    }

    /// The table of all goals.
    pub fn goals(&self) -> String {
        self.goals.table()
    }

    /// Puts all sections into docs/benchmarks.md.
    pub fn write(&self) -> Result<()> {
        for (name, text) in &self.sections {
            write_section(name, text)?;
        }
        let folder = root().join("docs/plots");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        for (name, svg) in &self.plots {
            fs::write(folder.join(name), svg).with_context(|| format!("writing {name}"))?;
        }
        say("written to docs/benchmarks.md");
        Ok(())
    }
}

/// Replaces what stands between a section's marks.
fn write_section(name: &str, text: &str) -> Result<()> {
    let begin = format!("<!-- {name}: begin, written by cargo xtask bench --write -->");
    let end = format!("<!-- {name}: end -->");
    let file = root().join("docs/benchmarks.md");
    let page = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let marks = || Some((page.split_once(&begin)?.0, page.split_once(&end)?.1));
    let (head, tail) =
        marks().with_context(|| format!("docs/benchmarks.md has lost the marks of {name}"))?;
    fs::write(&file, format!("{head}{begin}\n\n{text}\n{end}{tail}"))?;
    Ok(())
}

/// The machine, its kernel, and the versions of the observers.
pub fn machine(probe: &Path, cpus: usize, tools: &[&str]) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": ")).map_or("unknown CPU", |pair| pair.1);
    let version = |program: &Path| {
        // Some of them end with 1 all the same, and some say it on standard error.
        let Ok(said) = Command::new(program).arg("--version").output() else {
            return program.display().to_string();
        };
        let text = [said.stdout, said.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        // What stands in brackets is a joke or a commit.
        line.split_once(" (Git").map_or(line, |(version, _)| version).to_owned()
    };
    let mut versions = vec![version(probe)];
    let there = tools.iter().filter(|name| find_tool(name).is_some());
    versions.extend(there.map(|name| version(Path::new(name))));
    format!(
        "{model}, {cpus} CPUs; Linux {}; {}",
        read("/proc/sys/kernel/osrelease").trim(),
        versions.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn two_builds_of_one_thing_stand_beside_each_other() {
        let mut report = Report::default();
        report.rounds("count [this]", &[10.0, 12.0, 11.0]);
        report.rounds("capture [this]", &[1.0]);
        report.rounds("count [abc]", &[20.0, 24.0, 44.0]);
        report.rounds("tcpdump", &[5.0]);
        let table = report.ratios(" [this]", " [abc]");
        assert!(table.contains("| count | 11.0 | 24.0 | 0.46 | 0.25 to 0.50 |"), "{table}");
        assert_eq!(table.lines().count(), 5, "{table}");
    }
}

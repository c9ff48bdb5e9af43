//! `cargo xtask bench`: what it costs a server to be watched, by probe and by what people
//! use today. A crate of its own, so that xtask compiles neither aya nor plotters; what it
//! needs to be set up and built, it asks of xtask's library.
//!
//! | file | what it has |
//! | --- | --- |
//! | `rig`, `compare` | floods, and observers that alternate against nothing attached |
//! | `observer`, `summaries` | who watches, and what each says at its end |
//! | `stats`, `report`, `goals` | medians and spread; sections of docs/benchmarks.md; targets |
//! | `revision` | another revision of probe, built to be measured beside this one |
//! | `quick` | the quick suite |
//! | `rate` | `probe rate` beside tcpdump -c, on paced traffic |
//! | `live` | all observers on a flood |
//! | `loss` | captures to files for half a minute: what is lost, what the machine does |
//! | `program` | one run of the kernel program |
//! | `native` | real XDP frames through a veth's native XDP |
//! | `effect` | what an observer does to the traffic that it looks at |
//! | `growth`, `plot` | what grows with what, as curves |
//! | `offline` | counting the frames of a file |
//! | `health` | `probe health`: its cost, and real clients in a flood |
//! | `record` | a flight recorder while nothing happens |
//! | `sources` | counting by source in floods: cost, and whether it is right |
//! | `start` | from the start to the first counted packet, memory |

// They end the program where a write fails; see xtask's shell.rs.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod compare;
mod effect;
mod goals;
mod growth;
mod health;
mod kernel;
mod live;
mod loss;
mod native;
mod observer;
mod offline;
mod plot;
mod program;
mod quick;
mod rate;
mod record;
mod report;
mod revision;
mod rig;
mod rules;
mod sources;
mod start;
mod stats;
mod summaries;
mod yardstick;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Result, ensure};
use clap::Parser;
use testbed::{pin_to_cpu, requirements::is_root};
use xtask::setup::{self, Use};
use xtask::shell::{as_root, run, say, target_dir};
use xtask::{build, shell, show};

use observer::Observer;
use report::Report;

/// Measure what watching a link costs, beside tcpdump and nftables
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Options {
    /// Measure this; may be given several times [default: everything]
    #[arg(long = "suite", value_enum, value_name = "SUITE")]
    suites: Vec<Suite>,
    /// The quick suite alone; with --suite, that suite in small: figures are rough
    #[arg(long)]
    quick: bool,
    /// Frames sent past each observer in each round [default: as the suite needs]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1000..))]
    packets: Option<u64>,
    /// Rounds [default: as the suite needs]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Build this revision of git, too, and let both take turns in each round
    #[arg(long, value_name = "REV", conflicts_with = "write")]
    against: Option<String>,
    /// Put the result into docs/benchmarks.md
    #[arg(long)]
    write: bool,
    /// Everything is built already
    #[arg(long, hide = true)]
    built: bool,
}

/// One group of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Suite {
    /// `probe rate` and the old command beside it, on paced traffic
    Rate,
    /// Everybody on a flood: added ns, CPU, losses
    Live,
    /// Captures at full rate for half a minute: losses, CPU of the whole machine
    Loss,
    /// One run of the kernel program, by rules, hooks and sampling
    Program,
    /// Real XDP frames: what counting and capturing add to a program that does nothing
    Native,
    /// What an observer does to bulk TCP and to requests, by hook
    Effect,
    /// Cost by size of the frames, share of matches, share sampled, CPUs sending
    Growth,
    /// Counting the frames of a file, beside tcpdump and tshark
    Offline,
    /// A flight recorder while nothing happens, beside captures
    Record,
    /// From the start to the first counted packet; memory and CPU while counting
    Start,
    /// Counting by source in floods: cost, beside the kernel's own maps, and whether it is right
    Sources,
    /// What `probe health` costs, and whether it tells real clients in a flood of SYNs
    Health,
}

impl Suite {
    const ALL: [Self; 12] = [
        Self::Rate,
        Self::Live,
        Self::Loss,
        Self::Program,
        Self::Native,
        Self::Effect,
        Self::Growth,
        Self::Offline,
        Self::Record,
        Self::Start,
        Self::Sources,
        Self::Health,
    ];

    fn measure(self, bench: &Bench, report: &mut Report) -> Result<()> {
        match self {
            Self::Rate => rate::run(bench, report),
            Self::Live => live::run(bench, report),
            Self::Loss => loss::run(bench, report),
            Self::Program => program::run(bench, report),
            Self::Native => native::run(bench, report),
            Self::Effect => effect::run(bench, report),
            Self::Growth => growth::run(bench, report),
            Self::Offline => offline::run(bench, report),
            Self::Record => record::run(bench, report),
            Self::Start => start::run(bench, report),
            Self::Sources => sources::run(bench, report),
            Self::Health => health::run(bench, report),
        }
    }
}

/// A build of probe.
#[derive(Clone, Debug)]
struct Build {
    /// Empty where there is only one.
    label: String,
    program: PathBuf,
}

impl Build {
    /// What tells it apart in a table.
    fn mark(&self) -> String {
        if self.label.is_empty() { String::new() } else { format!(" [{}]", self.label) }
    }

    /// An observer: this build with these words.
    fn probe(&self, words: &[&str]) -> Observer {
        Observer::probe(self.program.clone(), &self.label, words)
    }
}

/// What this build is called beside another.
const THIS: &str = "this";

/// What all suites share.
struct Bench {
    /// This one, and with --against the other.
    builds: Vec<Build>,
    /// The object with the programs that probe's are measured against.
    yardstick: PathBuf,
    quick: bool,
    packets: Option<u64>,
    rounds: Option<u32>,
    cpus: usize,
}

impl Bench {
    /// Frames past each observer: as asked for, else as the suite wants it.
    fn packets(&self, full: u64, quick: u64) -> u64 {
        self.packets.unwrap_or(if self.quick { quick } else { full })
    }

    /// Rounds, likewise.
    fn rounds(&self, full: u32, quick: u32) -> u32 {
        self.rounds.unwrap_or(if self.quick { quick } else { full })
    }

    /// Of two builds, how the first stands to the second in everything that was measured.
    fn say_ratios(&self, report: &Report) {
        if let [this, other] = &self.builds[..] {
            let ratios = report.ratios(&this.mark(), &other.mark());
            show!("\n## this build to {}\n\n{ratios}", other.label);
        }
    }

    /// The machine, and the versions of probe and of these tools.
    fn machine(&self, tools: &[&str]) -> String {
        report::machine(&self.builds[0].program, self.cpus, tools)
    }

    /// The command that measures a suite like this, and the machine.
    fn heading(&self, suite: &str, rounds: u32, tools: &[&str]) -> String {
        let quick = if self.quick { " --quick" } else { "" };
        let machine = self.machine(tools);
        format!("`cargo xtask bench --suite {suite}{quick}`, {rounds} rounds\n\n{machine}\n\n")
    }
}

fn main() -> ExitCode {
    shell::main(|| run_suites(&Options::parse()))
}

/// Builds, measures, prints, and writes where asked to.
fn run_suites(options: &Options) -> Result<()> {
    if !options.built {
        setup::packages(&[Use::Bench])?;
        build::release()?;
        yardstick::build()?;
        if let Some(revision) = &options.against {
            revision::build(revision)?;
        }
    }
    if !is_root() {
        say("the benchmark makes network namespaces: going on through sudo");
        let mut again = as_root(std::env::current_exe()?, &["CARGO_TARGET_DIR", "PATH"]);
        again.args(std::env::args_os().skip(1)).arg("--built");
        return run(again);
    }
    let cpus = thread::available_parallelism()?.get();
    ensure!(cpus > 1, "sender and observers need a CPU each, and there is one");
    // Children inherit the CPU; the sender's thread chooses the first for itself.
    pin_to_cpu(cpus - 1)?;
    let program = target_dir().join("release/probe");
    let builds = match &options.against {
        None => vec![Build { label: String::new(), program }],
        Some(revision) => {
            vec![Build { label: THIS.to_owned(), program }, revision::built(revision)?]
        }
    };
    let bench = Bench {
        builds,
        yardstick: yardstick::object(),
        quick: options.quick,
        packets: options.packets,
        rounds: options.rounds,
        cpus,
    };
    let mut report = Report::default();
    if options.quick && options.suites.is_empty() {
        quick::run(&bench, &mut report)?;
        bench.say_ratios(&report);
        // The other suites take minutes; by name, --quick shortens them, too.
        return if options.write { report.write() } else { Ok(()) };
    }
    let suites = if options.suites.is_empty() { &Suite::ALL[..] } else { &options.suites };
    for suite in suites {
        suite.measure(&bench, &mut report)?;
    }
    bench.say_ratios(&report);
    // Some suites say nothing about most goals: those of a full run are the ones to keep.
    let goals = report.goals();
    if options.suites.is_empty() {
        report.section("goals", goals)
    } else {
        show!("\n## goals\n\n{goals}")
    }
    if options.write && !options.quick { report.write() } else { Ok(()) }
}

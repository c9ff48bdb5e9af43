//! What lists add to a run of the program, by streams of sources, beside maps of the kernel.

use std::fmt::Write as _;
use std::thread;

use anyhow::{Context, Result};
use aya::Ebpf;
use testbed::{Pair, Running, SERVER_LINK, Stream, pin_to_cpu};
use xtask::shell::say;

use super::stream::{Family, LENGTH, Player, classifier, loader};
use crate::goals::Goal;
use crate::kernel::Program;
use crate::observer::LIMIT;
use crate::report::Report;
use crate::stats::{median, middle_mean};
use crate::{Bench, Build};

/// A program that counts by source, and the one that does all the same without.
struct Subject {
    name: String,
    /// What it is measured against, by its index.
    without: usize,
    families: &'static [Family],
    program: Program,
    /// ns a source, for each player those of the rounds.
    times: Vec<Vec<f64>>,
    _alive: Option<(Running, Pair)>,
}

/// Lists that are asked for, and the words for them.
const LISTS: [(&str, &[&str]); 3] = [
    ("--by src ", &["--by", "src"]),
    ("--distinct src ", &["--distinct", "src"]),
    ("--by src --distinct src ", &["--by", "src", "--distinct", "src"]),
];

/// Measures, and gives the table.
pub fn measure(bench: &Bench, rounds: u32, report: &mut Report) -> Result<String> {
    say("sources: loading");
    let (mut loader, object) = loader()?;
    let mut maps = loader.load(&object).context("loading the maps")?;
    let mut subjects = subjects(&bench.builds[0], &mut maps)?;
    let mut players = Vec::new();
    for family in Family::ALL {
        for stream in Stream::ALL {
            players.push(Player::new(stream, family, 1)?);
        }
    }
    let sources = if bench.quick { LENGTH / 8 } else { LENGTH };
    let measure = || -> Result<()> {
        pin_to_cpu(0)?;
        for round in 1..=rounds {
            say(format!("sources, test runs: round {round} of {rounds}"));
            for (number, player) in players.iter_mut().enumerate() {
                for subject in &mut subjects {
                    subject.times.resize(number + 1, Vec::new());
                    let ns = player.time(&subject.program, sources);
                    subject.times[number]
                        .push(ns.with_context(|| format!("running {}", subject.name))?);
                }
            }
        }
        Ok(())
    };
    thread::scope(|scope| scope.spawn(measure).join().expect("no panic in a measurement"))?;
    judge(&players, &subjects, report);
    table(&players, &subjects)
}

fn subjects(build: &Build, maps: &mut Ebpf) -> Result<Vec<Subject>> {
    let mut all = Vec::new();
    for (name, called) in [
        ("empty", "empty program"),
        ("lru_hash", "BPF LRU hash, 65,536"),
        ("per_cpu_hash", "BPF per-CPU hash, 65,536"),
    ] {
        let program = Program::of(classifier(maps, name)?.info()?)?;
        let families = if name == "empty" { &Family::ALL[..] } else { &[Family::V4] };
        all.push(Subject::new(called.to_owned(), 0, families, program, None));
    }
    let without = all.len();
    for (list, words) in [("", &[][..])].into_iter().chain(LISTS) {
        let pair = Pair::new()?;
        let mut command = pair.server.command(&build.program);
        command.args(["count", "-i", SERVER_LINK, "--hook", "tcx", "--format", "json"]);
        command.args(words).args(["--rule", "syn=@syn"]);
        let running = Running::spawn(command)?;
        running.wait_for_line("probe: attached to", LIMIT)?;
        let program = Program::of_process(running.id())?;
        let name = format!("`probe count {list}@syn`");
        all.push(Subject::new(name, without, &Family::ALL, program, Some((running, pair))));
    }
    Ok(all)
}

impl Subject {
    fn new(
        name: String,
        without: usize,
        families: &'static [Family],
        program: Program,
        alive: Option<(Running, Pair)>,
    ) -> Self {
        Self { name, without, families, program, times: Vec::new(), _alive: alive }
    }

    /// What it takes more than what it is measured against, in ns.
    fn added(&self, all: &[Self], player: usize) -> f64 {
        let without = &all[self.without].times[player];
        middle_mean(self.times[player].iter().zip(without).map(|(with, without)| with - without))
    }
}

/// The worst of the streams counts.
fn judge(players: &[Player], subjects: &[Subject], report: &mut Report) {
    let worst = |subject: &Subject| {
        let all = (0..players.len()).map(|player| subject.added(subjects, player));
        all.fold(f64::NEG_INFINITY, f64::max)
    };
    let [.., top, distinct, _] = subjects else { return };
    report.reached(Goal::Top, worst(top));
    report.reached(Goal::Distinct, worst(distinct));
}

fn table(players: &[Player], subjects: &[Subject]) -> Result<String> {
    let mut text = format!(
        "**Test runs.** A program on tcx sees {LENGTH} sources of a stream, one a run \
         (BPF_PROG_TEST_RUN); ns a frame. In brackets: all of it, with \
         the program that plays the stream. Without: over the program above that is in brackets. The \
         columns: {}. IPv4, then IPv6.\n\n| |",
        Stream::ALL.map(Stream::name).join("; ")
    );
    for player in players {
        let number = Stream::ALL.iter().position(|stream| *stream == player.stream);
        write!(text, " {} {} |", player.family.name(), number.map_or(0, |number| number + 1))?;
    }
    writeln!(text, "\n| --- |{}", " ---: |".repeat(players.len()))?;
    for (index, subject) in subjects.iter().enumerate() {
        write!(text, "| {} |", subject.name)?;
        for (number, player) in players.iter().enumerate() {
            if !subject.families.contains(&player.family) {
                write!(text, " |")?;
            } else if subject.without == index {
                let own = median(subject.times[number].iter().copied());
                write!(text, " ({own:.1}) |")?;
            } else {
                write!(text, " {:.1} |", subject.added(subjects, number))?;
            }
        }
        text += "\n";
    }
    Ok(text)
}

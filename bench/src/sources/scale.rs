//! Many rules, some of them with lists: what they add, what they take, and how long they are read.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, ensure};
use testbed::{CLIENT_LINK, FrameSender, Pair, Running, SCRATCH_DIR, SERVER_LINK, pin_to_cpu};
use xtask::shell::say;

use crate::observer::LIMIT;
use crate::rig::{SMALLEST, syn};
use crate::stats::{Spread, median};
use crate::{Bench, Build};

/// Rules, and those of them that match the flood and have lists.
const RULES: usize = 64;
const LISTED: usize = 8;

/// What one run came to.
struct Measured {
    /// ns a packet.
    ns: f64,
    /// ms from the start of the process to the ready line.
    start: f64,
    /// MiB of its process.
    resident: f64,
    /// What it says of its lists' memory.
    lists: String,
    /// ms of reading the lists, and of waiting before, a reading.
    read: Vec<f64>,
    waited: Vec<f64>,
}

/// Measures, and gives the table.
pub fn measure(bench: &Bench, rounds: u32) -> Result<String> {
    let packets = bench.packets(2_000_000, 200_000);
    let kinds = [
        ("no lists", ""),
        ("8 with `by = [\"src\"]`", "by = [\"src\"]\n"),
        ("8 with `by` and `distinct`", "by = [\"src\"]\ndistinct = [\"src\"]\n"),
    ];
    let mut all: Vec<Vec<Measured>> = kinds.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        say(format!("sources, {RULES} rules: round {round} of {rounds}"));
        for ((name, lists), measured) in kinds.iter().zip(&mut all) {
            let one = run_one(&bench.builds[0], lists, packets);
            measured.push(one.with_context(|| format!("{RULES} rules, {name}"))?);
        }
    }
    let mut text = format!(
        "\n**{RULES} rules**, of which {LISTED} match each frame of a flood of SYNs and have lists. Read: ms that \
         reading and emptying all lists takes once a second under the flood; waited: ms of sleep before that, until no \
         program runs that has not turned to the other half of its tables (synchronize_rcu). The \
         most of all readings is behind the median.\n\n\
         | lists | ns a packet, all of it | start ms | resident MiB | read ms | waited ms | lists take |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
    );
    for ((name, _), measured) in kinds.iter().zip(&all) {
        let of = |pick: fn(&Measured) -> f64| median(measured.iter().map(pick));
        let times = |pick: fn(&Measured) -> &[f64]| {
            let all = Spread::of(measured.iter().flat_map(pick).copied());
            if all.middle.is_nan() {
                "-".to_owned()
            } else {
                format!("{:.2} to {:.2}", all.middle, all.most)
            }
        };
        let lists = measured.first().map_or("", |one| &one.lists);
        writeln!(
            text,
            "| {name} | {:.0} | {:.0} | {:.1} | {} | {} | {lists} |",
            of(|one| one.ns),
            of(|one| one.start),
            of(|one| one.resident),
            times(|one| &one.read),
            times(|one| &one.waited)
        )?;
    }
    Ok(text)
}

fn run_one(build: &Build, lists: &str, packets: u64) -> Result<Measured> {
    let pair = Pair::new()?;
    let file = format!("{SCRATCH_DIR}/rules.toml");
    let mut rules = String::new();
    for number in 0..RULES {
        let (filter, lists) = if number < LISTED {
            (format!("@syn and not dst port {}", 10_000 + number), lists)
        } else {
            (format!("dst port {}", 10_000 + number), "")
        };
        writeln!(rules, "[[rule]]\nname = \"r{number}\"\nfilter = \"{filter}\"\n{lists}")?;
    }
    pair.server.enter(|| Ok(fs::write(&file, rules)?))?;
    let mut command = pair.server.command(&build.program);
    command.args(["count", "-i", SERVER_LINK, "--hook", "tcx", "--format", "json"]);
    command.args(["--diagnostics", "--rules", &file]);
    let start = std::time::Instant::now();
    let running = Running::spawn(command)?;
    running.wait_for_line("probe: attached to", LIMIT)?;
    let start = start.elapsed().as_secs_f64() * 1e3;
    let before = pair.server.counters(SERVER_LINK)?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
    let frames = vec![syn(SMALLEST)];
    let sent = std::thread::scope(|scope| {
        let send = || -> Result<_> {
            pin_to_cpu(0)?;
            sender.send_paced(&frames, packets, None)
        };
        scope.spawn(send).join().expect("no panic in a sender")
    })?;
    pair.server.wait_for_received(SERVER_LINK, before, packets, LIMIT)?;
    let resident = running.memory("VmRSS:")?;
    let finished = running.interrupt(LIMIT)?;
    ensure!(finished.status.success(), "{}: {}", finished.status, finished.stderr);
    let after = |line: &str, start: &str, end: &str| -> Option<f64> {
        line.split_once(start)?.1.split_once(end)?.0.parse().ok()
    };
    let lines = || finished.stderr.lines();
    Ok(Measured {
        ns: sent.elapsed.as_nanos() as f64 / packets as f64,
        start,
        resident: resident as f64 / 1_048_576.0,
        lists: lines()
            .find_map(|line| line.strip_prefix("probe: lists take "))
            .unwrap_or_default()
            .to_owned(),
        read: lines().filter_map(|line| after(line, "lists: read in ", " ms")).collect(),
        waited: lines().filter_map(|line| after(line, "after a wait of ", " ms")).collect(),
    })
}

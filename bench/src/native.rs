//! The native suite: frames as a network card's driver has them, XDP frames that never were
//! socket buffers, through a veth with native XDP. What the veth pays to turn a socket buffer
//! into such a frame, in the other suites the most of native XDP there, is not in it.
//!
//! A redirecting program is run on real frames (BPF_F_TEST_XDP_LIVE_FRAMES) in the client's
//! namespace and hands them to the client's link. Its peer, the server's link, takes them with
//! its native XDP program in the same softirq, and what has passed goes up to the stack,
//! which lets go of it.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aya::programs::XdpMode;
use nix::net::if_::if_nametoindex;
use testbed::{CLIENT_LINK, Pair, SCRATCH_DIR, SERVER_LINK, pin_to_cpu};
use xtask::shell::say;

use crate::goals::Goal;
use crate::kernel::Program;
use crate::observer::{Observer, SYN, Watching};
use crate::report::Report;
use crate::rig::{SMALLEST, syn};
use crate::rules::Kind;
use crate::stats::{Spread, middle_mean};
use crate::yardstick::Yardstick;
use crate::{Bench, Build};

/// Frames of one run: some 10 ms.
const PIECE: u32 = 20_000;
/// Pieces before the measured ones.
const WARM_UP: u32 = 2;

/// What is attached to the server's link.
enum Attached {
    /// A program of the yardstick: its name, and whether it counts.
    Yardstick(&'static str, bool),
    /// probe, with rules in a file where it has many.
    Probe(Box<Observer>, Option<String>),
}

struct Row {
    name: String,
    attached: Attached,
    /// Nanoseconds a frame, a round.
    ns: Vec<f64>,
}

/// Where the goal's figures stand.
const PASS: usize = 0;
const HAND: usize = 1;
const COUNT: usize = 2;

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(7, 2);
    let pieces = if bench.quick { 5 } else { 40 };
    let mut rows = rows(bench);
    for round in 1..=rounds {
        say(format!("native: round {round} of {rounds}"));
        // Forth and back, so that a drift within the round falls on all alike.
        let there = 0..rows.len();
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); rows.len()];
        for place in there.clone().chain(there.rev()) {
            let row = &rows[place];
            let ns = flood(row, &bench.yardstick, pieces);
            times[place].push(ns.with_context(|| format!("frames past {}", row.name))?);
        }
        for (row, times) in rows.iter_mut().zip(times) {
            row.ns.push(times.iter().sum::<f64>() / times.len() as f64);
        }
    }
    let mut text = bench.heading("native", rounds, &[]);
    text += &table(&rows)?;
    let added = |place: usize| Spread::of(rows[place].above(&rows[PASS])).middle;
    // Less than nothing is nothing, within what can be told apart here.
    report.reached_within(Goal::CountNative, added(COUNT).max(0.0), added(HAND) + 2.0);
    for row in &rows {
        let added: Vec<f64> = row.above(&rows[PASS]).collect();
        report.rounds(&format!("native, added ns: {}", row.name), &added);
    }
    report.section("native suite", text);
    Ok(())
}

fn rows(bench: &Bench) -> Vec<Row> {
    let yardstick = |name: &str, program, counts| Row {
        name: name.to_owned(),
        attached: Attached::Yardstick(program, counts),
        ns: Vec::new(),
    };
    let mut rows = vec![
        yardstick("XDP_PASS alone", "empty_xdp", false),
        yardstick("by hand: tcp-syn", "hand_xdp", true),
    ];
    for build in &bench.builds {
        rows.extend([
            Row::probe(build, &["count", "--hook", "xdp-native", SYN]),
            Row::probe(build, &["count", "--hook", "xdp-native", "@syn"]),
            Row::rules(build, Kind::Syn, 64),
            Row::rules(build, Kind::Mixed, 64),
            Row::probe(
                build,
                &["capture", "--hook", "xdp-native", "-s", "96", "-w", "/dev/null", "@syn"],
            ),
        ]);
    }
    rows
}

impl Row {
    fn probe(build: &Build, words: &[&str]) -> Self {
        let observer = build.probe(words);
        let name = observer.name.clone();
        Self { name, attached: Attached::Probe(Box::new(observer), None), ns: Vec::new() }
    }

    fn rules(build: &Build, kind: Kind, count: usize) -> Self {
        let file = format!("{SCRATCH_DIR}/rules.toml");
        let observer = build.probe(&["count", "--hook", "xdp-native", "--rules", &file]);
        let rules = Some(kind.file(count));
        let name = format!("probe count: {count} {} rules{}", kind.name(), build.mark());
        Self { name, attached: Attached::Probe(Box::new(observer), rules), ns: Vec::new() }
    }

    /// A round's difference to another row.
    fn above<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = f64> + 'a {
        self.ns.iter().zip(&other.ns).map(|(with, without)| with - without)
    }
}

fn table(rows: &[Row]) -> Result<String> {
    let mut text = format!(
        "SYNs of {SMALLEST} bytes as XDP frames (BPF_F_TEST_XDP_LIVE_FRAMES), redirected to a \
         veth whose peer runs the program natively, in the driver's loop, and passes them to \
         the stack. ns a frame: all of that way, by the kernel's clock. Added: over XDP_PASS in \
         the same round.\n\n\
         | program | frames a second | ns a frame | added ns | least to most |\n\
         | --- | ---: | ---: | ---: | ---: |\n"
    );
    for row in rows {
        let ns = Spread::of(row.ns.iter().copied()).middle;
        let added = Spread::of(row.above(&rows[PASS])).cells(1);
        writeln!(text, "| `{}` | {:.0} | {ns:.0} | {added} |", row.name, 1e9 / ns)?;
    }
    Ok(text)
}

/// What runs on the server's link.
enum Started<'a> {
    Yardstick(Yardstick, bool),
    Probe(Watching<'a>),
}

/// Nanoseconds a frame past it; every frame must have arrived, and been counted.
fn flood(row: &Row, object: &std::path::Path, pieces: u32) -> Result<f64> {
    let pair = Pair::new()?;
    let started = match &row.attached {
        Attached::Yardstick(name, counts) => {
            let mut yardstick = Yardstick::load(object, 0)?;
            pair.server.enter(|| {
                let program = yardstick.xdp(name)?;
                program.attach(SERVER_LINK, XdpMode::Driver).context("attaching")?;
                Ok(())
            })?;
            Started::Yardstick(yardstick, *counts)
        }
        Attached::Probe(observer, rules) => {
            if let Some(rules) = rules {
                let file = format!("{SCRATCH_DIR}/rules.toml");
                pair.server.enter(|| Ok(fs::write(file, rules)?))?;
            }
            Started::Probe(observer.start(&pair.server)?)
        }
    };
    let before = pair.server.counters(SERVER_LINK)?;
    let frame = syn(SMALLEST);
    let times = pair.client.enter(|| {
        pin_to_cpu(0)?;
        let mut sender = Yardstick::load(object, index(CLIENT_LINK)?)?;
        let program = Program::of(sender.xdp("redirect")?.info()?)?;
        for _ in 0..WARM_UP {
            program.send(&frame, PIECE)?;
        }
        (0..pieces).map(|_| program.send(&frame, PIECE)).collect::<Result<Vec<f64>>>()
    })?;
    let sent = u64::from(PIECE) * u64::from(WARM_UP + pieces);
    pair.server.wait_for_received(SERVER_LINK, before, sent, Duration::from_secs(10))?;
    let counted = match started {
        Started::Yardstick(yardstick, true) => yardstick.matched()?,
        Started::Yardstick(_, false) => sent,
        Started::Probe(watching) => watching.end(&pair.server)?.counts.counted,
    };
    ensure!(counted == sent, "counted {counted} of {sent} frames");
    Ok(middle_mean(times.into_iter()))
}

/// The number of a link of this thread's namespace.
fn index(link: &str) -> Result<u32> {
    if_nametoindex(link).with_context(|| format!("no link {link}"))
}

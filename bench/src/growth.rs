//! The growth suite: what the costs grow with, as curves.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::{CLIENT_LINK, FrameSender, Pair, SERVER_LINK, pin_to_cpu};
use xtask::shell::say;

use crate::Bench;
use crate::compare::{Entry, compare};
use crate::observer::{Observer, SYN};
use crate::plot::{Curve, Plot};
use crate::report::Report;
use crate::rig::{FULL, Flood, SMALLEST, syn};
use crate::rules::Kind;
use crate::stats::Spread;

/// Lengths of frames, of those that match in percent, and samples: one in so many.
const LENGTHS: [usize; 4] = [SMALLEST, 256, 1024, FULL];
const SHARES: [u64; 4] = [0, 10, 50, 100];
const SAMPLES: [u32; 4] = [1, 8, 64, 1024];
/// Numbers of rules.
const COUNTS: [usize; 4] = [1, 8, 64, 512];

/// One of several curves: at each x an observer and a flood.
struct Line {
    name: String,
    at: Vec<(f64, Entry)>,
}

/// What a plot is about.
struct Subject {
    /// Of the file, and of what is said while it is measured.
    name: &'static str,
    title: &'static str,
    x: &'static str,
    doubling: bool,
}

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(3, 1);
    let packets = bench.packets(100_000, 10_000);
    let mut text = bench.heading("growth", rounds, &["tcpdump", "nft"]);
    text += "ns a packet over the same round's time with nothing attached, on the sender's CPU; \
             medians. All on tcx, writing to /dev/null. The program suite measures the number of \
             rules finer.\n";
    let sizes = Subject {
        name: "size",
        title: "Cost of a frame, by its length",
        x: "bytes",
        doubling: false,
    };
    text += &measure(&sizes, &by_length(bench, packets), rounds, report)?;
    let shares = Subject {
        name: "matches",
        title: "Cost of a frame, by the share that matches",
        x: "% of frames that match",
        doubling: false,
    };
    text += &measure(&shares, &by_share(bench, packets), rounds, report)?;
    let samples = Subject {
        name: "samples",
        title: "Cost of a matching frame, by sampling",
        x: "one in so many is captured",
        doubling: true,
    };
    text += &measure(&samples, &by_samples(bench, packets), rounds, report)?;
    let rules = Subject {
        name: "rules",
        title: "Cost of a counted frame, by rules",
        x: "rules",
        doubling: true,
    };
    text += &measure(&rules, &by_rules(bench, packets), rounds, report)?;
    text += &by_cpus(bench, packets, rounds, report)?;
    report.section("growth suite", text);
    Ok(())
}

/// Who is compared: counting, capturing heads and whole frames, tcpdump with both.
fn observers(bench: &Bench) -> Vec<Observer> {
    let mut all = Vec::new();
    for build in &bench.builds {
        let capture =
            |rest: &[&str]| build.probe(&[&["capture", "--hook", "tcx"], rest, &["@syn"]].concat());
        all.extend([
            build.probe(&["count", "--hook", "tcx", "@syn"]),
            capture(&["-s", "96", "-w", "/dev/null"]),
            capture(&["-w", "/dev/null"]),
        ]);
    }
    all.extend([
        Observer::tcpdump(&["-s", "96", "-w", "/dev/null", SYN]),
        Observer::tcpdump(&["-w", "/dev/null", SYN]),
    ]);
    all
}

fn by_length(bench: &Bench, packets: u64) -> Vec<Line> {
    let flood = |length| Flood::of(&format!("{length} bytes"), syn(length), packets);
    lines(observers(bench), &LENGTHS.map(|length| (length as f64, flood(length))))
}

fn by_share(bench: &Bench, packets: u64) -> Vec<Line> {
    // The smallest frames are captured whole either way.
    let mut observers = observers(bench);
    observers.retain(|observer| !observer.name.contains("-s 96"));
    lines(observers, &SHARES.map(|share| (share as f64, Flood::of_share(share, packets))))
}

/// Every observer on every flood.
fn lines(observers: Vec<Observer>, floods: &[(f64, Flood)]) -> Vec<Line> {
    let at = |observer: &Observer| {
        let entry = |flood: &Flood| Entry { observer: observer.clone(), flood: flood.clone() };
        floods.iter().map(|(x, flood)| (*x, entry(flood))).collect()
    };
    observers
        .iter()
        .map(|observer| Line { name: observer.name.clone(), at: at(observer) })
        .collect()
}

fn by_samples(bench: &Bench, packets: u64) -> Vec<Line> {
    let flood = Flood::of_syns(packets);
    let mut lines = Vec::new();
    for build in &bench.builds {
        let entry = |every: u32| {
            let every = every.to_string();
            let mut observer = build.probe(&[
                "capture",
                "--hook",
                "tcx",
                "-s",
                "96",
                "--sample",
                &every,
                "-w",
                "/dev/null",
                "@syn",
            ]);
            // Its summary is about the frames that the sampling left.
            observer.exact = false;
            Entry { observer, flood: flood.clone() }
        };
        lines.push(Line {
            name: format!("probe capture --hook tcx -s 96 --sample N{}", build.mark()),
            at: SAMPLES.iter().map(|&every| (f64::from(every), entry(every))).collect(),
        });
    }
    lines
}

/// The first rule matches every frame.
fn by_rules(bench: &Bench, packets: u64) -> Vec<Line> {
    let flood = Flood::of_syns(packets);
    let mut lines = Vec::new();
    for build in &bench.builds {
        for kind in Kind::ALL {
            let entry = |count: usize| {
                let rules = kind.rules(count);
                let flags = rules.iter().flat_map(|rule| ["--rule", rule]);
                let words: Vec<&str> =
                    ["count", "--hook", "tcx"].into_iter().chain(flags).collect();
                let name = format!("probe count --hook tcx, {} rules{}", kind.name(), build.mark());
                let mut observer = build.probe(&words);
                observer.name = name;
                Entry { observer, flood: flood.clone() }
            };
            lines.push(Line {
                name: format!("{} rules{}", kind.name(), build.mark()),
                at: COUNTS.map(|count| (count as f64, entry(count))).to_vec(),
            });
        }
    }
    lines
}

fn measure(subject: &Subject, lines: &[Line], rounds: u32, report: &mut Report) -> Result<String> {
    let entries: Vec<Entry> =
        lines.iter().flat_map(|line| line.at.iter().map(|(_, entry)| entry.clone())).collect();
    let what = format!("growth, {}", subject.name);
    let (outcomes, _) = compare(&what, &entries, rounds)?;
    let mut outcomes = outcomes.iter();
    let curves = lines.iter().map(|line| Curve {
        name: line.name.clone(),
        // In the order in which the entries were made.
        points: (line.at.iter().zip(outcomes.by_ref()))
            .map(|((x, _), outcome)| (*x, outcome.spread().middle))
            .collect(),
    });
    let curves = curves.collect();
    finish(subject, "added ns a packet", curves, report)
}

/// The plot and its figures.
fn finish(subject: &Subject, y: &str, curves: Vec<Curve>, report: &mut Report) -> Result<String> {
    let Subject { name, title, x, doubling } = *subject;
    let plot = Plot { title: title.into(), x: x.into(), y: y.into(), doubling, curves };
    let mut text = report.plot(name, &plot)?;
    let places = plot.curves.first().map(|curve| curve.points.as_slice()).unwrap_or_default();
    let heads: Vec<String> = places.iter().map(|(x, _)| format!("{x:.0}")).collect();
    writeln!(text, "\n| {x}: {y} | {} |", heads.join(" | "))?;
    writeln!(text, "| --- |{}", " ---: |".repeat(heads.len()))?;
    for curve in &plot.curves {
        let cells: Vec<String> = curve.points.iter().map(|(_, y)| format!("{y:.0}")).collect();
        writeln!(text, "| `{}` | {} |", curve.name, cells.join(" | "))?;
    }
    Ok(text)
}

/// All CPUs send at once, each on a queue of its own. A capture's process then has no CPU
/// for itself; a count's needs none.
fn by_cpus(bench: &Bench, packets: u64, rounds: u32, report: &mut Report) -> Result<String> {
    let mut observers = vec![Observer::nothing()];
    for build in &bench.builds {
        observers.push(build.probe(&["count", "--hook", "tcx", "@syn"]));
    }
    observers.push(Observer::nftables());
    let cpus: Vec<usize> = (1..=bench.cpus).collect();
    let mut times = vec![vec![Vec::new(); cpus.len()]; observers.len()];
    for round in 1..=rounds {
        say(format!("growth, CPUs: round {round} of {rounds}"));
        for (place, &cpus) in cpus.iter().enumerate() {
            for (observer, times) in observers.iter().zip(&mut times) {
                let ns = flood_from(cpus, observer, packets);
                times[place].push(ns.with_context(|| format!("{cpus} CPUs: {}", observer.name))?);
            }
        }
    }
    let curves = (observers.iter().zip(&times))
        .map(|(observer, times)| Curve {
            name: observer.name.clone(),
            points: (cpus.iter().zip(times))
                .map(|(&cpus, ns)| (cpus as f64, Spread::of(ns.iter().copied()).middle))
                .collect(),
        })
        .collect();
    let subject = Subject {
        name: "cpus",
        title: "Time a frame takes its CPU, by the number of CPUs that send",
        x: "CPUs",
        doubling: false,
    };
    finish(&subject, "ns a packet, sender and receive path", curves, report)
}

/// Nanoseconds that a frame takes the CPU that sends it, while so many send.
fn flood_from(cpus: usize, observer: &Observer, packets: u64) -> Result<f64> {
    let pair = Pair::new()?;
    let senders: Vec<FrameSender> = (0..cpus)
        .map(|_| FrameSender::open(&pair.client, CLIENT_LINK)?.linear())
        .collect::<Result<_>>()?;
    let watching = observer.start(&pair.server)?;
    let before = pair.server.counters(SERVER_LINK)?;
    let frame = syn(SMALLEST);
    let send = |(cpu, sender): (usize, &FrameSender)| -> Result<Duration> {
        pin_to_cpu(cpu)?;
        let start = Instant::now();
        let sent = sender.send_paced(&[&frame], packets, None)?;
        ensure!(sent.frames == packets, "{} of {packets} frames were sent", sent.frames);
        Ok(start.elapsed())
    };
    let times: Result<Vec<Duration>> = thread::scope(|scope| {
        let started: Vec<_> =
            senders.iter().enumerate().map(|one| scope.spawn(move || send(one))).collect();
        started.into_iter().map(|one| one.join().expect("no panic in a flood")).collect()
    });
    let times = times?;
    let all = packets * cpus as u64;
    pair.server.wait_for_received(SERVER_LINK, before, all, Duration::from_secs(10))?;
    let counted = watching.end(&pair.server)?.counts.counted;
    ensure!(!observer.exact || counted == all, "counted {counted} of {all} frames");
    let total: Duration = times.iter().sum();
    Ok(total.as_nanos() as f64 / all as f64)
}

//! The live suite: everybody who can watch a link, on the same flood.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use testbed::{CLIENT_LINK, FrameSender, Pair, SCRATCH_DIR, SERVER_LINK, pin_to_cpu};

use super::Bench;
use super::compare::{Entry, Outcome, compare};
use super::goals::Goal;
use super::observer::{Observer, SYN, Verdict};
use super::report::Report;
use super::rig::{Flood, SMALLEST, syn, syn_to_router};
use crate::shell::say;

/// The tools whose versions matter here.
const TOOLS: [&str; 7] =
    ["tcpdump", "dumpcap", "netsniff-ng", "nft", "iptables", "bpftrace", "xdpdump"];
/// The largest frame of an ordinary link, without FCS.
const FULL: usize = 1514;
/// A question that no frame of the flood answers.
const OTHERS: &str = "udp port 9";

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(5, 1);
    let mut text = bench.heading("live", rounds, &TOOLS);
    let counters = counters(bench, bench.packets(200_000, 20_000));
    let captures = captures(bench, bench.packets(200_000, 20_000));
    let small: Vec<Entry> = [counters, captures.small].concat();
    let (outcomes, bare) = compare("live, smallest frames", &small, rounds)?;
    writeln!(
        text,
        "SYNs of {SMALLEST} bytes as fast as one CPU sends them; {:.0} ns a packet with nothing \
         attached, sender and receive path. Added: ns a packet on that path. Process: CPU \
         seconds of the observer a million frames, from its start on. All: CPU seconds of all \
         cores a million frames captured, the receive path's with them. Lost: of the frames \
         that match. FILE lies in memory.\n",
        bare.first().map_or(f64::NAN, |spread| spread.middle)
    )?;
    text += &table(&outcomes, reference(&outcomes, "-w /dev/null"))?;
    judge(&outcomes, report);
    let (outcomes, bare) = compare("live, full frames", &captures.full, rounds)?;
    writeln!(
        text,
        "\nSYNs of {FULL} bytes; {:.0} ns a packet with nothing attached.\n",
        bare.first().map_or(f64::NAN, |spread| spread.middle)
    )?;
    text += &table(&outcomes, reference(&outcomes, "tcpdump"))?;
    text += &endurance(bench, report)?;
    report.section("live suite", text);
    Ok(())
}

/// Who counts, or looks and finds nothing.
fn counters(bench: &Bench, packets: u64) -> Vec<Entry> {
    let flood = Flood::of_syns(packets);
    let nothing = Flood { matching: |_| 0, ..flood.clone() };
    let mut entries = Vec::new();
    let mut add = |observer: Observer, flood: &Flood| {
        entries.push(Entry { observer, flood: flood.clone() });
    };
    for build in &bench.builds {
        add(build.probe(&["count", "--hook", "tcx", "@syn"]), &flood);
        add(build.probe(&["count", "--hook", "xdp-generic", "@syn"]), &flood);
        add(build.probe(&["count", "--hook", "xdp-native", "@syn"]), &flood);
        add(build.probe(&["count", "--hook", "tcx", OTHERS]), &nothing);
    }
    add(Observer::nftables(), &flood);
    let routed = Flood::of("SYNs to the router", syn_to_router(SMALLEST), packets);
    add(Observer::iptables(), &routed);
    add(Observer::bpftrace(), &flood);
    add(Observer::tcpdump(&["-w", "/dev/null", OTHERS]), &nothing);
    entries
}

/// Who captures, at both ends of the frame's length.
struct Captures {
    small: Vec<Entry>,
    full: Vec<Entry>,
}

fn captures(bench: &Bench, packets: u64) -> Captures {
    let file = format!("{SCRATCH_DIR}/capture.pcap");
    let (small_flood, full_flood) =
        (Flood::of_syns(packets), Flood::of("full SYNs", syn(FULL), packets / 2));
    let entries = |flood: &Flood, all: Vec<Observer>| -> Vec<Entry> {
        all.into_iter().map(|observer| Entry { observer, flood: flood.clone() }).collect()
    };
    let (mut small, mut full) = (Vec::new(), Vec::new());
    for build in &bench.builds {
        let capture =
            |rest: &[&str]| build.probe(&[&["capture", "--hook", "tcx"], rest, &["@syn"]].concat());
        small.extend([
            capture(&["-s", "96", "-w", "/dev/null"]),
            capture(&["-s", "96", "-w", &file]),
            capture(&["-nn"]),
        ]);
        full.extend([
            capture(&["-s", "96", "-w", "/dev/null"]),
            capture(&["-w", "/dev/null"]),
            capture(&["-w", &file]),
        ]);
    }
    small.extend([
        Observer::tcpdump(&["-s", "96", "-w", "/dev/null", SYN]),
        Observer::tcpdump(&["-s", "96", "-w", &file, SYN]),
        Observer::tcpdump(&[SYN]),
        Observer::dumpcap(&["-s", "96", "-w", "/dev/null", "-f", SYN]),
        Observer::dumpcap(&["-s", "96", "-w", &file, "-f", SYN]),
        Observer::netsniff(&["--out", &file, "-f", SYN]),
        Observer::xdpdump(&["-s", "96", "-w", "/dev/null"]),
    ]);
    full.extend([
        Observer::tcpdump(&["-s", "96", "-w", "/dev/null", SYN]),
        Observer::tcpdump(&["-w", "/dev/null", SYN]),
        Observer::tcpdump(&["-w", &file, SYN]),
        Observer::dumpcap(&["-w", "/dev/null", "-f", SYN]),
        Observer::dumpcap(&["-w", &file, "-f", SYN]),
        Observer::netsniff(&["--out", &file, "-f", SYN]),
    ]);
    Captures { small: entries(&small_flood, small), full: entries(&full_flood, full) }
}

/// The tcpdump that ratios are taken to.
fn reference(outcomes: &[Outcome], part: &str) -> f64 {
    let found = outcomes.iter().find(|one| {
        one.observer.name.starts_with("tcpdump")
            && one.observer.name.contains(part)
            && !one.observer.name.contains(OTHERS)
    });
    found.map_or(f64::NAN, |one| one.spread().middle)
}

fn table(outcomes: &[Outcome], tcpdump: f64) -> Result<String> {
    let mut text = String::from(
        "| observer | added ns | least to most | to tcpdump's | process s | all s | lost |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let seconds = |value: f64| match value.is_finite() {
        true => format!("{value:.3}"),
        false => "-".to_owned(),
    };
    for one in outcomes.iter().filter(|one| one.failed.is_none()) {
        let spread = one.spread();
        writeln!(
            text,
            "| `{}` | {} | {:.2} | {} | {} | {:.1} % |",
            one.observer.name,
            spread.cells(0),
            spread.middle / tcpdump,
            seconds(one.process_seconds()),
            seconds(one.seconds_of_all()),
            100.0 * one.lost()
        )?;
    }
    for one in outcomes {
        if let Some(reason) = &one.failed {
            writeln!(text, "\nNot measured: `{}`: {reason}", one.observer.name)?;
        }
    }
    Ok(text)
}

/// What the figures make of the goals.
fn judge(outcomes: &[Outcome], report: &mut Report) {
    let find = |start: &str| {
        outcomes.iter().find(|one| one.observer.name.starts_with(start) && one.failed.is_none())
    };
    let added = |start: &str| find(start).map_or(f64::NAN, |one| one.spread().middle);
    let tcpdump = added("tcpdump -nn -s 96 -w /dev/null");
    let count = added("probe count --hook tcx @syn");
    report.reached(Goal::CountToTcpdump, count / tcpdump);
    report.reached(Goal::CountToNftables, count / added("nftables"));
    let capture = "probe capture --hook tcx -s 96 -w /dev/null";
    report.reached(Goal::Capture, added(capture) / tcpdump);
    let others = ["tcpdump -nn -s 96 -w", "dumpcap", "netsniff-ng"];
    let best = outcomes
        .iter()
        .filter(|one| others.iter().any(|start| one.observer.name.starts_with(start)))
        .map(Outcome::seconds_of_all)
        .fold(f64::INFINITY, f64::min);
    let ours = find(capture).map_or(f64::NAN, Outcome::seconds_of_all);
    report.reached(Goal::CaptureCpu, ours / best);
}

/// Captures with default settings for half a minute at the rig's full rate: what is lost.
fn endurance(bench: &Bench, report: &mut Report) -> Result<String> {
    let length = Duration::from_secs(if bench.quick { 1 } else { 30 });
    let mut observers: Vec<Observer> = (bench.builds.iter())
        .map(|build| build.probe(&["capture", "--hook", "tcx", "-w", "/dev/null", "@syn"]))
        .collect();
    observers.push(Observer::tcpdump(&["-w", "/dev/null", SYN]));
    observers.push(Observer::dumpcap(&["-w", "/dev/null", "-f", SYN]));
    let mut text = format!(
        "\nDefault settings, smallest frames at full rate for {} s:\n\n\
         | capture | frames a second | matched | lost |\n| --- | ---: | ---: | ---: |\n",
        length.as_secs()
    );
    for observer in &observers {
        say(format!("live, endurance: {}", observer.name));
        if let Some(name) = observer.missing() {
            writeln!(text, "| `{}` | {name} is not installed | | |", observer.name)?;
            continue;
        }
        let (rate, verdict) = endure(observer, length)?;
        let (counted, lost) = (verdict.counted, verdict.lost);
        writeln!(text, "| `{}` | {rate:.0} | {counted} | {lost} |", observer.name)?;
        if observer.ours && observer.name == observers[0].name {
            report.reached(Goal::Lost, lost as f64);
        }
    }
    Ok(text)
}

fn endure(observer: &Observer, length: Duration) -> Result<(f64, Verdict)> {
    let pair = Pair::new()?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
    let watching = observer.start(&pair.server)?;
    let before = pair.server.counters(SERVER_LINK)?;
    let frame = syn(SMALLEST);
    let send = || -> Result<(u64, Duration)> {
        pin_to_cpu(0)?;
        let start = Instant::now();
        let mut frames = 0;
        while start.elapsed() < length {
            frames += sender.send_paced(&[&frame], 10_000, None)?.frames;
        }
        Ok((frames, start.elapsed()))
    };
    let sent = thread::scope(|scope| scope.spawn(send).join().expect("no panic in a flood"));
    let (frames, elapsed) = sent?;
    pair.server.wait_for_received(SERVER_LINK, before, frames, Duration::from_secs(10))?;
    let verdict = watching.end(&pair.server)?;
    anyhow::ensure!(
        !observer.exact || verdict.counted == frames,
        "{} counted {} of {frames} frames",
        observer.name,
        verdict.counted
    );
    Ok((frames as f64 / elapsed.as_secs_f64(), verdict))
}

//! The live suite: everybody who can watch a link, on the same flood.

use std::fmt::Write as _;

use anyhow::Result;
use testbed::SCRATCH_DIR;

use crate::Bench;
use crate::compare::{Entry, Outcome, compare};
use crate::goals::Goal;
use crate::observer::{Observer, SYN};
use crate::report::Report;
use crate::rig::{FULL, Flood, SMALLEST, syn, syn_to_router};
use crate::stats::seconds;

/// The tools whose versions matter here.
const TOOLS: [&str; 7] =
    ["tcpdump", "dumpcap", "netsniff-ng", "nft", "iptables", "bpftrace", "xdpdump"];
/// A question that no frame of the flood answers.
const OTHERS: &str = "udp port 9";

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(5, 1);
    let mut text = bench.heading("live", rounds, &TOOLS);
    let counters = counters(bench, bench.packets(200_000, 20_000));
    let captures = captures(bench, bench.packets(600_000, 20_000));
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
    text += &table(&outcomes, added(&outcomes, "tcpdump -nn -s 96 -w /dev/null"))?;
    judge_small(&outcomes, report);
    keep(&outcomes, SMALLEST, report);
    let (outcomes, bare) = compare("live, full frames", &captures.full, rounds)?;
    writeln!(
        text,
        "\nSYNs of {FULL} bytes; {:.0} ns a packet with nothing attached.\n",
        bare.first().map_or(f64::NAN, |spread| spread.middle)
    )?;
    text += &table(&outcomes, added(&outcomes, "tcpdump -nn -w /dev/null"))?;
    judge_full(&outcomes, report);
    keep(&outcomes, FULL, report);
    report.section("live suite", text);
    Ok(())
}

/// Who counts, or looks and finds nothing.
fn counters(bench: &Bench, packets: u64) -> Vec<Entry> {
    let flood = Flood::of_syns(packets);
    let nothing = Flood { share: (0, 1), ..flood.clone() };
    let mut entries = Vec::new();
    let mut add = |observer: Observer, flood: &Flood| {
        entries.push(Entry { observer, flood: flood.clone() });
    };
    add(Observer::empty(&bench.yardstick), &flood);
    for build in &bench.builds {
        // The others' filter first, which the goals ask for; ours also looks at IPv6 and tags.
        add(build.probe(&["count", "--hook", "tcx", SYN]), &flood);
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
        let capture = |rest: &[&str], filter: &str| {
            build.probe(&[&["capture", "--hook", "tcx"], rest, &[filter]].concat())
        };
        small.extend([
            capture(&["-s", "96", "-w", "/dev/null"], SYN),
            capture(&["-s", "96", "-w", "/dev/null"], "@syn"),
            capture(&["-s", "96", "-w", &file], SYN),
            capture(&["-nn"], SYN),
        ]);
        full.extend([
            capture(&["-s", "96", "-w", "/dev/null"], SYN),
            capture(&["-w", "/dev/null"], SYN),
            capture(&["-w", "/dev/null"], "@syn"),
            capture(&["-w", &file], SYN),
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

fn table(outcomes: &[Outcome], tcpdump: f64) -> Result<String> {
    let mut text = String::from(
        "| observer | added ns | least to most | to tcpdump's | process s | all s | lost |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
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
        let unaccounted = one.unaccounted();
        if unaccounted != 0 && one.observer.counts() {
            writeln!(
                text,
                "\n`{}` does not know of {unaccounted} frames, of {} that match.",
                one.observer.name,
                one.samples.iter().map(|sample| sample.matching).sum::<u64>()
            )?;
        }
        if let Some(reason) = &one.failed {
            writeln!(text, "\nNot measured: `{}`: {reason}", one.observer.name)?;
        }
    }
    Ok(text)
}

fn keep(outcomes: &[Outcome], length: usize, report: &mut Report) {
    for one in outcomes {
        report.rounds(&format!("{length} bytes, added ns: {}", one.observer.name), &one.added);
    }
}

/// What the figures of the smallest frames make of the goals.
fn judge_small(outcomes: &[Outcome], report: &mut Report) {
    let tcpdump = added(outcomes, "tcpdump -nn -s 96 -w /dev/null");
    let count = added(outcomes, "probe count --hook tcx");
    report.reached(Goal::CountToTcpdump, count / tcpdump);
    report.reached(Goal::CountToNftables, count / added(outcomes, "nftables"));
    let capture = "probe capture --hook tcx -s 96 -w /dev/null";
    report.reached(Goal::Capture, added(outcomes, capture) / tcpdump);
}

/// What those of full frames make of them.
fn judge_full(outcomes: &[Outcome], report: &mut Report) {
    let capture = "probe capture --hook tcx -w /dev/null";
    let tcpdump = added(outcomes, "tcpdump -nn -w /dev/null");
    report.reached(Goal::CaptureFull, added(outcomes, capture) / tcpdump);
}

fn find<'a>(outcomes: &'a [Outcome], start: &str) -> Option<&'a Outcome> {
    outcomes.iter().find(|one| one.observer.name.starts_with(start) && one.failed.is_none())
}

fn added(outcomes: &[Outcome], start: &str) -> f64 {
    find(outcomes, start).map_or(f64::NAN, |one| one.spread().middle)
}

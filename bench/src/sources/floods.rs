//! What lists add live, in a flood of random sources, beside what people use today.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Result;
use testbed::{Random, Stream};

use crate::Bench;
use crate::compare::{Entry, Outcome, compare};
use crate::goals::Goal;
use crate::observer::Observer;
use crate::report::Report;
use crate::rig::{Flood, SMALLEST, syn};

/// Where a frame has its IPv4 source address (RFC 791, behind Ethernet).
const SOURCE: usize = 14 + 12;

/// Measures, and gives the table.
pub fn measure(bench: &Bench, rounds: u32, report: &mut Report) -> Result<String> {
    let flood = random(bench.packets(200_000, 20_000));
    let own = &bench.builds[0];
    let count = |words: &[&str]| {
        own.probe(&[&["count", "--hook", "tcx"], words, &["--rule", "syn=@syn"]].concat())
    };
    let observers = [
        Observer::empty(&bench.yardstick),
        count(&[]),
        count(&["--by", "src"]),
        count(&["--distinct", "src"]),
        count(&["--by", "src", "--distinct", "src"]),
        Observer::map_of_sources("lru_hash", "BPF LRU hash, 65,536 sources"),
        Observer::map_of_sources("per_cpu_hash", "BPF per-CPU hash, 65,536 sources"),
        Observer::nftables_set(),
        Observer::bpftrace_by_source(),
    ];
    let entry = |observer: Observer| Entry { observer, flood: flood.clone() };
    let entries = observers.map(entry);
    let (outcomes, bare) = compare("sources, live", &entries, rounds)?;
    let mut text = format!(
        "\n**Live.** SYNs of {SMALLEST} bytes over veth, {}, as fast as one CPU sends them; {:.0} ns a packet \
         with nothing attached. Added to that.\n\n\
         | observer | added ns | least to most |\n| --- | ---: | ---: |\n",
        Stream::Flood.name(),
        bare.first().map_or(f64::NAN, |spread| spread.middle)
    );
    for outcome in &outcomes {
        match &outcome.failed {
            None => {
                let cells = outcome.spread().cells(0);
                writeln!(text, "| `{}` | {cells} |", outcome.observer.name)?;
            }
            Some(why) => writeln!(text, "| `{}` | {why} | |", outcome.observer.name)?,
        }
    }
    judge(&outcomes, report);
    Ok(text)
}

/// What a list adds, and how that stands to the best of the others.
fn judge(outcomes: &[Outcome], report: &mut Report) {
    let [_, rule, top, distinct, _, others @ ..] = outcomes else { return };
    let over = |one: &Outcome, other: &Outcome| {
        let rounds = one.added.iter().zip(&other.added).map(|(one, other)| one - other);
        crate::stats::median(rounds)
    };
    report.reached(Goal::TopLive, over(top, rule));
    report.reached(Goal::DistinctLive, over(distinct, rule));
    let best = others.iter().filter(|other| other.failed.is_none());
    let best = best.map(|other| other.spread().middle).fold(f64::INFINITY, f64::min);
    report.reached(Goal::TopToBest, over(top, rule) / best);
}

/// SYNs of the random flood, IPv4.
fn random(packets: u64) -> Flood {
    let mut random = Random::new(3);
    let plain = syn(SMALLEST);
    let frame = |source: u64| {
        let mut frame = plain.clone();
        let address = Ipv4Addr::from(source as u32).octets();
        frame[SOURCE..SOURCE + 4].copy_from_slice(&address);
        frame
    };
    let sources = Stream::Flood.sources(packets as usize, || random.number());
    let frames = Arc::new(sources.into_iter().map(frame).collect());
    Flood { name: Stream::Flood.name().to_owned(), frames, packets, share: (1, 1) }
}

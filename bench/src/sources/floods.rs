//! What lists add live, in a flood of random sources, beside what people use today.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Result, bail};
use testbed::{Random, Stream};
use xtask::shell::say;

use crate::Bench;
use crate::compare::{Entry, compare};
use crate::goals::Goal;
use crate::observer::Observer;
use crate::report::Report;
use crate::rig::{Flood, SMALLEST, measure_in_turn, syn};
use crate::stats::{Spread, middle_mean};

/// Where a frame has its IPv4 source address (RFC 791, behind Ethernet).
const SOURCE: usize = 14 + 12;

/// Lists that are asked for, behind the rule without one, twice: the second says what the
/// measurement itself makes of nothing.
const LISTS: [&[&str]; 5] =
    [&[], &[], &["--by", "src"], &["--distinct", "src"], &["--by", "src", "--distinct", "src"]];

/// Measures, and gives the tables.
pub fn measure(bench: &Bench, rounds: u32, report: &mut Report) -> Result<String> {
    let flood = random(bench.packets(200_000, 20_000));
    let own = &bench.builds[0];
    let lists = LISTS.map(|words| {
        own.probe(&[&["count", "--hook", "tcx"], words, &["--rule", "syn=@syn"]].concat())
    });
    let (text, top) = side_by_side(&lists, &flood, rounds, report)?;
    let others = beside_others(bench, &lists, &flood, rounds, top, report)?;
    Ok(text + &others)
}

/// Rule and lists in one flood, and what a list of the largest adds.
///
/// A rig that is made earlier is faster, by up to 20 ns here, whatever watches it. So a round makes them all as
/// often as there are observers, and each of them is once the first, the second and so on.
fn side_by_side(
    lists: &[Observer],
    flood: &Flood,
    rounds: u32,
    report: &mut Report,
) -> Result<(String, f64)> {
    let mut order = lists.to_vec();
    let mut over = vec![Vec::new(); lists.len()];
    for round in 1..=rounds {
        say(format!("sources, side by side: round {round} of {rounds}"));
        let mut sums = vec![0.0; lists.len()];
        for turns in 0..lists.len() {
            let mut measured = measure_in_turn(&order, flood)?;
            measured.rotate_right(turns);
            order.rotate_left(1);
            let Some((_, rule)) = measured.first() else { continue };
            for (sum, (_, pieces)) in sums.iter_mut().zip(&measured) {
                *sum += middle_mean(pieces.iter().zip(rule).map(|(list, rule)| list - rule));
            }
        }
        for (over, sum) in over.iter_mut().zip(sums) {
            over.push(sum / lists.len() as f64);
        }
    }
    let mut text = format!(
        "\n**Live, side by side.** SYNs of {SMALLEST} bytes over veth, {}, as fast as one CPU sends them: two \
         thousand past each of these in turn, of which the second thousand is timed. Over the rule: the middle half \
         of the differences to its thousand next to them, in the mean.\n\n\
         | observer | over the rule, ns | least to most |\n| --- | ---: | ---: |\n",
        flood.name
    );
    let spreads: Vec<Spread> = over.into_iter().map(Spread::of).collect();
    for (number, (observer, spread)) in lists.iter().zip(&spreads).enumerate().skip(1) {
        let again = if number == 1 { ", once more" } else { "" };
        writeln!(text, "| `{}`{again} | {} |", observer.name, spread.cells(1))?;
    }
    let [_, _, top, distinct, _] = &spreads[..] else { bail!("not five lists") };
    report.reached(Goal::TopLive, top.middle);
    report.reached(Goal::DistinctLive, distinct.middle);
    Ok((text, top.middle))
}

/// All of them, and what people use today, against nothing attached.
fn beside_others(
    bench: &Bench,
    lists: &[Observer],
    flood: &Flood,
    rounds: u32,
    top: f64,
    report: &mut Report,
) -> Result<String> {
    let mut observers = vec![Observer::empty(&bench.yardstick)];
    observers.extend_from_slice(&lists[1..]);
    let ours = observers.len();
    observers.extend([
        Observer::map_of_sources("lru_hash", "BPF LRU hash, 65,536 sources"),
        Observer::map_of_sources("per_cpu_hash", "BPF per-CPU hash, 65,536 sources"),
        Observer::nftables_set(),
        Observer::bpftrace_by_source(),
    ]);
    let entry = |observer: Observer| Entry { observer, flood: flood.clone() };
    let entries: Vec<Entry> = observers.into_iter().map(entry).collect();
    let (outcomes, bare) = compare("sources, live", &entries, rounds)?;
    let mut text = format!(
        "\n**Live, beside others.** The same flood past one after the other; {:.0} ns a packet with nothing \
         attached. Added to that.\n\n| observer | added ns | least to most |\n| --- | ---: | ---: |\n",
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
    let others = outcomes[ours..].iter().filter(|other| other.failed.is_none());
    let best = others.map(|other| other.spread().middle).fold(f64::INFINITY, f64::min);
    report.reached(Goal::TopToBest, top / best);
    Ok(text)
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
    let frames = Arc::new(sources.map(frame).collect());
    Flood { name: Stream::Flood.name().to_owned(), frames, packets, share: (1, 1) }
}

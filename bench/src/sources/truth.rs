//! Whether lists are right: streams over veth at the rig's full rate, held against what was sent.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{
    CLIENT_LINK, FrameSender, LATE, Pair, Random, Running, SERVER_LINK, Stream, pin_to_cpu,
};
use xtask::shell::say;

use crate::observer::LIMIT;
use crate::rig::{SMALLEST, syn, syn6};
use crate::{Bench, Build};

/// Frames that are made before they are sent.
const CHUNK: usize = 50_000;
/// Rows that are asked for and looked at.
const ROWS: usize = 100;
/// Of them, those whose order and errors are told.
const TOP: usize = 10;
/// Entries of the one table that is written: there is one sender, and so one CPU.
const ENTRIES: f64 = 1024.0;

/// Measures, and gives the tables.
pub fn measure(bench: &Bench) -> Result<String> {
    let mut text = bench.machine(&[]);
    text += &tops(bench)?;
    text += &distinct(bench)?;
    Ok(text)
}

/// Makes SYNs of sources: even ones have IPv4 addresses, odd ones IPv6 addresses, whose last bytes are
/// the source's number.
fn maker() -> impl Fn(u64) -> Vec<u8> {
    let (v4, v6) = (syn(SMALLEST), syn6(74));
    move |source| {
        let (mut frame, at) =
            if source & 1 == 0 { (v4.clone(), 14 + 12) } else { (v6.clone(), 14 + 8 + 12) };
        frame[at..at + 4].copy_from_slice(&(source as u32).to_be_bytes());
        frame
    }
}

/// What probe calls it.
fn text_of(source: u64) -> String {
    if source & 1 == 0 {
        return Ipv4Addr::from(source as u32).to_string();
    }
    let mut bytes = testbed::CLIENT_V6.octets();
    bytes[12..].copy_from_slice(&(source as u32).to_be_bytes());
    Ipv6Addr::from(bytes).to_string()
}

fn start(build: &Build, pair: &Pair, words: &[&str]) -> Result<Running> {
    let mut command = pair.server.command(&build.program);
    command.args(["count", "-i", SERVER_LINK, "--hook", "tcx", "--format", "json"]);
    command.args(words).args(["--rule", "syn=@syn"]);
    let running = Running::spawn(command)?;
    running.wait_for_line("probe: attached to", LIMIT)?;
    Ok(running)
}

/// Ends it, and gives the rule of its last line.
fn end(running: Running, sent: u64) -> Result<Value> {
    let finished = running.interrupt(LIMIT)?;
    ensure!(finished.status.success(), "{}: {}", finished.status, finished.stderr);
    let output = finished.text();
    let last: Value = serde_json::from_str(output.lines().last().context("no line")?)?;
    let rule = &last["rules"][0];
    ensure!(rule["packets"] == sent, "{} of {sent} frames were counted", rule["packets"]);
    Ok(rule.clone())
}

/// Sends the frames of sources from a CPU, as fast as it goes.
fn send(pair: &Pair, cpu: usize, sources: impl Iterator<Item = u64>) -> Result<u64> {
    pin_to_cpu(cpu)?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
    let (frame, mut sources) = (maker(), sources.peekable());
    let mut sent = 0;
    while sources.peek().is_some() {
        let frames: Vec<Vec<u8>> = sources.by_ref().take(CHUNK).map(&frame).collect();
        sent += sender.send(&frames)?.frames;
    }
    Ok(sent)
}

/// What the runs of one kind of stream came to.
#[derive(Default)]
struct Verdict {
    /// Runs, and those of them with the true largest keys in their order.
    runs: u32,
    in_order: u32,
    /// Runs that show the late source among the largest.
    late: u32,
    /// The largest relative error of the true largest keys, in all runs.
    worst: f64,
    /// Of those that the rule of 1 % holds for, how many there were, and the largest error.
    clear: u32,
    worst_clear: f64,
    /// Rows, and those whose interval holds the truth.
    rows: u32,
    inside: u32,
}

fn tops(bench: &Bench) -> Result<String> {
    let packets = bench.packets(2_000_000, 200_000);
    let seeds = if bench.quick { 1 } else { 5 };
    let mut text = format!(
        "\n**Right?** {packets} frames of each stream at full rate, {seeds} seeds, IPv4 and IPv6 addresses in \
         turn; `probe count --by src,{ROWS} @syn` beside what was sent. In order: runs whose largest \
         {TOP} are the true ones in their order. Worst: the largest error of a true largest {TOP}. Clear: those of \
         them with more than 100 sqrt(2 misses / entries) packets. Inside: rows of {ROWS} a run whose interval \
         holds the truth.\n\n\
         | stream | in order | worst % | clear | worst of these % | inside | late source there |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for stream in Stream::ALL {
        let mut verdict = Verdict::default();
        for seed in 1..=seeds {
            say(format!("sources, right? {}, seed {seed} of {seeds}", stream.name()));
            let mut random = Random::new(seed);
            let sources = stream.sources(packets as usize, || random.number());
            let sources: Vec<u64> = sources.collect();
            let rule = run_one(&bench.builds[0], &sources)?;
            verdict.take(stream, &sources, &rule)?;
        }
        let Verdict { runs, in_order, late, worst, clear, worst_clear, rows, inside } = verdict;
        let late = if stream == Stream::Late { format!("{late} of {runs}") } else { "".into() };
        writeln!(
            text,
            "| {} | {in_order} of {runs} | {:.2} | {clear} | {:.2} | {inside} of {rows} | {late} |",
            stream.name(),
            worst * 100.0,
            worst_clear * 100.0
        )?;
    }
    Ok(text)
}

fn run_one(build: &Build, sources: &[u64]) -> Result<Value> {
    let pair = Pair::new()?;
    let running = start(build, &pair, &["--by", &format!("src,{ROWS}")])?;
    let before = pair.server.counters(SERVER_LINK)?;
    let sent = thread::scope(|scope| {
        let sending = scope.spawn(|| send(&pair, 0, sources.iter().copied()));
        sending.join().expect("no panic in a sender")
    })?;
    pair.server.wait_for_received(SERVER_LINK, before, sent, LIMIT)?;
    end(running, sent)
}

impl Verdict {
    fn take(&mut self, stream: Stream, sources: &[u64], rule: &Value) -> Result<()> {
        let mut truth: HashMap<u64, u64> = HashMap::new();
        sources.iter().for_each(|source| *truth.entry(*source).or_default() += 1);
        let by_text = |truth: &HashMap<u64, u64>| -> HashMap<String, u64> {
            truth.iter().map(|(source, packets)| (text_of(*source), *packets)).collect()
        };
        let list = &rule["top"][0];
        let rows = list["keys"].as_array().context("no keys")?;
        let number = |row: &Value, field| row[field].as_u64().context("no number");
        let known = by_text(&truth);
        let mut counted: HashMap<&str, u64> = HashMap::new();
        for row in rows {
            let key = row["key"].as_str().context("no key")?;
            let true_count = *known.get(key).with_context(|| format!("{key} was not sent"))?;
            let (low, high) = (number(row, "low")?, number(row, "high")?);
            self.rows += 1;
            self.inside += u32::from((low..=high).contains(&true_count));
            counted.insert(key, number(row, "packets")?);
        }
        let mut largest: Vec<(u64, u64)> = truth.into_iter().collect();
        largest.sort_by_key(|(source, packets)| (Reverse(*packets), *source));
        largest.truncate(TOP);
        let misses = number(&list["other"], "packets")? as f64;
        let clear = 100.0 * (2.0 * misses / ENTRIES).sqrt();
        for (source, packets) in &largest {
            let found = counted.get(text_of(*source).as_str()).copied().unwrap_or_default();
            let error = found.abs_diff(*packets) as f64 / *packets as f64;
            self.worst = self.worst.max(error);
            if *packets as f64 > clear {
                self.clear += 1;
                self.worst_clear = self.worst_clear.max(error);
            }
        }
        self.runs += 1;
        // Sources of one true count may stand in any order.
        let packets_of = |row: &Value| known.get(row["key"].as_str().unwrap_or_default()).copied();
        let order: Vec<u64> = rows.iter().take(TOP).filter_map(packets_of).collect();
        let right: Vec<u64> = largest.iter().map(|(_, packets)| *packets).collect();
        self.in_order += u32::from(order == right);
        let late = text_of(LATE);
        let shown = rows.iter().take(TOP).any(|row| row["key"] == late.as_str());
        self.late += u32::from(stream == Stream::Late && shown);
        Ok(())
    }
}

/// How many different sources, with all CPUs sending: each has its own, and one in ten is everybody's.
fn distinct(bench: &Bench) -> Result<String> {
    let seeds = if bench.quick { 2 } else { 20 };
    let most = if bench.quick { 3 } else { 4 };
    let cpus = bench.cpus as u64;
    let mut text = format!(
        "\n`probe count --distinct src @syn`, {cpus} CPUs sending at once, {seeds} starts, each of which hashes by \
         seeds of its own.\n\n\
         | sources | within 2 % | worst % | truth inside the interval |\n\
         | ---: | ---: | ---: | ---: |\n"
    );
    for sources in [100, 10_000, 1_000_000, 10_000_000].into_iter().take(most) {
        let (mut within, mut worst, mut inside) = (0, 0.0_f64, 0);
        for seed in 1..=seeds {
            say(format!("sources, different ones: {sources}, {seed} of {seeds}"));
            let pair = Pair::new()?;
            let running = start(&bench.builds[0], &pair, &["--distinct", "src"])?;
            let before = pair.server.counters(SERVER_LINK)?;
            let own = |cpu: u64| {
                (0..sources).filter(move |source| source % cpus == cpu || source % 10 == 0)
            };
            let sent: Result<Vec<u64>> = thread::scope(|scope| {
                let (pair, own) = (&pair, &own);
                let senders: Vec<_> = (0..cpus)
                    .map(|cpu| scope.spawn(move || send(pair, cpu as usize, own(cpu))))
                    .collect();
                senders.into_iter().map(|it| it.join().expect("no panic in a sender")).collect()
            });
            let sent = sent?.iter().sum();
            pair.server.wait_for_received(SERVER_LINK, before, sent, LIMIT)?;
            let rule = end(running, sent)?;
            let number = |field| rule["distinct"][0][field].as_u64().context("no estimate");
            let (estimate, low, high) = (number("estimate")?, number("low")?, number("high")?);
            let error = estimate.abs_diff(sources) as f64 / sources as f64;
            within += u32::from(error <= 0.02);
            worst = worst.max(error);
            inside += u32::from((low..=high).contains(&sources));
        }
        writeln!(
            text,
            "| {sources} | {within} of {seeds} | {:.2} | {inside} of {seeds} |",
            worst * 100.0
        )?;
    }
    Ok(text)
}

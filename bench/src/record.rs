//! The record suite: what a flight recorder costs while nothing happens, beside those who read and
//! write every frame; and how much of its memory is in the file when a flood goes on meanwhile.

use std::fmt::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use probe_pcap::Reader;
use testbed::{
    CLIENT_LINK, FrameSender, Pace, Pair, Running, SCRATCH_DIR, SERVER_LINK, pin_to_cpu,
};
use xtask::shell::say;

use crate::compare::{Entry, compare};
use crate::observer::{LIMIT, Observer, SYN};
use crate::report::Report;
use crate::rig::{FULL, Flood, SMALLEST, syn};
use crate::stats::{Spread, seconds};
use crate::{Bench, Build};

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(5, 1);
    let mut text = bench.heading("record", rounds, &["tcpdump"]);
    let packets = bench.packets(400_000, 20_000);
    for (length, packets) in [(SMALLEST, packets), (FULL, packets / 2)] {
        let flood = Flood::of("SYNs", syn(length), packets);
        let entries = observers(bench, length)
            .into_iter()
            .map(|observer| Entry { observer, flood: flood.clone() });
        let (outcomes, bare) =
            compare(&format!("record, {length} bytes"), &entries.collect::<Vec<_>>(), rounds)?;
        writeln!(
            text,
            "SYNs of {length} bytes as fast as one CPU sends them; {:.0} ns a packet with nothing \
             attached. Added: ns a packet on the receive path. Process: CPU seconds of the observer \
             a million frames. Nothing triggers the recorder.\n\n\
             | observer | added ns | least to most | process s | lost |\n\
             | --- | ---: | ---: | ---: | ---: |",
            bare.first().map_or(f64::NAN, |spread| spread.middle)
        )?;
        for one in outcomes.iter().filter(|one| one.failed.is_none()) {
            let process = seconds(one.process_seconds());
            let (name, lost) = (&one.observer.name, 100.0 * one.lost());
            writeln!(text, "| `{name}` | {} | {process} | {lost:.1} % |", one.spread().cells(0))?;
            report.rounds(&format!("{length} bytes, added ns: {name}"), &one.added);
        }
        for one in &outcomes {
            if let Some(reason) = &one.failed {
                writeln!(text, "\nNot measured: `{}`: {reason}", one.observer.name)?;
            }
        }
        text.push('\n');
    }
    text += &armed(bench)?;
    text += &held(bench)?;
    report.section("record suite", text);
    Ok(())
}

fn observers(bench: &Bench, length: usize) -> Vec<Observer> {
    let (recording, capture) =
        (format!("{SCRATCH_DIR}/record.pcapng"), format!("{SCRATCH_DIR}/capture.pcap"));
    let snaplen: &[&str] = if length == SMALLEST { &["-s", "96"] } else { &[] };
    let mut observers = vec![Observer::empty(&bench.yardstick)];
    for build in &bench.builds {
        for memory in ["2M", "64M"] {
            let words = ["record", "--hook", "tcx", "-Q", "in", "-B", memory, "-w", &recording];
            observers.push(build.probe(&[&words[..], snaplen, &[SYN]].concat()));
        }
        for file in ["/dev/null", &capture] {
            let words = ["capture", "--hook", "tcx", "-w", file];
            observers.push(build.probe(&[&words[..], snaplen, &[SYN]].concat()));
        }
    }
    observers.push(Observer::tcpdump(&[&["-w", &capture], snaplen, &[SYN]].concat()));
    observers
}

/// The process while it is armed, on a link on which nothing comes.
fn armed(bench: &Bench) -> Result<String> {
    let length = Duration::from_secs(if bench.quick { 2 } else { 20 });
    let mut text = format!(
        "The process of a recorder that is armed, on an idle link, {} s:\n\n\
         | conditions | CPU, % of a core |\n| --- | ---: |\n",
        length.as_secs()
    );
    for build in &bench.builds {
        for condition in [None, Some("rate > 50k/s for 2s")] {
            say("record: armed");
            let share = idle(build, condition, length)?;
            let condition = condition.unwrap_or("none");
            writeln!(text, "| {condition}{} | {:.3} |", build.mark(), 100.0 * share)?;
        }
    }
    Ok(text)
}

/// Share of a core.
fn idle(build: &Build, condition: Option<&str>, length: Duration) -> Result<f64> {
    let pair = Pair::new()?;
    let mut command = pair.server.command(&build.program);
    let file = format!("{SCRATCH_DIR}/record.pcapng");
    command.args(["record", "-i", SERVER_LINK, "--hook", "tcx", "-w", &file]);
    if let Some(condition) = condition {
        command.args(["--when", condition]);
    }
    let running = Running::spawn(command)?;
    running.wait_for_line("probe: attached to", LIMIT)?;
    thread::sleep(Duration::from_secs(1));
    let (start, at_start) = (Instant::now(), running.cpu_time()?);
    thread::sleep(length);
    let share = (running.cpu_time()? - at_start).as_secs_f64() / start.elapsed().as_secs_f64();
    let finished = running.interrupt(LIMIT)?;
    ensure!(finished.status.success(), "{}: {}", finished.status, finished.stderr);
    Ok(share)
}

/// What a smallest frame takes in a ring: its link, its header, and 60 bytes up to a multiple of 8.
const SLOT: u64 = 112;

/// The share of a ring that is in the file, while the flood goes on.
fn held(bench: &Bench) -> Result<String> {
    let rounds = bench.rounds(5, 1);
    let mut text = format!(
        "\nA signal in the middle of a flood of numbered SYNs of {SMALLEST} bytes, as fast as one CPU \
         sends them: of the frames that the ring of that CPU has room for, the share that is in the \
         file, {rounds} rounds. In each of them all numbers are there, in order, from the first to the last.\n\n\
         | memory | share, % | least to most |\n| --- | ---: | ---: |\n"
    );
    for build in &bench.builds {
        for mib in [2, 64] {
            say(format!("record: held, {mib} MiB"));
            let shares = (0..rounds).map(|_| share(build, mib)).collect::<Result<Vec<_>>>()?;
            let spread = Spread::of(shares.iter().map(|share| 100.0 * share));
            writeln!(text, "| {mib} MiB{} | {} |", build.mark(), spread.cells(1))?;
        }
    }
    Ok(text)
}

/// One round.
fn share(build: &Build, mib: u64) -> Result<f64> {
    /// More than the largest ring holds: a number is there once.
    const NUMBERS: u32 = 1 << 20;
    let room = (mib << 20) / SLOT;
    let pair = Pair::new()?;
    let file = format!("{SCRATCH_DIR}/held.pcapng");
    let mut command = pair.server.command(&build.program);
    let memory = format!("{mib}M");
    let words = ["record", "-i", SERVER_LINK, "--hook", "tcx", "-Q", "in", "-s", "96"];
    command.args(words).args(["-B", &memory, "--last", "1h", "-w", &file, SYN]);
    let running = Running::spawn(command)?;
    running.wait_for_line("probe: attached to", LIMIT)?;
    let frames: Vec<Vec<u8>> = (0..NUMBERS).map(numbered).collect();
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
    let before = pair.server.counters(SERVER_LINK)?;
    let pace = Pace::default();
    thread::scope(|scope| -> Result<()> {
        let flood = scope.spawn(|| -> Result<()> {
            pin_to_cpu(0)?;
            sender.send_until(&frames, u64::MAX, None, &pace).map(drop)
        });
        // The ring has gone round when the signal comes.
        let received =
            || -> Result<u64> { Ok(pair.server.counters(SERVER_LINK)?.since(before).rx_packets) };
        let signalled = wait_until(|| Ok(received()? >= room * 3 / 2))
            .and_then(|()| running.signal(libc::SIGUSR2));
        let ended = running.wait(LIMIT);
        pace.stop();
        flood.join().expect("no panic in a flood")?;
        signalled?;
        let finished = ended?;
        ensure!(finished.status.success(), "{}: {}", finished.status, finished.stderr);
        Ok(())
    })?;
    let held = pair.server.enter(|| count_without_gap(Path::new(&file), NUMBERS))?;
    Ok(held as f64 / room as f64)
}

fn wait_until(mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !holds()? {
        ensure!(start.elapsed() < LIMIT, "the flood does not come");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A SYN that has its number in the sequence number.
fn numbered(number: u32) -> Vec<u8> {
    let mut frame = syn(SMALLEST);
    frame[SEQUENCE..SEQUENCE + 4].copy_from_slice(&number.to_be_bytes());
    frame
}

/// Where the sequence number is: behind Ethernet's header, IPv4's and two ports.
const SEQUENCE: usize = 14 + 20 + 4;

/// How many frames a file has, whose numbers follow one another.
fn count_without_gap(file: &Path, numbers: u32) -> Result<u64> {
    let mut reader = Reader::open(file)?;
    let (mut count, mut next) = (0, None);
    while let Some(frame) = reader.next()? {
        let number = frame.bytes.get(SEQUENCE..).and_then(|bytes| bytes.first_chunk());
        let number = u32::from_be_bytes(*number.context("a frame is too short")?);
        ensure!(next.is_none_or(|next| next == number), "a gap before number {number}");
        next = Some((number + 1) % numbers);
        count += 1;
    }
    Ok(count)
}

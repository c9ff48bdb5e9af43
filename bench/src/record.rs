//! The record suite: what a flight recorder costs while nothing happens, beside those who read and
//! write every frame.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testbed::{Pair, Running, SCRATCH_DIR, SERVER_LINK};
use xtask::shell::say;

use crate::compare::{Entry, compare};
use crate::observer::{LIMIT, Observer, SYN};
use crate::report::Report;
use crate::rig::{FULL, Flood, SMALLEST, syn};
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
            let seconds = one.process_seconds();
            let process = if seconds.is_finite() { format!("{seconds:.3}") } else { "-".into() };
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
    let length = Duration::from_secs(if bench.quick { 2 } else { 60 });
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

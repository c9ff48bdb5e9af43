//! The loss suite: captures with their default buffers at the rig's full rate, long enough
//! that no buffer hides a reader that is too slow.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::unistd::{SysconfVar, sysconf};
use testbed::{CLIENT_LINK, FrameSender, Pair, SCRATCH_DIR, SERVER_LINK, pin_to_cpu};
use xtask::shell::say;

use crate::Bench;
use crate::goals::Goal;
use crate::observer::{Observer, SYN, Summary};
use crate::report::Report;
use crate::rig::{FULL, SMALLEST, syn};

/// Captures read in blocks, and a block that is not full waits for its time: a second for
/// tcpdump. So long they are left alone behind the last frame.
const QUIET: Duration = Duration::from_millis(1500);

/// One capture's half a minute.
struct Run {
    /// Frames sent, which all match.
    sent: u64,
    /// How long that took.
    elapsed: Duration,
    /// CPU seconds of the whole machine, from the first frame to the end of the process.
    machine: f64,
    summary: Summary,
}

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut text = format!(
        "`cargo xtask bench --suite loss{}`\n\n{}\n\nDefault settings, SYNs as fast as one CPU \
         sends them. Written, lost: by the capture's own account. Missing: sent, and not \
         written. Machine: busy CPU seconds of all cores (/proc/stat) a million frames written, \
         over those of the same flood with nothing attached. FILE lies in memory.\n\n",
        if bench.quick { " --quick" } else { "" },
        bench.machine(&["tcpdump", "dumpcap", "netsniff-ng"]),
    );
    let file = format!("{SCRATCH_DIR}/capture.pcap");
    // Full frames would fill the memory.
    for (length, to, seconds) in [(SMALLEST, file.as_str(), 30), (FULL, "/dev/null", 5)] {
        let seconds = Duration::from_secs(if bench.quick { 1 } else { seconds });
        text += &table(bench, length, to, seconds, report)?;
    }
    report.section("loss suite", text);
    Ok(())
}

fn table(
    bench: &Bench,
    length: usize,
    to: &str,
    seconds: Duration,
    report: &mut Report,
) -> Result<String> {
    let mut observers: Vec<Observer> = (bench.builds.iter())
        .map(|build| build.probe(&["capture", "--hook", "tcx", "-w", to, SYN]))
        .collect();
    observers.push(Observer::tcpdump(&["-w", to, SYN]));
    observers.push(Observer::dumpcap(&["-w", to, "-f", SYN]));
    observers.push(Observer::netsniff(&["--out", to, "-f", SYN]));
    let frame = syn(length);
    // Taken a frame: it need not be as long.
    let bare = flood(&Observer::nothing(), &frame, seconds.min(Duration::from_secs(5)))?;
    let mut text = format!(
        "Frames of {length} bytes for {} s; {:.0} a second with nothing attached:\n\n\
         | capture | frames a second | sent | written | lost | missing | machine s |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        seconds.as_secs(),
        bare.rate(),
    );
    let mut machine = Vec::new();
    for (place, observer) in observers.iter().enumerate() {
        say(format!("loss: {}", observer.name));
        if let Some(name) = observer.missing() {
            writeln!(text, "| `{}` | {name} is not installed | | | | | |", observer.name)?;
            continue;
        }
        let run = flood(observer, &frame, seconds)
            .with_context(|| format!("capturing with {}", observer.name))?;
        let counts = run.summary.counts;
        // What a buffer still held at the end is missing, too, if it did not write it.
        let missing = run.sent.saturating_sub(counts.captured);
        writeln!(
            text,
            "| `{}` | {:.0} | {} | {} | {} | {missing} | {:.3} |",
            observer.name,
            run.rate(),
            run.sent,
            counts.captured,
            counts.lost,
            run.machine_over(&bare)
        )?;
        machine.push((place, run.machine_over(&bare)));
        if place == 0 {
            report.reached(Goal::Lost, missing as f64);
        }
    }
    let of_others = machine.iter().filter(|(place, _)| *place >= bench.builds.len());
    let best = of_others.map(|&(_, seconds)| seconds).fold(f64::INFINITY, f64::min);
    if let Some(&(0, ours)) = machine.first() {
        let goal = if length == FULL { Goal::CaptureFullCpu } else { Goal::CaptureCpu };
        report.reached(goal, ours / best);
    }
    Ok(text + "\n")
}

impl Run {
    fn rate(&self) -> f64 {
        self.sent as f64 / self.elapsed.as_secs_f64()
    }

    /// CPU seconds a million frames written, above those that sending as many takes.
    fn machine_over(&self, bare: &Self) -> f64 {
        let sending = bare.machine * self.sent as f64 / bare.sent as f64;
        (self.machine - sending) * 1e6 / self.summary.counts.captured as f64
    }
}

fn flood(observer: &Observer, frame: &[u8], length: Duration) -> Result<Run> {
    let pair = Pair::new()?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
    let watching = observer.start(&pair.server)?;
    let before = pair.server.counters(SERVER_LINK)?;
    let busy = busy_seconds()?;
    let send = || -> Result<(u64, Duration)> {
        pin_to_cpu(0)?;
        let start = Instant::now();
        let mut frames = 0;
        while start.elapsed() < length {
            frames += sender.send_paced(&[frame], 10_000, None)?.frames;
        }
        Ok((frames, start.elapsed()))
    };
    let sent = thread::scope(|scope| scope.spawn(send).join().expect("no panic in a flood"));
    let (sent, elapsed) = sent?;
    pair.server.wait_for_received(SERVER_LINK, before, sent, Duration::from_secs(10))?;
    thread::sleep(QUIET);
    let summary = watching.end(&pair.server)?;
    let machine = busy_seconds()? - busy;
    ensure!(
        !observer.exact || summary.counts.counted == sent,
        "counted {} of {sent} frames",
        summary.counts.counted
    );
    Ok(Run { sent, elapsed, machine, summary })
}

/// Seconds that all CPUs were at work since the machine's start (proc(5), /proc/stat).
fn busy_seconds() -> Result<f64> {
    let text = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let ticks = busy_ticks(&text).context("no line of all CPUs in /proc/stat")?;
    let a_second = sysconf(SysconfVar::CLK_TCK)?.context("the system has no clock ticks")?;
    Ok(ticks as f64 / a_second as f64)
}

/// user, nice and system, then behind idle and iowait: irq and softirq. Stolen time is
/// another machine's; a guest's is in user.
fn busy_ticks(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks = line.split_whitespace().map(|word| word.parse().ok());
    let ticks: Vec<u64> = ticks.collect::<Option<_>>()?;
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = ticks[..] else { return None };
    Some(user + nice + system + irq + softirq)
}

#[cfg(test)]
mod tests {
    use super::busy_ticks;

    #[test]
    fn idle_waiting_and_stolen_ticks_are_not_busy() {
        let text = "cpu  1 2 4 1000 2000 8 16 4000 8000 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy_ticks(text), Some(31));
        assert_eq!(busy_ticks("cpu  1 2 x\n"), None);
        assert_eq!(busy_ticks(""), None);
    }
}

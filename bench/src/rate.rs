//! The rate suite: `probe rate` on traffic whose rate is known, and beside it what it
//! replaces: tcpdump with -c, timed.

use std::fmt::Write as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::{
    CLIENT_LINK, Finished, FrameSender, Pace, Pair, Running, SERVER_LINK, Sent, pin_to_cpu,
    raise_priority,
};
use xtask::shell::say;

use crate::goals::Goal;
use crate::observer::SYN;
use crate::report::Report;
use crate::rig::{SMALLEST, syn, syn6};
use crate::{Bench, Build};

/// Frames a second, and rounds of each in a full run.
const RATES: [(f64, u32); 3] = [(1_000.0, 1), (20_000.0, 3), (200_000.0, 5)];

/// How often a run is made in which the generator keeps its pace.
const TRIES: u32 = 5;

/// One run of the two commands on one stretch of traffic.
struct Run {
    /// Frames a second that were sent.
    truth: f64,
    /// The most frames that were due at one time while `probe rate` measured.
    behind: u64,
    probe: Measured,
    tcpdump: Measured,
}

/// What one command made of it.
struct Measured {
    packets: u64,
    seconds: f64,
    rate: f64,
    /// The 95 % interval, where it states one.
    interval: Option<(f64, f64)>,
    lost: u64,
    cpu: Duration,
}

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let tries = if bench.quick { 2 } else { TRIES };
    let mut text = format!(
        "`cargo xtask bench --suite rate{}`\n\n{}\n\nSYNs at a steady pace, every other one IPv6. \
         Both commands start while the traffic flows, and end by themselves:\n\n\
         - `probe rate -i srv0 -c 10000 @syn`\n\
         - `time tcpdump -nn -i srv0 '{SYN}' -c 10000 > /dev/null`\n\n\
         tcpdump's rate is what one reckons from `time`: its count over the time of the command. \
         Missed: the share of SYNs that went by while it ran and that it did not count.\n\n\
         | sent a second | probe: packets | s | a second | 95 % interval | covers | CPU ms \
         | tcpdump: packets | s | a second | missed | dropped | CPU ms |\n\
         | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        if bench.quick { " --quick" } else { "" },
        bench.machine(&["tcpdump"]),
    );
    let (mut runs, mut outside, mut unsteady) = (0, 0, 0);
    for (rate, rounds) in RATES {
        // At the slowest rate the full count takes 20 seconds.
        let goal = if bench.quick && rate < 10_000.0 { 1_000 } else { 10_000 };
        for round in 1..=bench.rounds(rounds, 1).min(rounds) {
            for build in &bench.builds {
                say(format!("rate: {rate} a second, round {round}"));
                let mut run = one(build, rate, goal)
                    .with_context(|| format!("rate suite at {rate} a second"))?;
                for _ in 1..tries {
                    if run.steady(goal) {
                        break;
                    }
                    unsteady += 1;
                    run = one(build, rate, goal)?;
                }
                runs += 1;
                outside += u64::from(!run.covers());
                text += &run.row(&build.label)?;
            }
        }
    }
    writeln!(
        text,
        "\nThe true rate lay in the interval in {} of {runs} runs. {unsteady} more were taken \
         again: the generator did not get the CPU, and more than 1 % of the count came late.",
        runs - outside
    )?;
    report.reached(Goal::Rate, outside as f64);
    report.section("rate suite", text);
    Ok(())
}

impl Run {
    /// Whether the traffic had one rate while it was measured.
    fn steady(&self, goal: u64) -> bool {
        self.behind <= goal / 100
    }

    fn covers(&self) -> bool {
        self.probe.interval.is_some_and(|(low, high)| low <= self.truth && self.truth <= high)
    }

    fn row(&self, label: &str) -> Result<String> {
        let Self { truth, probe, tcpdump, .. } = self;
        let mut row = String::new();
        let (low, high) = probe.interval.unwrap_or((f64::NAN, f64::NAN));
        let mark = if label.is_empty() { String::new() } else { format!(" [{label}]") };
        let missed = 1.0 - tcpdump.packets as f64 / (truth * tcpdump.seconds);
        writeln!(
            row,
            "| {truth:.0}{mark} | {} | {:.4} | {:.0} | {low:.0} to {high:.0} | {} | {:.0} \
             | {} | {:.4} | {:.0} | {:.0} % | {} | {:.0} |",
            probe.packets,
            probe.seconds,
            probe.rate,
            if self.covers() { "yes" } else { "no" },
            probe.cpu.as_secs_f64() * 1e3,
            tcpdump.packets,
            tcpdump.seconds,
            tcpdump.rate,
            100.0 * missed,
            tcpdump.lost,
            tcpdump.cpu.as_secs_f64() * 1e3
        )?;
        Ok(row)
    }
}

/// Lets traffic flow, both commands measure it, and stops it.
fn one(build: &Build, rate: f64, goal: u64) -> Result<Run> {
    let pair = Pair::new()?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
    let frames = [syn(SMALLEST), syn6(SMALLEST)];
    let pace = Pace::default();
    // tcpdump finds half of them; starting may take seconds on a busy machine.
    let limit = Duration::from_secs_f64(20.0 + 4.0 * goal as f64 / rate);
    let most = (limit.as_secs_f64() * rate) as u64;
    let flow = || -> Result<Sent> {
        pin_to_cpu(0)?;
        raise_priority()?;
        sender.send_until(&frames, most, Some(rate), &pace)
    };
    thread::scope(|scope| {
        let flow = scope.spawn(flow);
        let ended = watch(build, &pair, goal, limit, &pace);
        pace.stop();
        let sent = flow.join().expect("no panic in a sender")?;
        let (probe, tcpdump, behind) = ended?;
        ensure!(sent.frames < most, "the traffic ended before the commands did");
        // One frame before the first gap.
        let truth = (sent.frames - 1) as f64 / sent.elapsed.as_secs_f64();
        Ok(Run { truth, behind, probe: probe_says(&probe, goal)?, tcpdump: tcpdump.says(goal)? })
    })
}

/// tcpdump at its end.
struct Timed {
    finished: Finished,
    real: Duration,
}

/// Runs both to their ends; also says how far the traffic fell behind while probe measured.
fn watch(
    build: &Build,
    pair: &Pair,
    goal: u64,
    limit: Duration,
    pace: &Pace,
) -> Result<(Finished, Timed, u64)> {
    let goal = goal.to_string();
    // tcpdump first: probe then measures within its time, whatever either needs to start.
    let mut tcpdump = pair.server.command("tcpdump");
    tcpdump.args(["-nn", "-i", SERVER_LINK, SYN, "-c", &goal]);
    let start = Instant::now();
    let mut tcpdump = Running::spawn_to(tcpdump, Stdio::null())?;
    let mut probe = pair.server.command(&build.program);
    probe.args(["rate", "-i", SERVER_LINK, "-c", &goal, "--format", "json", "@syn"]);
    let mut probe = Running::spawn(probe)?;
    let (mut real, mut behind, mut attached) = (None, None, false);
    while real.is_none() || behind.is_none() {
        ensure!(start.elapsed() < limit, "the commands did not end within {limit:?}");
        if real.is_none() && !tcpdump.is_running()? {
            real = Some(start.elapsed());
        }
        if !attached && probe.stderr().contains("probe: attached to") {
            attached = true;
            pace.behind();
        }
        if behind.is_none() && !probe.is_running()? {
            behind = Some(pace.behind());
        }
        thread::sleep(Duration::from_millis(1));
    }
    let real = real.unwrap_or_default();
    let timed = Timed { finished: tcpdump.wait(limit)?, real };
    Ok((probe.wait(limit)?, timed, behind.unwrap_or_default()))
}

fn probe_says(finished: &Finished, goal: u64) -> Result<Measured> {
    ensure!(finished.status.success(), "probe rate: {}: {}", finished.status, finished.stderr);
    let text = finished.text();
    let object: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("probe rate said: {text}"))?;
    let number = |value: &serde_json::Value| {
        value.as_f64().with_context(|| format!("a number is missing in: {text}"))
    };
    let packets = object["packets"].as_u64().context("no packets")?;
    ensure!(packets == goal, "probe rate -c {goal} counted {packets}");
    Ok(Measured {
        packets,
        seconds: number(&object["seconds"])?,
        rate: number(&object["pps"])?,
        interval: Some((number(&object["pps_95"][0])?, number(&object["pps_95"][1])?)),
        lost: 0,
        cpu: finished.user_time + finished.system_time,
    })
}

impl Timed {
    fn says(&self, goal: u64) -> Result<Measured> {
        let finished = &self.finished;
        ensure!(finished.status.success(), "tcpdump: {}: {}", finished.status, finished.stderr);
        let lost = crate::summaries::SummaryFormat::Tcpdump.read(finished)?.lost;
        let seconds = self.real.as_secs_f64();
        Ok(Measured {
            packets: goal,
            seconds,
            rate: goal as f64 / seconds,
            interval: None,
            lost,
            cpu: finished.user_time + finished.system_time,
        })
    }
}

//! The start suite: how long until probe counts, how long until it is gone, and what its
//! process takes while it counts.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::{
    CLIENT_LINK, FrameSender, Pace, Pair, Running, SCRATCH_DIR, SERVER_LINK, pin_to_cpu,
};
use xtask::shell::say;

use crate::goals::Goal;
use crate::observer::LIMIT;
use crate::report::Report;
use crate::rig::{SMALLEST, syn};
use crate::rules::Kind;
use crate::stats::Spread;
use crate::{Bench, Build};

/// Between two frames while probe starts: how fine the first counted one is known.
const GAP: Duration = Duration::from_micros(50);

/// One row: a hook and how many rules.
#[derive(Clone, Copy, Debug)]
struct Setting {
    hook: &'static str,
    rules: usize,
}

const SETTINGS: [Setting; 5] = [
    Setting { hook: "tcx", rules: 1 },
    Setting { hook: "xdp-native", rules: 1 },
    Setting { hook: "xdp-generic", rules: 1 },
    Setting { hook: "tcx", rules: 64 },
    Setting { hook: "tcx", rules: 512 },
];

/// Milliseconds from the start of the process, or from the interrupt.
struct Times {
    ready: f64,
    first: f64,
    gone: f64,
}

/// Measures and reports.
pub fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let rounds = bench.rounds(7, 1);
    let rows: Vec<(&Build, Setting)> =
        (bench.builds.iter()).flat_map(|build| SETTINGS.map(|setting| (build, setting))).collect();
    let mut times: Vec<Vec<Times>> = rows.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        say(format!("start: round {round} of {rounds}"));
        for ((build, setting), times) in rows.iter().zip(&mut times) {
            let once = start_and_end(build, *setting);
            times.push(once.with_context(|| format!("starting with {setting:?}"))?);
        }
    }
    let mut text = bench.heading("start", rounds, &[]);
    text += "`probe count` while a SYN goes by every 50 us; the times of all frames are known, \
             and so is, from the final count, which was the first counted. Ready: the line on \
             standard error. Gone: from the interrupt to the end of the process. Medians, least \
             and most, in ms.\n\n\
             | hook | rules | ready | | first counted | | gone | |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    let mut worst = f64::NAN;
    for ((build, setting), times) in rows.iter().zip(&times) {
        let of = |pick: fn(&Times) -> f64| Spread::of(times.iter().map(pick));
        let first = of(|one| one.first);
        writeln!(
            text,
            "| {}{} | {} | {} | {} | {} |",
            setting.hook,
            build.mark(),
            setting.rules,
            of(|one| one.ready).cells(0),
            first.cells(0),
            of(|one| one.gone).cells(0)
        )?;
        let name =
            format!("first counted, ms: {}, {} rules{}", setting.hook, setting.rules, build.mark());
        report.rounds(&name, &times.iter().map(|one| one.first).collect::<Vec<_>>());
        if setting.rules == 1 && build.label == bench.builds[0].label {
            worst = first.middle.max(worst);
        }
    }
    report.reached(Goal::Start, worst);
    text += &user_space(bench, report)?;
    report.section("start suite", text);
    Ok(())
}

/// The command, with its rules in a file.
fn command(build: &Build, pair: &Pair, setting: Setting) -> Result<std::process::Command> {
    let file = format!("{SCRATCH_DIR}/rules.toml");
    pair.server.enter(|| Ok(fs::write(&file, Kind::Mixed.file(setting.rules))?))?;
    let mut command = pair.server.command(&build.program);
    command.args(["count", "-i", SERVER_LINK, "--hook", setting.hook, "--format", "json"]);
    command.args(["--rules", &file]);
    Ok(command)
}

fn start_and_end(build: &Build, setting: Setting) -> Result<Times> {
    let pair = Pair::new()?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
    let before = pair.server.counters(SERVER_LINK)?;
    let pace = Pace::default();
    let frame = syn(SMALLEST);
    let send = || -> Result<Vec<Instant>> {
        pin_to_cpu(0)?;
        let mut times = Vec::with_capacity(1 << 16);
        while !pace.stopped() {
            ensure!(times.len() < 1 << 20, "nobody ended the traffic");
            sender.send_paced(&[&frame], 1, None)?;
            let now = Instant::now();
            times.push(now);
            while now.elapsed() < GAP {
                std::hint::spin_loop();
            }
        }
        Ok(times)
    };
    thread::scope(|scope| {
        let traffic = scope.spawn(send);
        let watch = || -> Result<(Instant, Duration, Running)> {
            let command = command(build, &pair, setting)?;
            thread::sleep(Duration::from_millis(20));
            let start = Instant::now();
            let running = Running::spawn(command)?;
            running.wait_for_line("probe: attached to", LIMIT)?;
            let ready = start.elapsed();
            thread::sleep(Duration::from_millis(100));
            Ok((start, ready, running))
        };
        let watched = watch();
        pace.stop();
        let times = traffic.join().expect("no panic in a sender")?;
        let (start, ready, running) = watched?;
        pair.server.wait_for_received(SERVER_LINK, before, times.len() as u64, LIMIT)?;
        let (gone, seen) = end(running)?;
        // Counted are all frames from the first to the last that was sent.
        let first = times.len().checked_sub(seen as usize).and_then(|index| times.get(index));
        let first = first.with_context(|| format!("saw {seen} of {} frames", times.len()))?;
        ensure!(*first > start, "a frame was counted before the start");
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        Ok(Times { ready: ms(ready), first: ms(*first - start), gone: ms(gone) })
    })
}

/// Interrupts it, and says how long it took to go and what it had seen.
fn end(mut running: Running) -> Result<(Duration, u64)> {
    let start = Instant::now();
    running.signal(libc::SIGINT)?;
    while running.is_running()? {
        ensure!(start.elapsed() < LIMIT, "probe does not end");
        thread::sleep(Duration::from_micros(100));
    }
    let gone = start.elapsed();
    let finished = running.wait(LIMIT)?;
    ensure!(finished.status.success(), "{}: {}", finished.status, finished.stderr);
    let text = finished.text();
    let line = text.lines().last().context("probe count printed nothing")?;
    let object: serde_json::Value = serde_json::from_str(line)?;
    let seen = object["seen"]["packets"].as_u64().context("nothing seen")?;
    Ok((gone, seen))
}

/// CPU and memory of the process while the rig sends as fast as it can.
fn user_space(bench: &Bench, report: &mut Report) -> Result<String> {
    let length = Duration::from_secs(if bench.quick { 2 } else { 10 });
    let mut text = format!(
        "\nThe process while SYNs come as fast as one CPU sends them, {} s:\n\n\
         | hook | rules | frames a second | CPU, % of a core | most resident, MiB |\n\
         | --- | ---: | ---: | ---: | ---: |\n",
        length.as_secs()
    );
    for build in &bench.builds {
        for rules in [1, 512] {
            let setting = Setting { hook: "tcx", rules };
            say(format!("start: process with {rules} rules"));
            let (rate, share, resident) = busy(build, setting, length)
                .with_context(|| format!("counting with {setting:?}"))?;
            let (percent, mib) = (100.0 * share, resident as f64 / f64::from(1 << 20));
            let hook = setting.hook;
            let mark = build.mark();
            writeln!(text, "| {hook}{mark} | {rules} | {rate:.0} | {percent:.3} | {mib:.1} |")?;
            if rules == 1 && build.label == bench.builds[0].label {
                report.reached(Goal::UserCpu, percent);
                report.reached(Goal::UserMemory, mib);
            }
        }
    }
    Ok(text)
}

/// Frames a second, share of a core, most resident bytes.
fn busy(build: &Build, setting: Setting, length: Duration) -> Result<(f64, f64, u64)> {
    let pair = Pair::new()?;
    let sender = FrameSender::open(&pair.client, CLIENT_LINK)?.linear()?;
    let running = Running::spawn(command(build, &pair, setting)?)?;
    running.wait_for_line("probe: attached to", LIMIT)?;
    let frame = syn(SMALLEST);
    let send = || -> Result<(u64, f64)> {
        pin_to_cpu(0)?;
        let (start, mut frames) = (Instant::now(), 0);
        while start.elapsed() < length {
            frames += sender.send_paced(&[&frame], 10_000, None)?.frames;
        }
        Ok((frames, frames as f64 / start.elapsed().as_secs_f64()))
    };
    let (start, at_start) = (Instant::now(), running.cpu_time()?);
    let sent = thread::scope(|scope| scope.spawn(send).join().expect("no panic in a flood"));
    let (frames, rate) = sent?;
    let share = (running.cpu_time()? - at_start).as_secs_f64() / start.elapsed().as_secs_f64();
    let resident = running.most_resident()?;
    let (_, seen) = end(running)?;
    ensure!(seen == frames, "saw {seen} of {frames} frames");
    Ok((rate, share, resident))
}

//! `probe rate`: an exact count over an exact time, and how sure that makes of the rate.
//! In place of `time tcpdump -c 10000 > /dev/null`.

mod interval;
mod report;

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tokio::time::timeout_at;

use crate::{
    cli::{RateArgs, RateFormat},
    clock::WallTime,
    count::si,
    explain,
    failure::Usage,
    interfaces,
    kernel::{Counts, Plan, Session, monotonic_ns},
    privileges::{self, Needs},
    rules::{self, Rule, RuleSet},
    stop::Stop,
};
use report::{Ending, Report};

/// How often the kernel's counters are looked at for the end.
const LOOK: Duration = Duration::from_millis(20);
/// How often progress is shown on a terminal.
const PROGRESS: Duration = Duration::from_millis(200);

/// Runs the command.
pub fn run(args: &RateArgs) -> Result<()> {
    if args.count.is_none() && args.time.is_none() {
        return Err(Usage::new("say when to end: -c N (matches) or -t TIME").into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measure(args))?;
    let bytes = match args.format {
        RateFormat::Text => report::text(&report),
        RateFormat::Json => report::json(&report),
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(&bytes).and_then(|()| stdout.flush()).context("writing to standard output")
}

async fn measure(args: &RateArgs) -> Result<Report> {
    let names = args.live.interfaces()?;
    let (hook, link) = (args.live.hook(), interfaces::link_type(names)?);
    let mut rule = Rule::new("match", args.expression.text()?);
    if args.count.is_some() {
        // The race runs over the matches of sampled rules; no ring, so nothing is copied.
        rule.sampler = Some(rules::sampler(1, None));
    }
    let set = RuleSet::compile(vec![rule], &rules::live_options(names, link, args.live.vlan))?;
    let mut stop = Stop::on_signals()?;
    let session = Session::attach(&Plan {
        interfaces: names,
        hook,
        direction: args.live.direction,
        rules: &set.specs(),
        link,
        vlan: args.live.vlan,
        snaplen: 0,
        ring_bytes: 0,
        goal: args.count.unwrap_or(0),
        diagnostics: args.live.diagnostics,
    })
    .map_err(explain::kernel)?;
    privileges::drop(args.live.user.as_deref(), Needs::of(session.attachments()))?;
    interfaces::announce(&session, 1, args.live.diagnostics);

    // The window opens when the counters are read, not when the program was attached.
    let (opened_ns, before) = read(&session)?;
    let start = Instant::now();
    let deadline = args.time.map(|time| start + time);
    let mut progress = Progress::new();
    let ending = loop {
        // With -t alone nothing needs to be looked at before the end.
        let look = (args.count.is_some() || progress.shown()).then(|| Instant::now() + LOOK);
        let wake = [look, deadline].into_iter().flatten().min();
        let wake = wake.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        let stopped = timeout_at(wake.into(), stop.wait()).await.is_ok();
        let over = stopped || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let (read_ns, counts) = read(&session)?;
        let race = counts.race;
        if let Some(goal) = args.count.filter(|_| race.last_ns != 0) {
            let time = Duration::from_nanos(race.last_ns.saturating_sub(race.first_ns));
            break (Ending::Count, goal, race.bytes, time);
        }
        if over {
            let (now, then) = (counts.rules.first(), before.rules.first());
            let (Some(now), Some(then)) = (now, then) else {
                anyhow::bail!("the program has no counter");
            };
            let ending = if stopped { Ending::Interrupted } else { Ending::Time };
            let time = Duration::from_nanos(read_ns - opened_ns);
            break (ending, now.packets - then.packets, now.bytes - then.bytes, time);
        }
        progress.show(&counts, &before, start.elapsed(), args.count)?;
    };
    progress.clear();
    let (ending, packets, bytes, time) = ending;
    Ok(Report {
        time: WallTime::now(),
        hook: interfaces::hooks(session.attachments()),
        interfaces: names.to_vec(),
        filter: args.expression.text()?,
        ending,
        packets,
        bytes,
        span: time,
    })
}

/// Reads the counters, and the time in the middle of the reading.
fn read(session: &Session) -> Result<(u64, Counts)> {
    let from = monotonic_ns();
    let counts = session.counts().map_err(explain::kernel)?;
    Ok((from + (monotonic_ns() - from) / 2, counts))
}

/// A line on the terminal while the measurement runs.
struct Progress {
    terminal: bool,
    next: Instant,
    drawn: bool,
}

impl Progress {
    fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        Self { terminal, next: Instant::now() + PROGRESS, drawn: false }
    }

    fn shown(&self) -> bool {
        self.terminal
    }

    fn show(
        &mut self,
        counts: &Counts,
        before: &Counts,
        elapsed: Duration,
        goal: Option<u64>,
    ) -> Result<()> {
        if !self.terminal || Instant::now() < self.next {
            return Ok(());
        }
        self.next = Instant::now() + PROGRESS;
        self.drawn = true;
        let packets = |counts: &Counts| counts.rules.first().map_or(0, |count| count.packets);
        let matches = packets(counts) - packets(before);
        let goal = goal.map(|goal| format!(" of {goal}")).unwrap_or_default();
        let rate = si(matches as f64 / elapsed.as_secs_f64().max(1e-9));
        let seconds = elapsed.as_secs_f64();
        eprint!("\r\x1b[K{matches}{goal} in {seconds:.1} s, {rate}/s");
        Ok(())
    }

    fn clear(&self) {
        if self.drawn {
            eprint!("\r\x1b[K");
        }
    }
}

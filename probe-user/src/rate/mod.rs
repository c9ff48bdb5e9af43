//! `probe rate`: an exact count over an exact time, and how sure that makes of the rate.
//! In place of `time tcpdump -c 10000 > /dev/null`.

mod interval;
mod report;

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    cli::{RateArgs, RateFormat},
    clock,
    count::si,
    explain,
    failure::Usage,
    interfaces::{self, NoneLeft},
    kernel::{Counts, Session},
    reporter,
    rules::{self, Rule},
    runtime, stdout,
    watch::{Vigil, Wants, Watch, Woken},
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
    let (report, none_left) = runtime::block_on(measure(args))?;
    let bytes = match args.format {
        RateFormat::Text => report::text(&report),
        RateFormat::Json => report::json(&report),
    };
    stdout::print(&bytes)?;
    // What was measured until then stands; that no more can come is a failure.
    none_left.map_or(Ok(()), |none| Err(none.into()))
}

/// Measures, and says whether it ended because no interface was left.
async fn measure(args: &RateArgs) -> Result<(Report, Option<NoneLeft>)> {
    let mut rule = Rule::new("match", args.expression.text()?);
    if args.count.is_some() {
        // The race runs over the matches of sampled rules; no ring, so nothing is copied.
        rule.sampler = Some(rules::sampler(1, None));
    }
    let wants = Wants { goal: args.count.unwrap_or(0), ..Wants::default() };
    let watch = Watch::start(&args.live, vec![rule], wants)?;
    // The window opens when the counters are read, not when the program was attached; whoever
    // waits for the line that says so finds it open.
    let (opened, before) = read(&watch.session)?;
    watch.announce(&args.live);
    let Watch { mut session, stop, .. } = watch;
    let mut vigil = Vigil::keep(stop, session.attachments())?;
    let start = Instant::now();
    let deadline = args.time.map(|time| start + time);
    let mut progress = Progress::new();
    let mut detached = Ok(());
    let ending = loop {
        // With -t alone nothing needs to be looked at before the end.
        let look = (args.count.is_some() || progress.shown()).then(|| Instant::now() + LOOK);
        let wake = [look, deadline].into_iter().flatten().min();
        let wake = wake.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        let woken = vigil.wait(wake).await;
        if let Woken::Changed(changes) = &woken {
            progress.clear();
            interfaces::tell(changes);
        }
        let stopped = woken == Woken::Stop || vigil.none_left().is_some();
        let over = stopped || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let (read_at, counts) = read(&session)?;
        let race = counts.race;
        // The CPU of the first match may still be about to write its time.
        let finished = race.first_ns != 0 && race.last_ns != 0;
        if let Some(goal) = args.count.filter(|_| finished) {
            let time = Duration::from_nanos(race.last_ns.saturating_sub(race.first_ns));
            // Other CPUs may still be about to add the bytes of matches before the last one.
            detached = session.detach();
            let bytes = read(&session)?.1.race.bytes;
            break (Ending::Count, goal, bytes, time);
        }
        if over {
            let (now, then) = (counts.rules.first(), before.rules.first());
            let (Some(now), Some(then)) = (now, then) else {
                anyhow::bail!("the program has no counter");
            };
            let ending = if stopped { Ending::Interrupted } else { Ending::Time };
            let time = read_at - opened;
            break (ending, now.packets - then.packets, now.bytes - then.bytes, time);
        }
        progress.show(&counts, &before, start.elapsed(), args.count)?;
    };
    progress.clear();
    detached.map_err(explain::kernel)?;
    let (ending, packets, bytes, time) = ending;
    // Whoever got what was wanted before needs no more.
    let none_left = vigil.none_left().filter(|_| ending == Ending::Interrupted);
    let report = Report {
        time: clock::now(),
        hook: interfaces::hooks(session.attachments()),
        interfaces: args.live.interfaces.clone(),
        filter: args.expression.text()?,
        ending,
        packets,
        bytes,
        span: time,
    };
    Ok((report, none_left))
}

/// Reads the counters, and the time in the middle of the reading.
fn read(session: &Session) -> Result<(Instant, Counts)> {
    let from = Instant::now();
    let counts = session.glance().map_err(explain::kernel)?;
    Ok((from + from.elapsed() / 2, counts))
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
        reporter::in_place(format_args!("{matches}{goal} in {seconds:.1} s, {rate}/s"));
        Ok(())
    }

    fn clear(&self) {
        if self.drawn {
            reporter::in_place("");
        }
    }
}

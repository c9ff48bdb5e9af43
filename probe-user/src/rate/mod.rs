//! `probe rate`: an exact count over an exact time, and how sure that makes of the rate.
//! In place of `time tcpdump -c 10000 > /dev/null`.

mod interval;
mod offline;
mod report;

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use probe_common::Counter;

use crate::{
    clock, explain,
    history::History,
    interfaces,
    kernel::{Counts, Programs},
    reporter,
    rules::{self, Rule},
    runtime,
    source::{Live, Source},
    stdout,
    text::{grouped, si},
    watch::{Event, Events, ProgramOptions, Watch},
};
use report::{Ending, Report};

/// How often the kernel's counters are looked at for the end.
const LOOK: Duration = Duration::from_millis(20);
/// Characters of the last minute.
const MINUTE: usize = 20;
/// How often progress is shown on a terminal.
const PROGRESS: Duration = Duration::from_millis(200);

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the frames come from.
    pub source: Source<PathBuf>,
    /// What matches.
    pub filter: String,
    /// The end, by matches: two at least.
    pub count: Option<u64>,
    /// The end, by time, of live frames.
    pub duration: Option<Duration>,
    /// How the rate is shown.
    pub format: Format,
}

/// How the rate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Runs the command.
///
/// # Errors
/// Mistakes in the filter, what the kernel refuses, that no interface is left, and those of reading
/// a file.
pub fn run(plan: &Plan) -> Result<()> {
    let (report, ended) = match &plan.source {
        Source::Live(live) => runtime::block_on(on_interfaces(plan, live))?,
        Source::Stored { files, engine, user } => {
            match offline::over_file(plan, files, *engine, user.as_deref())? {
                Some(measured) => measured,
                None => return Ok(()),
            }
        }
    };
    let bytes = match plan.format {
        Format::Text => report::text(&report),
        Format::Json => report::json(&report),
    };
    stdout::print(&bytes)?;
    // What was measured until then stands; that no more could come is a failure.
    ended
}

/// Measures, and says whether frames could come until the end.
async fn on_interfaces(plan: &Plan, live: &Live) -> Result<(Report, Result<()>)> {
    let mut rule = Rule::new("match", &plan.filter);
    if plan.count.is_some() {
        // The race runs over the matches of sampled rules; no ring, so nothing is copied.
        rule.sampler = Some(rules::sampler(1, None));
    }
    let program = ProgramOptions { goal: plan.count.unwrap_or(0), ..ProgramOptions::default() };
    let watch = Watch::start(live, vec![rule], program)?;
    // The window opens when the counters are read, not when the program was attached; whoever
    // waits for the line that says so finds it open.
    let opened = read(&watch.session)?;
    watch.announce(live);
    let Watch { rules, chosen, mut session, stop } = watch;
    let mut events = Events::watch(stop, session.attachments(), chosen.any)?;
    let (measured, detached) = measure(plan, opened, &mut session, &mut events).await?;
    let Measured { ending, seen, packets, bytes, span } = measured;
    rules.say_again(seen, &[Counter { packets, bytes }]);
    // The goal may have been reached before that.
    let none_left = events.none_left().filter(|_| ending == Ending::Interrupted);
    let report = Report {
        time: clock::now(),
        hook: interfaces::hooks(session.attachments()),
        interfaces: chosen.labels(),
        filter: plan.filter.clone(),
        ending,
        packets,
        bytes,
        span,
    };
    Ok((report, detached.and(none_left.map_or(Ok(()), |none| Err(none.into())))))
}

/// What came of a measurement, see [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Measured {
    ending: Ending,
    /// All frames since the window opened.
    seen: u64,
    packets: u64,
    bytes: u64,
    span: Duration,
}

/// Waits for the end that was asked for, from the reading on that opened the window. Then it
/// takes the programs off; where that fails, the measurement stands.
async fn measure(
    plan: &Plan,
    (opened, before): (Instant, Counts),
    programs: &mut impl Programs,
    events: &mut Events,
) -> Result<(Measured, Result<()>)> {
    let start = Instant::now();
    let deadline = plan.duration.map(|time| start + time);
    let mut progress = Progress::new();
    let (measured, detached) = loop {
        // With --duration alone, or none, nothing needs to be looked at before the end.
        let look = (plan.count.is_some() || progress.shown()).then(|| Instant::now() + LOOK);
        let wake = [look, deadline].into_iter().flatten().min();
        let wake = wake.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        let event = events.wait(wake).await;
        if let Event::Changed(changes) = &event {
            progress.clear();
            interfaces::follow(changes, programs);
        }
        let stopped = event == Event::Stop || events.none_left().is_some();
        let over = stopped || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let (read_at, counts) = read(programs)?;
        let race = counts.race;
        let seen = counts.seen.packets - before.seen.packets;
        // The CPU of the first match may still be about to write its time.
        let finished = race.first_ns != 0 && race.last_ns != 0;
        if let Some(packets) = plan.count.filter(|_| finished) {
            let span = Duration::from_nanos(race.last_ns.saturating_sub(race.first_ns));
            // Other CPUs may still be about to add the bytes of matches before the last one.
            let detached = programs.detach();
            let bytes = read(programs)?.1.race.bytes;
            break (Measured { ending: Ending::Count, seen, packets, bytes, span }, detached);
        }
        if over {
            let (Some(now), Some(then)) = (counts.rules.first(), before.rules.first()) else {
                anyhow::bail!("the program has no counter");
            };
            let measured = Measured {
                ending: if stopped { Ending::Interrupted } else { Ending::Time },
                seen,
                packets: now.packets - then.packets,
                bytes: now.bytes - then.bytes,
                span: read_at - opened,
            };
            break (measured, programs.detach());
        }
        progress.show(&counts, &before, start.elapsed(), plan)?;
    };
    progress.clear();
    Ok((measured, detached.map_err(explain::kernel)))
}

/// Reads the counters, and the time in the middle of the reading.
fn read(programs: &impl Programs) -> Result<(Instant, Counts)> {
    let from = Instant::now();
    let counts = programs.quick_counts().map_err(explain::kernel)?;
    Ok((from + from.elapsed() / 2, counts))
}

/// A line on the terminal while the measurement runs.
struct Progress {
    terminal: bool,
    next: Instant,
    drawn: bool,
    history: History,
}

impl Progress {
    fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        let next = Instant::now() + PROGRESS;
        Self { terminal, next, drawn: false, history: History::default() }
    }

    fn shown(&self) -> bool {
        self.terminal
    }

    fn show(
        &mut self,
        counts: &Counts,
        before: &Counts,
        elapsed: Duration,
        plan: &Plan,
    ) -> Result<()> {
        if !self.terminal || Instant::now() < self.next {
            return Ok(());
        }
        self.next = Instant::now() + PROGRESS;
        self.drawn = true;
        let of = |counts: &Counts| counts.rules.first().copied().unwrap_or_default();
        let packets = of(counts).packets - of(before).packets;
        self.history.add(elapsed, &[Counter { packets, bytes: 0 }]);
        let (matches, seconds) = (grouped(packets), elapsed.as_secs_f64());
        let goal = plan.count.map(|goal| format!(" of {}", grouped(goal))).unwrap_or_default();
        let end = plan.duration.map(|end| format!(" of {:.1}", end.as_secs_f64()));
        let end = end.unwrap_or_default();
        let rate = si(packets as f64 / seconds.max(1e-9));
        let peak = self.history.peak(0).map(|peak| format!(", peak {}/s", si(peak)));
        let peak = peak.unwrap_or_default();
        let minute = self.history.sparkline(0, MINUTE);
        reporter::in_place(format_args!(
            "{matches}{goal} in {seconds:.1}{end} s, {rate}/s{peak} {minute}"
        ));
        Ok(())
    }

    fn clear(&self) {
        if self.drawn {
            reporter::in_place("");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use probe_common::Race;

    use super::*;
    use crate::{
        kernel::{Attachment, Error},
        stop::Stop,
    };

    /// Programs that count seven frames a look. The race ends at the third; bytes of the matches
    /// before the last one come until the programs are off.
    #[derive(Default)]
    struct Scripted {
        looks: Cell<u64>,
        detached: bool,
    }

    impl Programs for Scripted {
        fn counts(&self) -> Result<Counts, Error> {
            self.quick_counts()
        }

        fn quick_counts(&self) -> Result<Counts, Error> {
            let look = self.looks.replace(self.looks.get() + 1);
            let counter = Counter { packets: 7 * look, bytes: 420 * look };
            let race = Race {
                matches: 7 * look,
                bytes: if self.detached { 1200 } else { 1140 },
                first_ns: 1_000,
                last_ns: if look < 3 { 0 } else { 2_500_001_000 },
            };
            Ok(Counts { seen: counter, rules: vec![counter], race, ..Counts::default() })
        }

        fn detach(&mut self) -> Result<(), Error> {
            self.detached = true;
            Ok(())
        }
    }

    fn measured(count: Option<u64>, duration: Option<Duration>) -> (Measured, Scripted) {
        let live = Live { interfaces: vec!["lo".into()], ..Live::default() };
        let source = Source::Live(live);
        let (filter, format) = (String::new(), Format::Text);
        let plan = Plan { source, filter, count, duration, format };
        let mut programs = Scripted::default();
        let measured = runtime::block_on(async {
            let mut events = Events::watch(Stop::on_signals()?, &[Attachment::loopback()], false)?;
            let opened = read(&programs)?;
            measure(&plan, opened, &mut programs, &mut events).await
        });
        let (measured, detached) = measured.unwrap();
        detached.unwrap();
        (measured, programs)
    }

    #[test]
    fn a_race_is_timed_by_the_kernel() {
        let (measured, programs) = measured(Some(20), None);
        let span = Duration::from_millis(2500);
        let (ending, seen) = (Ending::Count, 21);
        let expected = Measured { ending, seen, packets: 20, bytes: 1200, span };
        assert_eq!(measured, expected);
        assert!(programs.detached);
    }

    #[test]
    fn a_time_counts_from_the_reading_that_opened_the_window() {
        let time = Duration::from_millis(30);
        let (measured, programs) = measured(None, Some(time));
        let Measured { ending, seen, packets, bytes, span } = measured;
        // Without a terminal nothing is looked at between the first reading and the end.
        let looks = programs.looks.get() - 1;
        assert_eq!((ending, seen, packets), (Ending::Time, 7 * looks, 7 * looks));
        assert_eq!(bytes, 420 * looks);
        assert!(span >= time, "{span:?}");
    }
}

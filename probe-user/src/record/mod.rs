//! `probe record`: a flight recorder. The kernel keeps the last frames of a filter in rings that
//! overwrite their oldest ones, at no cost in this process; when something happens they are written,
//! with what follows.
//!
//! ```text
//! programs ─> rings that overwrite ── nobody reads them ──┐
//! counts, now and then ─> conditions ─┐                   │
//! SIGUSR2, the end of a command ──────┴─> trigger ─> recorder ─> pcapng
//! ```

mod files;
mod happening;
mod recorder;
#[cfg(test)]
mod tests;
mod words;

pub use files::{Output, WhenFull};
pub use recorder::{Recorder, Settings};
pub use words::{Before, Recorded, counts};

use std::{
    ffi::OsString,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use probe_common::RingLayout;
use probe_pcap::Origin;

use crate::{
    capture::origin,
    condition::{Condition, Readings, Watcher},
    explain,
    interfaces::{self, Change, NoneLeft},
    kernel::{self, Attachment, Counts, Programs},
    reporter,
    rules::{self, Rule},
    runtime,
    source::Live,
    text::grouped,
    watch::{Event, Events, ProgramOptions, Watch},
};
use happening::{Request, Running};

/// How often the rings are read while a file is written.
pub(crate) const FOLLOW: Duration = Duration::from_millis(20);

/// Rings of all CPUs together where nothing else is asked for, and the most and the least that one of
/// them gets.
const ALL_RINGS: usize = 512 << 20;
const MOST: usize = 64 << 20;
const LEAST: usize = 1 << 20;

/// What to record, when, and where to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the frames come from.
    pub live: Live,
    /// The rule whose frames are recorded, and those that only count, for conditions.
    pub rules: Vec<Rule>,
    /// How far back a file goes, and for how long it goes on.
    pub last: Duration,
    /// For how long it goes on behind the trigger.
    pub after: Duration,
    /// What starts a recording.
    pub when: Vec<Condition>,
    /// Time between two readings for the conditions.
    pub interval: Duration,
    /// A command that is run, whose end starts a recording, and then ends everything.
    pub during: Option<OsString>,
    /// The end, by time.
    pub duration: Option<Duration>,
    /// The files.
    pub output: Output,
    /// The command that is run on each file that is finished.
    pub command: Option<OsString>,
    /// Bytes of a frame that are kept.
    pub snaplen: u32,
    /// Bytes of each CPU's ring; `None`: what fits the number of CPUs.
    pub ring_bytes: Option<usize>,
}

/// Runs the command.
///
/// # Errors
/// Mistakes in the filter, what the kernel refuses, and those of writing files.
pub fn run(plan: &Plan) -> Result<()> {
    runtime::block_on(record(plan))
}

async fn record(plan: &Plan) -> Result<()> {
    let place = plan.live.place()?;
    let sets = place.chosen.links().len();
    let mut rules = plan.rules.clone();
    if let Some(recorded) = rules.first_mut() {
        recorded.sampler = Some(rules::sampler(1, None));
    }
    let program = ProgramOptions {
        snaplen: plan.snaplen,
        ring_bytes: plan.ring_bytes.map_or_else(|| default_ring(sets), Ok)?,
        overwrites: true,
        files: true,
        commands: plan.command.is_some() || plan.during.is_some(),
        ..ProgramOptions::default()
    };
    let watch = Watch::at(&plan.live, place, rules, program)?;
    let announced = watch.rules.rules().len();
    let Watch { rules, chosen, mut session, stop } = watch;
    let recorder = Recorder::new(
        session.take_flight().context("a recorder has rings")?,
        session.links(),
        origin(plan, session.attachments()),
        settings(plan),
    )?;
    let request = Request::watch().context("watching signals")?;
    interfaces::announce(&session, announced, &plan.live);
    let events = Events::watch(stop, session.attachments(), chosen.any)?;
    let running = plan.during.as_deref().map(Running::start).transpose()?;
    let mut armed = Armed {
        plan,
        recorder,
        events,
        request,
        running,
        start: Instant::now(),
        has_recorded: false,
    };
    let ended = armed.run(&mut session).await;
    // The last frames are those of a moment at which nobody writes.
    let detached = session.detach().map_err(explain::kernel);
    let finished = armed.recorder.finish();
    if let Some(running) = armed.running.take() {
        running.terminate();
    }
    let none_left = ended?;
    if let Some(recorded) = finished? {
        reporter::say(recorded);
    }
    let counts = session.counts().map_err(explain::kernel)?;
    if !armed.has_recorded {
        let matched = counts.rules.first().map_or(0, |count| count.packets);
        let (armed, matched) = (words::seconds(armed.start.elapsed()), grouped(matched));
        reporter::say(format_args!(
            "nothing happened in {armed}: {matched} frames were not recorded"
        ));
    }
    rules.say_again(counts.seen.packets, &counts.rules);
    detached?;
    none_left.map_or(Ok(()), |none| Err(none.into()))
}

/// What the recorder of this command does.
fn settings(plan: &Plan) -> Settings {
    Settings {
        rule: plan.rules.first().map(|rule| rule.name.clone()).unwrap_or_default(),
        bit: 0,
        last: plan.last,
        after: plan.after,
        snaplen: plan.snaplen,
        output: plan.output.clone(),
        command: plan.command.clone(),
    }
}

/// What files say of where their frames come from.
fn origin(plan: &Plan, attachments: &[Attachment]) -> Origin {
    Origin {
        interfaces: attachments.iter().map(origin::interface).collect(),
        filter: plan.rules.first().map(|rule| rule.filter.clone()).unwrap_or_default(),
        ..origin::here()
    }
}

/// A recorder that waits for what starts it.
struct Armed<'a> {
    plan: &'a Plan,
    recorder: Recorder,
    events: Events,
    request: Request,
    running: Option<Running>,
    start: Instant,
    has_recorded: bool,
}

/// What ended a wait.
enum Happening {
    Interfaces(Event),
    Request,
    Ended(String),
}

impl Armed<'_> {
    /// Waits and records until the end that was asked for; says if no interface is left.
    async fn run(&mut self, programs: &mut impl Programs) -> Result<Option<NoneLeft>> {
        let plan = self.plan;
        let mut conditions: Vec<Watcher> = plan.when.iter().cloned().map(Watcher::new).collect();
        let deadline = plan.duration.map(|duration| self.start + duration);
        let mut next = self.start + plan.interval;
        let mut is_last = false;
        loop {
            let follow = self.recorder.is_recording().then(|| Instant::now() + FOLLOW);
            let wake = [Some(next), deadline, follow].into_iter().flatten().min().unwrap_or(next);
            let mut why = None;
            match self.wait(wake).await {
                Happening::Interfaces(Event::Stop) => return Ok(None),
                Happening::Interfaces(Event::Deadline) => {}
                Happening::Interfaces(Event::Changed(changes)) => {
                    for change in &changes {
                        if let Change::Gone(index, _) = change {
                            self.recorder.leave(*index);
                        }
                    }
                    for attachment in interfaces::follow(&changes, programs) {
                        self.recorder.introduce(origin::interface(&attachment));
                    }
                }
                Happening::Request => why = Some("SIGUSR2".to_owned()),
                Happening::Ended(status) => {
                    self.running = None;
                    is_last = true;
                    why = Some(status);
                }
            }
            let now = Instant::now();
            if now >= next {
                self.recorder.tick();
                if !conditions.is_empty() {
                    let counts = programs.quick_counts().map_err(explain::kernel)?;
                    let readings = readings(now - self.start, &counts);
                    let met = conditions.iter_mut().filter_map(|it| it.reading(&readings));
                    // All of them take the reading, whichever is the first.
                    why = met.fold(why, |why, met| why.or(Some(format!("--when {met}"))));
                }
                // A tick that came late does not make the later ones come in a burst.
                while next <= now {
                    next += plan.interval;
                }
            }
            if let Some(why) = why {
                self.trigger(&why, programs)?;
            }
            if let Some(recorded) = self.recorder.follow()? {
                reporter::say(recorded);
            }
            let none_left = self.events.none_left();
            let is_over = is_last || !self.recorder.has_files_left();
            if none_left.is_some() || is_over && !self.recorder.is_recording() {
                return Ok(none_left);
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(None);
            }
        }
    }

    async fn wait(&mut self, until: Instant) -> Happening {
        let Self { events, request, running, .. } = self;
        let ended = async {
            match running {
                Some(running) => running.wait().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = events.wait(until) => Happening::Interfaces(event),
            () = request.wait() => Happening::Request,
            ended = ended => Happening::Ended(match ended {
                Ok(status) => format!("--while: the command has ended, {status}"),
                Err(error) => format!("--while: {error}"),
            }),
        }
    }

    fn trigger(&mut self, why: &str, programs: &impl Programs) -> Result<()> {
        let is_new = !self.recorder.is_recording();
        self.has_recorded = true;
        let counts = programs.counts().map_err(explain::kernel)?;
        let elapsed = self.start.elapsed();
        // Said first: writing the file takes a while.
        reporter::say(format_args!(
            "{}: {why}",
            if is_new { "recording" } else { "still recording" }
        ));
        let names = self.plan.rules.iter().map(|rule| rule.name.as_str());
        let of_rules = names.zip(counts.rules.iter().copied());
        let words = words::counts(elapsed, counts.seen, of_rules);
        if let Some(recorded) = self.recorder.trigger(why, &words)? {
            reporter::say(recorded);
        }
        Ok(())
    }
}

fn readings(elapsed: Duration, counts: &Counts) -> Readings<'_> {
    let lost = counts.ledger.lost + counts.ledger.refused;
    Readings { elapsed, seen: counts.seen, rules: &counts.rules, lost, ports: &[] }
}

/// What the ring of a CPU takes in each of so many program sets: 64 MiB, less where many CPUs would make
/// that a lot.
///
/// # Errors
/// Where it is not known how many CPUs there are.
pub(crate) fn default_ring(sets: usize) -> Result<usize> {
    let cpus = kernel::cpus().map_err(explain::kernel)?.max(1) as usize;
    let share = (ALL_RINGS / cpus / sets.max(1)).clamp(LEAST, MOST);
    Ok((1 << share.ilog2()).min(RingLayout::MOST))
}

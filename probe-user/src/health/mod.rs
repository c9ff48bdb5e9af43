//! `probe health`: how the ports of a server do. The kernel counts what is to be counted in full; the
//! segments that tell how connections went come through the rings, and [`probe_flow`] follows them. Once
//! an interval all of it becomes a [`Report`].
//!
//! ```text
//! selection  what is counted of a port, and which segments are read
//! tally      what became of connections, by port
//! host       what this host's kernel says beside the packets
//! watching   frames, counts and the host put together to reports
//! engine     programs at work: rings, pace and reports, without a view
//! verdict/   facts of a port -> a word and a sentence
//! report, distribution, table, json, view
//! ```

mod distribution;
mod engine;
mod host;
mod json;
mod report;
mod selection;
mod service;
mod table;
mod tally;
mod verdict;
mod view;
mod watching;

pub use distribution::Distribution;
pub use engine::Engine;
pub use json::{OfPort, ports};
pub use report::{Counts, Followed, Port, Report, Since};
pub use service::{Protocol, Service};
pub use verdict::Verdict;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Result;
use probe_filter::{LinkType, Options};
use probe_frame::WallTime;
use probe_pcap::ReadError;
use serde::{Deserialize, Serialize};

use crate::{
    interfaces,
    offline::{self, Matcher},
    privileges::{self, Needs},
    progress::Progress,
    rules::{self, Rule, RuleSet},
    runtime,
    source::{self, Live, Source},
    stop,
    watch::{Event, Events, ProgramOptions, Watch},
};
use engine::Closed;
use selection::{Rules, SNAPLEN};
use view::View;
use watching::Watching;

/// How often is looked for what may happen beside frames: each time takes system calls.
const EVENTS: Duration = Duration::from_millis(10);

/// What is watched, whoever wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The ports; none: the busiest that answer.
    pub services: Vec<Service>,
    /// So many of the busiest.
    pub most: usize,
    /// An expression that holds for all frames; empty: all.
    pub filter: String,
    /// Records a second that may come from the kernel; beyond that some connections are followed, and not all.
    pub most_records: u64,
    /// Connections that are followed at once; where there are more, some are, and not all.
    pub most_connections: usize,
    /// What takes longer is slow.
    pub slow: Duration,
}

impl Default for Settings {
    /// As docs/health.md gives reasons for.
    fn default() -> Self {
        Self {
            services: Vec::new(),
            most: 20,
            filter: String::new(),
            most_records: 100_000,
            // With at most 800 bytes each, 100 MB.
            most_connections: 1 << 17,
            slow: Duration::from_millis(800),
        }
    }
}

/// What to watch, and how to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the frames come from.
    pub source: Source<PathBuf>,
    /// What is watched.
    pub settings: Settings,
    /// Time between two reports.
    pub interval: Duration,
    /// The end, by time.
    pub duration: Option<Duration>,
    /// How reports are shown.
    pub format: Format,
    /// Whether a table has colours.
    pub colors: bool,
}

/// How reports are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// One object a line, one line an interval and a last one.
    Json,
}

/// Runs the command.
///
/// # Errors
/// Mistakes in the expression, what the kernel refuses, and those of reading and writing files.
pub fn run(plan: &Plan) -> Result<()> {
    match &plan.source {
        Source::Live(live) => runtime::block_on(on_interfaces(plan, live)),
        Source::Stored { files, engine, user } => over_file(plan, files, *engine, user.as_deref()),
    }
}

/// The rules of the settings. A mistake in the expression is reported in the user's own words.
fn rules(settings: &Settings, options: &Options<'_>) -> Result<Rules> {
    let Settings { services, filter, .. } = settings;
    RuleSet::compile(vec![Rule::new("match", filter)], options)?;
    let quoted = format!("@unreachable and ({filter})");
    let quotable = !filter.is_empty() && probe_filter::compile(&quoted, options).is_ok();
    Ok(Rules::new(services, filter, quotable))
}

/// What the programs have to be able to do.
fn program() -> ProgramOptions {
    ProgramOptions { snaplen: SNAPLEN, ring_bytes: engine::RING, ..ProgramOptions::default() }
}

async fn on_interfaces(plan: &Plan, live: &Live) -> Result<()> {
    let options = rules::live_options(&live.interfaces, LinkType::Ethernet, live.vlan);
    let rules = rules(&plan.settings, &options)?;
    let watch = Watch::start(live, rules.rules().to_vec(), program())?;
    watch.announce(live);
    let Watch { chosen, session, stop, .. } = watch;
    let mut events = Events::watch(stop, session.attachments(), chosen.any)?;
    let mut engine = Engine::new(&plan.settings, rules, session, chosen.labels())?;
    let mut view = View::new(plan.format, plan.colors)?;
    show((plan.interval, plan.duration), &mut engine, &mut events, &mut view).await?;
    let Closed { report, detached } = engine.close()?;
    view.last(&report, &stop::requested)?;
    detached?;
    // What was seen until then stands; that no more can come is a failure.
    events.none_left().map_or(Ok(()), |none| Err(none.into()))
}

/// Who is shown reports.
pub(crate) trait Shows {
    /// Takes one.
    fn tick(&mut self, report: &Report) -> Result<()>;

    /// Is asked between two whether there shall be more.
    fn answer(&mut self) -> Result<ControlFlow<()>>;
}

impl Shows for View {
    fn tick(&mut self, report: &Report) -> Result<()> {
        self.tick(report)
    }

    fn answer(&mut self) -> Result<ControlFlow<()>> {
        self.answer().map(ControlFlow::Continue)
    }
}

/// Shows reports to another command, until that wants no more, or no interface is left.
///
/// # Errors
/// Mistakes in the expression, and what the kernel refuses.
pub(crate) fn follow(
    settings: &Settings,
    live: &Live,
    interval: Duration,
    to: &mut impl Shows,
) -> Result<()> {
    runtime::block_on(async {
        let options = rules::live_options(&live.interfaces, LinkType::Ethernet, live.vlan);
        let rules = rules(settings, &options)?;
        let watch = Watch::start(live, rules.rules().to_vec(), program())?;
        watch.announce(live);
        let Watch { chosen, session, stop, .. } = watch;
        let mut events = Events::watch(stop, session.attachments(), chosen.any)?;
        let mut engine = Engine::new(settings, rules, session, chosen.labels())?;
        show((interval, None), &mut engine, &mut events, to).await?;
        engine.close()?.detached?;
        events.none_left().map_or(Ok(()), |none| Err(none.into()))
    })
}

/// Shows reports until the end that was asked for, or until no interface is left.
async fn show(
    (interval, duration): (Duration, Option<Duration>),
    engine: &mut Engine,
    events: &mut Events,
    view: &mut impl Shows,
) -> Result<()> {
    let start = Instant::now();
    let deadline = duration.map(|duration| start + duration);
    let (mut next, mut looked) = (start + interval, start);
    loop {
        engine.look(deadline.map_or(next, |deadline| deadline.min(next)))?;
        let now = Instant::now();
        if now - looked >= EVENTS {
            looked = now;
            // Kernel-side diagnostics run as a task beside us.
            tokio::task::yield_now().await;
            match events.wait(now).await {
                Event::Stop => return Ok(()),
                Event::Changed(changes) => {
                    interfaces::follow(&changes, engine.session());
                }
                Event::Deadline => {}
            }
            if view.answer()?.is_break() {
                return Ok(());
            }
        }
        if deadline.is_some_and(|deadline| now >= deadline) || events.none_left().is_some() {
            return Ok(());
        }
        if now >= next {
            view.tick(&engine.report()?)?;
            // A tick that came late does not make the later ones come in a burst.
            while next <= now {
                next += interval;
            }
        }
    }
}

/// The ports in a file.
fn over_file(plan: &Plan, path: &Path, engine: source::Engine, user: Option<&str>) -> Result<()> {
    let progress = Progress::default();
    progress.start(false);
    let read = of_file(&plan.settings, path, engine, user, &progress);
    progress.end();
    let Some((report, damage)) = read? else { return Ok(()) };
    View::new(plan.format, plan.colors)?.last(&report, &stop::requested)?;
    damage.map_or(Ok(()), |error| Err(error.into()))
}

/// One report about a file, whose clock it has; and what in the file cannot be read. `None`: the user wanted
/// the end before there was a frame. `progress` is told how much was read.
///
/// # Errors
/// Mistakes in the expression, a file that cannot be opened, and what the kernel refuses.
pub(crate) fn of_file(
    settings: &Settings,
    path: &Path,
    engine: source::Engine,
    user: Option<&str>,
    progress: &Progress,
) -> Result<Option<(Report, Option<ReadError>)>> {
    let Some(mut reader) = offline::open(path, progress)? else { return Ok(None) };
    let link = reader.link();
    let rules = rules(settings, &rules::file_options(link))?;
    // The frames of the first rule are told apart from the others.
    let mut all = rules.rules().to_vec();
    let stories = all.remove(rules.stories());
    let story = RuleSet::compile(vec![stories], &rules::file_options(link))?;
    let mut stories = Matcher::new(&story, engine, link)?;
    let set = RuleSet::compile(all, &rules::file_options(link))?;
    let mut matcher = Matcher::new(&set, engine, link)?;
    let needs = Needs { test_run: engine != source::Engine::User, ..Needs::default() };
    privileges::drop(user, needs)?;
    let interfaces = vec![reader.name().to_string()];
    let mut watching = Watching::new(settings, rules, "file".into(), interfaces);
    let (mut first, mut last) = (None, WallTime::default());
    // What was seen before a damaged record is told all the same.
    let damage = loop {
        let frames = match reader.batch() {
            Ok(Some(frames)) => frames,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        for frame in frames {
            first.get_or_insert(frame.time);
            last = last.max(frame.time);
            matcher.count(&frame)?;
            if stories.first_matches(&frame)? {
                watching.frame(&frame);
            }
        }
    };
    let elapsed = Duration::from_nanos(last.0.saturating_sub(first.unwrap_or(last).0));
    Ok(Some((watching.report(last, elapsed, &matcher.totals()?, true), damage)))
}

//! `probe health`: how the ports of a server do. The kernel counts what is to be counted in full; the
//! segments that tell how connections went come through the rings, and [`probe_flow`] follows them. Once
//! an interval all of it becomes a [`Report`].
//!
//! ```text
//! selection  what is counted of a port, and which segments are read
//! tally      what became of connections, by port; weight: how many each stands for
//! pace       how many connections are followed, by the load
//! host       what this host's kernel says beside the packets
//! watching   frames, counts and the host put together to reports
//! verdict/   facts of a port -> a word and a sentence
//! report, table, json, view
//! ```

mod host;
mod json;
mod pace;
mod report;
mod selection;
mod service;
mod table;
mod tally;
mod verdict;
mod view;
mod watching;
mod weight;

pub use report::Report;
pub use service::{Protocol, Service};

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use probe_common::RingLayout;
use probe_filter::{LinkType, Options};
use probe_frame::WallTime;

use crate::{
    capture::feed::{Feed as _, RingFeed},
    clock, explain, interfaces,
    kernel::Programs as _,
    offline::{self, Matcher},
    privileges::{self, Needs},
    rules::{self, Rule, RuleSet},
    runtime,
    source::{Engine, Live, Source},
    stop,
    watch::{Event, Events, ProgramOptions, Watch},
};
use pace::Pace;
use selection::{Rules, SNAPLEN};
use view::View;
use watching::Watching;

/// How long a wait for frames lasts at most, so that signals are noticed.
const POLL: Duration = Duration::from_millis(50);
/// How often is looked for what may happen beside frames: each time takes system calls.
const EVENTS: Duration = Duration::from_millis(10);
/// Bytes of each CPU's rings: a tenth of a second of a million records a second.
const RING: usize = RingLayout::SMALL + (16 << 20);
/// Records that are read before the clock is looked at.
const BATCH: usize = 4096;

/// What to watch, and how to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the frames come from.
    pub source: Source<PathBuf>,
    /// The ports; none: the busiest that answer.
    pub services: Vec<Service>,
    /// So many of the busiest.
    pub most: usize,
    /// An expression that holds for all frames; empty: all.
    pub filter: String,
    /// Records a second that may come from the kernel; beyond that some connections are followed, and not all.
    pub most_records: u64,
    /// What takes longer is slow.
    pub slow: Duration,
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

/// The rules of the plan. A mistake in the expression is reported in the user's own words.
fn rules(plan: &Plan, options: &Options<'_>) -> Result<Rules> {
    RuleSet::compile(vec![Rule::new("match", &plan.filter)], options)?;
    let quoted = format!("@unreachable and ({})", plan.filter);
    let quotable = !plan.filter.is_empty() && probe_filter::compile(&quoted, options).is_ok();
    Ok(Rules::new(&plan.services, &plan.filter, quotable))
}

async fn on_interfaces(plan: &Plan, live: &Live) -> Result<()> {
    let rules = rules(plan, &rules::live_options(&live.interfaces, LinkType::Ethernet, live.vlan))?;
    let options =
        ProgramOptions { snaplen: SNAPLEN, ring_bytes: RING, ..ProgramOptions::default() };
    let watch = Watch::start(live, rules.rules().to_vec(), options)?;
    watch.announce(live);
    let Watch { chosen, mut session, stop, .. } = watch;
    let mut events = Events::watch(stop, session.attachments(), chosen.any)?;
    let hook = interfaces::hooks(session.attachments());
    let links = session.links();
    let rings = session.take_rings().context("health reads frames")?;
    let mut feed = RingFeed::new(rings, links, SNAPLEN);
    let mut watching = Watching::new(plan, rules, hook, chosen.labels());
    let mut view = View::new(plan.format, plan.colors)?;
    watching.ask_host(Duration::ZERO);
    let mut pace = Pace::new(plan.most_records);
    let start = Instant::now();
    let deadline = plan.duration.map(|duration| start + duration);
    let (mut next, mut looked) = (start + plan.interval, start);
    let (mut paced, mut before) = (start, watching.records());
    loop {
        let wake = deadline.map_or(next, |deadline| deadline.min(next));
        feed.look(wake.saturating_duration_since(Instant::now()).min(POLL));
        drain(&mut feed, &mut watching, BATCH);
        let now = Instant::now();
        let mut ended = deadline.is_some_and(|deadline| now >= deadline);
        if now - looked >= EVENTS {
            looked = now;
            // Kernel-side diagnostics run as a task beside us.
            tokio::task::yield_now().await;
            match events.wait(now).await {
                Event::Deadline => {}
                Event::Stop => ended = true,
                Event::Changed(changes) => {
                    interfaces::follow(&changes, &mut session);
                }
            }
            ended |= events.none_left().is_some();
            view.answer()?;
        }
        if ended {
            break;
        }
        if now - paced >= pace::LOOK {
            let counts = session.quick_counts().map_err(explain::kernel)?;
            watching.ledger(&counts.ledger);
            let ((came, lost), (came_before, lost_before)) = (watching.records(), before);
            let one_in = pace.look(came - came_before, lost - lost_before, now - paced);
            if let Some(one_in) = one_in {
                session.choose_flows(one_in).map_err(explain::kernel)?;
                watching.follow(clock::now(), one_in);
            }
            (paced, before) = (now, watching.records());
        }
        if now >= next {
            let counts = session.quick_counts().map_err(explain::kernel)?;
            watching.ledger(&counts.ledger);
            watching.ask_host(now - start);
            view.tick(&watching.report(clock::now(), now - start, &counts.rules, false))?;
            // A tick that came late does not make the later ones come in a burst.
            while next <= now {
                next += plan.interval;
            }
        }
    }
    let detached = session.detach();
    feed.look_at_all();
    drain(&mut feed, &mut watching, usize::MAX);
    let counts = session.counts().map_err(explain::kernel)?;
    let elapsed = start.elapsed();
    watching.ledger(&counts.ledger);
    watching.ask_host(elapsed);
    let report = watching.report(clock::now(), elapsed, &counts.rules, true);
    view.last(&report, &stop::requested)?;
    detached.map_err(explain::kernel)?;
    // What was seen until then stands; that no more can come is a failure.
    events.none_left().map_or(Ok(()), |none| Err(none.into()))
}

/// Reads what is in the rings, or some of it.
fn drain(feed: &mut RingFeed, watching: &mut Watching, most: usize) {
    for _ in 0..most {
        let Some((frame, _)) = feed.next() else { break };
        watching.frame(&frame);
    }
    // Read in place: the kernel gets the memory back at once.
    drop(feed.lend());
}

/// The ports in a file: one report, whose clock is the file's.
fn over_file(plan: &Plan, path: &Path, engine: Engine, user: Option<&str>) -> Result<()> {
    let Some(mut reader) = offline::open(path)? else { return Ok(()) };
    let link = reader.link();
    let rules = rules(plan, &rules::file_options(link))?;
    // The frames of the first rule are told apart from the others.
    let mut all = rules.rules().to_vec();
    let stories = all.remove(rules.stories());
    let story = RuleSet::compile(vec![stories], &rules::file_options(link))?;
    let mut stories = Matcher::new(&story, engine, link)?;
    let set = RuleSet::compile(all, &rules::file_options(link))?;
    let mut matcher = Matcher::new(&set, engine, link)?;
    let needs = Needs { test_run: engine != Engine::User, ..Needs::default() };
    privileges::drop(user, needs)?;
    let view = View::new(plan.format, plan.colors)?;
    let mut watching = Watching::new(plan, rules, "file".into(), vec![reader.name().to_string()]);
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
    let report = watching.report(last, elapsed, &matcher.totals()?, true);
    view.last(&report, &stop::requested)?;
    damage.map_or(Ok(()), |error| Err(error.into()))
}

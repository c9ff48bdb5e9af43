//! Counts of a file: one pass over it makes counts at moments one after the other, among which the screen then
//! goes to and fro.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use probe_frame::WallTime;
use probe_pcap::{ReadError, Reader};

use super::{Next, local::ask_for_sources};
use crate::{
    count::{Counting, Lists, TAKE_OF_FILE},
    failure::Usage,
    kernel::{self, Counts},
    names::NameStyle,
    offline::{self, Matcher},
    privileges::{self, Needs},
    progress::Progress,
    reporter,
    rules::{self, Rule, RuleSet},
    snapshot::Snapshot,
    source::Engine,
    top::{
        Plan,
        app::{Event, Timeline, both},
    },
};

/// How long is read at a time: a key is answered in between.
const SPELL: Duration = Duration::from_millis(20);

/// A file that is counted.
pub struct File {
    path: PathBuf,
    engine: Engine,
    /// The rules as they were given.
    given: Vec<Rule>,
    interval: Duration,
    /// The pass that goes on.
    pass: Option<Pass>,
}

/// A pass over a file.
struct Pass {
    reader: Reader,
    matcher: Matcher,
    counting: Counting,
    timeline: Timeline,
    /// What rules are shown to be: what else all frames match is told beside them.
    filters: Vec<String>,
    first: Option<WallTime>,
    last: WallTime,
    /// When lists were taken.
    taken: Duration,
}

impl File {
    /// Opens it, and gives up all rights that reading it does not take.
    ///
    /// # Errors
    /// Mistakes in filters, and a file that cannot be read, is none, or can be read only once.
    pub fn open(plan: &Plan, path: &Path, engine: Engine, user: Option<&str>) -> Result<Self> {
        if path.as_os_str() == "-" || std::fs::metadata(path).is_ok_and(|it| !it.is_file()) {
            let why = "probe top reads a file again for other tabs and filters: -r wants one in the \
                       file system, and not a pipe";
            return Err(Usage::new(why).into());
        }
        let (given, interval) = (plan.rules.clone(), plan.interval);
        let mut file = Self { path: path.into(), engine, given, interval, pass: None };
        file.pass = file.begin(file.given.clone())?;
        let test_run = engine != Engine::User;
        privileges::drop(user, Needs { test_run, files: true, ..Needs::default() })?;
        Ok(file)
    }

    /// Begins a pass; `None` where the user wants the end.
    fn begin(&self, rules: Vec<Rule>) -> Result<Option<Pass>> {
        let Some(reader) = offline::open(&self.path, &Progress::default())? else {
            return Ok(None);
        };
        let options = rules::file_options(reader.link());
        let set = Arc::new(RuleSet::compile(rules, &options)?);
        let matcher = Matcher::new(&set, self.engine, reader.link())?;
        let lists = Lists::new(set.rules(), kernel::seeds(), NameStyle::Numbers);
        let name = vec![reader.name().to_string()];
        Ok(Some(Pass {
            reader,
            matcher,
            counting: Counting::new(set, "file".into(), name, lists),
            timeline: Timeline::new(self.interval),
            filters: self.given.iter().map(|rule| rule.filter.clone()).collect(),
            first: None,
            last: WallTime::default(),
            taken: Duration::ZERO,
        }))
    }

    /// Another pass: only frames that `filter` matches, and those of one rule by source.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn count(&mut self, filter: &str, sources_of: Option<&str>) -> Result<()> {
        for rule in &mut self.given {
            if sources_of == Some(rule.name.as_str()) {
                ask_for_sources(rule);
            }
        }
        let rules = self.given.iter().cloned();
        let rules = rules.map(|rule| Rule { filter: both(&rule.filter, filter), ..rule });
        self.pass = self.begin(rules.collect())?;
        Ok(())
    }

    /// Reads on for a moment. Nothing is lost where the wait is given up.
    ///
    /// # Errors
    /// What the kernel refuses, where it runs the filters.
    pub async fn next(&mut self) -> Result<Next> {
        let Some(pass) = &mut self.pass else { return std::future::pending().await };
        let end = match pass.read(Instant::now() + SPELL) {
            Ok(None) => {
                tokio::task::yield_now().await;
                return Ok(Next::Nothing);
            }
            // What was counted before a damaged record is told all the same.
            Err(error) if error.is::<ReadError>() => {
                reporter::say(format_args!("{error:#}"));
                pass.end()
            }
            Ok(Some(Over)) => pass.end(),
            Err(error) => Err(error),
        };
        self.pass = None;
        Ok(Next::Event(Event::Timeline(end?)))
    }
}

/// There are no more frames.
struct Over;

impl Pass {
    /// Reads until that time, or to the end.
    fn read(&mut self, until: Instant) -> Result<Option<Over>> {
        let Self { reader, matcher, counting, timeline, filters, first, last, taken } = self;
        while Instant::now() < until {
            let Some(frames) = reader.batch()? else { return Ok(Some(Over)) };
            for frame in frames {
                let begin = *first.get_or_insert(frame.time);
                let since = |time: WallTime| Duration::from_nanos(time.0.saturating_sub(begin.0));
                let (elapsed, now) = (since(*last), since(frame.time));
                if timeline.is_due(now) {
                    timeline.add(moment(counting, matcher, elapsed, *last, filters)?, now);
                    *taken = elapsed;
                } else if now >= *taken + TAKE_OF_FILE {
                    counting.take_from_file(matcher, elapsed);
                    *taken = elapsed;
                }
                *last = frame.time.max(*last);
                matcher.count(&frame)?;
            }
        }
        Ok(None)
    }

    /// All moments.
    fn end(&mut self) -> Result<Timeline> {
        let Self { counting, matcher, filters, last, first, timeline, .. } = self;
        let elapsed = Duration::from_nanos(last.0.saturating_sub(first.unwrap_or(*last).0));
        timeline.end(moment(counting, matcher, elapsed, *last, filters)?);
        Ok(std::mem::take(timeline))
    }
}

/// The counts of this moment.
fn moment(
    counting: &mut Counting,
    matcher: &mut Matcher,
    elapsed: Duration,
    time: WallTime,
    filters: &[String],
) -> Result<Snapshot> {
    counting.take_from_file(matcher, elapsed);
    let counts = Counts { seen: matcher.seen(), rules: matcher.totals()?, ..Counts::default() };
    let mut snapshot = Snapshot::from(&counting.tick(elapsed, &counts));
    snapshot.time = crate::clock::rfc3339_ms(time);
    for (rule, filter) in snapshot.rules.iter_mut().zip(filters) {
        rule.filter.clone_from(filter);
    }
    Ok(snapshot)
}

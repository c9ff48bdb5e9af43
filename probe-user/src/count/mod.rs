//! `probe count`: many filters counted at once. One reading of the maps a tick makes a
//! [`Snapshot`]; table, JSON and CSV are views of it.

mod alerts;
mod cells;
mod csv;
pub(crate) mod json;
mod key_table;
mod lists;
mod snapshot;
mod table;
mod view;

pub use lists::{Different, KeyRow, Lists, OfRule, Span, Top};
#[cfg(test)]
pub(crate) use snapshot::tests::listed_sample;
pub use snapshot::{Count, Part, Row, Snapshot};

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use probe_common::Counter;
use probe_frame::WallTime;

use crate::{
    clock,
    condition::Condition,
    explain, interfaces,
    kernel::{self, Counts, Direction, Programs},
    names::NameStyle,
    offline::{self, Matcher},
    privileges::{self, Needs},
    progress::Progress,
    reporter,
    rules::{self, Rule, RuleSet},
    runtime,
    source::{Engine, Live, Source},
    stop,
    watch::{Event, Events, ProgramOptions, Watch},
};
use alerts::Alerts;
use view::View;

/// How often `-c` is looked at.
const COUNT_TICK: Duration = Duration::from_millis(50);
/// How often lists are taken at least, however long the interval is: the counts of a table have 32 bits,
/// and the last minute is put together from what is taken.
pub(crate) const TAKE: Duration = Duration::from_secs(10);
/// The same of a file, in its own time.
pub(crate) const TAKE_OF_FILE: Duration = Duration::from_secs(5);

/// What to count, and how to show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Where the frames come from.
    pub source: Source<PathBuf>,
    /// The rules, none of which samples.
    pub rules: Vec<Rule>,
    /// Time between two readings.
    pub interval: Duration,
    /// The end, by time.
    pub duration: Option<Duration>,
    /// The end, by what all rules together have matched.
    pub count: Option<u64>,
    /// What is told of by exit code 3 (`--fail-if`).
    pub fail_if: Vec<Condition>,
    /// How counts are shown.
    pub format: Format,
    /// Whether a table has colours.
    pub colors: bool,
    /// Whether keys have names beside them.
    pub names: NameStyle,
    /// Bytes that lists in the kernel may take; `None`: [`kernel::Plan::list_memory`].
    pub list_memory: Option<u64>,
}

impl Plan {
    fn has_lists(&self) -> bool {
        self.rules.iter().any(|rule| !rule.lists.is_empty())
    }
}

/// How counts are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// One object a line, one line an interval and a last one.
    Json,
    /// One row a rule.
    Csv,
}

/// Runs the command.
///
/// # Errors
/// Mistakes in filters, what the kernel refuses, and those of reading and writing files.
pub fn run(plan: &Plan) -> Result<()> {
    match &plan.source {
        Source::Live(live) => runtime::block_on(on_interfaces(plan, live)),
        Source::Stored { files, engine, user } => over_file(plan, files, *engine, user.as_deref()),
    }
}

async fn on_interfaces(plan: &Plan, live: &Live) -> Result<()> {
    let list_memory = plan.list_memory;
    let options = ProgramOptions { split: true, list_memory, ..ProgramOptions::default() };
    let watch = Watch::start(live, plan.rules.clone(), options)?;
    watch.announce(live);
    let Watch { rules, chosen, mut session, stop } = watch;
    let mut events = Events::watch(stop, session.attachments(), chosen.any)?;
    let hook = interfaces::hooks(session.attachments());
    let lists = Lists::new(rules.rules(), kernel::seeds(), plan.names);
    let counting = Counting::new(Arc::new(rules), hook, chosen.labels(), lists);
    let view = View::new(plan.format, plan.colors, plan.has_lists())?;
    count(plan, counting, &mut session, &mut events, view).await
}

/// Shows what programs count, until the end that was asked for.
async fn count(
    plan: &Plan,
    mut counting: Counting,
    programs: &mut impl Programs,
    events: &mut Events,
    mut view: View,
) -> Result<()> {
    let start = Instant::now();
    let mut deadline = plan.duration.map(|duration| start + duration);
    let mut alerts = Alerts::new(&plan.fail_if, plan.interval);
    let mut next = start + plan.interval;
    let mut take = start + TAKE;
    loop {
        // Ticks, the end, and the look at -c: whichever comes first.
        let look = plan.count.map(|_| Instant::now() + COUNT_TICK);
        let times = [Some(next), Some(take), deadline, look];
        let wake = times.into_iter().flatten().min().unwrap_or(next);
        let event = tokio::select! {
            biased;
            event = events.wait(wake) => event,
            () = view.asked() => {
                view.answer()?;
                continue;
            }
        };
        let now = Instant::now();
        if let Event::Changed(changes) = &event {
            interfaces::follow(changes, programs);
        }
        let none_left = events.none_left();
        let ended = event == Event::Stop || none_left.is_some();
        let over = ended || deadline.is_some_and(|deadline| now >= deadline);
        // Before the counters are read, so that no list is ahead of its rule.
        if now >= next.min(take) {
            counting.take_lists(programs, now - start);
            take = now + TAKE;
        }
        if !over && plan.count.is_none() && now < next {
            continue;
        }
        let counts = programs.counts().map_err(explain::kernel)?;
        let reached = plan.count.is_some_and(|goal| {
            let of_rules = counts.rules.iter().take(plan.rules.len());
            of_rules.map(|counter| counter.packets).sum::<u64>() >= goal
        });
        if over || reached {
            // The last reading is one of a moment at which nobody counts.
            let detached = programs.detach();
            let elapsed = start.elapsed();
            counting.take_lists(programs, elapsed);
            let counts = programs.counts().map_err(explain::kernel)?;
            let total = counting.total(elapsed, &counts);
            view.last(&total, &stop::requested)?;
            counting.set.say_again(counts.seen.packets, &counts.rules);
            detached.map_err(explain::kernel)?;
            // What was counted until then stands; that no more can come is a failure.
            return alerts.end(elapsed, &counts, none_left.map(Into::into));
        }
        if now >= next {
            view.tick(&counting.tick(now - start, &counts))?;
            if alerts.interval(now - start, &counts) {
                deadline = Some(now);
            }
            // A tick that came late does not make the later ones come in a burst.
            while next <= now {
                next += plan.interval;
            }
        }
    }
}

/// Makes snapshots of readings.
pub(crate) struct Counting {
    set: Arc<RuleSet>,
    hook: String,
    interfaces: Vec<String>,
    /// The reading before, or none.
    before: Counts,
    elapsed_before: Duration,
    /// The highest rate of each rule so far.
    peaks: Vec<Option<f64>>,
    lists: Lists,
}

impl Counting {
    /// Nothing was counted yet.
    pub(crate) fn new(
        set: Arc<RuleSet>,
        hook: String,
        interfaces: Vec<String>,
        lists: Lists,
    ) -> Self {
        let (before, peaks) = (Counts::default(), vec![None; set.rules().len()]);
        Self { set, hook, interfaces, before, elapsed_before: Duration::ZERO, peaks, lists }
    }

    /// Adds what came in the lists up to now.
    pub(crate) fn take_lists(&mut self, programs: &mut impl Programs, elapsed: Duration) {
        programs.take_lists(&mut |counter, part| self.lists.add(elapsed, counter, part));
    }

    /// The same of the frames of a file.
    pub(crate) fn take_from_file(&mut self, matcher: &mut Matcher, elapsed: Duration) {
        matcher.take_lists(&mut |counter, part| self.lists.add(elapsed, counter, part));
    }

    /// Rates belong to the interval since the reading before.
    pub(crate) fn tick(&mut self, elapsed: Duration, counts: &Counts) -> Snapshot {
        let mut snapshot = self.snapshot(elapsed, elapsed - self.elapsed_before, false, counts);
        for (row, peak) in snapshot.rules.iter_mut().zip(&mut self.peaks) {
            *peak = Some(peak.map_or(row.count.pps, |peak| peak.max(row.count.pps)));
            row.peak_pps = *peak;
        }
        self.before = counts.clone();
        self.elapsed_before = elapsed;
        self.lists.begin_interval();
        snapshot
    }

    /// The interval of the last snapshot is the whole run. What came after the last tick counts for
    /// no peak: that time may be too short for a rate.
    fn total(&mut self, elapsed: Duration, counts: &Counts) -> Snapshot {
        self.before = Counts::default();
        let mut snapshot = self.snapshot(elapsed, elapsed, true, counts);
        for (row, peak) in snapshot.rules.iter_mut().zip(&self.peaks) {
            row.peak_pps = Some(peak.unwrap_or(row.count.pps));
        }
        snapshot
    }

    fn snapshot(
        &self,
        elapsed: Duration,
        interval: Duration,
        last: bool,
        counts: &Counts,
    ) -> Snapshot {
        let nth = |counters: &[Counter], rule| counters.get(rule).copied().unwrap_or_default();
        let since = |before: &[Counter], now: &[Counter], rule| {
            Count::since(nth(before, rule), nth(now, rule), interval)
        };
        // One part alone is the whole.
        let parts = if counts.parts.len() > 1 { &counts.parts[..] } else { &[] };
        let before = |part: &kernel::Part| {
            let same = |old: &&kernel::Part| {
                (&old.interface, old.direction) == (&part.interface, part.direction)
            };
            self.before.parts.iter().find(same).map_or(&[][..], |old| &old.rules)
        };
        let lists = self.lists.rows(self.set.rules(), &counts.rules, &[], Span { interval, last });
        let row = |((index, rule), lists): ((usize, &Rule), OfRule)| Row {
            name: rule.name.clone(),
            filter: rule.filter.clone(),
            count: since(&self.before.rules, &counts.rules, index),
            peak_pps: None,
            parts: (parts.iter()).map(|part| since(before(part), &part.rules, index)).collect(),
            lists,
        };
        Snapshot {
            time: clock::now(),
            elapsed,
            last,
            hook: self.hook.clone(),
            interfaces: self.interfaces.clone(),
            seen: counts.seen,
            parts: (parts.iter())
                .map(|part| Part {
                    interface: part.interface.clone(),
                    outbound: part.direction == Direction::Out,
                    seen: part.seen,
                })
                .collect(),
            rules: self.set.rules().iter().enumerate().zip(lists).map(row).collect(),
        }
    }
}

/// From a time to a later one.
fn since(begin: WallTime, end: WallTime) -> Duration {
    Duration::from_nanos(end.0.saturating_sub(begin.0))
}

/// Counts the frames of a file: one snapshot, whose clock is the file's.
fn over_file(plan: &Plan, path: &Path, engine: Engine, user: Option<&str>) -> Result<()> {
    let progress = Progress::default();
    let Some(mut reader) = offline::open(path, &progress)? else { return Ok(()) };
    let link = reader.link();
    let set = Arc::new(RuleSet::compile(plan.rules.clone(), &rules::file_options(link))?);
    let mut matcher = Matcher::new(&set, engine, link)?;
    let needs = Needs { test_run: engine != Engine::User, ..Needs::default() };
    privileges::drop(user, needs)?;
    let view = View::new(plan.format, plan.colors, plan.has_lists())?;
    let lists = Lists::new(set.rules(), kernel::seeds(), plan.names);
    let interfaces = vec![reader.name().to_string()];
    let mut counting = Counting::new(Arc::clone(&set), "file".into(), interfaces, lists);
    let (mut first, mut last) = (None, WallTime::default());
    let mut alerts = Alerts::new(&plan.fail_if, plan.interval);
    let mut taken = Duration::ZERO;
    progress.start(false);
    // What was counted before a damaged record is told all the same.
    let damage = 'file: loop {
        let frames = match reader.batch() {
            Ok(Some(frames)) => frames,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        for frame in frames {
            let begin = *first.get_or_insert(frame.time);
            let elapsed = since(begin, last);
            if plan.has_lists() && since(begin, frame.time) >= taken + TAKE_OF_FILE {
                counting.take_from_file(&mut matcher, elapsed);
                taken = elapsed;
            }
            last = last.max(frame.time);
            alerts.before_frame(since(begin, last), || {
                let (seen, rules) = (matcher.seen(), matcher.totals()?);
                Ok(Counts { seen, rules, ..Counts::default() })
            })?;
            matcher.count(&frame)?;
            if let Some(goal) = plan.count
                && matcher.reached(goal)?
            {
                break 'file None;
            }
        }
    };
    progress.end();
    let elapsed = since(first.unwrap_or(last), last);
    counting.take_from_file(&mut matcher, elapsed);
    let counts = Counts { seen: matcher.seen(), rules: matcher.totals()?, ..Counts::default() };
    let mut snapshot = counting.total(elapsed, &counts);
    snapshot.time = last;
    // The rate over a whole file is no peak.
    snapshot.rules.iter_mut().for_each(|row| row.peak_pps = None);
    view.last(&snapshot, &stop::requested)?;
    set.say_again(matcher.seen().packets, &matcher.totals()?);
    if matcher.not_taken() > 0 {
        reporter::say(format_args!(
            "{} frames, too short or too long for a program in the kernel, were matched in user space",
            matcher.not_taken()
        ));
    }
    alerts.end(elapsed, &counts, damage.map(Into::into))
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, io::Read as _};

    use probe_common::key::Key;
    use probe_sketch::Table;

    use super::*;
    use crate::{display::Display, output::Output};
    use crate::{
        kernel::{Attachment, Counts, Error},
        stop::Stop,
    };

    /// Programs that count what the test says: reading by reading, and after they are taken off
    /// what came until then.
    struct Scripted {
        readings: [u64; 3],
        reading: Cell<usize>,
        after_detach: u64,
        detached: bool,
        /// Of the first rule's list: three sources have a packet each time that it is taken, and a
        /// fourth one comes after the others are off.
        table: Table,
    }

    impl Scripted {
        fn source(number: u32) -> Key {
            Key([0, 0, 0xffff, 0xc000_0200 + number, 0])
        }
    }

    impl Programs for Scripted {
        fn counts(&self) -> Result<Counts, Error> {
            let at = self.reading.replace(self.reading.get() + 1);
            let packets = if self.detached { self.after_detach } else { self.readings[at] };
            let counter = |packets| Counter { packets, bytes: packets * 60 };
            // The second rule has no list; the third counter is that of the first one's.
            let rules = vec![counter(packets), counter(1), counter(packets - 2)];
            let seen = counter(packets + 100);
            Ok(Counts { seen, rules, ..Counts::default() })
        }

        fn quick_counts(&self) -> Result<Counts, Error> {
            self.counts()
        }

        fn take_lists(&mut self, f: &mut dyn FnMut(usize, kernel::Taken<'_>)) {
            (0..3).for_each(|number| self.table.count(Self::source(number), 60));
            if self.detached {
                self.table.count(Self::source(3), 60);
            }
            let refused = Counter::default();
            f(2, kernel::Taken::Top { table: self.table.view(), refused, pins: &mut Vec::new() });
            self.table.clear();
        }

        fn detach(&mut self) -> Result<(), Error> {
            self.detached = true;
            Ok(())
        }
    }

    #[test]
    fn ticks_and_the_end_without_a_kernel() {
        let mut rules = ["syn", "rst"].map(|name| Rule::new(name, format!("@{name}"))).to_vec();
        let key = "src".parse().unwrap();
        rules[0].lists = vec![crate::keys::List { key, top: Some(2), distinct: false }];
        let plan = Plan {
            source: Source::Live(Live { interfaces: vec!["lo".into()], ..Live::default() }),
            rules: rules.clone(),
            interval: Duration::from_millis(1),
            duration: None,
            count: Some(10),
            fail_if: Vec::new(),
            format: Format::Json,
            colors: false,
            names: NameStyle::Numbers,
            list_memory: None,
        };
        let set = Arc::new(RuleSet::compile(rules, &Default::default()).unwrap());
        // Matches that came between the reading that ended it and the end.
        let (readings, after_detach) = ([5, 8, 14], 16);
        let table = Table::new(16, kernel::seeds(), 1);
        let mut programs =
            Scripted { readings, reading: Cell::new(0), after_detach, detached: false, table };
        let (mut reader, writer) = std::io::pipe().unwrap();
        let output = Output::with_room(writer, readings.len()).unwrap();
        let view = View::over(Display::over(output), plan.format, false);
        let lists = Lists::new(set.rules(), kernel::seeds(), plan.names);
        let counted = runtime::block_on(async {
            let mut events = Events::watch(Stop::on_signals()?, &[Attachment::loopback()], false)?;
            let counting = Counting::new(set, "tcx".into(), vec!["lo".into()], lists);
            count(&plan, counting, &mut programs, &mut events, view?).await
        });
        counted.unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let told: Vec<_> = text
            .lines()
            .map(|line| {
                let object: serde_json::Value = serde_json::from_str(line).unwrap();
                let packets = |of: &serde_json::Value| of["packets"].as_u64().unwrap();
                let [syn, rst] = [0, 1].map(|rule| packets(&object["rules"][rule]));
                assert_eq!(object["rules"][1]["top"], serde_json::Value::Null);
                let top = &object["rules"][0]["top"][0];
                assert_eq!(top["without"], 2);
                let keys = top["keys"].as_array().unwrap();
                let keys: Vec<u64> = keys.iter().map(packets).collect();
                // The counters were read after the lists.
                assert_eq!(keys.iter().sum::<u64>() + packets(&top["other"]), syn - 2);
                let last = object["final"].as_bool().unwrap();
                (last, packets(&object["seen"]), syn, rst, keys)
            })
            .collect();
        // Lists are taken at each tick, and once more behind the end.
        let expected = [
            (false, 105, 5, 1, vec![1, 1]),
            (false, 108, 8, 1, vec![2, 2]),
            (true, 116, 16, 1, vec![4, 4]),
        ];
        assert_eq!(told, expected);
        assert!(programs.detached);
    }
}

//! `probe count`: many filters counted at once. One reading of the maps a tick makes a
//! [`Snapshot`]; table, JSON and CSV are views of it.

mod csv;
mod json;
mod output;
mod snapshot;
mod table;
mod view;

pub use snapshot::{Row, Snapshot};
pub use table::si;

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use probe_common::Counter;
use probe_frame::WallTime;
use probe_pcap::{ReadError, Reader};

use crate::{
    cli::{CountArgs, Engine, Offline},
    clock, explain, interfaces,
    offline::Sieve,
    privileges::{self, Needs},
    reporter,
    rules::{self, Rule, RuleSet},
    runtime, stop,
    watch::{Vigil, Wants, Watch, Woken},
};
use snapshot::rates;
use view::View;

/// How often `-c` is looked at.
const COUNT_TICK: Duration = Duration::from_millis(50);

/// Runs the command.
pub fn run(args: &CountArgs) -> Result<()> {
    match &args.offline.file {
        Some(_) => over_file(args, &args.offline),
        None => runtime::block_on(live(args)),
    }
}

/// The rules asked for: those of the file, those of the command line, and the expression
/// under its own name. An expression alone, or nothing at all, is one rule.
fn rules(args: &CountArgs) -> Result<Vec<Rule>> {
    let mut rules = match &args.rules_file {
        Some(path) => rules::read_file(path)?,
        None => Vec::new(),
    };
    rules.extend(args.rules.iter().cloned());
    let text = args.expression.text()?;
    if !text.is_empty() || rules.is_empty() {
        rules.push(Rule::new("match", text));
    }
    // Counting needs no frame; what a rules file says of sampling is for captures.
    for rule in &mut rules {
        rule.sampler = None;
    }
    Ok(rules)
}

async fn live(args: &CountArgs) -> Result<()> {
    let watch = Watch::start(&args.live, rules(args)?, Wants::default())?;
    watch.announce(&args.live);
    let Watch { rules: set, mut session, stop, .. } = watch;
    let mut vigil = Vigil::keep(stop, session.attachments())?;

    let start = Instant::now();
    let deadline = args.duration.map(|duration| start + duration);
    let mut counting = Counting {
        set: &set,
        hook: interfaces::hooks(session.attachments()),
        interfaces: args.live.interfaces.clone(),
        before: vec![Counter::default(); set.rules().len()],
        elapsed_before: Duration::ZERO,
    };
    let mut view = View::new(args.format)?;
    let mut next = start + args.interval;
    loop {
        // Ticks, the end, and the look at -c: whichever comes first.
        let look = args.count.map(|_| Instant::now() + COUNT_TICK);
        let wake = [Some(next), deadline, look].into_iter().flatten().min().unwrap_or(next);
        let woken = vigil.wait(wake).await;
        let now = Instant::now();
        if let Woken::Changed(changes) = &woken {
            view.make_room();
            interfaces::tell(changes);
        }
        let none_left = vigil.none_left();
        let ended = woken == Woken::Stop || none_left.is_some();
        let over = ended || deadline.is_some_and(|deadline| now >= deadline);
        if !over && args.count.is_none() && now < next {
            continue;
        }
        let counts = session.counts().map_err(explain::kernel)?;
        let reached = args.count.is_some_and(|goal| {
            counts.rules.iter().map(|counter| counter.packets).sum::<u64>() >= goal
        });
        if over || reached {
            // The last reading is one of a moment at which nobody counts.
            let detached = session.detach();
            let elapsed = start.elapsed();
            let counts = session.counts().map_err(explain::kernel)?;
            let total = counting.total(elapsed, counts.seen, &counts.rules);
            view.last(&total, &stop::requested)?;
            detached.map_err(explain::kernel)?;
            // What was counted until then stands; that no more can come is a failure.
            return none_left.map_or(Ok(()), |none| Err(none.into()));
        }
        if now >= next {
            view.tick(&counting.tick(now - start, counts.seen, &counts.rules))?;
            // A tick that came late does not make the later ones come in a burst.
            while next <= now {
                next += args.interval;
            }
        }
    }
}

/// Makes snapshots of readings.
struct Counting<'a> {
    set: &'a RuleSet,
    hook: String,
    interfaces: Vec<String>,
    before: Vec<Counter>,
    elapsed_before: Duration,
}

impl Counting<'_> {
    /// Rates belong to the interval since the reading before.
    fn tick(&mut self, elapsed: Duration, seen: Counter, rules: &[Counter]) -> Snapshot {
        let interval = elapsed - self.elapsed_before;
        let snapshot = self.snapshot(elapsed, interval, false, seen, rules);
        self.before = rules.to_vec();
        self.elapsed_before = elapsed;
        snapshot
    }

    /// The interval of the last snapshot is the whole run.
    fn total(&mut self, elapsed: Duration, seen: Counter, rules: &[Counter]) -> Snapshot {
        self.before = vec![Counter::default(); rules.len()];
        self.snapshot(elapsed, elapsed, true, seen, rules)
    }

    fn snapshot(
        &self,
        elapsed: Duration,
        interval: Duration,
        last: bool,
        seen: Counter,
        totals: &[Counter],
    ) -> Snapshot {
        let rows = self.set.rules().iter().zip(totals).zip(&self.before);
        Snapshot {
            time: clock::now(),
            elapsed,
            last,
            hook: self.hook.clone(),
            interfaces: self.interfaces.clone(),
            seen,
            rules: rows
                .map(|((rule, &total), &before)| {
                    let (pps, bps) = rates(total, before, interval);
                    let (name, filter) = (rule.name.clone(), rule.filter.clone());
                    Row { name, filter, total, pps, bps }
                })
                .collect(),
        }
    }
}

/// Counts the frames of a file: one snapshot, whose clock is the file's.
fn over_file(args: &CountArgs, offline: &Offline) -> Result<()> {
    let path = offline.file.as_deref().context("a file")?;
    stop::on_signals()?;
    let attendant = |_| match stop::requested() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let mut reader = match Reader::attended(path, Box::new(attendant)) {
        Err(ended @ ReadError::Ended { .. }) => {
            reporter::say(ended);
            return Ok(());
        }
        reader => reader?,
    };
    let link = reader.link();
    let set = RuleSet::compile(rules(args)?, &rules::file_options(link))?;
    let engine = offline.engine.unwrap_or_default();
    let mut sieve = Sieve::new(&set, engine, args.live.hook(), link)?;
    let needs = Needs { test_run: engine == Engine::Kernel, ..Needs::default() };
    privileges::drop(args.live.user.as_deref(), needs)?;
    let view = View::new(args.format)?;
    let (mut first, mut last) = (None, WallTime::default());
    // What was counted before a damaged record is told all the same.
    let damage = 'file: loop {
        let frames = match reader.batch() {
            Ok(Some(frames)) => frames,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        for frame in frames {
            first.get_or_insert(frame.time);
            last = last.max(frame.time);
            sieve.count(&frame)?;
            if let Some(goal) = args.count
                && sieve.reached(goal)?
            {
                break 'file None;
            }
        }
    };
    let elapsed = Duration::from_nanos(last.0.saturating_sub(first.unwrap_or(last).0));
    let mut counting = Counting {
        set: &set,
        hook: "file".into(),
        interfaces: vec![reader.name().to_string()],
        before: Vec::new(),
        elapsed_before: Duration::ZERO,
    };
    let mut snapshot = counting.total(elapsed, sieve.seen(), &sieve.totals()?);
    snapshot.time = last;
    view.last(&snapshot, &stop::requested)?;
    if sieve.not_taken() > 0 {
        reporter::say(format_args!(
            "{} frames, too short or too long for a program in the kernel, were matched in user space",
            sieve.not_taken()
        ));
    }
    damage.map_or(Ok(()), |error| Err(error.into()))
}

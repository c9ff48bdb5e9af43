//! What is known at one moment: the counts, and how the program itself is doing. It is made where the
//! programs are, and sent to the part that serves HTTP.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use nix::sys::resource::{UsageWho, getrusage};
use probe_common::Counter;
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, Fate},
    clock,
    count::{Count, Row, Snapshot},
    kernel::{Attached, Attachment, Counts},
    rules::Rule,
    serve::document::{Document, Loss},
};

/// One reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// What no other reading has.
    pub tag: String,
    /// How many readings had been asked for by then by the part that serves HTTP.
    pub asked: u64,
    /// Whether an interval ends with it.
    pub interval_ends: bool,
    /// How long an interval is.
    pub interval_seconds: f64,
    /// The counts as [`Document`] has them, newline included.
    pub snapshot: String,
    /// Frames looked at: packets and bytes.
    pub seen: (u64, u64),
    /// For each rule its name, packets and bytes.
    pub rules: Vec<(String, u64, u64)>,
    /// Chosen frames that were lost, by cause.
    pub lost: Vec<(String, u64)>,
    /// How the program itself is doing.
    pub state: State,
}

/// What the program counts about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Interfaces that programs are attached to, by hook.
    pub attached: Vec<(String, u64)>,
    /// Interfaces attached to since the start.
    pub interfaces_attached: u64,
    /// Interfaces that are gone, or that no pattern has any more.
    pub interfaces_gone: u64,
    /// Interfaces that could not be attached to.
    pub interfaces_refused: u64,
    /// Reloads that succeeded.
    pub reloads: u64,
    /// Reloads that were refused.
    pub reloads_refused: u64,
    /// Whether the last reload succeeded; the start is one.
    pub last_reload_succeeded: bool,
    /// When a reload last succeeded, in seconds since 1970.
    pub last_reload_seconds: f64,
    /// Readings of the counters.
    pub readings: u64,
    /// Seconds that they took.
    pub reading_seconds: f64,
    /// Runs of the programs, where the kernel measures them.
    pub program_runs: u64,
    /// Seconds that they took.
    pub program_seconds: f64,
    /// CPU seconds of this process.
    pub cpu_seconds: f64,
    /// Times that the part which serves HTTP was started again.
    pub http_restarts: u64,
}

impl State {
    /// Notes what became of a reload; the start is one, and not counted.
    pub fn loaded(&mut self, succeeded: bool) {
        self.last_reload_succeeded = succeeded;
        if succeeded {
            self.last_reload_seconds = clock::now().0 as f64 / 1e9;
        }
    }

    /// Notes what is attached.
    pub fn attached(&mut self, attachments: &[Attachment]) {
        let hooks = [Attached::Tcx, Attached::XdpNative, Attached::XdpGeneric, Attached::Clsact];
        let on = |hook| attachments.iter().filter(|it| it.hook == hook).count() as u64;
        self.attached = hooks.map(|hook| (hook.to_string(), on(hook))).to_vec();
    }
}

/// What a reading is made of.
pub struct Counted<'a> {
    /// The rules.
    pub rules: &'a [Rule],
    /// All counts of the programs.
    pub counts: &'a Counts,
    /// Those of the rules, in their order.
    pub rule_counts: &'a [Counter],
    /// Where the programs are.
    pub attachments: &'a [Attachment],
    /// Time between two readings.
    pub interval: Duration,
}

/// Makes readings, each with the rates since the one before.
pub struct Reader {
    start: Instant,
    /// When that was, in nanoseconds since 1970.
    began: u64,
    number: u64,
    before: HashMap<String, Counter>,
    elapsed_before: Duration,
}

impl Reader {
    /// Begins.
    pub fn new() -> Self {
        let (start, elapsed_before) = (Instant::now(), Duration::ZERO);
        Self { start, began: clock::now().0, number: 0, before: HashMap::new(), elapsed_before }
    }

    /// One reading. `tick` says whether rates of the readings after it begin here.
    pub fn read(&mut self, counted: &Counted<'_>, state: &State, tick: Tick) -> Reading {
        let &Counted { rules, counts, rule_counts, attachments, interval: interval_length } =
            counted;
        let elapsed = self.start.elapsed();
        if tick == Tick::Last {
            // As the last line of `probe count` has it: the rates of the whole run.
            self.before.clear();
            self.elapsed_before = Duration::ZERO;
        }
        let interval = elapsed - self.elapsed_before;
        let row = |(rule, &total): (&Rule, &Counter)| {
            let before = self.before.get(&rule.name).copied().unwrap_or_default();
            Row {
                name: rule.name.clone(),
                filter: rule.filter.clone(),
                count: Count::since(before, total, interval),
                peak_pps: None,
                parts: Vec::new(),
                lists: Default::default(),
            }
        };
        let snapshot = Snapshot {
            time: clock::now(),
            elapsed,
            last: tick == Tick::Last,
            hook: crate::interfaces::hooks(attachments),
            interfaces: attachments.iter().map(|it| it.interface.clone()).collect(),
            seen: counts.seen,
            parts: Vec::new(),
            rules: rules.iter().zip(rule_counts).map(row).collect(),
        };
        if tick != Tick::Between {
            let names = rules.iter().map(|rule| rule.name.clone());
            self.before = names.zip(rule_counts.iter().copied()).collect();
            self.elapsed_before = elapsed;
        }
        self.number += 1;
        let mut account = Account::default();
        account.kernel(counts);
        let lost = account.counts().into_iter().filter(|count| count.fate == Fate::LostInKernel);
        let lost: Vec<Loss> =
            lost.map(|count| Loss { cause: count.name, frames: count.frames }).collect();
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok();
        let seconds =
            |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        let cpu_seconds =
            usage.map_or(0.0, |usage| seconds(usage.user_time()) + seconds(usage.system_time()));
        Reading {
            tag: format!("{:x}-{:x}", self.began, self.number),
            asked: 0,
            interval_ends: tick != Tick::Between,
            interval_seconds: interval_length.as_secs_f64(),
            snapshot: Document { counts: &snapshot, lost: &lost }.line(),
            seen: (counts.seen.packets, counts.seen.bytes),
            rules: (rules.iter().zip(rule_counts))
                .map(|(rule, count)| (rule.name.clone(), count.packets, count.bytes))
                .collect(),
            lost: lost.iter().map(|loss| (loss.cause.to_owned(), loss.frames)).collect(),
            state: State { cpu_seconds, ..state.clone() },
        }
    }
}

/// What a reading is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// An interval ends here, and the next one begins.
    Interval,
    /// Somebody asked between two ticks.
    Between,
    /// The programs are taken off.
    Last,
}

//! What is known at one moment: the counts, and how the program itself is doing. It is made where the
//! programs are, and sent to the part that serves HTTP.

use std::{
    collections::HashMap,
    iter,
    time::{Duration, Instant},
};

use nix::sys::resource::{UsageWho, getrusage};
use probe_common::Counter;
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, Fate},
    clock,
    condition::Readings,
    count::{Count, OfRule, Row, Snapshot, Span},
    health::{Service, Verdict},
    kernel::{Attached, Attachment, Counts},
    rules::Rule,
    serve::{
        devices::Device,
        document::{Document, Loss},
        generation::Generation,
        health::Health,
        list_figures::ListFigures,
        recorders,
    },
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
    /// The rules' lists, rule by rule.
    pub lists: Vec<ListFigures>,
    /// Chosen frames that were lost, by cause.
    pub lost: Vec<(String, u64)>,
    /// How recorders do.
    pub recorders: Vec<recorders::View>,
    /// How the ports of `[health]` do, where there is one.
    pub health: Option<Health>,
    /// How the program itself is doing.
    pub state: State,
}

/// What the program counts about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Interfaces that programs are attached to, by hook.
    pub attached: Vec<(String, u64)>,
    /// The interfaces that the configuration names, and where programs are attached to them.
    pub devices: Vec<Device>,
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
    /// Bytes that the lists take in the kernel.
    pub list_memory: u64,
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
    /// The rules, and what came in their lists up to a moment ago.
    pub generation: &'a Generation,
    /// All counts of the programs.
    pub counts: &'a Counts,
    /// Where the programs are.
    pub attachments: &'a [Attachment],
    /// How the ports do.
    pub health: Option<Health>,
    /// Time between two readings.
    pub interval: Duration,
    /// How recorders do.
    pub recorders: Vec<recorders::View>,
}

/// Makes readings, each with the rates since the one before.
pub struct Reader {
    start: Instant,
    /// When that was, in nanoseconds since 1970.
    began: u64,
    number: u64,
    /// What rules had counted when the interval began, by their names and texts.
    before: HashMap<(String, String), Counter>,
    elapsed_before: Duration,
    /// The lists of each rule, and what metrics tell of them, as of when they were last taken.
    lists: Vec<OfRule>,
    figures: Vec<ListFigures>,
}

impl Reader {
    /// Begins.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            began: clock::now().0,
            number: 0,
            before: HashMap::new(),
            elapsed_before: Duration::ZERO,
            lists: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// When it began, in nanoseconds since 1970.
    pub fn began(&self) -> u64 {
        self.began
    }

    /// Time since it began.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Counts and verdicts as conditions take them.
    pub fn readings<'c>(
        &self,
        counts: &Counts,
        rules: &'c [Counter],
        ports: &'c [(Service, Verdict)],
    ) -> Readings<'c> {
        let lost = counts.ledger.lost + counts.ledger.refused;
        Readings { elapsed: self.start.elapsed(), seen: counts.seen, rules, lost, ports }
    }

    /// One reading. `tick` says whether rates of the readings after it begin here.
    pub fn read(&mut self, counted: Counted<'_>, state: &State, tick: Tick) -> Reading {
        let Counted {
            generation,
            counts,
            attachments,
            health,
            interval: interval_length,
            recorders,
        } = counted;
        let rules = &generation.rules;
        let elapsed = self.start.elapsed();
        if tick == Tick::Last {
            // As the last line of `probe count` has it: the rates of the whole run.
            self.before.clear();
            self.elapsed_before = Duration::ZERO;
        }
        let interval = elapsed - self.elapsed_before;
        let counters = generation.counts(&counts.rules);
        let (of_rules, of_lists) = counters.split_at(rules.len());
        let before: Vec<Counter> = (rules.iter())
            .map(|rule| self.before.get(&id(rule)).copied().unwrap_or_default())
            .collect();
        if tick.has_lists() {
            let span = Span { interval, last: tick == Tick::Last };
            self.lists = generation.lists(&counts.rules, span);
            let matched: Vec<Counter> =
                of_rules.iter().zip(&before).map(|(now, before)| since(*before, *now)).collect();
            self.figures = ListFigures::all(generation, &self.lists, &matched);
        }
        let none = OfRule::default();
        let lists = self.lists.iter().chain(iter::repeat(&none));
        let row = |(((rule, &total), &before), lists): (((&Rule, _), _), &OfRule)| Row {
            name: rule.name.clone(),
            filter: rule.filter.clone(),
            count: Count::since(before, total, interval),
            peak_pps: None,
            parts: Vec::new(),
            lists: lists.clone(),
        };
        let snapshot = Snapshot {
            time: clock::now(),
            elapsed,
            last: tick == Tick::Last,
            hook: crate::interfaces::hooks(attachments),
            interfaces: attachments.iter().map(|it| it.interface.clone()).collect(),
            seen: counts.seen,
            parts: Vec::new(),
            rules: rules.iter().zip(of_rules).zip(&before).zip(lists).map(row).collect(),
        };
        if tick.ends_interval() {
            self.before = rules.iter().map(id).zip(of_rules.iter().copied()).collect();
            self.elapsed_before = elapsed;
        }
        self.number += 1;
        let mut account = Account::default();
        account.kernel(counts);
        let lost = account.counts().into_iter().filter(|count| count.fate == Fate::LostInKernel);
        let lost: Vec<Loss> =
            lost.map(|count| Loss { cause: count.name, frames: count.frames }).collect();
        let ports = health.as_ref().map_or(&[][..], |health| &health.ports);
        let lists = self.figures.iter().zip(of_lists);
        Reading {
            tag: format!("{:x}-{:x}", self.began, self.number),
            asked: 0,
            interval_ends: tick.ends_interval(),
            interval_seconds: interval_length.as_secs_f64(),
            snapshot: Document { counts: &snapshot, lost: &lost, ports, recorders: &recorders }
                .line(),
            seen: (counts.seen.packets, counts.seen.bytes),
            rules: (rules.iter().zip(of_rules))
                .map(|(rule, count)| (rule.name.clone(), count.packets, count.bytes))
                .collect(),
            lists: lists.map(|(figures, counter)| figures.with_counter(*counter)).collect(),
            lost: lost.iter().map(|loss| (loss.cause.to_owned(), loss.frames)).collect(),
            health,
            recorders,
            state: State { cpu_seconds: cpu_seconds(), ..state.clone() },
        }
    }
}

/// Under another text a rule is another one.
fn id(rule: &Rule) -> (String, String) {
    (rule.name.clone(), rule.filter.clone())
}

fn since(before: Counter, now: Counter) -> Counter {
    Counter {
        packets: now.packets.saturating_sub(before.packets),
        bytes: now.bytes.saturating_sub(before.bytes),
    }
}

/// CPU seconds of this process, in user and kernel mode.
pub fn cpu_seconds() -> f64 {
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    getrusage(UsageWho::RUSAGE_SELF)
        .map_or(0.0, |usage| seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// What a reading is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// An interval ends here, and the next one begins.
    Interval,
    /// Somebody asked between two ticks. The lists are those of the reading before.
    Between,
    /// The rules may be others than before.
    Reloaded,
    /// The programs are taken off.
    Last,
}

impl Tick {
    /// Whether an interval ends.
    fn ends_interval(self) -> bool {
        matches!(self, Self::Interval | Self::Last)
    }

    /// Whether what came in the lists is taken before. Not at each request: where there are any, the
    /// programs are waited for, some 20 ms.
    pub fn has_lists(self) -> bool {
        self != Self::Between
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, serve::present::Present};

    fn config(filter: &str) -> Config {
        let text = format!(
            "interfaces = \"eth0\"\n[[rule]]\nname = \"a\"\nfilter = \"{filter}\"\nby = \"src\"\n"
        );
        Config::parse(&text, "probe.toml").unwrap()
    }

    /// A rule of the same name and another text begins at nothing, and so do its rates.
    #[test]
    fn rates_of_another_rule_by_the_same_name() {
        let counter = |packets| Counter { packets, bytes: 60 * packets };
        let present = Present::default();
        let mut first = Generation::first(&config("tcp"), &present).unwrap();
        let second = first.next(&config("udp"), &present, &[counter(1000), counter(900)]).unwrap();
        let mut reader = Reader::new();
        let mut read = |generation: &Generation, rules: &[u64], tick| {
            let rules = rules.iter().copied().map(counter).collect();
            let counts = Counts { rules, ..Counts::default() };
            let interval = Duration::from_secs(1);
            let counted = Counted {
                generation,
                counts: &counts,
                attachments: &[],
                health: None,
                recorders: Vec::new(),
                interval,
            };
            let reading = reader.read(counted, &State::default(), tick);
            let document: serde_json::Value = serde_json::from_str(&reading.snapshot).unwrap();
            (reading, document["rules"][0].clone())
        };
        let (reading, _) = read(&first, &[1000, 900], Tick::Interval);
        assert_eq!((reading.rules[0].1, reading.lists[0].keyed), (1000, 900));
        let (reading, rule) = read(&second, &[1000, 900, 0, 0], Tick::Reloaded);
        assert_eq!((reading.rules[0].1, reading.lists[0].keyed), (0, 0));
        assert_eq!((rule["pps"].as_f64(), rule["bps"].as_f64()), (Some(0.0), Some(0.0)));
        // A request has the counters of its moment, and the lists of the reading before.
        let (reading, rule) = read(&second, &[1000, 900, 10, 9], Tick::Between);
        assert_eq!((reading.rules[0].1, reading.lists[0].keyed), (10, 9));
        assert_eq!(rule["top"][0]["without"], 0);
        let (_, rule) = read(&second, &[1000, 900, 10, 9], Tick::Interval);
        let top = &rule["top"][0];
        assert_eq!((top["without"].as_u64(), top["other"]["packets"].as_u64()), (Some(1), Some(9)));
    }
}

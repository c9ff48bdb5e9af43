//! The recorders of `probe serve`, as the process that counts sees them: it holds the conditions against
//! its counts, tells a recorder when something happened, and counts what comes of it.

mod folder;
pub mod part;
mod view;
mod words;

pub use view::{By, Refusal, State, Triggers, View};

use std::time::Duration;

use anyhow::Result;
use nix::unistd::User;
use tokio::task::JoinSet;

use super::{
    backoff::Backoff,
    part::{Hub, Part, Word},
};
use crate::{
    condition::{Readings, Watcher},
    config::{Config, Record},
    failure::Usage,
    kernel::Features,
    record, reporter,
    rules::Rule,
};
use part::what;
use words::{Setup, Status, Told};

/// The hidden command that a recorder is started by.
const COMMAND: &str = "serve-record";

/// How long a recorder has at the end to finish its file.
const PATIENCE: Duration = Duration::from_secs(5);

/// With more rules than so many, a file's comment has the counts of its own only.
const MOST_COUNTS: usize = 64;

/// All recorders, in the order of the configuration.
#[derive(Default)]
pub struct Recorders {
    all: Vec<Recorder>,
}

struct Recorder {
    setup: Setup,
    watchers: Vec<Watcher>,
    part: Option<Part>,
    /// What the part says of itself.
    status: Status,
    /// Triggers that it was told of.
    told: u64,
    backoff: Backoff,
    /// What its parts before this one did.
    before: Status,
    triggers: Triggers,
    restarts: u64,
}

/// Counts of one moment.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// All rules.
    pub rules: &'a [Rule],
    /// What they and all of them counted, in the same order.
    pub readings: Readings<'a>,
}

/// Recorders that are armed for another configuration, and wait for its rules to be at work.
pub struct Prepared(Vec<(Setup, Armed)>);

enum Armed {
    /// The one of this index goes on.
    Kept(usize),
    New(Part),
}

impl Recorders {
    /// Arms those of a configuration that are not armed already. Those of the old one go on.
    ///
    /// # Errors
    /// What a recorder says is wrong. Then none is armed that was not before.
    pub async fn prepare(&self, config: &Config, hub: &mut Hub) -> Result<Prepared> {
        let mut prepared = Vec::new();
        for record in &config.records {
            let setup = Setup::of(config, record);
            let known = self.all.iter().position(|it| it.setup.goes_on_as(&setup));
            let armed = match known {
                Some(index) => Ok(Armed::Kept(index)),
                None => start(hub, &setup).await.map(Armed::New),
            };
            match armed {
                Ok(armed) => prepared.push((setup, armed)),
                Err(error) => {
                    Prepared(prepared).end().await;
                    return Err(error);
                }
            }
        }
        Ok(Prepared(prepared))
    }

    /// Lets those that were prepared take over; the others end. Rates begin at this moment, but those of
    /// conditions that were there before.
    pub async fn take_over(
        &mut self,
        prepared: Prepared,
        records: &[Record],
        readings: &Readings<'_>,
    ) {
        let mut old: Vec<Option<Recorder>> = self.all.drain(..).map(Some).collect();
        for ((setup, armed), record) in prepared.0.into_iter().zip(records) {
            let index = match armed {
                Armed::Kept(index) => Some(index),
                // A recorder of the rule that does something else counts on.
                Armed::New(_) => old
                    .iter()
                    .position(|it| it.as_ref().is_some_and(|it| it.setup.rule == setup.rule)),
            };
            let before = index.and_then(|index| old.get_mut(index)?.take());
            let mut recorder = before.unwrap_or_else(|| Recorder::new(setup.clone()));
            match armed {
                Armed::Kept(_) if recorder.setup != setup => {
                    recorder.tell(&Told::Interfaces(setup.interfaces.clone()));
                }
                Armed::Kept(_) => {}
                Armed::New(part) => {
                    if let Some(part) = recorder.replace(part) {
                        part.end(PATIENCE).await;
                    }
                }
            }
            recorder.setup = setup;
            recorder.watch(record, readings);
            self.all.push(recorder);
        }
        for part in old.into_iter().flatten().filter_map(|recorder| recorder.part) {
            part.end(PATIENCE).await;
        }
    }

    /// To be called at each interval: starts those again that ended by themselves.
    pub async fn restart(&mut self, hub: &mut Hub) {
        for recorder in self.all.iter_mut() {
            if recorder.part.is_some() || !recorder.backoff.is_due() {
                continue;
            }
            match start(hub, &recorder.setup).await {
                Ok(part) => {
                    recorder.replace(part);
                    recorder.restarts += 1;
                }
                Err(error) => {
                    recorder.backoff.ended();
                    reporter::note(format_args!("{error:#}"));
                }
            }
        }
    }

    /// Holds the conditions against the counts of an interval.
    pub fn watch(&mut self, moment: Moment<'_>) {
        let lost = moment.readings.lost + self.lost();
        let readings = Readings { lost, ..moment.readings };
        for recorder in &mut self.all {
            let met = recorder.watchers.iter_mut().filter_map(|it| it.reading(&readings));
            // All of them take the reading, whichever is the first.
            let why = met.fold(None, |why, met| why.or(Some(format!("when {met}"))));
            if let Some(why) = why {
                recorder.triggers.condition += 1;
                recorder.trigger(why, moment);
            }
        }
    }

    /// Starts a recording of one rule, or of each. Says of which.
    ///
    /// # Errors
    /// Why there is none.
    pub fn ask(
        &mut self,
        by: By,
        rule: Option<&str>,
        moment: Moment<'_>,
    ) -> Result<Vec<String>, Refusal> {
        let mut refusal = Refusal::Unknown(rule.map(str::to_owned));
        let mut asked = Vec::new();
        let is_meant = |it: &&mut Recorder| rule.is_none_or(|rule| it.setup.rule == rule);
        for recorder in self.all.iter_mut().filter(is_meant) {
            match (recorder.state(), by) {
                (State::Stopped, _) => refusal = Refusal::Stopped,
                // It would go on for longer; whoever asks by name wants a file of its own.
                (State::Recording, By::Request) => refusal = Refusal::Recording,
                (State::Recording | State::Armed, _) => {
                    match by {
                        By::Signal => recorder.triggers.signal += 1,
                        By::Request => recorder.triggers.request += 1,
                    }
                    recorder.trigger(by.to_string(), moment);
                    asked.push(recorder.setup.rule.clone());
                }
            }
        }
        if asked.is_empty() { Err(refusal) } else { Ok(asked) }
    }

    /// Takes what a part said, if it is one of these.
    pub fn hear(&mut self, word: &Word) -> bool {
        let is_its = |it: &&mut Recorder| it.part.as_ref().is_some_and(|it| it.id() == word.part);
        let Some(recorder) = self.all.iter_mut().find(is_its) else { return false };
        match &word.line {
            Some(line) => {
                // Both ends are one program; whatever else is said is not heard.
                if let Ok(status) = serde_json::from_str(line) {
                    recorder.status = status;
                }
            }
            None => {
                if let Some(mut part) = recorder.part.take() {
                    part.say_ended();
                }
                recorder.backoff.ended();
            }
        }
        true
    }

    /// Frames that the programs of recorders could not keep.
    pub fn lost(&self) -> u64 {
        self.all.iter().map(|it| it.before.lost + it.status.lost).sum()
    }

    /// How all of them do.
    pub fn views(&self) -> Vec<View> {
        self.all.iter().map(Recorder::view).collect()
    }

    /// Ends all of them, after what they write.
    pub async fn end(self) {
        let mut ends = JoinSet::new();
        for part in self.all.into_iter().filter_map(|recorder| recorder.part) {
            ends.spawn(part.end(PATIENCE));
        }
        ends.join_all().await;
    }
}

impl Prepared {
    /// Ends those that were started for it.
    pub async fn end(self) {
        for (_, armed) in self.0 {
            if let Armed::New(part) = armed {
                part.end(PATIENCE).await;
            }
        }
    }
}

impl Recorder {
    fn new(setup: Setup) -> Self {
        Self {
            setup,
            watchers: Vec::new(),
            part: None,
            status: Status::default(),
            told: 0,
            backoff: Backoff::default(),
            before: Status::default(),
            triggers: Triggers::default(),
            restarts: 0,
        }
    }

    /// Goes on with another part; gives the one before.
    fn replace(&mut self, part: Part) -> Option<Part> {
        let status = std::mem::take(&mut self.status);
        let last_file = status.last_file.or_else(|| self.before.last_file.take());
        self.before = Status {
            files: self.before.files + status.files,
            bytes: self.before.bytes + status.bytes,
            overwritten: self.before.overwritten + status.overwritten,
            failures: self.before.failures + status.failures,
            lost: self.before.lost + status.lost,
            last_file,
            ..Status::default()
        };
        self.told = 0;
        self.backoff.started();
        self.part.replace(part)
    }

    /// The conditions of its `[[record]]`; those that stay know what they have seen.
    fn watch(&mut self, record: &Record, readings: &Readings<'_>) {
        let mut old = std::mem::take(&mut self.watchers);
        for condition in record.when.iter().cloned() {
            let same = |it: &Watcher| it.condition().to_string() == condition.to_string();
            self.watchers.push(match old.iter().position(same) {
                Some(at) => {
                    let mut watcher = old.swap_remove(at);
                    watcher.renew(condition);
                    watcher
                }
                None => Watcher::since(condition, readings),
            });
        }
    }

    fn trigger(&mut self, why: String, Moment { rules, readings }: Moment<'_>) {
        let is_told = |rule: &Rule| rules.len() <= MOST_COUNTS || rule.name == self.setup.rule;
        let counted = rules.iter().zip(readings.rules.iter().copied());
        let counted = counted.filter(|(rule, _)| is_told(rule));
        let counted = counted.map(|(rule, count)| (rule.name.as_str(), count));
        let counts = record::counts(readings.elapsed, readings.seen, counted);
        if self.tell(&Told::Trigger { why, counts }) {
            self.told += 1;
        } else {
            self.before.failures += 1;
            reporter::note(format_args!("{} does not listen", what(&self.setup.rule)));
        }
    }

    fn tell(&self, told: &Told) -> bool {
        self.part.as_ref().is_some_and(|part| part.tell(told))
    }

    fn state(&self) -> State {
        match &self.part {
            None => State::Stopped,
            // What it was told of it may not have answered yet.
            Some(_) if self.status.recording || self.told > self.status.triggers => {
                State::Recording
            }
            Some(_) => State::Armed,
        }
    }

    fn view(&self) -> View {
        let Self { before, status, .. } = self;
        let (held_tenths, ring) = match &self.part {
            Some(_) => (status.held_tenths, status.ring),
            None => Default::default(),
        };
        View {
            rule: self.setup.rule.clone(),
            state: self.state(),
            files: before.files + status.files,
            bytes: before.bytes + status.bytes,
            last_file: status.last_file.clone().or_else(|| before.last_file.clone()),
            held_seconds: held_tenths as f64 / 10.0,
            ring,
            overwritten: before.overwritten + status.overwritten,
            lost: before.lost + status.lost,
            failures: before.failures + status.failures,
            triggers: self.triggers,
            restarts: self.restarts,
        }
    }
}

async fn start(hub: &mut Hub, setup: &Setup) -> Result<Part> {
    Part::start(hub, what(&setup.rule), COMMAND, setup).await
}

/// Checks what a configuration says of recorders against this machine.
///
/// # Errors
/// A kernel without tcx, and a folder that cannot be written to.
pub fn check(config: &Config) -> Result<(), Usage> {
    if config.records.is_empty() {
        return Ok(());
    }
    if !Features::of_this_kernel().tcx {
        return Err(Usage::new("[[record]] takes tcx, which Linux 6.6 and newer have"));
    }
    let user = config.user.as_deref().and_then(|name| User::from_name(name).ok()?);
    config
        .records
        .iter()
        .try_for_each(|record| folder::check(&record.keep.directory, user.as_ref()))
}

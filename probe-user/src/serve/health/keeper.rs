//! Keeps the part going: over reloads, and where it ends by itself.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Health, Report, Setup, Told, sum::Earlier};
use crate::{
    config::Config,
    health::{Service, Verdict},
    reporter,
    serve::{
        backoff::Backoff,
        part::{Hub, Part, Word},
    },
};

/// The hidden command that a part is.
const COMMAND: &str = "serve-health";
/// How long a part may take to report for the last time.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long its process may take to end behind that.
const EXIT: Duration = Duration::from_millis(500);

/// The part, and what those before it had counted.
#[derive(Default)]
pub struct Keeper {
    /// What the configuration asks for; `None`: nothing.
    setup: Option<Setup>,
    part: Option<AtWork>,
    /// One that is armed, and begins when the other one has ended.
    successor: Option<Part>,
    earlier: Earlier,
    restarts: u64,
    backoff: Backoff,
}

/// A part that reports.
struct AtWork {
    part: Part,
    newest: Option<Report>,
    /// Since when it is to end.
    ending: Option<Instant>,
}

/// What a configuration comes to, not yet in force.
pub struct Prepared {
    setup: Option<Setup>,
    /// A part that is armed, where one is needed.
    part: Option<Part>,
}

impl Prepared {
    /// Ends the part: what is in force goes on.
    pub async fn end(self) {
        if let Some(part) = self.part {
            part.end(EXIT).await;
        }
    }
}

impl Keeper {
    /// Arms a part for another configuration, unless the one at work can go on. Nothing else changes
    /// yet.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub async fn prepare(&self, hub: &mut Hub, config: &Config) -> Result<Prepared> {
        let setup = Setup::of(config);
        let part = match &setup {
            Some(setup) if !self.goes_on(setup) => Some(start(hub, setup).await?),
            _ => None,
        };
        Ok(Prepared { setup, part })
    }

    /// Whether the part at work is one for this setup, but for its place.
    fn goes_on(&self, setup: &Setup) -> bool {
        let same = |now: &Setup| now.settings == setup.settings && now.user == setup.user;
        self.part.as_ref().is_some_and(|it| it.ending.is_none())
            && self.setup.as_ref().is_some_and(same)
    }

    /// Puts a configuration to work.
    pub fn commit(&mut self, prepared: Prepared) {
        let Prepared { setup, part } = prepared;
        self.setup = setup;
        match (&self.setup, part) {
            (Some(_), Some(part)) => {
                self.successor = Some(part);
                self.make_room();
            }
            (Some(setup), None) => {
                if let Some(at_work) = &self.part {
                    at_work.part.tell(&Told::Place(setup.place.clone()));
                }
            }
            (None, _) => {
                self.successor = None;
                self.make_room();
            }
        }
    }

    /// Lets the part at work end; where there is none, the next one begins.
    fn make_room(&mut self) {
        match &mut self.part {
            Some(at_work) => {
                at_work.part.tell(&Told::End);
                at_work.ending.get_or_insert_with(Instant::now);
            }
            None => self.begin(),
        }
    }

    fn begin(&mut self) {
        match &self.setup {
            Some(setup) => self.earlier.keep(&setup.settings),
            None => self.earlier = Earlier::default(),
        }
        self.part = self.successor.take().map(|part| {
            part.tell(&Told::Begin);
            self.backoff.started();
            AtWork { part, newest: None, ending: None }
        });
    }

    /// Takes a word, if it is one of the part's. Says whether it was.
    pub async fn take(&mut self, word: &Word) -> bool {
        if let Some(successor) = &self.successor
            && successor.id() == word.part
        {
            // It says nothing before it begins: it has ended.
            if let Some(mut part) = self.successor.take() {
                part.say_ended();
            }
            return true;
        }
        let Some(at_work) = self.part.as_mut().filter(|it| it.part.id() == word.part) else {
            return false;
        };
        match &word.line {
            // It may have been taken over: what is no report is left out.
            Some(line) => {
                let report = serde_json::from_str(line).ok();
                at_work.newest = report.or(at_work.newest.take());
            }
            None => self.ended().await,
        }
        true
    }

    async fn ended(&mut self) {
        let Some(AtWork { mut part, newest, ending }) = self.part.take() else { return };
        if let Some(report) = &newest {
            self.earlier.add(report);
        }
        if ending.is_some() {
            part.end(EXIT).await;
        } else {
            part.say_ended();
            self.backoff.ended();
        }
        self.begin();
    }

    /// Starts the part again where it has ended by itself, and ends one that does not. To be called once an
    /// interval, where there is the right to load programs.
    pub async fn look_after(&mut self, hub: &mut Hub) {
        let is_stuck = |at_work: &AtWork| at_work.ending.is_some_and(|it| it.elapsed() >= PATIENCE);
        if self.part.as_ref().is_some_and(is_stuck) {
            self.ended().await;
        }
        let (Some(setup), None, None) = (&self.setup, &self.part, &self.successor) else { return };
        if !self.backoff.is_due() {
            return;
        }
        match start(hub, setup).await {
            Ok(part) => {
                self.restarts += 1;
                self.successor = Some(part);
                self.begin();
            }
            Err(error) => {
                self.backoff.ended();
                reporter::note(format_args!("not started again: {error:#}"));
            }
        }
    }

    /// How the ports do, as far as it was reported; `None` where nobody asks for it.
    pub fn health(&self) -> Option<Health> {
        let settings = &self.setup.as_ref()?.settings;
        let up = self.part.as_ref().is_some_and(|it| it.newest.is_some() && it.ending.is_none());
        let report = self.earlier.with(settings, self.newest());
        let Report { ports, followed, cpu_seconds, ring } = report;
        Some(Health { ports, followed, cpu_seconds, ring, up, restarts: self.restarts })
    }

    fn newest(&self) -> Option<&Report> {
        self.part.as_ref()?.newest.as_ref()
    }

    /// The verdicts on ports, as far as they were reported.
    pub fn verdicts(&self) -> Vec<(Service, Verdict)> {
        let ports = self.newest().into_iter().flat_map(|report| &report.ports);
        ports.map(|port| (port.service, port.verdict)).collect()
    }

    /// Ends the part. Its last report, which is about the whole run, stays.
    pub async fn end(&mut self, hub: &mut Hub) {
        self.successor = None;
        self.make_room();
        let last = async {
            while let Some(at_work) = &self.part {
                let word = hub.next().await;
                if word.part == at_work.part.id() && word.line.is_none() {
                    return;
                }
                self.take(&word).await;
            }
        };
        // One that does not end goes with its socket.
        let _ = tokio::time::timeout(PATIENCE, last).await;
    }
}

async fn start(hub: &mut Hub, setup: &Setup) -> Result<Part> {
    Part::start(hub, "the process of [health]".into(), COMMAND, setup).await
}

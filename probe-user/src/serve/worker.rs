//! The process that serves HTTP, as the one that counts sees it.
//!
//! It is a process, and not a thread: a thread shares the memory of those that may load programs,
//! and whoever takes it over has their rights. It is [this program started anew](super::process); by
//! its socket it gets readings and asks for more. It has no other way to the rest of the machine
//! ([`super::http`]).

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    listen::Listeners,
    otlp,
    process::{self, Process, Rights},
    reading::Reading,
    recorders::Refusal,
    web::Web,
};

/// What is sent to the worker, a line of JSON each.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The newest reading.
    Reading(Box<Reading>),
    /// What became of a reload: the error, if there was one.
    Reloaded(Option<String>),
    /// The rules whose recordings were started, or why there is none.
    Recording(Result<Vec<String>, Refusal>),
    /// Where metrics are pushed to, if anywhere: the first of all words, and after each reload.
    Otlp(Option<Box<otlp::Setup>>),
    /// What the web config file says, where it has changed; first of all without having been asked.
    Web(Option<Box<Web>>),
}

/// What the worker asks for, a line of JSON each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// A reading of this moment.
    Read,
    /// To read the configuration again.
    Reload,
    /// To record the frames of a rule, or of all that can be recorded.
    Record(Option<String>),
    /// Whether the web config file has changed.
    Web,
}

/// The worker.
pub struct Worker {
    process: Process,
    asked: mpsc::Receiver<Asked>,
    /// How many readings it asked for.
    reads: u64,
    outbox: Outbox,
    tasks: [JoinHandle<()>; 2],
}

impl Worker {
    /// Starts it.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(listeners: &Listeners) -> Result<Self> {
        let (process, socket) = listeners.hand_on(|sockets| {
            let numbers = sockets.iter().map(ToString::to_string);
            let words: Vec<String> = ["serve-http".to_owned()].into_iter().chain(numbers).collect();
            Process::start("the process that serves HTTP".into(), &words, Rights::None)
        })?;
        let (from, mut to) = socket.into_split();
        let (ask, asked) = mpsc::channel(16);
        let listen = tokio::spawn(async move {
            let mut from = BufReader::new(from);
            while let Some(line) = process::line(&mut from).await {
                // It has no other words; whatever else it says is not obeyed.
                let Ok(word) = serde_json::from_str(&line) else { continue };
                if ask.send(word).await.is_err() {
                    return;
                }
            }
        });
        let (outbox, mut waiting) = outbox();
        let tell = tokio::spawn(async move {
            while let Some(told) = waiting.next().await {
                if to.write_all(&crate::json::line(&told)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, asked, reads: 0, outbox, tasks: [listen, tell] })
    }

    /// What it asks for next; `None` where it has ended.
    pub async fn asked(&mut self) -> Option<Asked> {
        let asked = self.asked.recv().await;
        self.reads += u64::from(matches!(asked, Some(Asked::Read)));
        asked
    }

    /// Gives it a reading, made now.
    pub fn tell(&self, reading: Reading) {
        self.outbox.put(Reading { asked: self.reads, ..reading });
    }

    /// Tells it what became of a reload, or of the web config file; `false` where there is no room, as it
    /// does not read what it asked for.
    pub fn answer(&self, answer: Told) -> bool {
        self.outbox.answers.try_send(answer).is_ok()
    }

    /// Says how it ended.
    pub fn say_ended(&mut self) {
        self.process.say_ended();
    }

    /// Ends it: it goes when it has no socket to read from.
    pub async fn end(self) {
        /// What an answer to a request may take.
        const PATIENCE: Duration = Duration::from_millis(500);
        let Self { process, tasks, .. } = self;
        tasks.iter().for_each(JoinHandle::abort);
        process.end(PATIENCE).await;
    }
}

/// Where that is put which the worker is told. If it is behind it gets the newest readings, and none of
/// those before.
struct Outbox {
    /// The newest reading that ends an interval: none between two intervals takes its place.
    ticks: watch::Sender<Option<Box<Reading>>>,
    /// One that was made behind it.
    between: watch::Sender<Option<Box<Reading>>>,
    answers: mpsc::Sender<Told>,
}

/// The other end.
struct Waiting {
    ticks: watch::Receiver<Option<Box<Reading>>>,
    between: watch::Receiver<Option<Box<Reading>>>,
    answers: mpsc::Receiver<Told>,
}

fn outbox() -> (Outbox, Waiting) {
    let (ticks, newest_tick) = watch::channel(None);
    let (between, newest) = watch::channel(None);
    let (answers, answered) = mpsc::channel(4);
    let waiting = Waiting { ticks: newest_tick, between: newest, answers: answered };
    (Outbox { ticks, between, answers }, waiting)
}

impl Outbox {
    fn put(&self, reading: Reading) {
        let ends = reading.interval_ends;
        let reading = Some(Box::new(reading));
        if ends {
            // It is newer.
            self.between.send_replace(None);
            self.ticks.send_replace(reading);
        } else {
            self.between.send_replace(reading);
        }
    }
}

impl Waiting {
    /// What is to be told next; `None` where nothing comes any more.
    async fn next(&mut self) -> Option<Told> {
        loop {
            let reading = tokio::select! {
                // An answer comes behind the reading that shows what it says.
                biased;
                Ok(()) = self.ticks.changed() => self.ticks.borrow_and_update().clone(),
                Ok(()) = self.between.changed() => self.between.borrow_and_update().clone(),
                answer = self.answers.recv() => return answer,
            };
            if let Some(reading) = reading {
                return Some(Told::Reading(reading));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime;

    #[test]
    fn no_reading_between_two_intervals_hides_the_end_of_one() {
        runtime::block_on(async {
            let (outbox, mut waiting) = outbox();
            let reading = |tag: &str, interval_ends| Reading {
                tag: tag.into(),
                interval_ends,
                ..Reading::default()
            };
            for (put, told) in [
                (&[("1", true), ("2", false), ("3", false)][..], &["1", "3"][..]),
                (&[("4", false), ("5", true)], &["5"]),
                (&[("6", true), ("7", false), ("8", true), ("9", false)], &["8", "9"]),
            ] {
                outbox.answers.try_send(Told::Reloaded(None)).unwrap();
                put.iter().for_each(|(tag, ends)| outbox.put(reading(tag, *ends)));
                for expected in told {
                    let told = waiting.next().await;
                    let Some(Told::Reading(told)) = told else { panic!("{told:?}") };
                    assert_eq!(told.tag, *expected);
                }
                let told = waiting.next().await;
                assert!(matches!(told, Some(Told::Reloaded(None))), "{told:?}");
            }
            anyhow::Ok(())
        })
        .unwrap();
    }
}

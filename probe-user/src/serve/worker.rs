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
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    listen::Listeners,
    process::{Process, Rights},
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
    /// The newest reading that ends an interval, which none between two takes the place of.
    ticks: watch::Sender<Option<Box<Reading>>>,
    /// One that was made behind it.
    between: watch::Sender<Option<Box<Reading>>>,
    answers: mpsc::Sender<Told>,
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
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                // It has no other words; whatever else it says is not obeyed.
                let Ok(word) = serde_json::from_str(&line) else { continue };
                if ask.send(word).await.is_err() {
                    return;
                }
            }
        });
        let (ticks, mut newest_tick) = watch::channel(None::<Box<Reading>>);
        let (between, mut newest) = watch::channel(None::<Box<Reading>>);
        let (answers, mut answered) = mpsc::channel(4);
        let tell = tokio::spawn(async move {
            loop {
                // What is behind gets the newest readings, and none of those before.
                let reading = tokio::select! {
                    // What an answer is about is in a reading before it.
                    biased;
                    Ok(()) = newest_tick.changed() => Ok(newest_tick.borrow_and_update().clone()),
                    Ok(()) = newest.changed() => Ok(newest.borrow_and_update().clone()),
                    answer = answered.recv() => match answer {
                        Some(answer) => Err(answer),
                        None => return,
                    },
                };
                let told = match reading {
                    Ok(Some(reading)) => Told::Reading(reading),
                    Ok(None) => continue,
                    Err(answer) => answer,
                };
                if to.write_all(&crate::json::line(&told)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, asked, reads: 0, ticks, between, answers, tasks: [listen, tell] })
    }

    /// What it asks for next; `None` where it has ended.
    pub async fn asked(&mut self) -> Option<Asked> {
        let asked = self.asked.recv().await;
        self.reads += u64::from(matches!(asked, Some(Asked::Read)));
        asked
    }

    /// Gives it a reading, made now.
    pub fn tell(&self, reading: Reading) {
        let reading = Box::new(Reading { asked: self.reads, ..reading });
        if reading.interval_ends {
            // It is newer.
            self.between.send_replace(None);
            self.ticks.send_replace(Some(reading));
        } else {
            self.between.send_replace(Some(reading));
        }
    }

    /// Tells it what became of a reload, or of the web config file; `false` where there is no room, as it
    /// does not read what it asked for.
    pub fn answer(&self, answer: Told) -> bool {
        self.answers.try_send(answer).is_ok()
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

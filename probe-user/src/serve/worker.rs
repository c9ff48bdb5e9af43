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

use super::{listen::Listeners, process::Process, reading::Reading};

/// What is sent to the worker, a line of JSON each.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The newest reading.
    Reading(Box<Reading>),
    /// What became of a reload: the error, if there was one.
    Reloaded(Option<String>),
}

/// What the worker asks for, a line of JSON each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// A reading of this moment.
    Read,
    /// To read the configuration again.
    Reload,
}

/// The worker.
pub struct Worker {
    process: Process,
    asked: mpsc::Receiver<Asked>,
    /// How many readings it asked for.
    reads: u64,
    readings: watch::Sender<Option<Box<Reading>>>,
    answers: mpsc::Sender<Option<String>>,
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
            Process::start("the process that serves HTTP".into(), &words)
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
        let (readings, mut newest) = watch::channel(None::<Box<Reading>>);
        let (answers, mut answered) = mpsc::channel(4);
        let tell = tokio::spawn(async move {
            loop {
                // What is behind gets the newest reading, and none of those between.
                let told = tokio::select! {
                    changed = newest.changed() => match (changed, newest.borrow_and_update().clone()) {
                        (Ok(()), Some(reading)) => Told::Reading(reading),
                        (Ok(()), None) => continue,
                        (Err(_), _) => return,
                    },
                    answer = answered.recv() => match answer {
                        Some(answer) => Told::Reloaded(answer),
                        None => return,
                    },
                };
                if to.write_all(&crate::json::line(&told)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, asked, reads: 0, readings, answers, tasks: [listen, tell] })
    }

    /// What it asks for next; `None` where it has ended.
    pub async fn asked(&mut self) -> Option<Asked> {
        let asked = self.asked.recv().await;
        self.reads += u64::from(asked == Some(Asked::Read));
        asked
    }

    /// Gives it a reading, made now.
    pub fn tell(&self, reading: Reading) {
        self.readings.send_replace(Some(Box::new(Reading { asked: self.reads, ..reading })));
    }

    /// Tells it what became of a reload.
    pub fn answer(&self, error: Option<String>) {
        // It is told of no more than it asked for, so there is room.
        let _ = self.answers.try_send(error);
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

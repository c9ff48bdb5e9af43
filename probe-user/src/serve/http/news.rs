//! The readings, as they come from the process that counts; and the way to ask it for more.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixStream, unix::OwnedReadHalf},
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
    time::{sleep_until, timeout},
};

use crate::serve::{
    reading::Reading,
    recorders::Refusal,
    worker::{Asked, Told},
};

/// Time between two readings that are asked for: so many requests cannot make the other process read
/// all the time.
const GAP: Duration = Duration::from_millis(20);
/// How long one is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a reload may take: the kernel verifies programs for seconds, where rules are many. What is
/// asked for meanwhile waits for its end.
const RELOAD: Duration = Duration::from_secs(60);
/// What is said where there is no answer.
pub const NO_ANSWER: &str = "the process that counts does not answer";

/// A reading, and when it came.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub at: Instant,
    pub reading: Reading,
}

/// What is known, for all connections.
#[derive(Clone)]
pub struct News {
    /// The newest reading.
    newest: watch::Receiver<Option<Arc<Arrived>>>,
    /// The newest of those that end an interval.
    ticks: watch::Receiver<Option<Arc<Arrived>>>,
    ask: mpsc::Sender<Asked>,
    /// How many readings were asked for, and when the last was; whoever has it is the one that asks.
    asked: Arc<Mutex<(u64, Option<Instant>)>>,
    /// Answers to what else was asked for; whoever has it is the one that asks.
    answers: Arc<Mutex<mpsc::Receiver<Told>>>,
}

impl News {
    /// Follows what comes; the task ends when nothing comes any more.
    pub fn follow(control: UnixStream) -> (Self, JoinHandle<()>) {
        let (from, mut to) = control.into_split();
        let (ask, mut questions) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(question) = questions.recv().await {
                if to.write_all(&crate::json::line(&question)).await.is_err() {
                    return;
                }
            }
        });
        let (newest, see_newest) = watch::channel(None);
        let (ticks, see_ticks) = watch::channel(None);
        let (answer, answers) = mpsc::channel(4);
        let news = Self {
            newest: see_newest,
            ticks: see_ticks,
            ask,
            asked: Arc::default(),
            answers: Arc::new(Mutex::new(answers)),
        };
        (news, tokio::spawn(read(from, newest, ticks, answer)))
    }

    /// Waits for the first reading.
    pub async fn first(&self) {
        // It fails where the process that counts is gone, and then this one goes, too.
        let _ = self.ticks.clone().wait_for(Option::is_some).await;
    }

    /// The newest reading.
    pub fn newest(&self) -> Option<Arc<Arrived>> {
        self.newest.borrow().clone()
    }

    /// The newest one that ended an interval.
    pub fn tick(&self) -> Option<Arc<Arrived>> {
        self.ticks.borrow().clone()
    }

    /// Those that end an interval, from now on.
    pub fn ticks(&self) -> watch::Receiver<Option<Arc<Arrived>>> {
        self.ticks.clone()
    }

    /// A reading made after this was called; all that wait for one share it. Where none comes, the
    /// newest there is.
    pub async fn fresh(&self) -> Option<Arc<Arrived>> {
        let called = Instant::now();
        let mut asked = self.asked.lock().await;
        if asked.1.is_none_or(|last| last <= called) {
            if let Some(last) = asked.1 {
                sleep_until((last + GAP).into()).await;
            }
            *asked = (asked.0 + 1, Some(Instant::now()));
            // It fails where the process that counts is gone, and then this one goes, too.
            let _ = self.ask.send(Asked::Read).await;
            let answers = |arrived: &Option<Arc<Arrived>>| {
                arrived.as_ref().is_some_and(|arrived| arrived.reading.asked >= asked.0)
            };
            let _ = timeout(PATIENCE, self.newest.clone().wait_for(answers)).await;
        }
        self.newest()
    }

    /// Asks for the configuration to be read again; says what was wrong with it.
    ///
    /// # Errors
    /// In words.
    pub async fn reload(&self) -> Result<(), String> {
        match self.ask(Asked::Reload, RELOAD).await {
            Some(Told::Reloaded(None)) => Ok(()),
            Some(Told::Reloaded(Some(error))) => Err(error),
            _ => Err(NO_ANSWER.into()),
        }
    }

    /// Asks for a recording of a rule, or of all that can be recorded; says of which rules there is one.
    /// `None`: the process that counts does not answer.
    pub async fn record(&self, rule: Option<String>) -> Option<Result<Vec<String>, Refusal>> {
        match self.ask(Asked::Record(rule), RELOAD).await? {
            Told::Recording(recording) => Some(recording),
            _ => None,
        }
    }

    /// Asks for something that is answered.
    async fn ask(&self, what: Asked, patience: Duration) -> Option<Told> {
        let mut answers = self.answers.lock().await;
        // What somebody asked for who did not wait.
        while answers.try_recv().is_ok() {}
        self.ask.send(what).await.ok()?;
        timeout(patience, answers.recv()).await.ok()?
    }
}

async fn read(
    from: OwnedReadHalf,
    newest: watch::Sender<Option<Arc<Arrived>>>,
    ticks: watch::Sender<Option<Arc<Arrived>>>,
    answer: mpsc::Sender<Told>,
) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Told::Reading(reading)) => {
                let arrived = Arc::new(Arrived { at: Instant::now(), reading: *reading });
                if arrived.reading.interval_ends {
                    ticks.send_replace(Some(Arc::clone(&arrived)));
                }
                newest.send_replace(Some(arrived));
            }
            Ok(told @ (Told::Reloaded(_) | Told::Recording(_))) => {
                let _ = answer.try_send(told);
            }
            // Both ends are one program.
            Err(_) => return,
        }
    }
}

//! The readings, as they come from the process that counts; and the way to ask it for more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixStream, unix::OwnedReadHalf},
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::serve::{
    reading::Reading,
    worker::{Asked, Told},
};

/// A reading that is older is not given to whoever scrapes: another one is asked for.
const FRESH: Duration = Duration::from_millis(100);
/// How long another one is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a reload may take: the kernel verifies programs for seconds, where rules are many.
const RELOAD: Duration = Duration::from_secs(60);

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
    /// Whether a reading is asked for already.
    asked: Arc<AtomicBool>,
    /// What became of reloads; whoever has it is the one that waits for it.
    reloaded: Arc<Mutex<mpsc::Receiver<Option<String>>>>,
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
        let (answer, reloaded) = mpsc::channel(4);
        let asked = Arc::new(AtomicBool::new(false));
        let news = Self {
            newest: see_newest,
            ticks: see_ticks,
            ask,
            asked: Arc::clone(&asked),
            reloaded: Arc::new(Mutex::new(reloaded)),
        };
        (news, tokio::spawn(read(from, newest, ticks, answer, asked)))
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

    /// A reading of this moment; however many ask for one, they share it. Where none comes, the
    /// newest there is.
    pub async fn fresh(&self) -> Option<Arc<Arrived>> {
        let mut newest = self.newest.clone();
        if let Some(reading) = newest.borrow_and_update().as_ref().filter(|it| it.at.elapsed() < FRESH) {
            return Some(Arc::clone(reading));
        }
        if !self.asked.swap(true, Ordering::Relaxed) && self.ask.try_send(Asked::Read).is_err() {
            self.asked.store(false, Ordering::Relaxed);
        }
        let _ = timeout(PATIENCE, newest.changed()).await;
        self.newest()
    }

    /// Asks for the configuration to be read again; says what was wrong with it.
    ///
    /// # Errors
    /// In words.
    pub async fn reload(&self) -> Result<(), String> {
        let mut reloaded = self.reloaded.lock().await;
        // What somebody asked for who did not wait.
        while reloaded.try_recv().is_ok() {}
        let gone = || "the process that counts does not answer".to_owned();
        self.ask.send(Asked::Reload).await.map_err(|_| gone())?;
        match timeout(RELOAD, reloaded.recv()).await {
            Ok(Some(None)) => Ok(()),
            Ok(Some(Some(error))) => Err(error),
            Ok(None) | Err(_) => Err(gone()),
        }
    }
}

async fn read(
    from: OwnedReadHalf,
    newest: watch::Sender<Option<Arc<Arrived>>>,
    ticks: watch::Sender<Option<Arc<Arrived>>>,
    answer: mpsc::Sender<Option<String>>,
    asked: Arc<AtomicBool>,
) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Told::Reading(reading)) => {
                asked.store(false, Ordering::Relaxed);
                let arrived = Arc::new(Arrived { at: Instant::now(), reading: *reading });
                if arrived.reading.interval_ends {
                    ticks.send_replace(Some(Arc::clone(&arrived)));
                }
                newest.send_replace(Some(arrived));
            }
            Ok(Told::Reloaded(error)) => {
                let _ = answer.try_send(error);
            }
            // Both ends are one program.
            Err(_) => return,
        }
    }
}

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

use rustls::ServerConfig;

use crate::{
    reporter,
    serve::{
        http::pushes::Pushes,
        otlp::Setup,
        reading::Reading,
        recorders::Refusal,
        web::{Web, tls},
        worker::{Asked, Told},
    },
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

/// Time between two looks at the web config file.
const LOOK: Duration = Duration::from_millis(10);
/// How long a look is waited for: the process that counts may be loading programs.
const LOOKING: Duration = Duration::from_millis(250);

/// A reading, and when it came.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub at: Instant,
    pub reading: Reading,
}

/// What the web config file says now.
#[derive(Debug, Default)]
pub struct Current {
    pub web: Web,
    /// Its part on TLS, ready to use.
    pub tls: Option<Arc<ServerConfig>>,
}

/// The newest of these, and how many answers there were, which others may not have changed it.
type Looked = (u64, Option<Arc<Current>>);

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
    web: watch::Receiver<Looked>,
    /// Where metrics are pushed to, once that was told.
    otlp: watch::Receiver<Option<Option<Arc<Setup>>>>,
    pushes: Arc<Pushes>,
    /// When the web config file was last looked at; whoever has it is the one that asks.
    looked: Arc<Mutex<Option<Instant>>>,
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
        let (web, see_web) = watch::channel(Looked::default());
        let (otlp, see_otlp) = watch::channel(None);
        let (answer, answers) = mpsc::channel(4);
        let news = Self {
            newest: see_newest,
            ticks: see_ticks,
            ask,
            asked: Arc::default(),
            web: see_web,
            otlp: see_otlp,
            pushes: Arc::default(),
            looked: Arc::default(),
            answers: Arc::new(Mutex::new(answers)),
        };
        (news, tokio::spawn(read(from, Heard { newest, ticks, web, otlp, answer })))
    }

    /// Waits for the first reading, and for what the web config file says.
    pub async fn first(&self) {
        // It fails where the process that counts is gone, and then this one goes, too.
        let _ = self.web.clone().wait_for(|(_, current)| current.is_some()).await;
        let _ = self.ticks.clone().wait_for(Option::is_some).await;
    }

    /// Where metrics are pushed to, if anywhere. Waits until that was told.
    pub async fn otlp(&self) -> Option<Arc<Setup>> {
        // It fails where the process that counts is gone, and then this one goes, too.
        let told = self.otlp.clone().wait_for(Option::is_some).await.ok()?.clone();
        told.flatten()
    }

    /// What became of pushes, where there are any.
    pub fn pushes(&self) -> Option<&Pushes> {
        matches!(*self.otlp.borrow(), Some(Some(_))).then_some(&*self.pushes)
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

    /// What the web config file says at this moment, or within [`LOOK`] of it; while the process that
    /// counts is busy, what it said last.
    pub async fn web(&self) -> Arc<Current> {
        let current = |looked: &Looked| looked.1.clone().unwrap_or_default();
        if !current(&self.web.borrow()).web.is_watched {
            return current(&self.web.borrow());
        }
        let mut looked = self.looked.lock().await;
        if looked.is_none_or(|last| last.elapsed() >= LOOK) {
            let before = self.web.borrow().0;
            // It fails where the process that counts is gone, and then this one goes, too.
            let _ = self.ask.send(Asked::Web).await;
            let mut web = self.web.clone();
            let _ = timeout(LOOKING, web.wait_for(|(answers, _)| *answers > before)).await;
            *looked = Some(Instant::now());
        }
        current(&self.web.borrow())
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

/// Where what comes goes to.
struct Heard {
    newest: watch::Sender<Option<Arc<Arrived>>>,
    ticks: watch::Sender<Option<Arc<Arrived>>>,
    web: watch::Sender<Looked>,
    otlp: watch::Sender<Option<Option<Arc<Setup>>>>,
    answer: mpsc::Sender<Told>,
}

async fn read(from: OwnedReadHalf, heard: Heard) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Told::Reading(reading)) => {
                let arrived = Arc::new(Arrived { at: Instant::now(), reading: *reading });
                if arrived.reading.interval_ends {
                    heard.ticks.send_replace(Some(Arc::clone(&arrived)));
                }
                heard.newest.send_replace(Some(arrived));
            }
            Ok(told @ (Told::Reloaded(_) | Told::Recording(_))) => {
                let _ = heard.answer.try_send(told);
            }
            Ok(Told::Otlp(setup)) => {
                heard.otlp.send_replace(Some(setup.map(|setup| Arc::new(*setup))));
            }
            Ok(Told::Web(web)) => heard.web.send_modify(|(answers, current)| {
                *answers += 1;
                if let Some(web) = web {
                    understand(*web, current);
                }
            }),
            // Both ends are one program.
            Err(_) => return,
        }
    }
}

/// Takes what a web config file says. The process that counts has tried it out; where this one cannot
/// use it all the same, what was there before stays.
fn understand(web: Web, current: &mut Option<Arc<Current>>) {
    match web.tls.as_ref().map(tls::server).transpose() {
        Ok(tls) => *current = Some(Arc::new(Current { web, tls })),
        Err(error) => reporter::note(format_args!("TLS: {error:#}")),
    }
}

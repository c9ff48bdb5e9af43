//! What runs beside the counts while somebody looks at it: threads with programs of their own, for the ports,
//! the connections, and each capture of a row. None begins before it is asked for.

mod capture;
mod connections;
mod ports;

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tokio::sync::mpsc::Sender;

use super::{
    Plan,
    app::{Capture, Event, Tab},
    source::Input,
};
use crate::{
    clock, privileges,
    source::{Choice, DirectionChoice, Live},
};

/// How long a session may take to end before the program ends without it.
const PATIENCE: Duration = Duration::from_secs(3);
/// Time between two messages of a session.
pub(super) const NEWS: Duration = Duration::from_millis(250);

/// What somebody tells the screen.
#[derive(Debug)]
pub struct Told {
    /// Which session; none for what is no session's.
    pub by: Option<u64>,
    /// What.
    pub event: Event,
}

/// The way from a session to the screen, and the wish to end it.
#[derive(Clone)]
pub struct Line {
    number: u64,
    to: Sender<Told>,
    ended: Arc<AtomicBool>,
}

impl Line {
    /// Whether the session is not wanted any more.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed) || crate::stop::requested()
    }

    /// Tells the screen, unless that is behind.
    pub fn offer(&self, event: Event) -> bool {
        self.to.try_send(Told { by: Some(self.number), event }).is_ok()
    }

    /// Tells the screen, and waits until there is room.
    pub fn tell(&self, event: Event) {
        // It fails where the screen is gone.
        let _ = self.to.blocking_send(Told { by: Some(self.number), event });
    }
}

/// A session.
struct Session {
    number: u64,
    ended: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// All sessions.
pub struct Sessions {
    from: Input,
    ports: Vec<crate::health::Service>,
    to: Sender<Told>,
    last: u64,
    tabs: HashMap<Tab, Session>,
    captures: HashMap<String, Session>,
    /// Those that were asked to end.
    ending: Vec<JoinHandle<()>>,
}

impl Sessions {
    /// None yet.
    pub fn new(plan: &Plan, to: Sender<Told>) -> Self {
        let (tabs, captures, ending) = (HashMap::new(), HashMap::new(), Vec::new());
        let (from, ports) = (plan.from.clone(), plan.ports.clone());
        Self { from, ports, to, last: 0, tabs, captures, ending }
    }

    /// Whether what was told is of a session that is still wanted.
    pub fn is_wanted(&self, told: &Told) -> bool {
        let all = || self.tabs.values().chain(self.captures.values());
        told.by.is_none_or(|by| all().any(|session| session.number == by))
    }

    /// Looks at ports.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn ports(&mut self, filter: String) -> Result<()> {
        let (from, services) = (self.from.clone(), self.ports.clone());
        self.tab(Tab::Ports, move |line| ports::run(&from, services, filter, line))
    }

    /// Follows connections.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn connections(&mut self, filter: String) -> Result<()> {
        let from = self.from.clone();
        self.tab(Tab::Connections, move |line| connections::run(&from, &filter, line))
    }

    /// Ends what a tab had.
    pub fn close(&mut self, tab: Tab) {
        let session = self.tabs.remove(&tab);
        self.ending.extend(session.map(Session::end));
    }

    fn tab(
        &mut self,
        tab: Tab,
        run: impl FnOnce(&Line) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        self.close(tab);
        let session = self.start(move |line| {
            let why = run(line).err().map(|error| format!("{error:#}"));
            line.tell(Event::Ended(tab, why));
        })?;
        self.tabs.insert(tab, session);
        Ok(())
    }

    /// Writes frames that match into a new file, until that is [ended](Self::stop_capture).
    ///
    /// # Errors
    /// Where the file or a thread cannot be had.
    pub fn capture(&mut self, name: String, filter: String) -> Result<()> {
        let Input::Live(live) = &self.from else { return Ok(()) };
        let (live, file) = (beside(live), new_file(&format!("probe-top-{name}"), "pcapng")?);
        let begun = Capture {
            name: name.clone(),
            file: file.display().to_string(),
            frames: 0,
            lost: None,
            ended: None,
        };
        let session = self.start(move |line| capture::run(live, filter, file, begun, line))?;
        self.captures.insert(name, session);
        Ok(())
    }

    /// Ends a capture; what became of it is told when it has ended.
    pub fn stop_capture(&mut self, name: &str) {
        if let Some(session) = self.captures.get(name) {
            session.ended.store(true, Ordering::Relaxed);
        }
    }

    fn start(&mut self, run: impl FnOnce(&Line) + Send + 'static) -> Result<Session> {
        self.last += 1;
        let (number, ended) = (self.last, Arc::<AtomicBool>::default());
        let line = Line { number, to: self.to.clone(), ended: Arc::clone(&ended) };
        let thread = thread::Builder::new().name("session".into());
        let thread = thread.spawn(move || run(&line)).context("starting a thread")?;
        Ok(Session { number, ended, thread })
    }

    /// Ends all of them, and waits until their programs are off and their files whole.
    pub fn end(mut self) {
        let sessions =
            self.tabs.drain().map(|(_, it)| it).chain(self.captures.drain().map(|(_, it)| it));
        self.ending.extend(sessions.map(Session::end));
        let end = Instant::now() + PATIENCE;
        while self.ending.iter().any(|thread| !thread.is_finished()) && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Session {
    fn end(self) -> JoinHandle<()> {
        self.ended.store(true, Ordering::Relaxed);
        self.thread
    }
}

/// The same frames, looked at by programs beside those that count: in both directions, and on a hook that takes
/// more than one program.
fn beside(live: &Live) -> Live {
    let hook = match live.hook {
        Choice::Given(hook) if !hook.is_xdp() => Choice::Given(hook),
        _ => Choice::Auto,
    };
    Live { hook, direction: DirectionChoice::Both, diagnostics: false, ..live.clone() }
}

/// A new file in the working directory, of a name that begins so and has the time in it.
///
/// # Errors
/// Those of creating it, and what to do about them.
pub fn new_file(name: &str, end: &str) -> Result<PathBuf> {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = name.chars().map(safe).collect();
    let time: String =
        clock::rfc3339_ms(clock::now()).chars().filter(|c| !":-.".contains(*c)).collect();
    let path = PathBuf::from(format!("{name}-{time}.{end}"));
    let create = || OpenOptions::new().write(true).create_new(true).open(&path);
    privileges::creating(create).map(drop).map_err(|error: io::Error| {
        let hint = privileges::hint(&error).map(|hint| format!("; {hint}")).unwrap_or_default();
        anyhow::anyhow!("{}: {error}{hint}", path.display())
    })?;
    Ok(path)
}

//! `probe top`: counts, sources, ports, connections and losses on a terminal.
//!
//! ```text
//! source/   counts: of programs of our own, of a file, of a running `probe serve`
//! session/  programs beside them, for tabs that are open and rows that are captured
//! app/      what is known; events in, effects out
//! view/     what is known, as a screen
//! screen, pace    the terminal, and how often it is drawn
//! ```

pub mod app;
mod pace;
mod screen;
mod session;
mod source;
pub mod view;

use std::{
    io::Write as _,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use crossterm::event as keyboard;
use probe_filter::LinkType;
use tokio::{sync::mpsc, time::sleep_until};

use crate::{
    health::Service,
    privileges, reporter,
    rules::{self, Rule},
    runtime,
    stop::Stop,
};
use app::{App, Effect, Event, Tab};
use pace::Pace;
use screen::Screen;
use session::{Sessions, Told, new_file};
use source::{Next, Source};
use view::Look;

pub use source::{Input, Place};

/// Time between two steps of a file that plays, and between two looks at what was said.
const BEAT: Duration = Duration::from_millis(250);
/// Messages that may wait for the screen.
const WAITING: usize = 64;

/// What to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where counts come from.
    pub from: Input,
    /// The rules, none of which samples.
    pub rules: Vec<Rule>,
    /// Bytes that lists in the kernel may take; `None`: [`kernel::Plan::list_memory`](crate::kernel::Plan).
    pub list_memory: Option<u64>,
    /// The ports of their tab; none: the busiest that answer.
    pub ports: Vec<Service>,
    /// Time between two readings; of a file between two positions.
    pub interval: Duration,
    /// The end, by time.
    pub duration: Option<Duration>,
    /// Whether roles have colours.
    pub colors: bool,
}

/// Runs the command.
///
/// # Errors
/// That there is no terminal; mistakes in filters, what the kernel refuses, and those of files and sockets.
pub fn run(plan: &Plan) -> Result<()> {
    Screen::is_there()?;
    runtime::block_on(async {
        let (to, mut told) = mpsc::channel(WAITING);
        let stop = Stop::on_signals().context("watching signals")?;
        let source = Source::open(plan, &to).await?;
        let app = App::new(plan.from.origin(), Box::new(checker(plan)));
        let sessions = Sessions::new(plan, to);
        let look = Look { colors: plan.colors, utf8: is_utf8() };
        let screen = Screen::open()?;
        let mut top = Top { app, source, sessions, look, screen, pace: Pace::default() };
        let ran = top.run(plan, &stop, &mut told).await;
        drop(told);
        top.end(ran)
    })
}

/// All parts together.
struct Top {
    app: App,
    source: Source,
    sessions: Sessions,
    look: Look,
    screen: Screen,
    pace: Pace,
}

/// How it ends.
enum End {
    /// With the terminal as it was.
    Plain,
    /// With the last screen on it.
    WithScreen,
}

impl Top {
    async fn run(
        &mut self,
        plan: &Plan,
        stop: &Stop,
        told: &mut mpsc::Receiver<Told>,
    ) -> Result<End> {
        let mut keys = listen_to_keys()?;
        let deadline = plan.duration.map(|duration| Instant::now() + duration);
        let mut beat = Instant::now() + BEAT;
        let mut said = Vec::new();
        self.pace.want_now();
        loop {
            let now = Instant::now();
            let due = self.pace.due(now);
            if due.is_some_and(|due| due <= now) {
                let Self { app, look, screen, .. } = self;
                screen.draw(|frame| view::draw(app, *look, frame))?;
                self.pace.drawn(Instant::now());
                continue;
            }
            let times = [Some(beat), due, deadline];
            let wake = times.into_iter().flatten().min().unwrap_or(beat);
            let effects = tokio::select! {
                biased;
                () = stop.wait() => return Ok(End::Plain),
                () = self.screen.asked() => {
                    if self.screen.answer()? {
                        self.pace.want_now();
                    }
                    continue;
                }
                Some(key) = keys.recv() => {
                    self.pace.want_now();
                    match key {
                        keyboard::Event::Key(key) => self.app.update(Event::Key(key)),
                        _ => continue,
                    }
                }
                Some(told) = told.recv() => {
                    if !self.sessions.is_wanted(&told) {
                        continue;
                    }
                    self.pace.want();
                    self.app.update(told.event)
                }
                next = self.source.next() => match next? {
                    Next::End => return Ok(End::Plain),
                    Next::Nothing => continue,
                    Next::Event(event) => {
                        self.pace.want();
                        self.app.update(event)
                    }
                },
                () = sleep_until(wake.into()) => Vec::new(),
            };
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(End::Plain);
            }
            if now >= beat {
                beat = now + BEAT;
                self.beat(&mut said);
            }
            for effect in effects {
                if let Some(end) = self.effect(effect)? {
                    return Ok(end);
                }
            }
        }
    }

    /// A file plays on, and what was said for standard error shows here, too.
    fn beat(&mut self, said: &mut Vec<String>) {
        if self.app.is_playing() {
            self.app.update(Event::Beat);
            self.pace.want();
        }
        let last = reporter::last_held(1);
        if last != *said {
            said.clone_from(&last);
            if let Some(text) = last.into_iter().next() {
                self.app.update(Event::Message(text));
                self.pace.want();
            }
        }
    }

    /// Does what the state asks for. What cannot be done is said on the screen, and all goes on.
    fn effect(&mut self, effect: Effect) -> Result<Option<End>> {
        let done = match effect {
            Effect::Quit { leave: false } => return Ok(Some(End::Plain)),
            Effect::Quit { leave: true } => return Ok(Some(End::WithScreen)),
            Effect::Suspend => return self.screen.suspend().map(|()| None),
            Effect::Count { filter, sources_of } => self.count(&filter, sources_of.as_deref()),
            Effect::Reset => match &mut self.source {
                Source::Live(local) => local.reset(),
                Source::File(_) | Source::Served => Ok(()),
            },
            Effect::Ports { filter } => self.sessions.ports(filter),
            Effect::Connections { filter } => self.sessions.connections(filter),
            Effect::StopConnections => {
                self.sessions.close(Tab::Connections);
                Ok(())
            }
            Effect::Neighbours => {
                if let Source::Live(local) = &self.source {
                    self.app.update(Event::Neighbours(local.neighbours()));
                }
                Ok(())
            }
            Effect::Export { name, json } => self.export(&name, &json),
            Effect::StartCapture { name, filter } => self.sessions.capture(name, filter),
            Effect::StopCapture { name } => {
                self.sessions.stop_capture(&name);
                Ok(())
            }
        };
        if let Err(error) = done {
            self.app.update(Event::Message(format!("{error:#}")));
        }
        self.pace.want_now();
        Ok(None)
    }

    fn count(&mut self, filter: &str, sources_of: Option<&str>) -> Result<()> {
        match &mut self.source {
            Source::Live(local) => local.count(filter, sources_of)?,
            Source::File(file) => file.count(filter, sources_of)?,
            Source::Served => return Ok(()),
        }
        self.app.update(Event::Counted(filter.to_owned()));
        Ok(())
    }

    fn export(&mut self, name: &str, json: &serde_json::Value) -> Result<()> {
        let path = new_file(name, "json")?;
        let write = || {
            let mut file = std::fs::OpenOptions::new().write(true).open(&path)?;
            file.write_all(&crate::json::line(json))
        };
        privileges::creating(write).with_context(|| format!("writing {}", path.display()))?;
        self.app.update(Event::Message(format!("written: {}", path.display())));
        Ok(())
    }

    /// Takes all programs off, then gives the terminal back.
    fn end(mut self, ran: Result<End>) -> Result<()> {
        self.sessions.end();
        let detached = match &mut self.source {
            Source::Live(local) => local.detach(),
            Source::File(_) | Source::Served => Ok(()),
        };
        let text = match &ran {
            Ok(End::WithScreen) => self.screen.text(&self.app, self.look)?,
            _ => String::new(),
        };
        let closed = self.screen.close(&text);
        ran.and(detached).and(closed)
    }
}

/// Keys as they are pressed, from a thread that waits for them.
fn listen_to_keys() -> Result<mpsc::Receiver<keyboard::Event>> {
    let (to, keys) = mpsc::channel(WAITING);
    let listen = move || {
        // It ends with the terminal, or with the screen.
        while let Ok(key) = keyboard::read() {
            if to.blocking_send(key).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("keys".into()).spawn(listen).context("starting a thread")?;
    Ok(keys)
}

/// What says of a filter whether it can be understood, for the frames that are looked at.
fn checker(plan: &Plan) -> impl Fn(&str) -> Result<(), String> + Send + use<> {
    let (interfaces, vlan, is_live) = match &plan.from {
        Input::Live(live) => (live.interfaces.clone(), live.vlan, true),
        Input::File { .. } | Input::Served(_) => (Vec::new(), Default::default(), false),
    };
    move |text| {
        let link = LinkType::Ethernet;
        let options = if is_live {
            rules::live_options(&interfaces, link, vlan)
        } else {
            rules::file_options(link)
        };
        probe_filter::compile(text, &options).map(drop).map_err(|error| error.to_string())
    }
}

/// Whether the terminal shows more than ASCII, as the locale says (locale(7): the first of these that is set).
fn is_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    let locale = locale.to_lowercase();
    locale.ends_with("utf-8") || locale.ends_with("utf8")
}

//! All that `probe top` knows, and what it does about a key or a new reading: events in, effects out. No
//! clock, no terminal and no kernel are here, so that tests play whole sessions.

mod connections;
mod cursor;
mod keys;
mod losses;
mod prompt;
mod rows;
mod timeline;

use std::collections::HashMap;

use crossterm::event::KeyEvent;
use probe_common::Counter;

pub use connections::{Connection, Connections, News};
pub use cursor::Cursor;
pub use keys::HELP;
pub use losses::{Capture, Hook, Lost, Neighbour, Share};
pub use prompt::Prompt;
pub use rows::{both, key_name, port_name};
pub use timeline::Timeline;

use crate::{
    history::History,
    snapshot::{Port, Snapshot},
};

/// What is shown at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tab {
    /// All rules, with their rates.
    Rules,
    /// Where the packets of one rule come from.
    Sources,
    /// How ports do.
    Ports,
    /// Connections that have ended.
    Connections,
    /// What was not seen, and who else looks.
    Losses,
}

impl Tab {
    /// In the order of their numbers, from 1.
    pub const ALL: [Self; 5] =
        [Self::Rules, Self::Sources, Self::Ports, Self::Connections, Self::Losses];

    /// The name of the tab.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules => "Rules",
            Self::Sources => "Sources",
            Self::Ports => "Ports",
            Self::Connections => "Connections",
            Self::Losses => "Losses",
        }
    }

    /// The orders that `s` goes through.
    pub const fn sorts(self) -> &'static [&'static str] {
        match self {
            Self::Rules => &["as given", "rate", "packets", "name"],
            Self::Sources => &["packets", "rate", "key"],
            Self::Ports => &["as reported", "worst first", "SYN/s", "port"],
            Self::Connections => &["newest", "longest", "largest"],
            Self::Losses => &[],
        }
    }
}

/// Where counts come from, which decides what can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Programs of this process.
    Live,
    /// A file.
    File,
    /// A running `probe serve`, at this place.
    Served(String),
}

/// What is looked at only where somebody asks for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Panel<T> {
    /// Nobody has.
    #[default]
    Closed,
    /// There is nothing to show yet.
    Opening,
    /// The newest.
    Open(T),
    /// It has come to an end, in words.
    Failed(String),
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// New counts.
    Snapshot(Box<Snapshot>),
    /// Counts begin anew: only those of frames that match this.
    Counted(String),
    /// All counts of a file.
    Timeline(Timeline),
    /// How ports do now, and how many segments were lost on the way.
    Ports {
        /// The ports.
        ports: Vec<Port>,
        /// Segments that should have been read and were lost, since the start.
        lost: u64,
    },
    /// Connections that have ended.
    Connections(News),
    /// The part that looks after a tab has ended: why, where nobody asked for it.
    Ended(Tab, Option<String>),
    /// Who else is attached.
    Neighbours(Vec<Hook>),
    /// A capture goes on, or has ended.
    Capture(Capture),
    /// Something to be said.
    Message(String),
    /// A quarter of a second has passed: files play on.
    Beat,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// End.
    Quit {
        /// With the last screen on the terminal.
        leave: bool,
    },
    /// Stop, as Ctrl-Z asks for.
    Suspend,
    /// Count anew.
    Count {
        /// Only frames that match this.
        filter: String,
        /// Those of this rule by source, too.
        sources_of: Option<String>,
    },
    /// Count from zero.
    Reset,
    /// Look at ports from now on.
    Ports {
        /// Only frames that match this.
        filter: String,
    },
    /// Follow connections from now on, and no others.
    Connections {
        /// Only frames that match this.
        filter: String,
    },
    /// Follow none any more.
    StopConnections,
    /// Ask who else is attached.
    Neighbours,
    /// Write into a new file.
    Export {
        /// What its name begins with.
        name: String,
        /// What is in it.
        json: serde_json::Value,
    },
    /// Write frames into a new file.
    StartCapture {
        /// What it is called, and what the file's name begins with.
        name: String,
        /// Frames that match this.
        filter: String,
    },
    /// End a capture.
    StopCapture {
        /// What it is called.
        name: String,
    },
}

/// Counts that are shown: the newest, or those of when the user paused.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// `None` until there are some.
    pub snapshot: Option<Snapshot>,
    /// The last minute of each rule.
    pub history: History,
    /// How ports do.
    pub ports: Panel<Vec<Port>>,
    /// Segments that should have been read for that and were lost.
    pub ports_lost: u64,
    /// Connections that have ended.
    pub connections: Panel<Connections>,
}

/// Says what is wrong with a filter.
pub type Check = Box<dyn Fn(&str) -> Result<(), String> + Send>;

/// The state.
pub struct App {
    /// Where counts come from.
    pub origin: Origin,
    /// The tab that is shown.
    pub tab: Tab,
    /// The newest counts.
    newest: Shown,
    /// Those of when the user paused.
    paused: Option<Shown>,
    /// What was counted when the user reset what somebody else counts.
    base: Base,
    /// The order of each tab.
    sorts: HashMap<Tab, usize>,
    cursors: HashMap<Tab, Cursor>,
    /// The expression that all frames of a tab match.
    filters: HashMap<Tab, String>,
    /// The port whose connections are shown, and its filter.
    pub drilled: Option<(String, String)>,
    /// What is being typed.
    pub prompt: Option<Prompt>,
    /// Whether the keys are shown.
    pub help: bool,
    /// What was said last, until the next key.
    pub message: Option<String>,
    /// Who else is attached.
    pub neighbours: Vec<Hook>,
    /// Captures of rows, by name.
    pub captures: Vec<Capture>,
    /// Counts of a file.
    pub timeline: Option<Timeline>,
    /// Whether a filter can be understood.
    check: Check,
}

/// Counts at a reset.
#[derive(Default)]
struct Base {
    seen: Counter,
    elapsed: f64,
    rules: HashMap<String, Counter>,
}

impl App {
    /// Nothing is known yet. `check` says what is wrong with a filter.
    pub fn new(origin: Origin, check: Check) -> Self {
        Self {
            origin,
            tab: Tab::Rules,
            newest: Shown::default(),
            paused: None,
            base: Base::default(),
            sorts: HashMap::new(),
            cursors: HashMap::new(),
            filters: HashMap::new(),
            drilled: None,
            prompt: None,
            help: false,
            message: None,
            neighbours: Vec::new(),
            captures: Vec::new(),
            timeline: None,
            check,
        }
    }

    /// Takes what happened, and says what is to be done about it.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Key(key) => return self.key(key),
            Event::Snapshot(snapshot) => self.take(*snapshot),
            Event::Counted(filter) => {
                self.filters.insert(Tab::Rules, filter);
                self.timeline = None;
                self.forget_counts();
            }
            Event::Timeline(timeline) => {
                self.timeline = Some(timeline);
                self.seek();
            }
            Event::Ports { ports, lost } => {
                self.newest.ports = Panel::Open(ports);
                self.newest.ports_lost = lost;
            }
            Event::Connections(news) => self.take_connections(news),
            Event::Ended(tab, why) => self.ended(tab, why),
            Event::Neighbours(hooks) => self.neighbours = hooks,
            Event::Capture(capture) => self.take_capture(capture),
            Event::Message(text) => self.message = Some(text),
            Event::Beat => {
                if self.timeline.as_mut().is_some_and(Timeline::play) {
                    self.seek();
                }
            }
        }
        Vec::new()
    }

    /// What is shown.
    pub fn shown(&self) -> &Shown {
        self.paused.as_ref().unwrap_or(&self.newest)
    }

    /// The counts that are shown, if there are any yet.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.shown().snapshot.as_ref()
    }

    /// Whether the screen stands still.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Whether a file plays.
    pub fn is_playing(&self) -> bool {
        self.timeline.as_ref().is_some_and(Timeline::is_playing)
    }

    /// The expression that all frames of a tab match, if there is one.
    pub fn filter(&self, tab: Tab) -> &str {
        let of = if tab == Tab::Sources { Tab::Rules } else { tab };
        self.filters.get(&of).map_or("", String::as_str)
    }

    /// The order of a tab, in a word; none where it has none.
    pub fn sort(&self, tab: Tab) -> Option<&'static str> {
        tab.sorts().get(self.sorts.get(&tab).copied().unwrap_or(0)).copied()
    }

    /// Counts of which rates are true: what came before the first ones is none of theirs.
    fn take(&mut self, mut snapshot: Snapshot) {
        if snapshot.elapsed < self.base.elapsed {
            // Somebody else began anew, from zero.
            self.base = Base::default();
        }
        self.subtract(&mut snapshot);
        let Shown { snapshot: before, history, ports, .. } = &mut self.newest;
        let same = before.as_ref().is_some_and(|before| {
            let names = before.rules.iter().map(|rule| &rule.name);
            before.elapsed <= snapshot.elapsed
                && names.eq(snapshot.rules.iter().map(|rule| &rule.name))
        });
        if !same {
            *history = History::default();
        }
        let counters: Vec<Counter> = snapshot.rules.iter().map(|rule| rule.counter()).collect();
        let elapsed = std::time::Duration::try_from_secs_f64(snapshot.elapsed).unwrap_or_default();
        // After a reset all that is left was counted since then.
        let is_from_zero = before.is_none() && self.base.elapsed > 0.0;
        if !same && !is_from_zero && matches!(self.origin, Origin::Served(_)) {
            // What was counted before we came is no part of the last minute that we know.
            history.begin(elapsed, &counters);
        } else {
            history.add(elapsed, &counters);
        }
        if matches!(self.origin, Origin::Served(_)) {
            *ports = Panel::Open(snapshot.ports.clone());
        }
        *before = Some(snapshot);
    }

    /// Takes off what was counted before the reset; not of a rule that was counted anew since then.
    fn subtract(&mut self, snapshot: &mut Snapshot) {
        let Base { seen, elapsed, rules } = &mut self.base;
        snapshot.seen.packets = snapshot.seen.packets.saturating_sub(seen.packets);
        snapshot.seen.bytes = snapshot.seen.bytes.saturating_sub(seen.bytes);
        snapshot.elapsed = (snapshot.elapsed - *elapsed).max(0.0);
        for rule in &mut snapshot.rules {
            match rules.get(&rule.name) {
                Some(base) if base.packets <= rule.packets => {
                    rule.packets -= base.packets;
                    rule.bytes = rule.bytes.saturating_sub(base.bytes);
                }
                Some(_) => drop(rules.remove(&rule.name)),
                None => {}
            }
        }
    }

    /// From now on counts begin at what they are.
    fn rebase(&mut self) {
        let Some(snapshot) = self.newest.snapshot.take() else { return };
        self.base.seen += Counter { packets: snapshot.seen.packets, bytes: snapshot.seen.bytes };
        self.base.elapsed += snapshot.elapsed;
        for rule in &snapshot.rules {
            *self.base.rules.entry(rule.name.clone()).or_default() += rule.counter();
        }
        self.forget_counts();
    }

    /// Counts begin anew: until they do there are none.
    fn forget_counts(&mut self) {
        self.paused = None;
        self.newest.snapshot = None;
        self.newest.history = History::default();
    }

    fn ended(&mut self, tab: Tab, why: Option<String>) {
        match (tab, why) {
            (Tab::Ports, Some(why)) => self.newest.ports = Panel::Failed(why),
            (Tab::Connections, Some(why)) => self.newest.connections = Panel::Failed(why),
            _ => {}
        }
    }

    /// Shows the counts of a file at its position.
    fn seek(&mut self) {
        let Some(timeline) = &self.timeline else { return };
        (self.newest.snapshot, self.newest.history) = timeline.shown();
    }
}

#[cfg(test)]
pub(super) mod tests;

//! What keys do.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde_json::json;

use super::{
    App, Effect, Origin, Panel, Tab,
    cursor::Move,
    prompt::{Answer, Prompt},
    rows::both,
};

/// Rows that PgUp and PgDn go.
const PAGE: isize = 10;

/// The keys and what they do, as the help says it.
pub const HELP: &[(&str, &str)] = &[
    ("Tab 1-5", "another tab"),
    ("j k arrows g G", "another row; the first and the last one"),
    ("Enter", "from a rule to its sources, from a port to its connections"),
    ("Esc", "back"),
    ("/", "only frames that match an expression; an empty one: all"),
    ("s", "another order"),
    ("space", "pause; with a file: play"),
    ("left right", "with a file: earlier and later"),
    ("r", "count from zero"),
    ("w", "write the frames of the row into a pcapng file; again: stop"),
    ("e", "write what is shown into a JSON file"),
    ("q Ctrl-C", "quit"),
    ("Q", "quit, and leave this screen on the terminal"),
    ("Ctrl-Z", "to the shell; fg comes back"),
];

impl App {
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        if key.code == KeyCode::Char('z') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return vec![Effect::Suspend];
        }
        if let Some(prompt) = &mut self.prompt {
            return match prompt.key(key) {
                Answer::GoOn => Vec::new(),
                Answer::Cancelled => {
                    self.prompt = None;
                    Vec::new()
                }
                Answer::Done => self.filter_typed(),
            };
        }
        self.message = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => vec![Effect::Quit { leave: false }],
                _ => Vec::new(),
            };
        }
        if std::mem::take(&mut self.help) && !matches!(key.code, KeyCode::Char('q' | 'Q')) {
            return Vec::new();
        }
        self.command(key.code)
    }

    fn command(&mut self, code: KeyCode) -> Vec<Effect> {
        match code {
            KeyCode::Char('q') => return vec![Effect::Quit { leave: false }],
            KeyCode::Char('Q') => return vec![Effect::Quit { leave: true }],
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.help = true,
            KeyCode::Char(number @ '1'..='5') => {
                let place = number as usize - '1' as usize;
                return self.open(Tab::ALL[place]);
            }
            KeyCode::Tab => return self.open(self.beside(1)),
            KeyCode::BackTab => return self.open(self.beside(Tab::ALL.len() - 1)),
            KeyCode::Char('j') | KeyCode::Down => self.go(Move::By(1)),
            KeyCode::Char('k') | KeyCode::Up => self.go(Move::By(-1)),
            KeyCode::PageDown => self.go(Move::By(PAGE)),
            KeyCode::PageUp => self.go(Move::By(-PAGE)),
            KeyCode::Char('g') | KeyCode::Home => self.go(Move::First),
            KeyCode::Char('G') | KeyCode::End => self.go(Move::Last),
            KeyCode::Left => self.go_in_time(-1),
            KeyCode::Right => self.go_in_time(1),
            KeyCode::Char('s') => self.next_sort(),
            KeyCode::Char(' ') => self.pause(),
            KeyCode::Char('r') => return self.reset(),
            KeyCode::Char('/') => self.ask_for_filter(),
            KeyCode::Char('e') => return vec![self.export()],
            KeyCode::Char('w') => return self.capture(),
            KeyCode::Enter => return self.drill_down(),
            KeyCode::Esc => return self.back(),
            _ => {}
        }
        Vec::new()
    }

    fn beside(&self, by: usize) -> Tab {
        let place = Tab::ALL.iter().position(|tab| *tab == self.tab).unwrap_or(0);
        Tab::ALL[(place + by) % Tab::ALL.len()]
    }

    /// Shows a tab. What it needs begins now, the first time.
    fn open(&mut self, tab: Tab) -> Vec<Effect> {
        self.tab = tab;
        match tab {
            Tab::Ports if self.may_begin(tab) => {
                self.newest.ports = Panel::Opening;
                vec![Effect::Ports { filter: self.filter(tab).to_owned() }]
            }
            Tab::Connections if self.may_begin(tab) => vec![self.follow()],
            Tab::Losses if self.origin == Origin::Live => vec![Effect::Neighbours],
            _ => Vec::new(),
        }
    }

    /// Whether a tab has nothing yet, and we can see to it.
    fn may_begin(&self, tab: Tab) -> bool {
        let is_closed = match tab {
            Tab::Ports => self.newest.ports == Panel::Closed,
            Tab::Connections => self.newest.connections == Panel::Closed,
            _ => false,
        };
        is_closed && !matches!(self.origin, Origin::Served(_))
    }

    /// Follows connections anew.
    fn follow(&mut self) -> Effect {
        self.newest.connections = Panel::Opening;
        if let Some(paused) = &mut self.paused {
            paused.connections = Panel::Opening;
        }
        let port = self.drilled.as_ref().map_or("", |(_, filter)| filter);
        Effect::Connections { filter: both(port, self.filter(Tab::Connections)) }
    }

    fn go(&mut self, to: Move) {
        let rows = self.row_names(self.tab);
        self.cursors.entry(self.tab).or_default().go(&rows, to);
    }

    fn go_in_time(&mut self, by: isize) {
        if let Some(timeline) = &mut self.timeline {
            timeline.go(by);
            self.seek();
        }
    }

    fn next_sort(&mut self) {
        let sorts = self.tab.sorts();
        if !sorts.is_empty() {
            let place = self.sorts.entry(self.tab).or_default();
            *place = (*place + 1) % sorts.len();
        }
    }

    fn pause(&mut self) {
        if let Some(timeline) = &mut self.timeline {
            timeline.toggle();
            self.seek();
            return;
        }
        self.paused = match self.paused.take() {
            Some(_) => None,
            None => Some(self.newest.clone()),
        };
    }

    fn reset(&mut self) -> Vec<Effect> {
        match self.origin {
            Origin::File => {
                self.message = Some("r: a file is counted from its beginning".into());
                Vec::new()
            }
            Origin::Served(_) => {
                self.rebase();
                Vec::new()
            }
            Origin::Live => {
                self.forget_counts();
                vec![Effect::Reset]
            }
        }
    }

    fn ask_for_filter(&mut self) {
        match (&self.origin, self.tab) {
            (Origin::Served(_), _) => {
                let message = "/: what probe serve counts stands in its configuration";
                self.message = Some(message.into());
            }
            (_, Tab::Losses) => self.message = Some("/: losses are those of all frames".into()),
            _ => self.prompt = Some(Prompt::new(self.filter(self.tab))),
        }
    }

    /// A filter that cannot be understood is left to be mended.
    fn filter_typed(&mut self) -> Vec<Effect> {
        let Some(mut prompt) = self.prompt.take() else { return Vec::new() };
        let text = prompt.text().trim().to_owned();
        if let Err(error) = (self.check)(&text) {
            prompt.error = Some(error);
            self.prompt = Some(prompt);
            return Vec::new();
        }
        let of = if self.tab == Tab::Sources { Tab::Rules } else { self.tab };
        if self.filter(of) == text {
            return Vec::new();
        }
        if of == Tab::Rules {
            // It holds once there are programs that count so.
            return vec![Effect::Count { filter: text, sources_of: None }];
        }
        self.filters.insert(of, text.clone());
        if of == Tab::Connections {
            return vec![self.follow()];
        }
        self.newest.ports = Panel::Opening;
        self.paused = None;
        vec![Effect::Ports { filter: text }]
    }

    fn drill_down(&mut self) -> Vec<Effect> {
        match self.tab {
            Tab::Rules => {
                let Some((_, rule)) = self.rule() else { return Vec::new() };
                let (name, has_lists) = (rule.name.clone(), rule.has_lists());
                // Whatever comes to the top meanwhile, it is this one.
                self.cursors.entry(Tab::Rules).or_default().select(name.clone());
                self.tab = Tab::Sources;
                if has_lists || matches!(self.origin, Origin::Served(_)) {
                    return Vec::new();
                }
                self.message = Some(format!("{name} is counted by source from now on"));
                let filter = self.filter(Tab::Rules).to_owned();
                vec![Effect::Count { filter, sources_of: Some(name) }]
            }
            Tab::Ports => {
                let ports = self.ports();
                let Some(port) = ports.get(self.selected(Tab::Ports)) else { return Vec::new() };
                let filter = format!("{} port {}", port.protocol, port.port);
                let name = super::rows::port_name(port);
                self.tab = Tab::Connections;
                if matches!(self.origin, Origin::Served(_)) {
                    return Vec::new();
                }
                self.drilled = Some((name, filter));
                vec![self.follow()]
            }
            Tab::Sources | Tab::Connections | Tab::Losses => Vec::new(),
        }
    }

    fn back(&mut self) -> Vec<Effect> {
        match self.tab {
            Tab::Sources => self.tab = Tab::Rules,
            Tab::Connections if self.drilled.take().is_some() => {
                self.tab = Tab::Ports;
                // The next time all of them are wanted, and until then none.
                self.newest.connections = Panel::Closed;
                self.paused = None;
                return vec![Effect::StopConnections];
            }
            _ => {}
        }
        Vec::new()
    }

    /// Writes the frames of the selected row, or ends that.
    fn capture(&mut self) -> Vec<Effect> {
        if self.origin != Origin::Live {
            let message = match self.origin {
                Origin::File => "w: probe capture -r FILE -w OTHER writes frames of a file",
                _ => "w: frames are written by [[record]] of probe serve, or by probe capture",
            };
            self.message = Some(message.into());
            return Vec::new();
        }
        match self.row_filter() {
            Err(error) => {
                self.message = Some(format!("w: {error}"));
                Vec::new()
            }
            Ok((name, _)) if self.capturing(&name).is_some() => vec![Effect::StopCapture { name }],
            Ok((name, filter)) => vec![Effect::StartCapture { name, filter }],
        }
    }

    /// What the screen shows, and beside it what it is.
    fn export(&self) -> Effect {
        let mut json = match self.snapshot() {
            None => json!({}),
            Some(snapshot) => json!({
                "time": snapshot.time,
                "elapsed": snapshot.elapsed,
                "hook": snapshot.hook,
                "interfaces": snapshot.interfaces,
                "seen": snapshot.seen,
            }),
        };
        json["version"] = json!(1);
        json["tab"] = json!(self.tab.name().to_lowercase());
        json["filter"] = json!(self.filter(self.tab));
        match self.tab {
            Tab::Rules => {
                let rules = self.snapshot().map_or(&[][..], |snapshot| &snapshot.rules);
                json["rules"] = self
                    .rules()
                    .into_iter()
                    .filter_map(|place| rules.get(place))
                    .map(|it| json!(it))
                    .collect();
            }
            Tab::Sources => {
                json["rules"] = self.rule().into_iter().map(|(_, rule)| json!(rule)).collect();
            }
            Tab::Ports => json["ports"] = json!(self.ports()),
            Tab::Connections => {
                let rows = self.connections();
                json["connections"] = rows.into_iter().map(|it| json!(it.row)).collect();
            }
            Tab::Losses => {
                json["lost"] = json!(self.snapshot().map(|snapshot| &snapshot.lost));
                json["sessions"] = json!(self.shares());
                json["neighbours"] = json!(self.neighbours);
            }
        }
        Effect::Export { name: format!("probe-top-{}", self.tab.name().to_lowercase()), json }
    }
}

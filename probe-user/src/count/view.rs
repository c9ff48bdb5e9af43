//! Where snapshots go: stdout, in the form asked for. On a terminal a table has a screen of its own
//! while the counting lasts; the last one stays behind, as all that goes elsewhere.

use std::{
    env,
    io::{self, IsTerminal as _},
};

use anyhow::Result;

use super::{
    Format, Snapshot, csv, json,
    output::Output,
    table::{Room, table},
};
use crate::{
    history::History,
    reporter,
    screen::Screen,
    stop,
    terminal::{self, Terminal},
    text::cut,
};

/// Messages that are shown below a table on the screen; all of them are said at the end.
const MESSAGES: usize = 3;

/// The output of `probe count`.
pub struct View {
    format: Format,
    colors: bool,
    /// Whether rules have lists, for which CSV has more columns.
    lists: bool,
    /// Of a table on a terminal.
    live: Option<Live>,
    /// Until the last snapshot.
    output: Option<Output>,
}

/// A table that is drawn over the one before.
struct Live {
    terminal: Terminal,
    history: History,
    /// What was shown last.
    last: Option<Snapshot>,
}

impl View {
    /// Writes what comes before the first snapshot. Starts a thread. `colors`: whether a table on a
    /// terminal has them; `lists`: whether rules have
    /// lists.
    pub fn new(format: Format, colors: bool, lists: bool) -> Result<Self> {
        let dumb = env::var_os("TERM").is_none_or(|name| name == "dumb");
        let live = format == Format::Table && io::stdout().is_terminal() && !dumb;
        let mut view = Self::over(Output::start()?, format, lists)?;
        view.colors = colors;
        if live {
            let (terminal, history) = (Terminal::watch()?, History::default());
            view.live = Some(Live { terminal, history, last: None });
        }
        Ok(view)
    }

    /// As [`new`](Self::new), to any output.
    pub(super) fn over(mut output: Output, format: Format, lists: bool) -> Result<Self> {
        if format == Format::Csv {
            output.offer(csv::head(lists).into())?;
        }
        Ok(Self { format, colors: false, lists, live: None, output: Some(output) })
    }

    /// Shows a snapshot, unless the reader is far behind: the next one has the same totals and more.
    pub fn tick(&mut self, snapshot: &Snapshot) -> Result<()> {
        let Self { output: Some(_), live: Some(live), .. } = self else {
            let mut text = self.bytes(snapshot, Room { colors: self.colors, ..Room::default() });
            if self.format == Format::Table {
                text.push(b'\n');
            }
            return self.output.as_mut().map_or(Ok(()), |output| output.offer(text).map(drop));
        };
        let counters: Vec<_> = snapshot.rules.iter().map(|row| row.count.total).collect();
        live.history.add(snapshot.elapsed, &counters);
        live.last = Some(snapshot.clone());
        self.draw()
    }

    /// Draws the last snapshot, unless a shell has the terminal.
    fn draw(&mut self) -> Result<()> {
        let (Some(output), Some(live)) = (&mut self.output, &mut self.live) else { return Ok(()) };
        let Some(snapshot) = live.last.as_ref().filter(|_| !terminal::in_background()) else {
            return Ok(());
        };
        // Before the screen is another one, lest a message is lost on it.
        reporter::hold();
        let frame = live.terminal.screen.frame(&live.lines(snapshot, Screen::size(), self.colors));
        if output.offer(frame.into())? {
            live.terminal.screen.drawn();
        }
        Ok(())
    }

    /// Waits until the terminal, if there is one, asks for something.
    pub async fn asked(&mut self) {
        match &mut self.live {
            Some(live) => live.terminal.asked().await,
            None => std::future::pending().await,
        }
    }

    /// Does what the terminal asks for: stops, with the terminal as it was, and draws anew.
    pub fn answer(&mut self) -> Result<()> {
        let Self { live: Some(live), output, .. } = self else { return Ok(()) };
        let give_back = |leave: &str| Output::restart(output, leave, &stop::requested);
        if live.terminal.answer(give_back)? { self.draw() } else { Ok(()) }
    }

    /// Shows the last snapshot, and waits until it is written; not for long where the user is
    /// `ending` and nothing reads.
    pub fn last(mut self, snapshot: &Snapshot, ending: &dyn Fn() -> bool) -> Result<()> {
        let columns = self.live.is_some().then(|| Screen::size().0);
        let room = Room { columns, lines: None, colors: self.colors };
        let text = self.bytes(snapshot, room);
        self.finish(text, ending)
    }

    fn bytes(&self, snapshot: &Snapshot, room: Room) -> Vec<u8> {
        match self.format {
            Format::Table => (table(snapshot, None, room).join("\n") + "\n").into(),
            Format::Json => json::line(snapshot),
            Format::Csv => csv::rows(snapshot, self.lists),
        }
    }

    /// Writes what is left, and gives the terminal back.
    fn finish(&mut self, text: Vec<u8>, ending: &dyn Fn() -> bool) -> Result<()> {
        let Some(output) = self.output.take() else { return Ok(()) };
        let leave = self.live.as_mut().map_or("", |live| live.terminal.screen.leave());
        let result = output.finish([leave.as_bytes(), &text].concat(), ending);
        reporter::release();
        result
    }
}

/// Where the counting failed, its error is said on the terminal as it was.
impl Drop for View {
    fn drop(&mut self) {
        let _ = self.finish(Vec::new(), &|| true);
    }
}

impl Live {
    /// The table, and below it the last messages, all within the screen.
    fn lines(
        &self,
        snapshot: &Snapshot,
        (columns, lines): (usize, usize),
        colors: bool,
    ) -> Vec<String> {
        let messages = reporter::last_held(MESSAGES.min(lines / 4));
        let room = Room { columns: Some(columns), lines: Some(lines - messages.len()), colors };
        let mut drawn = table(snapshot, Some(&self.history), room);
        // A screen of two lines has no room for a rule.
        drawn.truncate(lines - messages.len());
        drawn.extend(messages.iter().map(|message| cut(message, columns)));
        drawn
    }
}

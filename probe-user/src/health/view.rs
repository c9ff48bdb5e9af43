//! Where reports go: stdout, in the form asked for. On a terminal the table has a screen of its own while
//! the run lasts; the last one stays behind.

use std::{
    env,
    io::{self, IsTerminal as _},
};

use anyhow::Result;

use super::{Format, json, report::Report, table::table};
use crate::{
    count::{Room, output::Output},
    reporter,
    screen::Screen,
    stop,
    terminal::{self, Terminal},
    text::cut,
};

/// Messages that are shown below a table on the screen; all of them are said at the end.
const MESSAGES: usize = 3;

/// The output of `probe health`.
pub struct View {
    format: Format,
    colors: bool,
    /// Of a table on a terminal.
    terminal: Option<Terminal>,
    /// What was shown there last.
    shown: Option<Report>,
    /// Until the last report.
    output: Option<Output>,
}

impl View {
    /// Starts a thread that writes. `colors`: whether a table has them.
    pub fn new(format: Format, colors: bool) -> Result<Self> {
        let dumb = env::var_os("TERM").is_none_or(|name| name == "dumb");
        let on_screen = format == Format::Table && io::stdout().is_terminal() && !dumb;
        let terminal = on_screen.then(Terminal::watch).transpose()?;
        Ok(Self { format, colors, terminal, shown: None, output: Some(Output::start()?) })
    }

    /// Shows a report, unless the reader is far behind.
    pub fn tick(&mut self, report: &Report) -> Result<()> {
        let Some(output) = &mut self.output else { return Ok(()) };
        if self.terminal.is_none() {
            let mut text =
                bytes(self.format, report, Room { colors: self.colors, ..Room::default() });
            if self.format == Format::Table {
                text.push(b'\n');
            }
            return output.offer(text).map(drop);
        }
        self.shown = Some(report.clone());
        self.draw()
    }

    /// Draws the last report, unless a shell has the terminal.
    fn draw(&mut self) -> Result<()> {
        let Self { output: Some(output), terminal: Some(terminal), shown: Some(report), .. } = self
        else {
            return Ok(());
        };
        if terminal::in_background() {
            return Ok(());
        }
        // Before the screen is another one, lest a message is lost on it.
        reporter::hold();
        let (columns, height) = Screen::size();
        let messages = reporter::last_held(MESSAGES.min(height / 4));
        let lines = Some(height - messages.len());
        let mut drawn = table(report, Room { columns: Some(columns), lines, colors: self.colors });
        drawn.truncate(height - messages.len());
        drawn.extend(messages.iter().map(|message| cut(message, columns)));
        if output.offer(terminal.screen.frame(&drawn).into())? {
            terminal.screen.drawn();
        }
        Ok(())
    }

    /// Does what the terminal asks for: stops, with the terminal as it was, and draws anew.
    pub fn answer(&mut self) -> Result<()> {
        let Self { terminal: Some(terminal), output, .. } = self else { return Ok(()) };
        let give_back = |leave: &str| Output::restart(output, leave, &stop::requested);
        if terminal.answer(give_back)? { self.draw() } else { Ok(()) }
    }

    /// Shows the last report, and waits until it is written; not for long where the user is `ending` and
    /// nothing reads.
    pub fn last(mut self, report: &Report, ending: &dyn Fn() -> bool) -> Result<()> {
        let columns = self.terminal.is_some().then(|| Screen::size().0);
        let room = Room { columns, lines: None, colors: self.colors };
        self.finish(bytes(self.format, report, room), ending)
    }

    /// Writes what is left, and gives the terminal back.
    fn finish(&mut self, text: Vec<u8>, ending: &dyn Fn() -> bool) -> Result<()> {
        let Some(output) = self.output.take() else { return Ok(()) };
        let leave = self.terminal.as_mut().map_or("", |terminal| terminal.screen.leave());
        let result = output.finish([leave.as_bytes(), &text].concat(), ending);
        reporter::release();
        result
    }
}

/// Where the run failed, its error is said on the terminal as it was.
impl Drop for View {
    fn drop(&mut self) {
        let _ = self.finish(Vec::new(), &|| true);
    }
}

fn bytes(format: Format, report: &Report, room: Room) -> Vec<u8> {
    match format {
        Format::Table => (table(report, room).join("\n") + "\n").into(),
        Format::Json => json::line(report),
    }
}

//! Where tables and lines of numbers go: stdout. On a terminal a table has a screen of its own while the
//! run lasts; the last one stays behind, as all that goes elsewhere.

use std::{
    env,
    io::{self, IsTerminal as _},
};

use anyhow::Result;

use crate::{
    output::Output,
    reporter,
    screen::{Room, Screen},
    stop,
    terminal::{self, Terminal},
    text::cut,
};

/// Messages that are shown below a table on the screen; all of them are said at the end.
const MESSAGES: usize = 3;

/// The output of a command that shows numbers again and again.
pub struct Display {
    /// Whether tables have colours.
    colors: bool,
    /// Of tables on a terminal.
    terminal: Option<Terminal>,
    /// Until the last text.
    output: Option<Output>,
}

impl Display {
    /// Starts a thread that writes. `tables`: whether that is what is shown, which a terminal has a
    /// screen for.
    ///
    /// # Errors
    /// Where the thread or the signals' handlers cannot be had.
    pub fn new(tables: bool, colors: bool) -> Result<Self> {
        let dumb = env::var_os("TERM").is_none_or(|name| name == "dumb");
        let on_screen = tables && io::stdout().is_terminal() && !dumb;
        let terminal = on_screen.then(Terminal::watch).transpose()?;
        Ok(Self { colors, terminal, output: Some(Output::start()?) })
    }

    /// To any output, which is no terminal.
    #[cfg(test)]
    pub fn over(output: Output) -> Self {
        Self { colors: false, terminal: None, output: Some(output) }
    }

    /// Whether tables are [drawn](Self::draw), and not [written](Self::write).
    pub fn is_screen(&self) -> bool {
        self.terminal.is_some()
    }

    /// The room for what is written: as wide as the terminal is, if there is one.
    pub fn room(&self) -> Room {
        let columns = self.terminal.is_some().then(|| Screen::size().0);
        Room { columns, lines: None, colors: self.colors }
    }

    /// Hands a text over, unless the reader is far behind: the next one has the same totals and more.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&mut self, text: Vec<u8>) -> Result<()> {
        self.output.as_mut().map_or(Ok(()), |output| output.offer(text).map(drop))
    }

    /// Draws a table over the one before, and below it the last messages, unless a shell has the terminal.
    ///
    /// # Errors
    /// Those of writing.
    pub fn draw(&mut self, table: impl FnOnce(Room) -> Vec<String>) -> Result<()> {
        let (Some(output), Some(terminal)) = (&mut self.output, &mut self.terminal) else {
            return Ok(());
        };
        if terminal::in_background() {
            return Ok(());
        }
        // Before the screen is another one, lest a message is lost on it.
        reporter::hold();
        let (columns, height) = Screen::size();
        let messages = reporter::last_held(MESSAGES.min(height / 4));
        let height = height - messages.len();
        let room = Room { columns: Some(columns), lines: Some(height), colors: self.colors };
        let mut lines = table(room);
        // A screen of two lines has no room for a row.
        lines.truncate(height);
        lines.extend(messages.iter().map(|message| cut(message, columns)));
        if output.offer(terminal.screen.frame(&lines).into())? {
            terminal.screen.drawn();
        }
        Ok(())
    }

    /// Waits until the terminal, if there is one, asks for something. Needs the runtime.
    pub async fn asked(&mut self) {
        match &mut self.terminal {
            Some(terminal) => terminal.asked().await,
            None => std::future::pending().await,
        }
    }

    /// Does what the terminal asks for: stops, with the terminal as it was. Says whether to draw anew.
    ///
    /// # Errors
    /// Those of writing and of stopping.
    pub fn answer(&mut self) -> Result<bool> {
        let Self { terminal: Some(terminal), output, .. } = self else { return Ok(false) };
        terminal.answer(|leave| Output::restart(output, leave, &stop::requested))
    }

    /// Gives the terminal back, hands the last text over, and waits until all are written; not for long where
    /// the user is `ending` and nothing reads.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(&mut self, text: Vec<u8>, ending: &dyn Fn() -> bool) -> Result<()> {
        let Some(output) = self.output.take() else { return Ok(()) };
        let leave = self.terminal.as_mut().map_or("", |terminal| terminal.screen.leave());
        let result = output.finish([leave.as_bytes(), &text].concat(), ending);
        reporter::release();
        result
    }
}

/// Where the run failed, its error is said on the terminal as it was.
impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.finish(Vec::new(), &|| true);
    }
}

//! The terminal while `probe top` has it: raw, on its alternate screen. It is given back in whatever way the
//! program ends, and while it is stopped.

use std::{
    io::{self, IsTerminal as _, Write},
    mem, panic,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, Result};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use ratatui::{
    Frame, Terminal,
    backend::{Backend as _, ClearType, CrosstermBackend, TestBackend},
    buffer::Buffer,
};

use super::{
    app::App,
    view::{self, Look},
};
use crate::{
    failure::Usage,
    output::Output,
    reporter, screen, stop,
    terminal::{self, Terminal as Signals},
};

/// The cursor, which is hidden while nothing is typed (xterm's control sequences, DECTCEM).
const SHOW_CURSOR: &str = "\x1b[?25h";

/// What was drawn and is not written yet.
#[derive(Clone, Default)]
struct Pending(Arc<Mutex<Vec<u8>>>);

impl Pending {
    fn take(&self) -> Vec<u8> {
        // Bytes are whole whoever panicked with them.
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The terminal.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Pending>>,
    pending: Pending,
    /// Until the end.
    output: Option<Output>,
    signals: Signals,
    /// Whether the terminal is not as it was drawn last.
    stale: bool,
}

impl Screen {
    /// Whether there is a terminal to draw on.
    ///
    /// # Errors
    /// That there is none, and what does without.
    pub fn is_there() -> Result<(), Usage> {
        let dumb = std::env::var_os("TERM").is_none_or(|name| name == "dumb");
        if io::stdout().is_terminal() && !dumb {
            return Ok(());
        }
        Err(Usage::new(
            "standard output is no terminal to draw on; probe count --format json writes the same \
             counts as lines",
        ))
    }

    /// Takes the terminal. Starts a thread that writes.
    ///
    /// # Errors
    /// Where that thread, the signals' handlers or the terminal's raw mode cannot be had.
    pub fn open() -> Result<Self> {
        let pending = Pending::default();
        let terminal = Terminal::new(CrosstermBackend::new(pending.clone()));
        let terminal = terminal.context("asking the terminal for its size")?;
        let (output, signals) = (Some(Output::start()?), Signals::watch()?);
        give_back_at_a_panic();
        Ok(Self { terminal, pending, output, signals, stale: true })
    }

    /// Draws, unless a shell has the terminal. What the reader has no time for is drawn with the next one.
    ///
    /// # Errors
    /// Those of writing.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<()> {
        let Some(output) = &mut self.output else { return Ok(()) };
        if terminal::in_background() {
            return Ok(());
        }
        let enter = self.signals.screen.enter();
        if !enter.is_empty() {
            reporter::hold();
            enable_raw_mode().context("setting the terminal to raw mode")?;
            self.stale = true;
        }
        if mem::take(&mut self.stale) {
            // Terminal::clear would ask the terminal where its cursor is, and the answer comes as keys do.
            self.terminal.backend_mut().clear_region(ClearType::All).context("drawing")?;
            self.terminal.swap_buffers();
        }
        self.terminal.draw(draw).context("drawing")?;
        let bytes = [enter.as_bytes(), &self.pending.take()].concat();
        if !output.offer(bytes)? {
            self.stale = true;
            // Nothing of it came to the terminal.
            if !enter.is_empty() {
                self.signals.screen.leave();
            }
        }
        Ok(())
    }

    /// Waits until the terminal asks for something. Needs the runtime.
    pub async fn asked(&mut self) {
        self.signals.asked().await;
    }

    /// Does what it asks for: stops, with the terminal as it was. Says whether to draw anew.
    ///
    /// # Errors
    /// Those of writing and of stopping.
    pub fn answer(&mut self) -> Result<bool> {
        let Self { signals, output, .. } = self;
        signals.answer(|leave| {
            Output::restart(output, &given_back(leave), &stop::requested)?;
            disable_raw_mode().context("giving the terminal back")
        })
    }

    /// Asks for a stop, of all that the shell has started with us, as Ctrl-Z does where a terminal is not raw.
    ///
    /// # Errors
    /// Those of kill(2).
    pub fn suspend(&self) -> Result<()> {
        kill(Pid::from_raw(0), Signal::SIGTSTP).context("stopping")
    }

    /// What would be drawn, as lines.
    ///
    /// # Errors
    /// Those of asking for the terminal's size.
    pub fn text(&mut self, app: &App, look: Look) -> Result<String> {
        let size = self.terminal.size().context("asking the terminal for its size")?;
        let mut drawn = Terminal::new(TestBackend::new(size.width, size.height))?;
        let frame = drawn.draw(|frame| view::draw(app, look, frame))?;
        Ok(text(frame.buffer))
    }

    /// Gives the terminal back, with this text on it.
    ///
    /// # Errors
    /// Those of writing.
    pub fn close(&mut self, text: &str) -> Result<()> {
        let Some(output) = self.output.take() else { return Ok(()) };
        let leave = self.signals.screen.leave();
        // Before the text: a line feed of a raw terminal does not go to the first column.
        let restored = disable_raw_mode().context("giving the terminal back");
        let written = output.finish((given_back(leave) + text).into(), &|| true);
        reporter::release();
        written.and(restored)
    }
}

/// Where the run failed, its error is said on the terminal as it was.
impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.close("");
    }
}

/// Nothing where nothing was drawn.
fn given_back(leave: &str) -> String {
    if leave.is_empty() { String::new() } else { [SHOW_CURSOR, leave].concat() }
}

/// A panic's message is to be read on the terminal as it was. One of another thread than that which draws is
/// held back like every message: its thread ends, and the screen goes on.
fn give_back_at_a_panic() {
    let drawing = thread::current().id();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() != drawing {
            return reporter::say(info);
        }
        // There is nobody to tell that it failed.
        let _ = disable_raw_mode();
        let _ = io::stdout().write_all([SHOW_CURSOR, screen::LEAVE].concat().as_bytes());
        let _ = io::stdout().flush();
        before(info);
    }));
}

/// The screen as lines, with its colours and without blanks at the ends.
pub fn text(buffer: &Buffer) -> String {
    use std::fmt::Write as _;
    let width = usize::from(buffer.area.width).max(1);
    let mut text = String::new();
    for row in buffer.content.chunks(width) {
        let is_blank =
            |cell: &ratatui::buffer::Cell| cell.symbol() == " " && cell.modifier.is_empty();
        let end = row.iter().rposition(|cell| !is_blank(cell)).map_or(0, |last| last + 1);
        let mut style = anstyle::Style::new();
        let mut skip = 0;
        for cell in row.iter().take(end) {
            // The second half of a wide character.
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = crate::text::width(cell.symbol()).saturating_sub(1);
            let next = style_of(cell);
            if next != style {
                let _ = write!(text, "{style:#}{next}");
                style = next;
            }
            text.push_str(cell.symbol());
        }
        let _ = writeln!(text, "{style:#}");
    }
    text
}

/// The colours and weights that the view has.
fn style_of(cell: &ratatui::buffer::Cell) -> anstyle::Style {
    use anstyle::{AnsiColor, Effects};
    use ratatui::style::{Color, Modifier};
    let color = match cell.fg {
        Color::Green => Some(AnsiColor::Green),
        Color::Cyan => Some(AnsiColor::Cyan),
        Color::Yellow => Some(AnsiColor::Yellow),
        Color::Red => Some(AnsiColor::Red),
        _ => None,
    };
    let effects = [
        (Modifier::BOLD, Effects::BOLD),
        (Modifier::DIM, Effects::DIMMED),
        (Modifier::REVERSED, Effects::INVERT),
    ];
    let effects = effects.into_iter().filter(|(modifier, _)| cell.modifier.contains(*modifier));
    let effects = effects.fold(Effects::new(), |all, (_, effect)| all | effect);
    anstyle::Style::new().effects(effects).fg_color(color.map(anstyle::Color::Ansi))
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command};

    use ratatui::style::Stylize as _;

    use super::*;

    /// What this test does in a process of its own: whose thread panics.
    const WHOSE: &str = "PROBE_TEST_WHOSE_PANIC";

    #[test]
    fn a_panic_gives_the_terminal_back() {
        fn panics() {
            panic!("on purpose");
        }
        match env::var(WHOSE).as_deref() {
            Ok("ours") => {
                give_back_at_a_panic();
                panics();
            }
            Ok(_) => {
                give_back_at_a_panic();
                let _ = thread::spawn(panics).join();
                return;
            }
            Err(_) => {}
        }
        for (whose, is_given_back) in [("ours", true), ("another's", false)] {
            let mut again = Command::new(env::current_exe().unwrap());
            let name = "top::screen::tests::a_panic_gives_the_terminal_back";
            let output = again.args(["--exact", name, "--nocapture"]).env(WHOSE, whose).output();
            let output = output.unwrap();
            let given_back = [SHOW_CURSOR, screen::LEAVE].concat();
            let stdout = String::from_utf8_lossy(&output.stdout);
            assert_eq!(stdout.contains(&given_back), is_given_back, "{whose}: {stdout:?}");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(stderr.contains("on purpose"), "{whose}: {stderr}");
            assert_eq!(output.status.success(), !is_given_back);
        }
    }

    #[test]
    fn a_screen_as_lines() {
        let mut drawn = Terminal::new(TestBackend::new(8, 3)).unwrap();
        let draw = |frame: &mut Frame<'_>| {
            let line = ratatui::text::Line::from(vec!["a ".into(), "漢".green(), "b".bold()]);
            frame.render_widget(line, frame.area());
        };
        let frame = drawn.draw(draw).unwrap();
        let expected = "a \x1b[32m漢\x1b[0m\x1b[1mb\x1b[0m\n\n\n";
        assert_eq!(text(frame.buffer), expected);
    }
}

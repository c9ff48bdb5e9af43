//! Reports in the form asked for.

use anyhow::Result;

use super::{Format, json, report::Report, table::table};
use crate::{display::Display, screen::Room};

/// The output of `probe health`.
pub struct View {
    format: Format,
    display: Display,
    /// What was drawn last.
    drawn: Option<Report>,
}

impl View {
    /// Starts a thread that writes. `colors`: whether a table has them.
    pub fn new(format: Format, colors: bool) -> Result<Self> {
        let display = Display::new(format == Format::Table, colors)?;
        Ok(Self { format, display, drawn: None })
    }

    /// Shows a report, unless the reader is far behind.
    pub fn tick(&mut self, report: &Report) -> Result<()> {
        if self.display.is_screen() {
            self.drawn = Some(report.clone());
            return self.draw();
        }
        let mut text = bytes(self.format, report, self.display.room());
        if self.format == Format::Table {
            text.push(b'\n');
        }
        self.display.write(text)
    }

    /// Draws the last report.
    fn draw(&mut self) -> Result<()> {
        let Some(report) = &self.drawn else { return Ok(()) };
        self.display.draw(|room| table(report, room))
    }

    /// Does what the terminal asks for.
    pub fn answer(&mut self) -> Result<()> {
        if self.display.answer()? { self.draw() } else { Ok(()) }
    }

    /// Shows the last report, and waits until it is written; not for long where the user is `ending` and
    /// nothing reads.
    pub fn last(mut self, report: &Report, ending: &dyn Fn() -> bool) -> Result<()> {
        let text = bytes(self.format, report, self.display.room());
        self.display.finish(text, ending)
    }
}

fn bytes(format: Format, report: &Report, room: Room) -> Vec<u8> {
    match format {
        Format::Table => (table(report, room).join("\n") + "\n").into(),
        Format::Json => json::line(report),
    }
}

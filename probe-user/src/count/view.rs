//! Snapshots in the form asked for.

use anyhow::Result;

use super::{Format, Snapshot, csv, json, table::table};
use crate::{display::Display, history::History};

/// The output of `probe count`.
pub struct View {
    format: Format,
    /// Whether rules have lists, for which CSV has more columns.
    lists: bool,
    display: Display,
    /// Of a table that is drawn over the one before.
    history: History,
    /// What was drawn last.
    drawn: Option<Snapshot>,
}

impl View {
    /// Writes what comes before the first snapshot. Starts a thread. `colors`: whether a table has
    /// them; `lists`: whether rules have lists.
    pub fn new(format: Format, colors: bool, lists: bool) -> Result<Self> {
        Self::over(Display::new(format == Format::Table, colors)?, format, lists)
    }

    /// As [`new`](Self::new), to any display.
    pub(super) fn over(mut display: Display, format: Format, lists: bool) -> Result<Self> {
        if format == Format::Csv {
            display.write(csv::head(lists).into())?;
        }
        Ok(Self { format, lists, display, history: History::default(), drawn: None })
    }

    /// Shows a snapshot, unless the reader is far behind.
    pub fn tick(&mut self, snapshot: &Snapshot) -> Result<()> {
        if self.display.is_screen() {
            let counters: Vec<_> = snapshot.rules.iter().map(|row| row.count.total).collect();
            self.history.add(snapshot.elapsed, &counters);
            self.drawn = Some(snapshot.clone());
            return self.draw();
        }
        let mut text = self.bytes(snapshot);
        if self.format == Format::Table {
            text.push(b'\n');
        }
        self.display.write(text)
    }

    /// Draws the last snapshot.
    fn draw(&mut self) -> Result<()> {
        let Some(snapshot) = &self.drawn else { return Ok(()) };
        self.display.draw(|room| table(snapshot, Some(&self.history), room))
    }

    /// Waits until the terminal, if there is one, asks for something.
    pub async fn asked(&mut self) {
        self.display.asked().await;
    }

    /// Does what the terminal asks for.
    pub fn answer(&mut self) -> Result<()> {
        if self.display.answer()? { self.draw() } else { Ok(()) }
    }

    /// Shows the last snapshot, and waits until it is written; not for long where the user is
    /// `ending` and nothing reads.
    pub fn last(mut self, snapshot: &Snapshot, ending: &dyn Fn() -> bool) -> Result<()> {
        let text = self.bytes(snapshot);
        self.display.finish(text, ending)
    }

    fn bytes(&self, snapshot: &Snapshot) -> Vec<u8> {
        let room = self.display.room();
        match self.format {
            Format::Table => (table(snapshot, None, room).join("\n") + "\n").into(),
            Format::Json => json::line(snapshot),
            Format::Csv => csv::rows(snapshot, self.lists),
        }
    }
}

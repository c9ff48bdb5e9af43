//! Where snapshots go: stdout, in the form asked for.

use std::io::{self, IsTerminal as _};

use anyhow::Result;

use super::{Format, Snapshot, csv, json, output::Output, table};

/// The output of `probe count`.
pub struct View {
    format: Format,
    /// A table on a terminal is drawn over the one before.
    redraw: bool,
    drawn_lines: usize,
    output: Output,
}

impl View {
    /// Writes what comes before the first snapshot. Starts a thread.
    pub fn new(format: Format) -> Result<Self> {
        Self::over(Output::start()?, format)
    }

    /// As [`new`](Self::new), to any output.
    pub(super) fn over(mut output: Output, format: Format) -> Result<Self> {
        if format == Format::Csv {
            output.offer(csv::HEAD.into())?;
        }
        Ok(Self { format, redraw: io::stdout().is_terminal(), drawn_lines: 0, output })
    }

    /// Shows a snapshot, unless whoever reads is far behind: the next one has the same
    /// totals and more.
    pub fn tick(&mut self, snapshot: &Snapshot) -> Result<()> {
        let (bytes, lines) = self.bytes(snapshot);
        if self.output.offer(bytes)? {
            self.drawn_lines = lines;
        }
        Ok(())
    }

    /// Makes the next table a new one, below what is said now.
    pub fn make_room(&mut self) {
        self.drawn_lines = 0;
    }

    /// Shows the last snapshot, and waits until it is written; where the user `ending`
    /// and nobody reads, not for long.
    pub fn last(self, snapshot: &Snapshot, ending: &dyn Fn() -> bool) -> Result<()> {
        let (bytes, _) = self.bytes(snapshot);
        self.output.finish(bytes, ending)
    }

    /// A snapshot, and the lines on the terminal that the next one is drawn over.
    fn bytes(&self, snapshot: &Snapshot) -> (Vec<u8>, usize) {
        let table = match self.format {
            Format::Table => table::table(snapshot),
            Format::Json => return (json::line(snapshot), 0),
            Format::Csv => return (csv::rows(snapshot), 0),
        };
        let lines = table.iter().filter(|&&byte| byte == b'\n').count();
        let table = match (self.redraw, self.drawn_lines) {
            (true, 0) => table,
            (true, before) => [table::over(before), table].concat(),
            (false, _) => [table, b"\n".to_vec()].concat(),
        };
        (table, lines)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use probe_common::Counter;

    use super::*;
    use probe_frame::WallTime;

    /// What is said between two tables stays on the screen.
    #[test]
    fn a_table_is_not_drawn_over_words() {
        let snapshot = Snapshot {
            time: WallTime::default(),
            elapsed: Duration::from_secs(1),
            last: false,
            hook: "tcx".into(),
            interfaces: vec!["eth0".into()],
            seen: Counter::default(),
            rules: Vec::new(),
        };
        let output = Output::start().unwrap();
        let mut view = View { format: Format::Table, redraw: true, drawn_lines: 0, output };
        let (first, lines) = view.bytes(&snapshot);
        view.drawn_lines = lines;
        let over = [table::over(lines), first.clone()].concat();
        assert_eq!(view.bytes(&snapshot).0, over);
        view.make_room();
        assert_eq!(view.bytes(&snapshot).0, first);
    }
}

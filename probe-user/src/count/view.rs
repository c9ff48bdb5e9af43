//! Where snapshots go: stdout, in the form asked for.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};

use super::{Snapshot, csv, json, table};
use crate::cli::CountFormat;

/// The output of `probe count`.
pub struct View {
    format: CountFormat,
    /// A table on a terminal is drawn over the one before.
    redraw: bool,
    drawn_lines: usize,
}

impl View {
    /// Writes what comes before the first snapshot.
    pub fn new(format: CountFormat) -> Result<Self> {
        if format == CountFormat::Csv {
            write(csv::HEAD.as_bytes())?;
        }
        Ok(Self { format, redraw: io::stdout().is_terminal(), drawn_lines: 0 })
    }

    /// Shows a snapshot.
    pub fn tick(&mut self, snapshot: &Snapshot) -> Result<()> {
        let bytes = match self.format {
            CountFormat::Table => {
                let table = table::table(snapshot);
                let lines = table.iter().filter(|&&byte| byte == b'\n').count();
                match (self.redraw, self.drawn_lines) {
                    (true, 0) => {
                        self.drawn_lines = lines;
                        table
                    }
                    (true, before) => {
                        self.drawn_lines = lines;
                        [table::over(before), table].concat()
                    }
                    (false, _) => [table, b"\n".to_vec()].concat(),
                }
            }
            CountFormat::Json => json::line(snapshot),
            CountFormat::Csv => csv::rows(snapshot),
        };
        write(&bytes)
    }

    /// Shows the last snapshot.
    pub fn last(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.tick(snapshot)
    }
}

/// Readers want each snapshot when it is made.
fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).context("writing to standard output")
}

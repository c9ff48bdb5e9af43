//! Where frames end up. A sink is pushed to; its error ends the capture, and so does its
//! word that it has enough.

use std::{
    io::{self, Write as _},
    ops::ControlFlow,
};

use anyhow::{Context as _, Result};
use probe_frame::{Frame, WallTime};
use probe_print::Printer;

use crate::file::Statistics;

/// Takes frames.
pub(super) trait Sink: Send {
    /// Takes a frame, or breaks: it was one too many.
    fn frame(&mut self, frame: &Frame<'_>) -> Result<ControlFlow<()>>;
    /// Takes frames and hands all of them on, or breaks: the last one was one too many.
    fn frames<'a>(
        &mut self,
        frames: &mut dyn Iterator<Item = Frame<'a>>,
    ) -> Result<ControlFlow<()>> {
        for frame in frames {
            if self.frame(&frame)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.flush().map(ControlFlow::Continue)
    }
    /// Hands on all that was taken.
    fn flush(&mut self) -> Result<()>;
    /// Frames that were handed on: the number that stays true if a flush fails.
    fn kept(&self) -> u64;
    /// Whether it wants to know that time passes.
    fn wants_ticks(&self) -> bool {
        false
    }
    /// No frame came for a while. Breaks if there shall be no more.
    fn tick(&mut self, _now: WallTime) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
    /// Nothing follows; here is the account of it all, where there is one.
    fn finish(&mut self, _statistics: Option<&Statistics>) -> Result<()> {
        self.flush()
    }
}

/// For --count: takes frames and keeps their number.
#[derive(Default)]
pub(super) struct CountSink(u64);

impl Sink for CountSink {
    fn frame(&mut self, _frame: &Frame<'_>) -> Result<ControlFlow<()>> {
        self.0 += 1;
        Ok(ControlFlow::Continue(()))
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn kept(&self) -> u64 {
        self.0
    }
}

/// Lines on standard output.
pub(super) struct LineSink {
    printer: Printer,
    pending: Vec<u8>,
    pending_lines: u64,
    lines: u64,
    each: bool,
}

/// Bytes of lines that gather before a write.
const GATHER: usize = 64 << 10;

impl LineSink {
    /// `each` line is written at once, or many together.
    pub(super) fn new(printer: Printer, each: bool) -> Self {
        Self { printer, pending: Vec::new(), pending_lines: 0, lines: 0, each }
    }
}

impl Sink for LineSink {
    fn frame(&mut self, frame: &Frame<'_>) -> Result<ControlFlow<()>> {
        self.printer.print(frame, &mut self.pending);
        self.pending_lines += 1;
        if self.each || self.pending.len() >= GATHER {
            self.flush()?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn flush(&mut self) -> Result<()> {
        let mut stdout = io::stdout().lock();
        let result = stdout.write_all(&self.pending).and_then(|()| stdout.flush());
        self.pending.clear();
        let lines = std::mem::take(&mut self.pending_lines);
        result.context("writing to standard output")?;
        self.lines += lines;
        Ok(())
    }

    fn kept(&self) -> u64 {
        self.lines
    }
}

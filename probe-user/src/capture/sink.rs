//! Sinks, which print or write frames. Frames are pushed to a sink; its error ends the capture,
//! and so does its answer that it wants no more.

use std::{
    io::{IoSlice, Write},
    ops::ControlFlow,
};

use anyhow::{Context as _, Result};
use probe_frame::{Frame, WallTime};
use probe_pcap::Statistics;
use probe_print::{Place, Printer, Style};

use super::{
    marks::Marker,
    origin,
    rows::{RowPrinter, Rows},
};
use crate::{
    kernel::Attachment,
    names::{self, NameStyle},
    share::{Share, Table},
    stdout, zone,
};

/// Whom a sink waits for: it says how long once the user wants the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// A disk, which comes back: as long as the process may live.
    Disk,
    /// The reader of a pipe: as long as it makes progress.
    Pipe,
    /// The reader of standard output, which the same Ctrl-C may have stopped: a moment.
    Stdout,
}

pub(crate) trait Sink: Send {
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
    /// Learns of an interface that was attached to after the start.
    fn introduce(&mut self, _attachment: &Attachment) -> Result<()> {
        Ok(())
    }
    /// Learns of an interface that was gone at this time. Frames of before may still come.
    fn forget(&mut self, _index: u32, _gone: WallTime) {}
    /// Hands on all that was taken.
    fn flush(&mut self) -> Result<()>;
    /// Frames that were handed on: the number that stays true if a flush fails.
    fn kept(&self) -> u64;
    /// Whom it waits for, where a write does not return.
    fn waits_for(&self) -> Waits {
        Waits::Stdout
    }
    /// Whether it wants to know that time passes.
    fn wants_ticks(&self) -> bool {
        false
    }
    /// No frame came for a while. Breaks if there shall be no more.
    fn tick(&mut self, _now: WallTime) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
    /// Frames of before this time that were chosen for it have been lost; some that came before it may still
    /// follow. Only a [consumer](super::Consumer) is told.
    fn lost(&mut self, _before: WallTime) {}
    /// Frames are those of another share of the connections ([`Limits::budget`](super::Limits::budget)), in
    /// those of after this time.
    fn follow(&mut self, _share: Share, _since: WallTime) {}
    /// How its table of connections is, if it has one.
    fn table(&self) -> Table {
        Table::default()
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

/// Frames as lines on standard output.
#[derive(Clone, Debug)]
pub struct Lines {
    /// How a frame is shown.
    pub style: Style,
    /// Whether names are shown.
    pub names: NameStyle,
    /// Names of hosts without their domains.
    pub short_names: bool,
    /// Whether each line is written by itself, or many together.
    pub each: bool,
    /// Rows in their place: an object or a row a frame, with the text of the line in one column.
    pub rows: Option<Rows>,
}

impl Lines {
    /// Opens standard output. Lines tell the places apart, if there are any; rows name them.
    pub(super) fn open(&self, places: Vec<Place>, marker: Option<Marker>) -> Result<LineSink> {
        Ok(self.over(Box::new(stdout::open()?), places, marker))
    }

    /// As [`open`](Self::open), of any output.
    pub(super) fn over(
        &self,
        out: Box<dyn Write + Send>,
        places: Vec<Place>,
        marker: Option<Marker>,
    ) -> LineSink {
        let mut printer = Printer::new(self.style)
            .with_names(names::names(self.names, self.short_names))
            .in_zone(zone::local())
            .with_interfaces(names::interfaces());
        let rows = match self.rows.clone() {
            Some(rows) => Some(RowPrinter::new(rows, marker, self.style.precision, places)),
            None => {
                printer = printer.with_places(places);
                None
            }
        };
        let pending = rows.as_ref().map(RowPrinter::head).unwrap_or_default();
        LineSink { printer, rows, out, pending, ends: Vec::new(), lines: 0, each: self.each }
    }
}

/// Takes frames, and writes lines.
pub(super) struct LineSink {
    printer: Printer,
    rows: Option<RowPrinter>,
    out: Box<dyn Write + Send>,
    pending: Vec<u8>,
    /// Where in it the lines of each frame end.
    ends: Vec<usize>,
    lines: u64,
    each: bool,
}

/// Bytes of lines that gather before a write.
const GATHER: usize = 64 << 10;

impl Sink for LineSink {
    fn frame(&mut self, frame: &Frame<'_>) -> Result<ControlFlow<()>> {
        match &mut self.rows {
            None => self.printer.print(frame, &mut self.pending),
            Some(rows) => rows.print(&mut self.printer, frame, &mut self.pending)?,
        }
        self.ends.push(self.pending.len());
        if self.each || self.pending.len() >= GATHER {
            self.flush()?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn introduce(&mut self, attachment: &Attachment) -> Result<()> {
        let place = origin::place(attachment);
        match &mut self.rows {
            None => self.printer.add_place(place),
            Some(rows) => rows.add_place(place),
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut slices = [IoSlice::new(&self.pending)];
        let (landed, result) = probe_pcap::write_all(&mut self.out, &mut slices);
        self.lines += self.ends.partition_point(|&end| end as u64 <= landed) as u64;
        self.pending.clear();
        self.ends.clear();
        result.context("writing to standard output")
    }

    fn kept(&self) -> u64 {
        self.lines
    }
}

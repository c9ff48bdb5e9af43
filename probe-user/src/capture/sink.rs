//! Where frames end up. A sink is pushed to; its error ends the capture.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{file::PcapWriter, frame::Frame, print::Printer};

/// Takes frames.
pub(super) trait Sink: Send {
    /// Takes a frame.
    fn frame(&mut self, frame: &Frame<'_>) -> Result<()>;
    /// Hands on all that was taken.
    fn flush(&mut self) -> Result<()>;
    /// Frames that were handed on: the number that stays true if a flush fails.
    fn kept(&self) -> u64;
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
    fn frame(&mut self, frame: &Frame<'_>) -> Result<()> {
        self.printer.print(frame, &mut self.pending);
        self.pending_lines += 1;
        if self.each || self.pending.len() >= GATHER { self.flush() } else { Ok(()) }
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

/// A pcap file.
pub(super) struct PcapSink {
    writer: PcapWriter,
    path: PathBuf,
    each: bool,
}

impl PcapSink {
    /// `each` frame is written at once, or many together.
    pub(super) fn new(writer: PcapWriter, path: &Path, each: bool) -> Self {
        Self { writer, path: path.into(), each }
    }

    fn explain(&self, error: io::Error) -> anyhow::Error {
        let frames = self.writer.frames();
        let path = self.path.display();
        anyhow::Error::new(error).context(match path.to_string().as_str() {
            "-" => "writing to standard output".to_string(),
            _ => format!("writing {path} (it holds {frames} whole frames)"),
        })
    }
}

impl Sink for PcapSink {
    fn frame(&mut self, frame: &Frame<'_>) -> Result<()> {
        self.writer.write(frame).map_err(|error| self.explain(error))?;
        if self.each { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(|error| self.explain(error))
    }

    fn kept(&self) -> u64 {
        self.writer.frames()
    }
}

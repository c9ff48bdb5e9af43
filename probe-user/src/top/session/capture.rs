//! A capture of a row: the frames that match go into a file, and how many there are is told meanwhile.

use std::{ops::ControlFlow, path::PathBuf, time::Instant};

use anyhow::Result;
use probe_frame::{Frame, WallTime};
use probe_pcap::Statistics;

use super::{Line, NEWS};
use crate::{
    capture::{self, Consumer, FileOutput, Outputs, Sink},
    source::{Live, Source},
    top::app::{Capture, Event},
};

/// Captures until the session is ended, and says what became of it.
pub(super) fn run(live: Live, filter: String, file: PathBuf, begun: Capture, line: &Line) {
    line.tell(Event::Capture(begun.clone()));
    let counter = Counter { line: line.clone(), state: begun.clone(), told: Instant::now() };
    let plan = capture::Plan {
        source: Source::Live(live),
        filter,
        link: None,
        limits: capture::Limits::default(),
        outputs: Outputs {
            file: Some(FileOutput::to(file)),
            consumer: Some(Consumer::new(Box::new(counter))),
            ..Outputs::default()
        },
        account: false,
    };
    // Where it went well its sink has said so, with the account.
    if let Err(error) = capture::run(&plan) {
        let ended = Some(Err(format!("{error:#}")));
        line.tell(Event::Capture(Capture { ended, ..begun }));
    }
}

/// Counts the frames that the file before it has taken.
struct Counter {
    line: Line,
    state: Capture,
    told: Instant,
}

impl Counter {
    fn flow(&self) -> ControlFlow<()> {
        if self.line.has_ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn news(&mut self) {
        if self.told.elapsed() >= NEWS {
            self.told = Instant::now();
            self.line.offer(Event::Capture(self.state.clone()));
        }
    }
}

impl Sink for Counter {
    fn frame(&mut self, _frame: &Frame<'_>) -> Result<ControlFlow<()>> {
        self.state.frames += 1;
        Ok(ControlFlow::Continue(()))
    }

    /// The file has all of them, and so they are counted, also where they are the last ones.
    fn frames<'a>(
        &mut self,
        frames: &mut dyn Iterator<Item = Frame<'a>>,
    ) -> Result<ControlFlow<()>> {
        self.state.frames += frames.count() as u64;
        self.flush()?;
        Ok(self.flow())
    }

    fn flush(&mut self) -> Result<()> {
        self.news();
        Ok(())
    }

    fn kept(&self) -> u64 {
        self.state.frames
    }

    fn wants_ticks(&self) -> bool {
        true
    }

    fn tick(&mut self, _now: WallTime) -> Result<ControlFlow<()>> {
        self.news();
        Ok(self.flow())
    }

    fn finish(&mut self, statistics: Option<&Statistics>) -> Result<()> {
        self.state.lost = statistics.map(|statistics| statistics.lost + statistics.dropped);
        self.state.ended = Some(Ok(()));
        self.line.tell(Event::Capture(self.state.clone()));
        Ok(())
    }
}

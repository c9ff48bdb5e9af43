//! A capture of a row: the frames that match go into a file, and how many there are is told meanwhile.

use std::{
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::Result;
use probe_frame::{Frame, WallTime};

use super::{Line, NEWS};
use crate::{
    capture::{self, Consumer, FileOutput, Outputs, Sink},
    source::{Live, Source},
    top::app::{Capture, Event},
};

/// Captures until the session is ended, and says what became of it.
pub(super) fn run(live: Live, filter: String, file: PathBuf, begun: Capture, line: &Line) {
    line.tell(Event::Capture(begun.clone()));
    let frames = Arc::<AtomicU64>::default();
    let counter = Counter {
        line: line.clone(),
        begun: begun.clone(),
        frames: Arc::clone(&frames),
        told: Instant::now(),
    };
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
    // A sink that ends by itself is not told what was lost.
    let (lost, ended) = match capture::run(&plan) {
        Ok(capture::Lost(lost)) => (Some(lost), Ok(())),
        Err(error) => (None, Err(format!("{error:#}"))),
    };
    let (frames, ended) = (frames.load(Ordering::Relaxed), Some(ended));
    line.tell(Event::Capture(Capture { frames, lost, ended, ..begun }));
}

/// Counts the frames that the file before it has taken.
struct Counter {
    line: Line,
    begun: Capture,
    frames: Arc<AtomicU64>,
    told: Instant,
}

impl Counter {
    fn flow(&self) -> ControlFlow<()> {
        if self.line.has_ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn news(&mut self) {
        if self.told.elapsed() >= NEWS {
            self.told = Instant::now();
            let begun = self.begun.clone();
            self.line.offer(Event::Capture(Capture { frames: self.kept(), ..begun }));
        }
    }
}

impl Sink for Counter {
    fn frame(&mut self, _frame: &Frame<'_>) -> Result<ControlFlow<()>> {
        self.frames.fetch_add(1, Ordering::Relaxed);
        Ok(ControlFlow::Continue(()))
    }

    /// The file has all of them, and so they are counted, also where they are the last ones.
    fn frames<'a>(
        &mut self,
        frames: &mut dyn Iterator<Item = Frame<'a>>,
    ) -> Result<ControlFlow<()>> {
        self.frames.fetch_add(frames.count() as u64, Ordering::Relaxed);
        self.flush()?;
        Ok(self.flow())
    }

    fn flush(&mut self) -> Result<()> {
        self.news();
        Ok(())
    }

    fn kept(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    fn wants_ticks(&self) -> bool {
        true
    }

    fn tick(&mut self, _now: WallTime) -> Result<ControlFlow<()>> {
        self.news();
        Ok(self.flow())
    }
}

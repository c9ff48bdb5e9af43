//! Connections as they end: the newest of them, and how many there were.

use std::{collections::VecDeque, ops::ControlFlow, time::Instant};

use anyhow::Result;
use jiff::tz::TimeZone;
use probe_flow::{Connection, Event as Of, Limits, Tracker};
use probe_frame::{Frame, WallTime};
use probe_pcap::Statistics;

use super::{Line, NEWS, beside};
use crate::{
    capture::{self, Consumer, Outputs, Sink},
    connections::{self, Row, clock, remarks},
    source::Source,
    top::{
        app::{self, Event, News},
        source::Input,
    },
    zone,
};

/// Live connections that are told of at a time: of a flood of them not all are written down.
const TOLD: usize = 200;
/// Those of a file: as many as the screen keeps, the newest.
const TOLD_OF_FILE: usize = 1000;
/// Connections that are followed at once, of some kilobytes each at most.
const FOLLOWED: usize = 1 << 16;

/// Bytes of a live frame that are looked at.
const SNAPLEN: u32 = 1024;

/// Follows connections until the session is ended, or the file is.
pub(super) fn run(from: &Input, filter: &str, line: &Line) -> Result<()> {
    let source = match from {
        Input::Live(live) => Source::Live(beside(live)),
        Input::File { path, engine, user } => {
            let (files, engine, user) = (vec![path.clone()], *engine, user.clone());
            Source::Stored { files, engine, user }
        }
        Input::Served(_) => return Ok(()),
    };
    let whole = matches!(source, Source::Stored { .. });
    let filter = connections::complete(filter, &source);
    let mut limits = Limits::default();
    limits.connections = FOLLOWED;
    let gathered = Gathered {
        whole,
        zone: zone::local(),
        newest: VecDeque::new(),
        news: News::default(),
        number: 0,
    };
    let listener = Listener {
        tracker: Tracker::new(limits),
        gathered,
        line: line.clone(),
        told: Instant::now(),
    };
    // The heads of HTTP, TLS and DNS are in there.
    let snaplen = if whole { capture::Limits::default().snaplen } else { SNAPLEN };
    capture::run(&capture::Plan {
        source,
        filter,
        link: None,
        limits: capture::Limits { snaplen, ..capture::Limits::default() },
        outputs: Outputs {
            consumer: Some(Consumer::new(Box::new(listener))),
            ..Outputs::default()
        },
        account: false,
    })
    .map(drop)
}

/// Takes frames, and tells of connections.
struct Listener {
    tracker: Tracker,
    gathered: Gathered,
    line: Line,
    told: Instant,
}

/// What is to be told.
struct Gathered {
    /// Whether all frames of a connection are seen: those of a file.
    whole: bool,
    zone: TimeZone,
    newest: VecDeque<app::Connection>,
    news: News,
    number: u64,
}

impl probe_flow::Sink for Gathered {
    fn event(&mut self, event: Of<'_>) {
        if let Of::Ended(connection) = event {
            self.ended(connection);
        }
    }
}

impl Gathered {
    fn ended(&mut self, connection: &Connection) {
        *self.news.outcomes.entry(connection.outcome().word()).or_default() += 1;
        self.number += 1;
        if self.whole && self.newest.len() >= TOLD_OF_FILE {
            self.newest.pop_front();
        } else if !self.whole && self.newest.len() >= TOLD {
            return;
        }
        self.newest.push_back(app::Connection {
            number: self.number,
            clock: clock(connection.started(), &self.zone),
            remarks: remarks(connection).join("; "),
            row: Box::new(Row::new(connection, self.whole)),
        });
    }

    fn take(&mut self) -> News {
        let ended = self.newest.drain(..).collect();
        let frames = self.news.frames;
        News { ended, ..std::mem::replace(&mut self.news, News { frames, ..News::default() }) }
    }
}

impl Listener {
    fn tell(&mut self) {
        if self.told.elapsed() >= NEWS {
            self.told = Instant::now();
            let news = self.gathered.take();
            self.line.tell(Event::Connections(news));
        }
    }
}

impl Sink for Listener {
    fn frame(&mut self, frame: &Frame<'_>) -> Result<ControlFlow<()>> {
        if self.line.has_ended() {
            return Ok(ControlFlow::Break(()));
        }
        self.gathered.news.frames += 1;
        self.tracker.frame(frame, &mut self.gathered);
        Ok(ControlFlow::Continue(()))
    }

    fn flush(&mut self) -> Result<()> {
        self.tell();
        Ok(())
    }

    fn kept(&self) -> u64 {
        self.gathered.news.frames
    }

    fn wants_ticks(&self) -> bool {
        true
    }

    fn tick(&mut self, now: WallTime) -> Result<ControlFlow<()>> {
        self.tracker.expire(now, &mut self.gathered);
        self.tell();
        Ok(if self.line.has_ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn lost(&mut self, before: WallTime) {
        self.gathered.news.lost = true;
        self.tracker.lost(before);
    }

    fn finish(&mut self, _statistics: Option<&Statistics>) -> Result<()> {
        // What is open when a file ends is told of; whoever closes a tab wants none of it.
        if self.gathered.whole {
            self.tracker.finish(&mut self.gathered);
        }
        let news = self.gathered.take();
        self.line.tell(Event::Connections(news));
        Ok(())
    }
}

//! The sink that makes connections of frames, and lines of connections.

use std::{
    io::{IoSlice, Write},
    ops::ControlFlow,
};

use anyhow::{Context as _, Result};
use jiff::tz::TimeZone;
use probe_flow::{Connection, Ending, Event, Limits, Outcome, Role, Tracker};
use probe_frame::{Frame, WallTime};
use probe_pcap::Statistics;

use super::{Format, Plan, View, csv, json, percentiles::Percentiles, requests, row::Row, text};
use crate::{
    capture, reporter,
    share::{self, Estimate, Share, Table},
    source::Source,
    text::grouped,
    zone,
};

/// Bytes of lines that gather before a write.
const GATHER: usize = 64 << 10;

/// Takes frames, and writes lines.
pub(super) struct Follower {
    tracker: Tracker,
    teller: Teller,
    frames: u64,
    out: Box<dyn Write + Send>,
}

/// Makes lines of what the tracker tells.
struct Teller {
    view: View,
    format: Format,
    zone: TimeZone,
    /// Whether all frames of a connection are seen: those of a file.
    whole: bool,
    /// Lines that are still wanted.
    left: Option<u64>,
    pending: Vec<u8>,
    percentiles: Percentiles,
    /// Connections whose beginning was seen.
    begun: Estimate,
    /// Those that were told, by outcome.
    outcomes: [Estimate; Outcome::ALL.len()],
    requests: Estimate,
    /// Connections or requests that were told.
    told: u64,
    /// Open connections of which both, or only one side was seen.
    sides_seen: [u64; 2],
}

impl Follower {
    pub(super) fn new(
        plan: &Plan,
        limits: Limits,
        out: Box<dyn Write + Send>,
        is_terminal: bool,
    ) -> Self {
        let head = match (plan.view, plan.format) {
            (View::Requests { .. }, Format::Csv) => csv::REQUESTS,
            (View::Ended | View::Open, Format::Csv) => csv::CONNECTIONS,
            (View::Requests { .. }, Format::Text) if is_terminal => text::REQUESTS,
            (View::Ended | View::Open, Format::Text) if is_terminal => text::CONNECTIONS,
            (_, Format::Text | Format::Json) => "",
        };
        let teller = Teller {
            view: plan.view,
            format: plan.format,
            zone: zone::local(),
            whole: matches!(plan.source, Source::Stored { .. }),
            left: plan.count,
            pending: head.into(),
            percentiles: Percentiles::default(),
            begun: Estimate::default(),
            outcomes: [Estimate::default(); Outcome::ALL.len()],
            requests: Estimate::default(),
            told: 0,
            sides_seen: [0; 2],
        };
        let mut tracker = Tracker::new(limits);
        if let Some(flows) = plan.flows {
            tracker.follow_fewer(flows.one_in);
        }
        if let Some(budget) = plan.budget {
            tracker.choose_by(share::choice(budget.seed));
        }
        Self { tracker, teller, frames: 0, out }
    }

    fn wants_more(&self) -> ControlFlow<()> {
        match self.teller.left {
            Some(0) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl capture::Sink for Follower {
    fn frame(&mut self, frame: &Frame<'_>) -> Result<ControlFlow<()>> {
        if self.wants_more().is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.frames += 1;
        self.tracker.frame(frame, &mut self.teller);
        if self.teller.pending.len() >= GATHER {
            self.flush()?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn flush(&mut self) -> Result<()> {
        let mut slices = [IoSlice::new(&self.teller.pending)];
        let (_, result) = probe_pcap::write_all(&mut self.out, &mut slices);
        self.teller.pending.clear();
        result.context("writing to standard output")
    }

    fn kept(&self) -> u64 {
        self.frames
    }

    fn wants_ticks(&self) -> bool {
        true
    }

    fn tick(&mut self, now: WallTime) -> Result<ControlFlow<()>> {
        self.tracker.expire(now, &mut self.teller);
        self.flush()?;
        Ok(self.wants_more())
    }

    fn lost(&mut self, before: WallTime) {
        self.tracker.lost(before);
    }

    fn follow(&mut self, share: Share, since: WallTime) {
        share.follow(&mut self.tracker, since);
    }

    fn table(&self) -> Table {
        Table::of(&self.tracker)
    }

    fn finish(&mut self, _statistics: Option<&Statistics>) -> Result<()> {
        // Who wanted so many lines wants none of what is still open.
        if self.wants_more().is_continue() {
            self.tracker.finish(&mut self.teller);
        }
        if let View::Requests { percentiles: true } = self.teller.view {
            let lines = requests::percentiles(self.teller.format, &self.teller.percentiles);
            self.teller.pending.extend(lines);
        }
        self.flush()?;
        self.summarize();
        Ok(())
    }
}

impl Follower {
    /// Says how many there were, and of what nothing could be said.
    fn summarize(&self) {
        let Teller { outcomes, requests, view, sides_seen, begun, told, .. } = &self.teller;
        let are_all = self.tracker.has_followed_all();
        let s = if *told == 1 && are_all { "" } else { "s" };
        match view {
            View::Requests { .. } => {
                reporter::say(format_args!("{} request{s}", about_of(requests)));
            }
            View::Ended | View::Open => {
                let by_outcome: Vec<_> = Outcome::ALL
                    .iter()
                    .zip(outcomes)
                    .filter(|(_, estimate)| estimate.sum > 0)
                    .map(|(outcome, estimate)| format!("{} {outcome}", about_of(estimate)))
                    .collect();
                let list =
                    if *told == 0 { String::new() } else { format!(": {}", by_outcome.join(", ")) };
                // Where all were followed, those that had begun before are among them.
                let of_told = Estimate::all(outcomes);
                let all = if are_all || *view == View::Open { &of_told } else { begun };
                reporter::say(format_args!("{} connection{s}{list}", about_of(all)));
            }
        }
        if !are_all {
            let what = if let View::Requests { .. } = view { "requests" } else { "connections" };
            reporter::note(format_args!(
                "these are estimates: {} {what} were told, and one connection in {} was followed at the end",
                grouped(*told),
                grouped(self.tracker.one_in().into())
            ));
        }
        let figures = self.tracker.figures();
        let short = [
            (figures.refused, "frames belong to connections that were not followed"),
            (figures.thrown_out, "connections made room before their end"),
        ];
        let short: Vec<String> = (short.iter())
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", grouped(*number)))
            .collect();
        if !short.is_empty() {
            reporter::note(format_args!(
                "there was no room for all connections (--max-connections): {}",
                short.join(", ")
            ));
        }
        if figures.unread > 0 {
            reporter::note(format_args!(
                "of {} connections HTTP, TLS and DNS were not read: there was no memory for more",
                grouped(figures.unread)
            ));
        }
        if let [0, one_sided] = sides_seen
            && *one_sided > 0
        {
            reporter::note(format_args!(
                "of all {} open connections only one side was seen: the filter or -Q lets one \
                 direction through (write port 80 for dst port 80)",
                grouped(*one_sided)
            ));
        }
    }
}

fn about_of(estimate: &Estimate) -> String {
    text::about(estimate.sum, estimate.margin())
}

impl probe_flow::Sink for Teller {
    fn event(&mut self, event: Event<'_>) {
        if self.left == Some(0) {
            return;
        }
        match (event, self.view) {
            (Event::Started(connection), _) if connection.began() => {
                self.begun.add(connection.one_in());
            }
            (Event::Request(connection, exchange), View::Requests { percentiles }) => {
                self.requests.add(connection.one_in());
                if percentiles {
                    self.percentiles.add(exchange, connection.one_in());
                }
                let line = requests::shown(self.format, connection, exchange, &self.zone);
                self.put(&line);
            }
            (Event::Ended(connection), View::Ended) => self.ended(connection),
            (Event::Ended(connection), View::Open) => {
                let is_open = matches!(
                    connection.outcome(),
                    Outcome::Open | Outcome::HalfOpen | Outcome::Partial | Outcome::Unanswered
                );
                if is_open && connection.ending() == Some(Ending::CaptureEnd) {
                    self.ended(connection);
                }
            }
            _ => {}
        }
    }
}

impl Teller {
    fn ended(&mut self, connection: &Connection) {
        if let Some(estimate) = self.outcomes.get_mut(connection.outcome() as usize) {
            estimate.add(connection.one_in());
        }
        if connection.was_opened() {
            let seen = [Role::Client, Role::Server].map(|role| connection.side(role).packets() > 0);
            let [both, one] = &mut self.sides_seen;
            *(if seen == [true, true] { both } else { one }) += 1;
        }
        let line = match self.format {
            Format::Text => text::connection(connection, &self.zone),
            Format::Json => json::connection(&Row::new(connection, self.whole)),
            Format::Csv => csv::connection(&Row::new(connection, self.whole)),
        };
        self.put(&line);
    }

    fn put(&mut self, line: &[u8]) {
        self.pending.extend_from_slice(line);
        self.told += 1;
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
    }
}

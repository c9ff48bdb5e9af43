//! Connections that have ended: the newest of them, and how all of them did.

use std::collections::{BTreeMap, VecDeque};

use super::{App, Panel};
use crate::connections::Row;

/// Connections that are kept.
const KEPT: usize = 1000;

/// A connection that has ended.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Which one it is, from 1.
    pub number: u64,
    /// The time of day of its first frame.
    pub clock: String,
    /// What the columns do not say.
    pub remarks: String,
    /// What is known of it.
    pub row: Box<Row>,
}

/// What has happened since the last news.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Connections that have ended, or some of them.
    pub ended: Vec<Connection>,
    /// By outcome all that have.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Frames that were to be read, and how many of those were lost; since the start.
    pub frames: u64,
    /// Whether some were lost.
    pub lost: bool,
}

/// Connections so far.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    /// The newest last.
    pub rows: VecDeque<Connection>,
    /// All that have ended, by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Frames that were read.
    pub frames: u64,
    /// Whether some were lost.
    pub lost: bool,
}

impl PartialEq for Connections {
    fn eq(&self, other: &Self) -> bool {
        let numbers = |of: &Self| of.rows.iter().map(|row| row.number).collect::<Vec<_>>();
        numbers(self) == numbers(other) && self.outcomes == other.outcomes
    }
}

impl Connections {
    /// All that have ended.
    pub fn all(&self) -> u64 {
        self.outcomes.values().sum()
    }

    fn add(&mut self, news: News) {
        for (outcome, number) in news.outcomes {
            *self.outcomes.entry(outcome).or_default() += number;
        }
        self.rows.extend(news.ended);
        let old = self.rows.len().saturating_sub(KEPT);
        self.rows.drain(..old);
        self.frames = news.frames;
        self.lost |= news.lost;
    }
}

impl App {
    pub(super) fn take_connections(&mut self, news: News) {
        let panel = &mut self.newest.connections;
        match panel {
            Panel::Closed | Panel::Failed(_) => return,
            Panel::Opening => *panel = Panel::Open(Connections::default()),
            Panel::Open(_) => {}
        }
        if let Panel::Open(connections) = panel {
            connections.add(news);
        }
    }
}

//! How far the writing thread is, and when its writes are cancelled.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::super::sink::{Sink, Waits};
use crate::{reporter, share::Table};

/// Once the user wants the end, whoever reads the output has so long to take what is on
/// its way: with the time for the rings before it, Ctrl-C takes less than a second.
pub(super) const PATIENCE: Duration = Duration::from_millis(700);
/// After that a disk is waited for in silence no longer.
const SILENCE: Duration = Duration::from_secs(1);
/// How far the writer is. Only the writer sets this, except for `cancelled`.
#[derive(Default)]
pub(super) struct Progress {
    /// Frames that went to a sink: a batch counts once for each sink.
    pub(super) handed: AtomicU64,
    /// Frames that all sinks have.
    pub(super) kept: AtomicU64,
    /// Frames of the batch at hand.
    pub(super) batch: AtomicU64,
    /// Whom it waits for now, see [`Progress::waits_for`].
    place: AtomicU8,
    /// The sinks' tables of connections, after the last batch.
    table: Mutex<Table>,
    /// The writer is to stop between two frames, or in the write that it waits for.
    pub(super) cancelled: Arc<AtomicBool>,
}

impl Progress {
    const WAITS: [Waits; 3] = [Waits::Disk, Waits::Pipe, Waits::Stdout];

    pub(super) fn enter(&self, sink: &dyn Sink) {
        let place = Self::WAITS.iter().position(|&waits| waits == sink.waits_for());
        self.place.store(place.unwrap_or(0) as u8, Ordering::Relaxed);
    }

    pub(super) fn waits_for(&self) -> Waits {
        let place = usize::from(self.place.load(Ordering::Relaxed));
        Self::WAITS.get(place).copied().unwrap_or(Waits::Disk)
    }

    pub(super) fn set_table(&self, table: Table) {
        *self.table.lock().unwrap_or_else(PoisonError::into_inner) = table;
    }

    pub(super) fn table(&self) -> Table {
        *self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// When a writer that makes no progress is cancelled: never before the user wants the end.
pub(in crate::capture) struct WriterDeadline {
    /// How often the user has asked for the end.
    asked: Box<dyn Fn() -> u32>,
    since: Option<Instant>,
    /// Frames that had been handed to the sinks when there was progress last.
    before: u64,
    said: bool,
}

impl WriterDeadline {
    pub(in crate::capture) fn new(asked: Box<dyn Fn() -> u32>) -> Self {
        Self { asked, since: None, before: 0, said: false }
    }

    /// Whether there is no time left for the writer.
    pub(super) fn is_over(&mut self, progress: &Progress) -> bool {
        match (self.asked)() {
            0 => return false,
            1 => {}
            _ => return true,
        }
        let handed = progress.handed.load(Ordering::Relaxed);
        let waits = progress.waits_for();
        if std::mem::replace(&mut self.before, handed) != handed && waits != Waits::Stdout {
            self.since = None;
        }
        let waited = self.since.get_or_insert_with(Instant::now).elapsed();
        if waits == Waits::Disk {
            if waited >= SILENCE && !std::mem::replace(&mut self.said, true) {
                reporter::say("waiting for the file to be written; a second signal gives up on it");
            }
            return false;
        }
        waited >= PATIENCE
    }
}

//! What one list has counted since the start.

use std::time::Duration;

use probe_common::key::Seeds;
use probe_sketch::{Periods, Totals, View};

use super::List;

/// Keys that a list keeps; twice as many for a moment. Some 600 KiB.
pub const KEPT: usize = 4096;

/// One list's largest keys, and how many different ones: as far as they are asked for.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The largest keys.
    pub top: Option<Totals>,
    /// How many different ones.
    pub distinct: Option<Periods>,
}

impl Tally {
    /// Of tables with `sets` sets and these seeds.
    pub fn new(list: &List, sets: usize, seeds: Seeds) -> Self {
        Self {
            top: list.top.map(|_| Totals::new(sets, seeds, KEPT)),
            distinct: list.distinct.then(Periods::default),
        }
    }

    /// Adds what one CPU's table has counted since it was empty.
    pub fn add_table(&mut self, table: &View<'_>) {
        if let Some(top) = &mut self.top {
            top.add(table);
        }
    }

    /// Adds the registers of the keys that came up to `now`, since the start.
    pub fn add_registers(&mut self, now: Duration, words: &[u64]) {
        if let Some(distinct) = &mut self.distinct {
            distinct.add(now, words);
        }
    }

    /// What is added from now on belongs to another interval.
    pub fn begin_interval(&mut self) {
        if let Some(top) = &mut self.top {
            top.begin_interval();
        }
        if let Some(distinct) = &mut self.distinct {
            distinct.begin_interval();
        }
    }
}

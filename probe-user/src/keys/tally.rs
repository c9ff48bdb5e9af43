//! What one list has counted since the start.

use std::time::Duration;

use probe_common::{Counter, key::Seeds};
use probe_sketch::{Periods, Totals, View};

use super::List;

/// Keys that a list keeps; up to 7,168 for a moment, which take some 0.7 MiB.
pub const KEPT: usize = 4096;

/// One list's largest keys, and how many different ones: as far as they are asked for.
#[derive(Clone, Debug)]
pub struct Tally {
    list: List,
    seeds: Seeds,
    /// The largest keys, since the first table came.
    top: Option<Totals>,
    distinct: Periods,
    /// Frames whose key may be missing among the different ones.
    missed: u64,
}

impl Tally {
    /// Of keys that are hashed with these seeds.
    pub fn new(list: List, seeds: Seeds) -> Self {
        Self { list, seeds, top: None, distinct: Periods::default(), missed: 0 }
    }

    /// What it is a list of.
    pub fn list(&self) -> List {
        self.list
    }

    /// The same list, with as many keys shown as another one of its kind.
    pub fn shown_as(self, list: List) -> Self {
        Self { list, ..self }
    }

    /// Adds what one CPU's table has counted since it was empty, and what it refused.
    pub fn add_table(&mut self, table: &View<'_>, refused: Counter) {
        self.top.get_or_insert_with(|| Totals::new(self.seeds, KEPT)).add(table, refused);
    }

    /// Adds the registers of the keys that came up to `now`, since the start; in vain for `missed`
    /// frames.
    pub fn add_registers(&mut self, now: Duration, words: &[u64], missed: u64) {
        self.distinct.add(now, words);
        self.missed += missed;
    }

    /// What is added from now on belongs to another interval.
    pub fn begin_interval(&mut self) {
        if let Some(top) = &mut self.top {
            top.begin_interval();
        }
        self.distinct.begin_interval();
    }

    /// The largest keys, where any were counted.
    pub fn top(&self) -> Option<&Totals> {
        self.top.as_ref()
    }

    /// How many different keys.
    pub fn distinct(&self) -> &Periods {
        &self.distinct
    }

    /// Frames whose key may be missing among the different ones.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

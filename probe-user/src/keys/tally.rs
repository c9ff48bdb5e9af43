//! What one list has counted since the start.

use std::time::Duration;

use probe_common::{Counter, key::Seeds};
use probe_sketch::{Periods, Pin, Totals, View};

use super::List;

/// Keys that a list keeps. With 1,024 more until they are pruned, and those of the largest table, they are 3,584 for a
/// moment: as many as a hash table of 4,096 places takes before it doubles (hashbrown fills seven of eight), some
/// 0.33 MiB.
const KEPT: usize = 1536;
/// So many times as many as are shown are kept at least: the least of them are not in order.
const PER_SHOWN: usize = 4;

/// One list's largest keys, and how many different ones: as far as they are asked for.
#[derive(Clone, Debug)]
pub struct Tally {
    list: List,
    seeds: Seeds,
    /// The largest keys, since the first table came.
    top: Option<Totals>,
    /// Those that tables are to pin, and when these were chosen: once for all tables of one moment.
    pins: Vec<Pin>,
    pinned: Option<Duration>,
    distinct: Periods,
    /// Frames whose key may be missing among the different ones.
    missed: u64,
}

impl Tally {
    /// Of keys that are hashed with these seeds.
    pub fn new(list: List, seeds: Seeds) -> Self {
        Self {
            list,
            seeds,
            top: None,
            pins: Vec::new(),
            pinned: None,
            distinct: Periods::default(),
            missed: 0,
        }
    }

    /// What it is a list of.
    pub fn list(&self) -> List {
        self.list
    }

    /// The same list, with as many keys shown as another one of its kind.
    pub fn shown_as(mut self, list: List) -> Self {
        if let Some(top) = &mut self.top {
            top.keep(kept(list));
        }
        Self { list, ..self }
    }

    /// Adds what one CPU's table has counted since it was empty, and what it refused, up to `now` since the start.
    pub fn add_table(&mut self, now: Duration, table: &View<'_>, refused: Counter) {
        let kept = kept(self.list);
        let top = self.top.get_or_insert_with(|| Totals::new(self.seeds, kept));
        if self.pinned != Some(now) {
            self.pinned = Some(now);
            self.pins = top.pins();
        }
        top.add(table, refused);
    }

    /// The keys that a table is to pin when it counts the next time.
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// Adds the registers of the keys that came up to `now`, since the start; in vain for `missed`
    /// frames.
    pub fn add_registers(&mut self, now: Duration, registers: &[u8], missed: u64) {
        self.distinct.add(now, registers);
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

/// Keys that a list keeps, by those that it shows.
fn kept(list: List) -> usize {
    KEPT.max(PER_SHOWN * list.top.unwrap_or(0))
}

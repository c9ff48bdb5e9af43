//! The load as the kernel's ledger has it: what the share is thought over by.

use std::time::{Duration, Instant};

use probe_common::Ledger;

use super::{
    choice::{Share, Table},
    pace::{LOOK, Pace},
};

/// How long what the rings hold may be of before a change; who is not through with it by then is too slow
/// for what comes now.
const CATCH_UP: Duration = Duration::from_secs(1);

/// Looks at the ledger now and then, and says which share of the connections there is room for.
#[derive(Debug)]
pub struct Load {
    pace: Pace,
    /// Frames that came and that did not, up to the last look.
    before: (u64, u64),
    looked: Instant,
    /// Since when frames may be in the rings that came before the last change.
    behind: Option<Instant>,
}

impl Load {
    /// So many frames a second may come.
    pub fn new(most_records: u64) -> Self {
        let (pace, looked) = (Pace::new(most_records), Instant::now());
        Self { pace, before: (0, 0), looked, behind: None }
    }

    /// Leaves out what came until now.
    pub fn begin(&mut self, ledger: &Ledger) {
        self.before = of(ledger);
        self.looked = Instant::now();
    }

    /// Whether it is time for a look: each takes system calls.
    pub fn is_due(&self) -> bool {
        self.looked.elapsed() >= LOOK
    }

    /// The rings were read to their end: what is lost from now on did not find room beside what comes now.
    pub fn caught_up(&mut self) {
        self.behind = None;
    }

    /// Which share of the connections is followed from now on, if that changes. `ledger`: `None` where nothing came,
    /// and nobody asked the kernel. `table`: of the connections that are followed.
    pub fn look(&mut self, ledger: Option<&Ledger>, table: Table) -> Option<Share> {
        self.look_at(Instant::now(), ledger, table)
    }

    fn look_at(&mut self, now: Instant, ledger: Option<&Ledger>, table: Table) -> Option<Share> {
        let span = now - std::mem::replace(&mut self.looked, now);
        let (came, lost) = ledger.map_or(self.before, of);
        let before = std::mem::replace(&mut self.before, (came, lost));
        // Rings that are full of what more connections had brought lose frames whatever the share is: whoever did
        // not get the processor for a while would halve it at each look.
        if self.behind.is_some_and(|since| now - since < CATCH_UP) {
            return None;
        }
        let (came, lost) = (came.saturating_sub(before.0), lost.saturating_sub(before.1));
        let changed = self.pace.look(came, lost, span, table);
        if changed.is_some() {
            self.behind = Some(now);
        }
        changed
    }
}

/// Frames that came, and those that did not.
fn of(ledger: &Ledger) -> (u64, u64) {
    let lost = ledger.lost + ledger.refused;
    // Read while the programs run, the one may be ahead of the other.
    (ledger.chosen.saturating_sub(lost), lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(chosen: u64, lost: u64, refused: u64) -> Ledger {
        Ledger { chosen, lost, refused, last_error: 0 }
    }

    #[test]
    fn what_came_since_the_last_look_counts() {
        let mut load = Load::new(10_000);
        let mut now = load.looked;
        let mut look = |chosen, lost, refused| {
            now += LOOK;
            load.caught_up();
            let ledger = ledger(chosen, lost, refused);
            load.look_at(now, Some(&ledger), Table::default()).map(Share::one_in)
        };
        assert_eq!(look(1_000, 0, 0), None);
        // What a second has room for, in a tenth of one.
        assert_eq!(look(12_000, 0, 0), None);
        // 2,001 in a tenth of a second: twice as many as there is room for, and one.
        assert_eq!(look(14_001, 0, 0), Some(4));
        assert_eq!(look(14_101, 0, 0), None);
        // A loss is a reason by itself, by whichever cause.
        assert_eq!(look(14_201, 1, 0), Some(8));
        assert_eq!(look(14_301, 1, 1), Some(16));
        assert_eq!(look(14_401, 1, 1), None);
        // Two seconds of calm, of which nobody asks the kernel.
        let quiet = (0..20).filter_map(|_| {
            now += LOOK;
            load.look_at(now, None, Table::default())
        });
        assert_eq!(quiet.collect::<Vec<_>>(), [Share::More(8)]);
    }

    #[test]
    fn who_is_starved_does_not_halve_the_share_at_each_look() {
        let mut load = Load::new(10_000);
        let start = load.looked;
        let changes = |load: &mut Load, looks: std::ops::Range<u32>| -> Vec<(u32, u32)> {
            // The rings are full all the time.
            let of = |n: u32| ledger(u64::from(n) * 100, u64::from(n) * 10, 0);
            let look = |n| {
                let share = load.look_at(start + LOOK * n, Some(&of(n)), Table::default())?;
                Some((n, share.one_in()))
            };
            looks.filter_map(look).collect()
        };
        assert_eq!(changes(&mut load, 1..30), [(1, 2), (11, 4), (21, 8)], "one a second");
        // Read to the end, and still losing.
        load.caught_up();
        assert_eq!(changes(&mut load, 30..32), [(30, 16)]);
    }
}

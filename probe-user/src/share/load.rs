//! The load as the kernel's ledger has it: what the share is thought over by.

use std::time::{Duration, Instant};

use probe_common::Ledger;

use super::pace::{LOOK, Pace};

/// Looks at the ledger now and then, and says which share of the connections there is room for.
#[derive(Debug)]
pub struct Load {
    pace: Pace,
    /// Frames that came and that did not, up to the last look.
    before: (u64, u64),
    looked: Instant,
}

impl Load {
    /// So many frames a second may come.
    pub fn new(most_records: u64) -> Self {
        Self { pace: Pace::new(most_records), before: (0, 0), looked: Instant::now() }
    }

    /// Whether it is time for a look: each takes system calls.
    pub fn is_due(&self) -> bool {
        self.looked.elapsed() >= LOOK
    }

    /// One connection in how many is followed from now on, if that changes.
    pub fn look(&mut self, ledger: &Ledger) -> Option<u32> {
        let span = self.looked.elapsed();
        self.looked = Instant::now();
        self.take(ledger, span)
    }

    fn take(&mut self, ledger: &Ledger, span: Duration) -> Option<u32> {
        let lost = ledger.lost + ledger.refused;
        // Read while the programs run, the one may be ahead of the other.
        let came = ledger.chosen.saturating_sub(lost);
        let before = std::mem::replace(&mut self.before, (came, lost));
        self.pace.look(came.saturating_sub(before.0), lost.saturating_sub(before.1), span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_since_the_last_look_counts() {
        let mut load = Load::new(10_000);
        let ledger = |chosen, lost, refused| Ledger { chosen, lost, refused, last_error: 0 };
        assert_eq!(load.take(&ledger(1_000, 0, 0), LOOK), None);
        assert_eq!(load.take(&ledger(2_000, 0, 0), LOOK), None);
        // 2,001 in a tenth of a second: twice as many as there is room for, and one.
        assert_eq!(load.take(&ledger(4_001, 0, 0), LOOK), Some(4));
        assert_eq!(load.take(&ledger(4_101, 0, 0), LOOK), None);
        // A loss is a reason by itself, by whichever cause.
        assert_eq!(load.take(&ledger(4_201, 1, 0), LOOK), Some(8));
        assert_eq!(load.take(&ledger(4_301, 1, 1), LOOK), Some(16));
        assert_eq!(load.take(&ledger(4_401, 1, 1), LOOK), None);
    }
}

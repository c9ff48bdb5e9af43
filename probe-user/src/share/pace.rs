//! How many connections may be followed: as many as the budget of records a second has room for.

use std::time::Duration;

use probe_flow::LEAST_SHARE;

use super::choice::{Share, Table};

/// How often the number is thought over.
pub const LOOK: Duration = Duration::from_millis(100);

/// A burst may have what the budget saved in a second, and no more records than this: a page that is loaded by
/// thirty connections at once is no reason to leave some out, a flood that would fill the tables is.
const MOST_SAVED: f64 = 10_000.0;

/// Records have to stay below a quarter of the budget for so long until more connections are followed: a
/// flood that ebbs for a moment does not make the number swing.
const CALM: Duration = Duration::from_secs(2);

/// Decides which share of the connections is followed: one in 1, 2, 4 and so on.
#[derive(Debug)]
pub struct Pace {
    /// Records a second.
    budget: f64,
    /// Records that may come beyond it, as fewer came before.
    saved: f64,
    one_in: u32,
    calm: Duration,
}

impl Pace {
    /// Begins with all connections.
    pub fn new(budget: u64) -> Self {
        let budget = budget as f64;
        Self { budget, saved: budget.min(MOST_SAVED), one_in: 1, calm: Duration::ZERO }
    }

    /// So many records came in a span of time, and `lost` others did not find room. Says which share is followed
    /// from now on, if that changes.
    pub fn look(&mut self, records: u64, lost: u64, span: Duration, table: Table) -> Option<Share> {
        let seconds = span.as_secs_f64();
        if seconds <= 0.0 {
            return None;
        }
        let rate = (records + lost) as f64 / seconds;
        self.saved += self.budget * seconds - (records + lost) as f64;
        // Whoever loses records is too slow for its budget.
        let times = match (self.saved < 0.0, lost > 0) {
            (false, false) => 1,
            _ => ((rate / self.budget).ceil() as u32).max(2),
        };
        self.saved = self.saved.clamp(0.0, self.budget.min(MOST_SAVED));
        self.calm = if rate * 4.0 < self.budget { self.calm + span } else { Duration::ZERO };
        let times = times.min(LEAST_SHARE).next_power_of_two();
        let wanted = self.one_in.saturating_mul(times).min(LEAST_SHARE).max(table.one_in);
        if wanted > self.one_in {
            self.one_in = wanted;
            Some(Share::Fewer(self.one_in))
        } else if self.calm >= CALM && self.one_in > 1 && table.has_room {
            // Half of the budget at most.
            self.one_in /= 2;
            self.calm = Duration::ZERO;
            Some(Share::More(self.one_in))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_follows_the_load() {
        let mut pace = Pace::new(100_000);
        let looks = |pace: &mut Pace, records, times| -> Vec<u32> {
            (0..times)
                .filter_map(|_| Some(pace.look(records, 0, LOOK, Table::default())?.one_in()))
                .collect()
        };
        let nothing: [u32; 0] = [];
        assert_eq!(looks(&mut pace, 10_000, 100), nothing);
        // Thirteen times the budget, then what is left of it.
        assert_eq!(looks(&mut pace, 130_000, 1), [16]);
        assert_eq!(looks(&mut pace, 8_125, 100), nothing);
        // What was saved bears a burst.
        assert_eq!(looks(&mut pace, 20_000, 1), nothing);
        assert_eq!(looks(&mut pace, 20_001, 1), [64]);
        // A quarter of the budget is no reason, a moment of calm neither.
        assert_eq!(looks(&mut pace, 2_500, 100), nothing);
        assert_eq!(looks(&mut pace, 100, 19), nothing);
        assert_eq!(looks(&mut pace, 5_000, 1), nothing);
        assert_eq!(looks(&mut pace, 100, 200), [32, 16, 8, 4, 2, 1]);
        assert_eq!(looks(&mut pace, 100, 200), nothing);
    }

    #[test]
    fn losses_and_extremes() {
        let mut pace = Pace::new(100_000);
        let mut look = |records, lost, span| pace.look(records, lost, span, Table::default());
        assert_eq!(look(1_000, 1, LOOK), Some(Share::Fewer(2)));
        assert_eq!(look(0, 0, Duration::ZERO), None);
        assert_eq!(look(u64::MAX / 4, u64::MAX / 4, LOOK), Some(Share::Fewer(LEAST_SHARE)));
        assert_eq!(look(u64::MAX / 4, 0, LOOK), None);
    }

    #[test]
    fn a_table_that_is_full_is_a_reason_and_one_without_room_keeps_the_share() {
        let mut pace = Pace::new(100_000);
        let full = Table { one_in: 8, has_room: false };
        assert_eq!(pace.look(1_000, 0, LOOK, full), Some(Share::Fewer(8)));
        let quiet = |pace: &mut Pace, table| -> Vec<Share> {
            (0..50).filter_map(|_| pace.look(100, 0, LOOK, table)).collect()
        };
        assert_eq!(quiet(&mut pace, full), []);
        let room = Table { one_in: 8, has_room: true };
        assert_eq!(pace.look(100, 0, LOOK, room), Some(Share::More(4)));
    }
}

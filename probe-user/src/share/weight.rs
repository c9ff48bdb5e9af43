//! How many connections one that is followed stands for.

use std::collections::VecDeque;

use probe_flow::Connection;
use probe_frame::WallTime;

/// Changes that are remembered.
const KEPT: usize = 64;

/// One connection in how many was followed at which time.
///
/// A connection that was chosen as one in 16 and would not have been as one in 64 is lost from the
/// moment on at which one in 64 is followed; one that goes on being followed stands for 64. In the other
/// direction the new ones have no beginning, and those that were followed already stand for as many
/// as before. So a connection counts by the largest number in its time.
#[derive(Debug)]
pub struct Weights {
    /// Since when, and one in how many. The first one holds since ever.
    changes: VecDeque<(WallTime, u64)>,
}

impl Default for Weights {
    /// All are followed.
    fn default() -> Self {
        Self::fixed(1)
    }
}

impl Weights {
    /// One in so many is followed, from the beginning on.
    pub fn fixed(one_in: u64) -> Self {
        Self { changes: VecDeque::from([(WallTime::default(), one_in)]) }
    }

    /// Whether all were followed all the time.
    pub fn are_all(&self) -> bool {
        self.changes.iter().all(|(_, one_in)| *one_in == 1)
    }

    /// One in how many is followed now.
    pub fn now(&self) -> u64 {
        self.changes.back().map_or(1, |(_, one_in)| *one_in)
    }

    /// From this time on one connection in `one_in` is followed. Says whether those are fewer: some that were
    /// followed have no more frames then, and nobody can tell which.
    pub fn change(&mut self, time: WallTime, one_in: u64) -> bool {
        let thinned = one_in > self.now();
        self.changes.push_back((time, one_in));
        if self.changes.len() > KEPT {
            self.changes.pop_front();
        }
        thinned
    }

    /// Whether fewer were followed at some time after the last frame of a connection: it may have had more,
    /// and nobody can tell.
    pub fn thinned_between(&self, last: WallTime, now: WallTime) -> bool {
        let pairs = self.changes.iter().zip(self.changes.iter().skip(1));
        pairs
            .rev()
            .take_while(|(_, (since, _))| *since > last)
            .any(|((_, before), (since, one_in))| one_in > before && *since <= now)
    }

    /// How many connections this one stands for at a time.
    pub fn of(&self, connection: &Connection, now: WallTime) -> u64 {
        self.between(connection.started(), now)
    }

    fn between(&self, start: WallTime, end: WallTime) -> u64 {
        let mut most = 1;
        for (since, one_in) in self.changes.iter().rev() {
            if *since <= end {
                most = most.max(*one_in);
            }
            if *since <= start {
                break;
            }
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_in_a_connections_time_counts() {
        let at = |seconds| WallTime::new(seconds, 0);
        let mut weights = Weights::default();
        assert_eq!(weights.between(at(1), at(5)), 1);
        assert!(weights.change(at(10), 64));
        assert!(!weights.change(at(20), 16));
        assert_eq!(weights.now(), 16);
        assert!(!weights.are_all() && Weights::default().are_all());
        for (last, now, expected) in
            [(1, 9, false), (9, 10, true), (9, 30, true), (10, 30, false), (12, 30, false)]
        {
            assert_eq!(weights.thinned_between(at(last), at(now)), expected, "{last} to {now}");
        }
        for (start, end, expected) in
            [(1, 9, 1), (1, 10, 64), (12, 15, 64), (12, 30, 64), (20, 30, 16)]
        {
            assert_eq!(weights.between(at(start), at(end)), expected, "{start} to {end}");
        }
    }
}

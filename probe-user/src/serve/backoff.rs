//! When a part that ended by itself is started again: one that ends at once shall not take the CPU.

use std::time::{Duration, Instant};

/// Intervals that are waited for, at most; each end within `SHORT` of its start doubles them.
const LONGEST: u32 = 64;
const SHORT: Duration = Duration::from_secs(60);

/// Counts the intervals.
pub struct Backoff {
    started: Instant,
    /// Those until it is started again.
    left: u32,
    /// Those after its next end.
    next: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { started: Instant::now(), left: 0, next: 1 }
    }
}

impl Backoff {
    /// It was started.
    pub fn started(&mut self) {
        self.started = Instant::now();
    }

    /// It ended by itself, or could not be started.
    pub fn ended(&mut self) {
        self.left = if self.started.elapsed() < SHORT { self.next } else { 1 };
        self.next = (self.left * 2).min(LONGEST);
    }

    /// Whether it is to be started now. To be asked once an interval while it is not there.
    pub fn is_due(&mut self) -> bool {
        let is_due = self.left == 0;
        self.left = self.left.saturating_sub(1);
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_soon_after_the_start_doubles_the_wait() {
        let mut backoff = Backoff::default();
        let mut waited = || {
            backoff.started();
            backoff.ended();
            (0..).take_while(|_| !backoff.is_due()).count()
        };
        let waits: Vec<usize> = (0..9).map(|_| waited()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        let Some(long_ago) = Instant::now().checked_sub(SHORT) else { return };
        backoff.started = long_ago;
        backoff.ended();
        assert_eq!((backoff.left, backoff.next), (1, 2));
    }
}

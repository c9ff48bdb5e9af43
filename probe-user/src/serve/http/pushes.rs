//! What became of pushes to a collector.

use std::sync::atomic::{AtomicU64, Ordering};

/// How a push ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The collector took all of it.
    All,
    /// It took some of it, and rejected the rest.
    Some,
    /// It refused it, or did not answer.
    Nothing,
}

/// Counts them.
#[derive(Debug, Default)]
pub struct Pushes([AtomicU64; 3]);

impl Pushes {
    /// Counts one.
    #[cfg(any(test, feature = "otlp"))]
    pub fn add(&self, pushed: Pushed) {
        self.0[pushed as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many ended which way.
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        let count = |pushed: Pushed| self.0[pushed as usize].load(Ordering::Relaxed);
        [
            ("success", count(Pushed::All)),
            ("partial", count(Pushed::Some)),
            ("failure", count(Pushed::Nothing)),
        ]
    }
}

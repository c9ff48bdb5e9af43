//! How long each step of the start takes.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// The steps from rules to attached programs, each with the time that it took.
#[derive(Clone, Debug)]
pub struct Timing {
    steps: Vec<(&'static str, Duration)>,
    last: Instant,
}

impl Timing {
    /// Starts the clock.
    pub(super) fn start() -> Self {
        Self { steps: Vec::new(), last: Instant::now() }
    }

    /// A step ends here, and the next one begins.
    pub(super) fn step(&mut self, name: &'static str) {
        let now = Instant::now();
        self.steps.push((name, now - self.last));
        self.last = now;
    }

    /// The steps in their order.
    pub fn steps(&self) -> &[(&'static str, Duration)] {
        &self.steps
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: Duration = self.steps.iter().map(|(_, time)| *time).sum();
        write!(f, "{:.1} ms:", total.as_secs_f64() * 1e3)?;
        for (number, (name, time)) in self.steps.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma} {name} {:.1}", time.as_secs_f64() * 1e3)?;
        }
        Ok(())
    }
}

//! How often the screen is drawn: four times a second at most, however fast counts come; but what a key did
//! shows at once.

use std::time::{Duration, Instant};

/// Time between two drawings for counts.
pub const LEAST: Duration = Duration::from_millis(250);

/// When to draw next.
#[derive(Debug, Default)]
pub struct Pace {
    drawn: Option<Instant>,
    /// Something has changed since then.
    wanted: bool,
    /// ... by the user's hand.
    urgent: bool,
}

impl Pace {
    /// Counts have come.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// The user has done something.
    pub fn want_now(&mut self) {
        self.wanted = true;
        self.urgent = true;
    }

    /// When to draw, if at all.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let next = match self.drawn {
            Some(drawn) if !self.urgent => drawn + LEAST,
            _ => now,
        };
        self.wanted.then_some(next)
    }

    /// It was drawn.
    pub fn drawn(&mut self, now: Instant) {
        *self = Self { drawn: Some(now), wanted: false, urgent: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minute of a thousand counts a second: 240 drawings, and one for each key beside them.
    #[test]
    fn four_a_second_and_keys_at_once() {
        let (start, mut pace) = (Instant::now(), Pace::default());
        let mut drawn = 0;
        for millisecond in 0..60_000 {
            let now = start + Duration::from_millis(millisecond);
            pace.want();
            if pace.due(now).is_some_and(|due| due <= now) {
                pace.drawn(now);
                drawn += 1;
            }
        }
        assert_eq!(drawn, 240);
        let now = start + Duration::from_secs(60);
        pace.drawn(now);
        assert_eq!(pace.due(now), None);
        pace.want();
        assert_eq!(pace.due(now), Some(now + LEAST));
        pace.want_now();
        assert_eq!(pace.due(now), Some(now));
    }
}

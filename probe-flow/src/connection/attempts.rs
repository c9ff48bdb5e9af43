//! When a client sent its SYNs.

use std::time::Duration;

use probe_frame::WallTime;

/// SYNs whose times are kept: Linux sends seven in two minutes (tcp_syn_retries is 6).
const KEPT: usize = 8;

/// The SYNs of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    count: u16,
    /// Microseconds from the first SYN to the others; `u32::MAX` is more than an hour.
    after: [u32; KEPT - 1],
}

impl Attempts {
    /// How many were seen.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Times from the first SYN to each of the first eight, the first among them; in whole
    /// microseconds.
    pub fn times(&self) -> impl Iterator<Item = Duration> + '_ {
        let others = self.after.iter().map(|&after| Duration::from_micros(after.into()));
        std::iter::once(Duration::ZERO).chain(others).take(self.count.into())
    }

    pub(crate) fn note(&mut self, first: WallTime, time: WallTime) {
        if let Some(earlier) = self.count.checked_sub(1)
            && let Some(after) = self.after.get_mut(usize::from(earlier))
        {
            let microseconds = time.0.saturating_sub(first.0) / 1000;
            *after = u32::try_from(microseconds).unwrap_or(u32::MAX);
        }
        self.count = self.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_times_are_kept_and_all_are_counted() {
        let mut attempts = Attempts::default();
        let first = WallTime::new(5, 0);
        for seconds in [0, 1, 3, 7, 15, 31, 63, 127, 255] {
            attempts.note(first, WallTime::new(5 + seconds, 0));
        }
        let seconds: Vec<_> = attempts.times().map(|time| time.as_secs()).collect();
        assert_eq!(seconds, [0, 1, 3, 7, 15, 31, 63, 127]);
        assert_eq!(attempts.count(), 9);
    }
}

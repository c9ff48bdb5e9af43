//! Kernel time to wall time. The kernel stamps frames with `CLOCK_MONOTONIC`; files and
//! lines want the time of day. The offset between the two is measured, and measured
//! again now and then: NTP or an administrator may step the time of day.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, tz::TimeZone};
use probe_frame::WallTime;

use crate::kernel::monotonic_ns;

/// The time of day.
pub fn now() -> WallTime {
    SystemTime::now().into()
}

/// A time as other programs like it: RFC 3339, UTC, milliseconds.
pub fn rfc3339_ms(time: WallTime) -> String {
    let seconds = i64::try_from(time.seconds()).unwrap_or(i64::MAX);
    let Ok(stamp) = Timestamp::from_second(seconds) else {
        return "9999-12-31T23:59:59.999Z".into();
    };
    let t = TimeZone::UTC.to_datetime(stamp);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        t.year(),
        t.month(),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        time.nanoseconds() / 1_000_000
    )
}

/// Below this a change of the offset is the jitter of measuring it or the slewing of
/// NTP, above it a step.
const STEP: Duration = Duration::from_millis(1);

/// How often the offset is measured again.
const RECHECK: Duration = Duration::from_secs(1);

/// The offset from `CLOCK_MONOTONIC` to the time of day.
#[derive(Debug)]
pub struct KernelClock {
    offset_ns: u64,
    checked_ns: u64,
}

impl KernelClock {
    /// Measures the offset.
    pub fn start() -> Self {
        Self { offset_ns: measure(), checked_ns: monotonic_ns() }
    }

    /// The time of day of a kernel time stamp.
    pub fn wall(&self, monotonic_ns: u64) -> WallTime {
        WallTime(monotonic_ns.saturating_add(self.offset_ns))
    }

    /// Follows a step of the time of day. Cheap enough for every turn of a loop.
    pub fn tick(&mut self) {
        let now = monotonic_ns();
        if now - self.checked_ns >= RECHECK.as_nanos() as u64 {
            self.checked_ns = now;
            self.adopt(measure());
        }
    }

    /// Small differences are ignored: time stamps must not jitter.
    fn adopt(&mut self, offset_ns: u64) {
        if offset_ns.abs_diff(self.offset_ns) > STEP.as_nanos() as u64 {
            self.offset_ns = offset_ns;
        }
    }
}

/// Reads the time of day between two readings of the monotonic clock, a few times, and
/// believes the closest bracket: a preemption between readings only widens a bracket.
fn measure() -> u64 {
    (0..8)
        .map(|_| {
            let before = monotonic_ns();
            let wall = now().0;
            let after = monotonic_ns();
            (after - before, wall.saturating_sub(before + (after - before) / 2))
        })
        .min()
        .map_or(0, |(_, offset)| offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_time_becomes_the_time_of_day() {
        let clock = KernelClock::start();
        let error = clock.wall(monotonic_ns()).0.abs_diff(now().0);
        assert!(error < 5_000_000, "off by {error} ns");
    }

    #[test]
    fn only_steps_are_followed() {
        let mut clock = KernelClock { offset_ns: 1_000_000_000, checked_ns: 0 };
        clock.adopt(1_000_500_000);
        assert_eq!(clock.offset_ns, 1_000_000_000);
        clock.adopt(5_000_000_000);
        assert_eq!(clock.offset_ns, 5_000_000_000);
    }

    #[test]
    fn rfc_3339() {
        assert_eq!(rfc3339_ms(WallTime(1_795_244_401_999_999_999)), "2026-11-21T07:00:01.999Z");
        assert_eq!(rfc3339_ms(WallTime(u64::MAX)), "2554-07-21T23:34:33.709Z");
    }
}

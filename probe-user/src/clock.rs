//! Kernel time to wall time. Programs stamp frames with kernel time; files and lines want the
//! time of day. The offset between the two is looked at with every batch of frames: an
//! administrator may step the time of day, and while the machine sleeps kernel time stands.

use std::time::SystemTime;

use jiff::Timestamp;
use probe_frame::WallTime;

use crate::kernel::Ktime;

/// The time of day.
pub fn now() -> WallTime {
    SystemTime::now().into()
}

/// A time as other programs like it: RFC 3339, UTC, milliseconds.
pub fn rfc3339_ms(time: WallTime) -> String {
    // 64 bits of nanoseconds end in the year 2554, jiff's times in 9999.
    let time = Timestamp::from_nanosecond(time.0.into()).unwrap_or(Timestamp::MAX);
    format!("{time:.3}")
}

/// As [`rfc3339_ms`], with microseconds.
pub fn rfc3339_us(time: WallTime) -> String {
    let time = Timestamp::from_nanosecond(time.0.into()).unwrap_or(Timestamp::MAX);
    format!("{time:.6}")
}

/// As [`rfc3339_ms`], with nanoseconds.
pub fn rfc3339_ns(time: WallTime) -> String {
    let time = Timestamp::from_nanosecond(time.0.into()).unwrap_or(Timestamp::MAX);
    format!("{time:.9}")
}

/// Below this a change of the offset is the jitter of measuring it or the slewing of
/// NTP, above it a step.
const STEP: u64 = 1_000_000;

/// The offset from kernel time to the time of day.
#[derive(Debug)]
pub struct KernelClock {
    kernel: Ktime,
    offset: u64,
    /// The offset that held before, for the stamps that are older than the kernel time `since`.
    before: u64,
    since: u64,
    /// When it was last looked at.
    looked: u64,
}

/// One look at both clocks: kernel time, the offset, and how long the look took, all in
/// nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Look {
    took: u64,
    at: u64,
    offset: u64,
}

impl Look {
    fn take(kernel: Ktime) -> Self {
        let before = kernel.now();
        let wall = now().0;
        let took = kernel.now() - before;
        Self { took, at: before, offset: wall.saturating_sub(before + took / 2) }
    }

    /// The closest of several: a preemption between the readings only widens one.
    fn careful(kernel: Ktime) -> Self {
        let first = Self::take(kernel);
        let more = (1..8).map(|_| Self::take(kernel));
        more.fold(first, |best, look| if look.took < best.took { look } else { best })
    }
}

impl KernelClock {
    /// Measures the offset.
    pub fn start(kernel: Ktime) -> Self {
        Self::at(kernel, Look::careful(kernel))
    }

    fn at(kernel: Ktime, Look { at, offset, .. }: Look) -> Self {
        Self { kernel, offset, before: offset, since: 0, looked: at }
    }

    /// The time of day of a kernel time stamp.
    pub fn wall(&self, stamp: u64) -> WallTime {
        let offset = if stamp < self.since { self.before } else { self.offset };
        WallTime(stamp.saturating_add(offset))
    }

    /// Follows a step of the time of day. Cheap enough for every turn of a loop: three readings
    /// of clocks, without a system call.
    pub fn tick(&mut self) {
        let kernel = self.kernel;
        self.look(Look::take(kernel), || Look::careful(kernel));
    }

    /// Small differences are ignored: time stamps must not jitter. Of a large one a careful look
    /// tells whether it was a step. Frames stamped before the last look had the old time of day.
    fn look(&mut self, quick: Look, careful: impl FnOnce() -> Look) {
        let steps = |look: &Look| look.offset.abs_diff(self.offset) > STEP;
        if let Some(look) = Some(quick).filter(steps).map(|_| careful()).filter(steps) {
            (self.before, self.offset) = (self.offset, look.offset);
            self.since = self.looked;
        }
        self.looked = quick.at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_time_becomes_the_time_of_day() {
        let kernel = Ktime::default();
        let clock = KernelClock::start(kernel);
        let error = clock.wall(kernel.now()).0.abs_diff(now().0);
        assert!(error < 5_000_000, "off by {error} ns");
    }

    const SECOND: u64 = WallTime::SECOND;

    fn look(at: u64, offset: u64) -> Look {
        Look { took: 50, at, offset }
    }

    #[test]
    fn a_step_counts_from_the_next_look_on() {
        let mut clock = KernelClock::at(Ktime::default(), look(10 * SECOND, 1_000 * SECOND));
        for offset in [400 * SECOND, 2_000 * SECOND] {
            let before = clock.offset;
            let at = clock.looked + 10_000_000;
            clock.look(look(at, offset), || look(at + 400, offset));
            // What lay in a ring while the clock was set, and what came after it.
            assert_eq!(clock.wall(at - 10_000_001).0, at - 10_000_001 + before);
            assert_eq!(clock.wall(at + 1).0, at + 1 + offset);
        }
    }

    #[test]
    fn jitter_is_no_step() {
        let mut clock = KernelClock::at(Ktime::default(), look(SECOND, 1_000 * SECOND));
        let near = 1_000 * SECOND + 900_000;
        clock.look(look(2 * SECOND, near), || panic!("it is within the jitter"));
        // A preemption between two readings looks like a step, until it is looked at again.
        clock.look(look(3 * SECOND, 1_100 * SECOND), || look(3 * SECOND, near));
        assert_eq!(clock.wall(3 * SECOND), WallTime(1_003 * SECOND));
    }

    #[test]
    fn rfc_3339() {
        assert_eq!(rfc3339_ms(WallTime(1_795_244_401_999_999_999)), "2026-11-21T07:00:01.999Z");
        assert_eq!(rfc3339_ms(WallTime(u64::MAX)), "2554-07-21T23:34:33.709Z");
    }
}

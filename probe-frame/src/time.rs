//! The time of a frame.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970, UTC. Enough until the year 2554.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub u64);

impl WallTime {
    /// Nanoseconds in a second.
    pub const SECOND: u64 = 1_000_000_000;

    /// From seconds and nanoseconds; saturates.
    pub fn new(seconds: u64, nanoseconds: u64) -> Self {
        Self(seconds.saturating_mul(Self::SECOND).saturating_add(nanoseconds))
    }

    /// Whole seconds.
    pub fn seconds(self) -> u64 {
        self.0 / Self::SECOND
    }

    /// Nanoseconds within the second.
    pub fn nanoseconds(self) -> u32 {
        (self.0 % Self::SECOND) as u32
    }
}

/// A time before 1970 is 1970, one after 2554 the last there is.
impl From<SystemTime> for WallTime {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_nanos().try_into().unwrap_or(u64::MAX))
    }
}

/// Fraction of a second in time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// Microseconds, the default of every reader.
    #[default]
    Micro,
    /// Nanoseconds.
    Nano,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_ends_of_time_saturate() {
        assert_eq!(WallTime::new(u64::MAX, 1), WallTime(u64::MAX));
        let time = WallTime::from(UNIX_EPOCH + Duration::new(3, 7));
        assert_eq!((time.seconds(), time.nanoseconds()), (3, 7));
        assert_eq!(WallTime::from(UNIX_EPOCH - Duration::from_secs(1)), WallTime(0));
        assert_eq!(WallTime::from(UNIX_EPOCH + Duration::from_secs(1 << 40)), WallTime(u64::MAX));
    }
}

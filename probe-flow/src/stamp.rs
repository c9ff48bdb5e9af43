//! A time that may not be known, in eight bytes.

use std::num::NonZeroU64;

use probe_frame::WallTime;

/// A [`WallTime`], or none. The first nanosecond of 1970 is stored as the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp(Option<NonZeroU64>);

impl Stamp {
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn at(time: WallTime) -> Self {
        Self(Some(NonZeroU64::new(time.0).unwrap_or(NonZeroU64::MIN)))
    }

    pub(crate) fn get(self) -> Option<WallTime> {
        self.0.map(|nanoseconds| WallTime(nanoseconds.get()))
    }

    pub(crate) fn is_known(self) -> bool {
        self.0.is_some()
    }

    /// Keeps the first time of several.
    pub(crate) fn set_first(&mut self, time: WallTime) {
        if self.0.is_none() {
            *self = Self::at(time);
        }
    }
}

const _: () = assert!(size_of::<Stamp>() == 8);

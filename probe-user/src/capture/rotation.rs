//! When a file is full or over, and what the next one is called: tcpdump's -C, -G and
//! -W, and all of them together.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use probe_frame::WallTime;

use anyhow::{Result, anyhow};
use jiff::Timestamp;

use super::strftime::strftime;
use crate::zone;

/// A file of a second is closed only when frames of that second cannot come any more:
/// nothing waits in a ring for longer while the writer has nothing to do, and only then is asked.
const GRACE: u64 = 250_000_000;

/// Seconds by which time goes back only where the clock was set: a look at the clock comes up to
/// [`GRACE`] after a frame.
const SET_BACK: u64 = 1;

/// When to turn to another file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotate {
    /// -C: bytes that a file may hold before another frame goes to the next one.
    pub bytes: Option<u64>,
    /// -G: seconds.
    pub seconds: Option<u64>,
    /// -W: files.
    pub files: Option<u32>,
}

impl Rotate {
    /// Whether there will be more files than one.
    pub fn rotates(&self) -> bool {
        self.bytes.is_some() || self.seconds.is_some()
    }
}

/// What is to happen before the next frame is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Stay,
    /// The file is closed and the next one opened.
    Next,
    /// The file is closed, and it was the last.
    Last,
}

/// Where the rotation stands.
#[derive(Debug)]
pub(super) struct Rotation {
    limits: Rotate,
    /// The name of -w.
    base: PathBuf,
    /// Whole second in which the period of -G began.
    began: u64,
    /// Periods that are over.
    periods: u32,
    /// Number of the file among those of -C.
    number: u32,
    /// Digits of that number at least.
    width: usize,
}

impl Rotation {
    pub(super) fn new(limits: Rotate, base: &Path, now: WallTime) -> Self {
        Self {
            limits,
            base: base.into(),
            began: now.seconds(),
            periods: 0,
            number: 0,
            width: limits.files.map_or(0, digits),
        }
    }

    /// Whether a frame of this time, before which the file holds so many bytes, begins
    /// another file. Where time and size coincide, time goes first, and the new file is
    /// number 0 again.
    pub(super) fn frame(&mut self, time: WallTime, bytes: u64) -> Turn {
        match self.period(time.seconds()) {
            Turn::Stay if self.limits.bytes.is_some_and(|limit| bytes > limit) => {
                self.number += 1;
                if self.limits.files.is_some_and(|files| self.number >= files) {
                    self.number = 0;
                }
                Turn::Next
            }
            turn => turn,
        }
    }

    /// Whether time alone, without a frame, begins another file.
    pub(super) fn tick(&mut self, now: WallTime) -> Turn {
        self.period(WallTime(now.0.saturating_sub(GRACE)).seconds())
    }

    fn period(&mut self, now: u64) -> Turn {
        let Some(length) = self.limits.seconds else { return Turn::Stay };
        // The clock was set back: the period begins again, in the same file.
        if now.saturating_add(SET_BACK) < self.began {
            self.began = now;
        }
        let over = now.saturating_sub(self.began) / length.max(1);
        if over == 0 {
            return Turn::Stay;
        }
        self.began += over * length;
        self.periods += 1;
        self.number = 0;
        // With -C, -W counts the files of -C, and the periods go on for ever.
        match (self.limits.bytes, self.limits.files) {
            (None, Some(files)) if self.periods >= files => Turn::Last,
            _ => Turn::Next,
        }
    }

    /// Whether a name is that of -w itself, and not one made from it.
    pub(super) fn is_base(&self, name: &Path) -> bool {
        name == self.base
    }

    /// Name of the file at hand.
    pub(super) fn name(&self) -> Result<PathBuf> {
        let mut name = match self.limits.seconds {
            Some(_) => self.dated()?,
            None => self.base.clone().into_os_string(),
        };
        // The first file has no number, unless numbers are to sort.
        if self.limits.bytes.is_some() && (self.number, self.width) != (0, 0) {
            name.push(format!("{:0width$}", self.number, width = self.width));
        }
        Ok(name.into())
    }

    /// The name with its strftime(3) conversions made, in local time.
    fn dated(&self) -> Result<OsString> {
        let bad = || anyhow!("-G: {} is not usable as the name of a file", self.base.display());
        let began = i64::try_from(self.began).map_err(|_| bad())?;
        let time = Timestamp::from_second(began)?.to_zoned(zone::local());
        strftime(self.base.as_os_str(), &time).ok_or_else(bad)
    }
}

/// Digits that the highest of so many numbers, from 0, has; none where 0 is the only one.
fn digits(files: u32) -> usize {
    let highest = files.saturating_sub(1);
    highest.checked_ilog10().map_or(0, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> WallTime {
        WallTime::new(seconds, 500_000_000)
    }

    fn names(limits: Rotate, steps: &[(u64, u64)]) -> Vec<String> {
        let mut rotation = Rotation::new(limits, Path::new("f"), at(1000));
        let mut names = vec![rotation.name().unwrap().display().to_string()];
        for &(time, bytes) in steps {
            if rotation.frame(at(time), bytes) == Turn::Next {
                names.push(rotation.name().unwrap().display().to_string());
            }
        }
        names
    }

    #[test]
    fn sizes_are_numbered() {
        let limits = Rotate { bytes: Some(100), ..Rotate::default() };
        assert_eq!(names(limits, &[(1, 100), (1, 101), (1, 99), (1, 500)]), ["f", "f1", "f2"]);
        let ring = Rotate { files: Some(3), ..limits };
        let full = [(1, 101); 4];
        assert_eq!(names(ring, &full), ["f0", "f1", "f2", "f0", "f1"]);
        assert_eq!(names(Rotate { files: Some(1), ..limits }, &full), ["f"; 5]);
        assert_eq!(names(Rotate { files: Some(11), ..limits }, &full[..1]), ["f00", "f01"]);
    }

    #[test]
    fn widths_are_tcpdumps() {
        for (files, width) in [(0, 0), (1, 0), (2, 1), (10, 1), (11, 2), (100, 2), (101, 3)] {
            assert_eq!(digits(files), width, "{files}");
        }
    }

    #[test]
    fn time_goes_first_and_numbers_begin_again() {
        let limits = Rotate { bytes: Some(100), seconds: Some(10), files: Some(3) };
        let steps = [(1000, 200), (1009, 50), (1010, 200), (1011, 200), (1030, 0)];
        assert_eq!(names(limits, &steps), ["f0", "f1", "f0", "f1", "f0"]);
    }

    #[test]
    fn periods_end_with_or_without_frames() {
        let limits = Rotate { seconds: Some(2), files: Some(3), ..Rotate::default() };
        let mut rotation = Rotation::new(limits, Path::new("f"), at(1000));
        assert_eq!(rotation.tick(WallTime::new(1002, 100_000_000)), Turn::Stay);
        assert_eq!(rotation.tick(WallTime::new(1002, 260_000_000)), Turn::Next);
        assert_eq!(rotation.frame(at(1003), 1 << 40), Turn::Stay);
        // Over a gap of many periods one file follows the other.
        assert_eq!(rotation.frame(at(1009), 0), Turn::Next);
        assert_eq!((rotation.began, rotation.tick(at(1009))), (1008, Turn::Stay));
        // A clock that is set back ends nothing, and from then on counts the seconds as before.
        assert_eq!(rotation.tick(at(1007)), Turn::Stay);
        assert_eq!((rotation.began, rotation.tick(at(900))), (1008, Turn::Stay));
        assert_eq!(rotation.frame(at(901), 0), Turn::Stay);
        assert_eq!(rotation.frame(at(902), 0), Turn::Last);
    }

    #[test]
    fn dates_are_those_of_strftime() {
        let limits = Rotate { seconds: Some(60), ..Rotate::default() };
        for base in ["a-%s.pcap", "%Y%m%d-%H%M%S", "%j_%a_%b_%y%%", "plain", "%F.%T-%J%"] {
            let rotation = Rotation::new(limits, Path::new(base), at(1_700_000_000));
            let name = rotation.name().unwrap().display().to_string();
            let mut date = std::process::Command::new("date");
            date.args(["-d", "@1700000000", &format!("+{base}")]).env("LC_ALL", "C");
            let expected = String::from_utf8(date.output().unwrap().stdout).unwrap();
            // %J is no conversion; date(1) says so in its own way.
            if !base.contains("%J") {
                assert_eq!(name, expected.trim_end(), "{base}");
            } else {
                assert!(name.ends_with("-%J%"), "{name}");
            }
        }
    }
}

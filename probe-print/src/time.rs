//! Time stamps.

use jiff::{Timestamp, tz::TimeZone};
use probe_frame::{Precision, WallTime};

use super::text::put;

/// tcpdump's `-t` flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeStyle {
    /// Time of day.
    #[default]
    Clock,
    /// `-t`: none.
    None,
    /// `-tt`: seconds since 1970.
    Unix,
    /// `-ttt`: since the frame before.
    SincePrevious,
    /// `-tttt`: date and time of day.
    Date,
    /// `-ttttt`: since the first frame.
    SinceFirst,
}

/// Prints the time stamps of a run of frames.
pub struct TimePrinter {
    style: TimeStyle,
    precision: Precision,
    /// The frame that relative times count from.
    reference: Option<WallTime>,
    /// The second printed last, and its text: most frames share it with the one before.
    second: Option<(u64, String)>,
}

impl TimePrinter {
    /// Nothing printed yet.
    pub fn new(style: TimeStyle, precision: Precision) -> Self {
        Self { style, precision, reference: None, second: None }
    }

    /// Appends the time stamp, in that zone, and the space behind it.
    pub fn print(&mut self, time: WallTime, zone: &TimeZone, out: &mut Vec<u8>) {
        match self.style {
            TimeStyle::None => return,
            TimeStyle::Clock | TimeStyle::Date => {
                let second = time.seconds();
                if self.second.as_ref().is_none_or(|(cached, _)| *cached != second) {
                    self.second = Some((second, self.local(second, zone)));
                }
                if let Some((_, text)) = &self.second {
                    out.extend_from_slice(text.as_bytes());
                }
                self.fraction(time, out);
            }
            TimeStyle::Unix => {
                put!(out, "{}", time.seconds());
                self.fraction(time, out);
            }
            TimeStyle::SincePrevious | TimeStyle::SinceFirst => {
                let reference = *self.reference.get_or_insert(time);
                let difference = WallTime(self.truncated(time).abs_diff(self.truncated(reference)));
                out.push(if time < reference { b'-' } else { b' ' });
                let s = difference.seconds();
                put!(out, "{:02}:{:02}:{:02}", s / 3600 % 24, s / 60 % 60, s % 60);
                self.fraction(difference, out);
                if self.style == TimeStyle::SincePrevious {
                    self.reference = Some(time);
                }
            }
        }
        out.push(b' ');
    }

    /// Differences are those of the numbers shown, not of digits that are not.
    fn truncated(&self, time: WallTime) -> u64 {
        match self.precision {
            Precision::Micro => time.0 / 1_000 * 1_000,
            Precision::Nano => time.0,
        }
    }

    fn fraction(&self, time: WallTime, out: &mut Vec<u8>) {
        match self.precision {
            Precision::Micro => put!(out, ".{:06}", time.nanoseconds() / 1_000),
            Precision::Nano => put!(out, ".{:09}", time.nanoseconds()),
        }
    }

    fn local(&self, second: u64, zone: &TimeZone) -> String {
        let Some(stamp) = i64::try_from(second).ok().and_then(|s| Timestamp::from_second(s).ok())
        else {
            return "[Error converting time]".into();
        };
        let time = zone.to_datetime(stamp);
        let clock = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
        match self.style {
            TimeStyle::Date => {
                format!("{:04}-{:02}-{:02} {clock}", time.year(), time.month(), time.day())
            }
            _ => clock,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(style: TimeStyle, precision: Precision, times: &[u64]) -> String {
        let mut printer = TimePrinter::new(style, precision);
        let mut out = Vec::new();
        for &time in times {
            printer.print(WallTime(time), &TimeZone::UTC, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn styles() {
        let (a, b) = (1_795_244_401_000_001_999, 1_795_248_062_500_000_000);
        let micro = Precision::Micro;
        assert_eq!(printed(TimeStyle::Clock, micro, &[a]), "07:00:01.000001 ");
        assert_eq!(printed(TimeStyle::Clock, Precision::Nano, &[a]), "07:00:01.000001999 ");
        assert_eq!(printed(TimeStyle::Date, micro, &[a]), "2026-11-21 07:00:01.000001 ");
        assert_eq!(printed(TimeStyle::Unix, micro, &[a]), "1795244401.000001 ");
        assert_eq!(printed(TimeStyle::None, micro, &[a]), "");
        assert_eq!(
            printed(TimeStyle::SincePrevious, micro, &[a, b, a]),
            " 00:00:00.000000  01:01:01.499999 -01:01:01.499999 "
        );
        assert_eq!(
            printed(TimeStyle::SinceFirst, micro, &[a, b, b]),
            " 00:00:00.000000  01:01:01.499999  01:01:01.499999 "
        );
    }
}

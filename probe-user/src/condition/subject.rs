//! What a condition is about, and its value between two readings.

use std::time::Duration;

use probe_common::Counter;

use crate::health::{Service, Verdict};

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Something that is counted for a rule.
    Rule {
        /// Its place among the rules.
        index: usize,
        /// What is counted.
        measure: Measure,
    },
    /// Something that is counted for all frames that were looked at.
    Seen(Measure),
    /// Frames that were lost.
    Lost,
    /// Whether a port has a verdict: 1 or 0.
    Health {
        /// The port.
        service: Service,
        /// The verdict.
        verdict: Verdict,
    },
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Packets.
    Packets,
    /// Bytes on the wire, without FCS.
    Bytes,
    /// Bits on the wire, without FCS.
    Bits,
    /// The part of the packets that were seen, in percent.
    Share,
}

/// What a bound is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// The count since the start.
    Run,
    /// The rate, per second.
    Second,
    /// The rate, per minute.
    Minute,
    /// The share, in percent.
    Hundred,
}

/// Counts, and when they were read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readings<'a> {
    /// Time since the start of the counting.
    pub elapsed: Duration,
    /// All frames that were looked at.
    pub seen: Counter,
    /// What each rule matched, in the order in which the condition was [parsed](super::parse()) with.
    pub rules: &'a [Counter],
    /// Frames that were lost.
    pub lost: u64,
    /// How ports do, where that is watched.
    pub ports: &'a [(Service, Verdict)],
}

/// A reading, as far as a condition is about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Time since the start.
    pub elapsed: Duration,
    /// The count that the condition is about.
    pub count: u64,
    /// Packets seen, of which a share is one.
    pub seen: u64,
}

impl Subject {
    pub(super) fn sample(&self, readings: &Readings<'_>) -> Sample {
        let of = |counter: Counter, measure| match measure {
            Measure::Packets | Measure::Share => counter.packets,
            Measure::Bytes => counter.bytes,
            Measure::Bits => counter.bytes.saturating_mul(8),
        };
        let count = match *self {
            Self::Rule { index, measure } => {
                of(readings.rules.get(index).copied().unwrap_or_default(), measure)
            }
            Self::Seen(measure) => of(readings.seen, measure),
            Self::Lost => readings.lost,
            Self::Health { service, verdict } => {
                readings.ports.contains(&(service, verdict)).into()
            }
        };
        Sample { elapsed: readings.elapsed, count, seen: readings.seen.packets }
    }

    /// What is counted, for a sentence; nothing where it is a verdict.
    pub(super) fn unit(&self) -> &'static str {
        match self {
            Self::Rule { measure, .. } | Self::Seen(measure) => match measure {
                Measure::Packets | Measure::Share => "packets",
                Measure::Bytes => "bytes",
                Measure::Bits => "bits",
            },
            Self::Lost => "frames",
            Self::Health { .. } => "",
        }
    }
}

impl Per {
    /// The value between two readings; `None` where there is none, since no time has passed, or
    /// nothing was seen of which something could be a share.
    pub(super) fn value(self, from: Sample, to: Sample) -> Option<f64> {
        // Counters that began anew, with other rules, count from nothing.
        let grown = |from: u64, to: u64| to.checked_sub(from).unwrap_or(to) as f64;
        let count = grown(from.count, to.count);
        let time = to.elapsed.checked_sub(from.elapsed).filter(|time| !time.is_zero());
        let seconds = time?.as_secs_f64();
        match self {
            Self::Run => Some(to.count as f64),
            Self::Second => Some(count / seconds),
            Self::Minute => Some(count * 60.0 / seconds),
            Self::Hundred => {
                let seen = grown(from.seen, to.seen);
                (seen > 0.0).then(|| (count * 100.0 / seen).min(100.0))
            }
        }
    }

    /// How it stands behind a number.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Run => "",
            Self::Second => "/s",
            Self::Minute => "/m",
            Self::Hundred => "%",
        }
    }
}

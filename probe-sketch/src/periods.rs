//! How many different keys there were since the start, in the last interval and in the last minute.
//!
//! Registers can be put together, but not taken apart: so there are some for each span of time that
//! is asked for, the minute's in parts, of which the oldest is left out when it is too old.

use std::{collections::VecDeque, time::Duration};

use crate::{Distinct, Estimate, packed::Packed};

/// How far back the last minute reaches.
const MINUTE: Duration = Duration::from_secs(60);
/// How long a part of it is at least, as long as keys are taken in every second: so the minute is the
/// last 55 to 60 seconds, in 16 parts at the most, which are 16 KiB each when they are over.
const PART: Duration = Duration::from_secs(4);

/// The registers of all spans.
#[derive(Clone, Debug, Default)]
pub struct Periods {
    all: Distinct,
    interval: Distinct,
    /// When each part of the minute began, and its keys; the oldest first. They are over.
    past: VecDeque<(Duration, Packed)>,
    /// When the part began that is not over, and its keys.
    begin: Duration,
    part: Distinct,
    /// Up to when keys were taken in.
    now: Duration,
}

impl Periods {
    /// Takes in the keys that came since the last call, as registers. `now` is the time since the
    /// start, and does not go back.
    pub fn add(&mut self, now: Duration, registers: &[u8]) {
        self.all.merge(registers);
        self.interval.merge(registers);
        if self.now.saturating_sub(self.begin) >= PART {
            self.past.push_back((self.begin, Packed::of(&self.part)));
            self.part.clear();
            self.begin = self.now;
        }
        self.part.merge(registers);
        self.now = self.now.max(now);
        let oldest = self.now.saturating_sub(MINUTE);
        // The part of these keys stays in any case: a pause may have been longer than a minute.
        while self.past.front().is_some_and(|(begin, _)| *begin < oldest) {
            self.past.pop_front();
        }
    }

    /// An interval begins.
    pub fn begin_interval(&mut self) {
        self.interval.clear();
    }

    /// Since the start.
    pub fn since_start(&self) -> Estimate {
        self.all.estimate()
    }

    /// Since the interval began.
    pub fn in_interval(&self) -> Estimate {
        self.interval.estimate()
    }

    /// In the last minute.
    pub fn in_minute(&self) -> Estimate {
        let mut minute = self.part.clone();
        self.past.iter().for_each(|(_, part)| part.merge_into(&mut minute));
        minute.estimate()
    }
}

#[cfg(test)]
mod tests {
    use probe_common::key::{KEY_WORDS, Key, Seeds};

    use super::*;

    #[test]
    fn each_span_has_its_own_keys() {
        let seeds = Seeds::new(std::array::from_fn(|n| {
            0x9e37_79b9_7f4a_7c15u64.wrapping_mul(n as u64 + 1)
        }));
        let mut periods = Periods::default();
        // One new key a second, and one that always comes.
        for second in 1..=200 {
            periods.begin_interval();
            let mut keys = Distinct::default();
            for number in [0, second] {
                let mut key = [0; KEY_WORDS];
                key[3] = number;
                keys.add(seeds.hash(&Key(key)));
            }
            periods.add(Duration::from_secs(second.into()), keys.registers());
            let all = periods.since_start();
            assert!((all.low..=all.high).contains(&(u64::from(second) + 1)), "{all:?}");
            assert_eq!(periods.in_interval().estimate, 2);
            let minute = periods.in_minute();
            let (least, most) = if second <= 60 { (second, second) } else { (55, 60) };
            let within = minute.low <= u64::from(most) + 1 && minute.high > u64::from(least);
            assert!(within, "{minute:?} after {second} s");
            assert!(periods.past.len() < 16, "{} parts", periods.past.len());
        }
    }

    #[test]
    fn a_pause_leaves_only_what_came_behind_it() {
        let mut periods = Periods::default();
        let mut keys = Distinct::default();
        keys.add(1);
        periods.add(Duration::from_secs(1), keys.registers());
        let mut others = Distinct::default();
        others.add(u64::MAX);
        periods.add(Duration::from_secs(1000), others.registers());
        assert_eq!(periods.in_minute().estimate, 2);
        periods.add(Duration::from_secs(1001), others.registers());
        assert_eq!(periods.in_minute().estimate, 1);
    }
}

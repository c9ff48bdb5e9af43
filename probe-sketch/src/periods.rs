//! How many different keys there were since the start, in the last interval and in the last minute.
//!
//! Registers can be put together, but not taken apart: so there are some for each span of time that
//! is asked for, the minute's in parts, of which the oldest is left out when it is too old.

use std::{collections::VecDeque, time::Duration};

use crate::{Distinct, Estimate};

/// How far back the last minute reaches.
const MINUTE: Duration = Duration::from_secs(60);
/// How long a part of it is at least, as long as keys are taken in every second: so the minute is the
/// last 55 to 60 seconds, in 16 parts at the most, which is 512 KiB.
const PART: Duration = Duration::from_secs(4);

/// The registers of all spans.
#[derive(Clone, Debug, Default)]
pub struct Periods {
    all: Distinct,
    interval: Distinct,
    /// The oldest part first.
    minute: VecDeque<Part>,
    /// Up to when keys were taken in.
    now: Duration,
}

#[derive(Clone, Debug)]
struct Part {
    begin: Duration,
    keys: Distinct,
}

impl Periods {
    /// Takes in the keys that came since the last call, as registers. `now` is the time since the
    /// start, and does not go back.
    pub fn add(&mut self, now: Duration, words: &[u64]) {
        self.all.merge(words);
        self.interval.merge(words);
        let is_full = |part: &Part| self.now.saturating_sub(part.begin) >= PART;
        if self.minute.back().is_none_or(is_full) {
            self.minute.push_back(Part { begin: self.now, keys: Distinct::default() });
        }
        if let Some(part) = self.minute.back_mut() {
            part.keys.merge(words);
        }
        self.now = self.now.max(now);
        let oldest = self.now.saturating_sub(MINUTE);
        // The part of these keys stays in any case: a pause may have been longer than a minute.
        while self.minute.len() > 1 && self.minute.front().is_some_and(|part| part.begin < oldest) {
            self.minute.pop_front();
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
        let mut minute = Distinct::default();
        self.minute.iter().for_each(|part| minute.merge(part.keys.words()));
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
            periods.add(Duration::from_secs(second.into()), keys.words());
            let all = periods.since_start();
            assert!((all.low..=all.high).contains(&(u64::from(second) + 1)), "{all:?}");
            assert_eq!(periods.in_interval().estimate, 2);
            let minute = periods.in_minute();
            let (least, most) = if second <= 60 { (second, second) } else { (55, 60) };
            let within = minute.low <= u64::from(most) + 1 && minute.high > u64::from(least);
            assert!(within, "{minute:?} after {second} s");
            assert!(periods.minute.len() <= 16, "{} parts", periods.minute.len());
        }
    }

    #[test]
    fn a_pause_leaves_only_what_came_behind_it() {
        let mut periods = Periods::default();
        let mut keys = Distinct::default();
        keys.add(1);
        periods.add(Duration::from_secs(1), keys.words());
        let mut others = Distinct::default();
        others.add(u64::MAX);
        periods.add(Duration::from_secs(1000), others.words());
        assert_eq!(periods.in_minute().estimate, 2);
        periods.add(Duration::from_secs(1001), others.words());
        assert_eq!(periods.in_minute().estimate, 1);
    }
}

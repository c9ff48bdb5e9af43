//! A condition held against one reading after the other.

use std::{fmt, time::Duration};

use super::{
    Condition,
    subject::{Per, Readings, Sample},
};
use crate::text::grouped;

/// A condition, and since when it holds.
#[derive(Clone, Debug)]
pub struct Watcher {
    condition: Condition,
    /// The reading before; at first the start, when nothing was counted.
    before: Sample,
    /// The reading from which on it has held.
    since: Option<Sample>,
    /// It was met, and no value has come back far enough since.
    is_met: bool,
}

impl Watcher {
    /// Begins at the start of the counting.
    pub fn new(condition: Condition) -> Self {
        Self { condition, before: Sample::default(), since: None, is_met: false }
    }

    /// Begins at a reading: rates are those since then.
    pub fn since(condition: Condition, readings: &Readings<'_>) -> Self {
        let before = condition.subject.sample(readings);
        Self { before, ..Self::new(condition) }
    }

    /// The same condition of rules that stand in another order: whether it holds, and since when, stays
    /// as it is.
    pub fn renew(&mut self, condition: Condition) {
        self.condition = condition;
    }

    /// The condition.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Takes a reading, and says with what the condition was met by it: once, until a value has been
    /// on the other side. A reading of no other time than the one before says nothing.
    pub fn reading(&mut self, readings: &Readings<'_>) -> Option<Met> {
        let now = self.condition.subject.sample(readings);
        if now.elapsed <= self.before.elapsed {
            return None;
        }
        let before = std::mem::replace(&mut self.before, now);
        let Condition { per, lasting, .. } = self.condition;
        let value = per.value(before, now);
        if self.is_met {
            self.is_met = !value.is_some_and(|value| self.condition.is_over(value));
            return None;
        }
        if !value.is_some_and(|value| self.condition.holds(value)) {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(before);
        if now.elapsed - since.elapsed < lasting.unwrap_or_default() {
            return None;
        }
        (self.is_met, self.since) = (true, None);
        Met::new(&self.condition, since, now)
    }
}

/// A condition that was met, and the value that did it.
#[derive(Clone, Debug, PartialEq)]
pub struct Met {
    condition: String,
    /// That of the whole time for which it held.
    value: f64,
    per: Per,
    count: u64,
    unit: &'static str,
    over: Duration,
}

impl Met {
    fn new(condition: &Condition, since: Sample, now: Sample) -> Option<Self> {
        let per = condition.per;
        let from = if per == Per::Run { Sample::default() } else { since };
        Some(Self {
            condition: condition.to_string(),
            value: per.value(since, now)?,
            per,
            count: now.count.checked_sub(from.count).unwrap_or(now.count),
            unit: condition.subject.unit(),
            over: now.elapsed - from.elapsed,
        })
    }

    /// The text of the condition.
    pub fn condition(&self) -> &str {
        &self.condition
    }
}

impl fmt::Display for Met {
    /// `syn > 1000/s: 1,532/s (15,320 packets in 10.0 s)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { condition, value, per, count, unit, over } = self;
        let (count, seconds) = (grouped(*count), over.as_secs_f64());
        if unit.is_empty() {
            return f.write_str(condition);
        }
        write!(f, "{condition}: ")?;
        if *per != Per::Run {
            // Of a small value the fraction counts.
            let shown =
                if *value < 100.0 { format!("{value:.2}") } else { grouped(value.round() as u64) };
            write!(f, "{shown}{} (", per.suffix())?;
        }
        write!(f, "{count} {unit} in {seconds:.1} s")?;
        if *per != Per::Run {
            f.write_str(")")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use probe_common::Counter;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        condition::{parse, parse_of},
        health::{Service, Verdict},
    };

    const RULES: [&str; 1] = ["syn"];

    /// Packets of each tenth of a second; the number of the tenths by which the condition was met.
    fn met(text: &str, tenths: &[u64]) -> Vec<usize> {
        let mut watcher = Watcher::new(parse(text, &RULES).unwrap());
        let (mut total, mut met) = (0, Vec::new());
        for (number, packets) in (1..).zip(tenths) {
            total += packets;
            let counter = Counter { packets: total, bytes: total * 60 };
            let elapsed = Duration::from_millis(100) * number;
            let seen = Counter { packets: total + u64::from(number) * 10, bytes: 0 };
            let readings =
                Readings { elapsed, seen, rules: &[counter], lost: total / 100, ports: &[] };
            if watcher.reading(&readings).is_some() {
                met.push(number as usize);
            }
            assert_eq!(watcher.reading(&readings), None, "twice at one time");
        }
        met
    }

    #[test]
    fn over_and_under_for_a_time_and_again() {
        let tenths = [0, 0, 60, 60, 60, 60, 49, 60, 60, 60, 10, 60];
        assert_eq!(met("syn > 500/s", &tenths), [3, 12]);
        // 49 a tenth is under the bound, but not far enough to be over.
        assert_eq!(met("syn > 500/s until 490/s", &tenths), [3, 8, 12]);
        assert_eq!(met("syn > 500/s for 300ms", &tenths), [5]);
        assert_eq!(met("syn > 500/s for 300ms until 490/s", &tenths), [5, 10]);
        assert_eq!(met("syn < 100/s", &tenths), [1]);
        assert_eq!(met("syn <= 100/s for 200ms", &tenths), [2]);
        assert_eq!(met("syn > 100", &tenths), [4]);
        assert_eq!(met("lost >= 1", &tenths), [4]);
        assert_eq!(met("bytes of syn > 30k/s", &tenths), [3, 12]);
        assert_eq!(met("share of syn > 80%", &tenths), [3, 12]);
        assert_eq!(met("seen >= 0/s", &tenths), [1]);
    }

    #[test]
    fn the_value_is_in_the_sentence() {
        let said = |text: &str, packets: u64, seconds: u64| {
            let mut watcher = Watcher::new(parse(text, &RULES).unwrap());
            let counter = Counter { packets, bytes: packets * 60 };
            let elapsed = Duration::from_secs(seconds);
            let seen = Counter { packets: packets * 2, bytes: 0 };
            let readings = Readings { elapsed, seen, rules: &[counter], lost: 3, ports: &[] };
            watcher.reading(&readings).unwrap().to_string()
        };
        for (text, expected) in [
            ("syn > 1000/s", "syn > 1000/s: 1,532/s (15,320 packets in 10.0 s)"),
            ("syn > 1k/m", "syn > 1k/m: 91,920/m (15,320 packets in 10.0 s)"),
            ("share of syn > 10%", "share of syn > 10%: 50.00% (15,320 packets in 10.0 s)"),
            ("bits of syn > 1M", "bits of syn > 1M: 7,353,600 bits in 10.0 s"),
            ("lost > 0", "lost > 0: 3 frames in 10.0 s"),
        ] {
            assert_eq!(said(text, 15_320, 10), expected);
        }
    }

    /// What was counted before a condition came is no rate.
    #[test]
    fn one_that_comes_later_knows_what_was_before() {
        let reading = |packets, rules: &'static [Counter]| Readings {
            elapsed: Duration::from_secs(packets),
            seen: Counter::default(),
            rules,
            ..Readings::default()
        };
        const FIRST: [Counter; 1] = [Counter { packets: 1_000_000, bytes: 0 }];
        const THEN: [Counter; 2] =
            [Counter { packets: 5, bytes: 0 }, Counter { packets: 1_000_005, bytes: 0 }];
        let condition = parse("syn > 10/s", &RULES).unwrap();
        let mut watcher = Watcher::since(condition.clone(), &reading(10, &FIRST));
        // The rule has another place from now on.
        watcher.renew(parse("syn > 10/s", &["other", "syn"]).unwrap());
        assert_eq!(watcher.reading(&reading(11, &THEN)), None);
        assert!(Watcher::new(condition).reading(&reading(10, &FIRST)).is_some());
    }

    /// A verdict that stays for a time; again only after another one.
    #[test]
    fn a_verdict_that_lasts() {
        use Verdict::{Healthy, Overloaded, Slow};
        let condition = parse_of("health 80 is overloaded for 2s", &RULES, 0, Some(&[])).unwrap();
        let mut watcher = Watcher::new(condition);
        let of = |port: &str| port.parse::<Service>().unwrap();
        let verdicts = [Overloaded, Healthy, Overloaded, Overloaded, Overloaded, Overloaded, Slow];
        let mut met = Vec::new();
        for (second, verdict) in (1..).zip(verdicts.into_iter().chain([Overloaded; 2])) {
            let elapsed = Duration::from_secs(second);
            // Another port is not meant.
            let ports = [(of("443"), Overloaded), (of("80"), verdict)];
            let readings = Readings { elapsed, ports: &ports, ..Readings::default() };
            met.extend(watcher.reading(&readings).map(|met| (second, met.to_string())));
        }
        let said = "health 80 is overloaded for 2s".to_owned();
        assert_eq!(met, [(4, said.clone()), (9, said)]);
    }

    /// The definition, as plain as it can be: readings one by one, and all those before looked at.
    fn model(tenths: &[u64], bound: u64, hold: usize, until: u64) -> Vec<usize> {
        let (mut met, mut blocked, mut from) = (Vec::new(), false, 0);
        for at in 0..tenths.len() {
            if blocked {
                blocked = tenths[at] > until;
                from = at + 1;
            } else if at + 1 >= from + hold && tenths[at + 1 - hold..=at].iter().all(|&n| n > bound)
            {
                met.push(at + 1);
                blocked = true;
            }
        }
        met
    }

    proptest! {
        #[test]
        fn as_the_definition_has_it(
            tenths in prop::collection::vec(0u64..20, 0..60), bound in 1u64..20, hold in 1usize..6,
            below in 0u64..20,
        ) {
            let until = bound.saturating_sub(below);
            let text = format!("syn > {}/s for {}ms until {}/s", bound * 10, hold * 100, until * 10);
            prop_assert_eq!(met(&text, &tenths), model(&tenths, bound, hold, until));
        }
    }
}

//! `--fail-if`: conditions that are told of by exit code 3.
//!
//! A condition without `for` is held against the whole run once it has ended, so that its value is that
//! of the last line of the results. One with `for` is held against each interval, and ends a live run
//! as soon as it is met: who waits for an alert should not wait for the end of `--duration`, too. The
//! frames of a file are counted to its end, and its intervals are those of their times.

use std::{collections::VecDeque, time::Duration};

use anyhow::{Error, Result};

use crate::{
    condition::{Condition, Met, Readings, Watcher},
    failure::Alert,
    kernel::Counts,
    reporter,
};

/// The conditions, and which of them were met.
pub(super) struct Alerts {
    /// Those with `for`.
    lasting: Vec<Watcher>,
    /// Those on the whole run.
    at_the_end: Vec<Watcher>,
    met: VecDeque<Met>,
    interval: Duration,
    /// With a file, the end of the interval at hand.
    due: Duration,
}

impl Alerts {
    pub(super) fn new(conditions: &[Condition], interval: Duration) -> Self {
        let watchers = conditions.iter().cloned().map(Watcher::new);
        let (lasting, at_the_end) = watchers.partition(|it| it.condition().lasting().is_some());
        Self { lasting, at_the_end, met: VecDeque::new(), interval, due: interval }
    }

    /// Takes the reading of an interval's end; whether a condition was met by it.
    pub(super) fn interval(&mut self, elapsed: Duration, counts: &Counts) -> bool {
        let readings = readings(elapsed, counts);
        let met = self.lasting.iter_mut().filter_map(|watcher| watcher.reading(&readings));
        let before = self.met.len();
        self.met.extend(met);
        self.met.len() > before
    }

    /// Takes the readings that are due before a frame of a file, at this time since the first one, is
    /// counted.
    pub(super) fn before_frame(
        &mut self,
        elapsed: Duration,
        counts: impl FnOnce() -> Result<Counts>,
    ) -> Result<()> {
        if self.lasting.is_empty() || elapsed < self.due {
            return Ok(());
        }
        let counts = counts()?;
        self.interval(self.due, &counts);
        // Of a time without frames all intervals are alike, and make one.
        let ended = elapsed.as_nanos() / self.interval.as_nanos().max(1);
        let last = self.interval.saturating_mul(u32::try_from(ended).unwrap_or(u32::MAX));
        self.interval(last, &counts);
        self.due = last.saturating_add(self.interval);
        Ok(())
    }

    /// Takes the last reading, of a run that ended by a failure if there was one.
    ///
    /// # Errors
    /// The failure, before which conditions that were met are only said; else [`Alert`], where one was.
    pub(super) fn end(
        mut self,
        elapsed: Duration,
        counts: &Counts,
        failure: Option<Error>,
    ) -> Result<()> {
        self.interval(elapsed, counts);
        let readings = readings(elapsed, counts);
        let met = self.at_the_end.iter_mut().filter_map(|watcher| watcher.reading(&readings));
        self.met.extend(met);
        let last = if failure.is_none() { self.met.pop_back() } else { None };
        for met in self.met {
            reporter::say(sentence(&met));
        }
        match (failure, last) {
            (Some(failure), _) => Err(failure),
            (None, Some(met)) => Err(Alert::new(sentence(&met)).into()),
            (None, None) => Ok(()),
        }
    }
}

fn sentence(met: &Met) -> String {
    format!("--fail-if {met}")
}

fn readings(elapsed: Duration, counts: &Counts) -> Readings<'_> {
    let lost = counts.ledger.lost;
    Readings { elapsed, seen: counts.seen, rules: &counts.rules, lost, ports: &[] }
}

#[cfg(test)]
mod tests {
    use probe_common::Counter;

    use super::*;
    use crate::{condition::parse, failure::code};

    fn counts(packets: u64) -> Counts {
        let counter = Counter { packets, bytes: packets * 60 };
        Counts { seen: counter, rules: vec![counter], ..Counts::default() }
    }

    fn alerts(texts: &[&str]) -> Alerts {
        let conditions: Vec<_> = texts.iter().map(|text| parse(text, &["syn"]).unwrap()).collect();
        Alerts::new(&conditions, Duration::from_secs(1))
    }

    #[test]
    fn the_whole_run_is_judged_at_its_end() {
        let seconds = Duration::from_secs;
        let mut rate = alerts(&["syn > 10/s"]);
        // A busy second alone does not count.
        assert!(!rate.interval(seconds(1), &counts(50)));
        assert!(rate.end(seconds(10), &counts(100), None).is_ok());
        let alert = alerts(&["syn > 10/s", "syn > 1000"]).end(seconds(10), &counts(101), None);
        let said = "--fail-if syn > 10/s: 10.10/s (101 packets in 10.0 s)";
        assert_eq!(alert.unwrap_err().to_string(), said);
        // What ended the run goes first.
        let failure = Some(Error::msg("srv0 is gone"));
        let error = alerts(&["syn > 1"]).end(seconds(10), &counts(101), failure).unwrap_err();
        assert_eq!((error.to_string().as_str(), code(&error)), ("srv0 is gone", 1));
    }

    #[test]
    fn a_lasting_one_is_met_when_it_has_lasted() {
        let mut alerts = alerts(&["syn > 10/s for 2s"]);
        let met: Vec<bool> = (1..5)
            .map(|second| alerts.interval(Duration::from_secs(second), &counts(second * 20)))
            .collect();
        assert_eq!(met, [false, true, false, false]);
        let alert = alerts.end(Duration::from_secs(5), &counts(80), None).unwrap_err().to_string();
        assert_eq!(alert, "--fail-if syn > 10/s for 2s: 20.00/s (40 packets in 2.0 s)");
    }

    /// Frames at these tenths of a second: whether the alert comes.
    fn over_file(condition: &str, tenths: &[u64]) -> bool {
        let mut alerts = alerts(&[condition]);
        for (before, &tenth) in (0..).zip(tenths) {
            let elapsed = Duration::from_millis(tenth * 100);
            alerts.before_frame(elapsed, || Ok(counts(before))).unwrap();
        }
        let last = Duration::from_millis(tenths.last().unwrap() * 100);
        alerts.end(last, &counts(tenths.len() as u64), None).is_err()
    }

    #[test]
    fn a_file_has_its_own_clock() {
        let busy: Vec<u64> = (0..20).chain([50]).collect();
        assert!(over_file("syn > 5/s for 2s", &busy));
        assert!(!over_file("syn > 5/s for 3s", &busy));
        assert!(!over_file("syn < 1/s for 4s", &busy));
        assert!(over_file("syn < 1/s for 3s", &busy));
        // A gap of a thousand years.
        assert!(over_file("syn < 1/s for 1h", &[0, 1, 365_250 * 86_400 * 10]));
    }
}

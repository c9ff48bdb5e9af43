//! The counts of a file at moments one after the other. So many are kept as a screen can make use of: where a
//! file is longer, the time between two of them doubles.

use std::time::Duration;

use probe_common::Counter;

use crate::{history::History, snapshot::Snapshot};

/// Moments that are kept at least, once there were so many; twice as many at most.
const MOMENTS: usize = 300;

/// Counts since the beginning of a file, at one moment after the other.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Rates are those since the one before.
    moments: Vec<Snapshot>,
    /// Seconds between two of them.
    width: f64,
    /// The one that is shown.
    at: usize,
    playing: bool,
}

impl Timeline {
    /// Nothing was read yet; so many seconds are between two moments, or more.
    pub fn new(width: Duration) -> Self {
        Self { moments: Vec::new(), width: width.as_secs_f64().max(0.001), at: 0, playing: false }
    }

    /// Whether a frame at this time of the file is behind the next moment, which is to be
    /// [added](Self::add) before it.
    pub fn is_due(&self, elapsed: Duration) -> bool {
        elapsed.as_secs_f64() >= self.next()
    }

    /// The time of the next moment, in seconds.
    pub fn next(&self) -> f64 {
        (self.moments.len() + 1) as f64 * self.width
    }

    /// Adds the counts of a moment. `until`: a frame comes as late as that, so that many moments without a
    /// frame may follow.
    pub fn add(&mut self, snapshot: Snapshot, until: Duration) {
        let until = until.as_secs_f64();
        while until / self.width >= (2 * MOMENTS) as f64 {
            self.thin_out();
        }
        // As much as nothing has changed since then: it may lie before what is kept now.
        while self.next() <= until {
            let elapsed = self.next();
            self.push(Snapshot { elapsed, ..snapshot.clone() });
        }
    }

    /// Adds the counts of the whole file, and shows them.
    pub fn end(&mut self, snapshot: Snapshot) {
        if self.moments.last().is_none_or(|last| last.elapsed < snapshot.elapsed) {
            self.push(snapshot);
        } else if let Some(last) = self.moments.last_mut() {
            // The last frame came at the moment itself.
            *last = Snapshot { elapsed: last.elapsed, ..snapshot };
        }
        self.at = self.moments.len().saturating_sub(1);
    }

    fn push(&mut self, mut snapshot: Snapshot) {
        rates(self.moments.last(), &mut snapshot);
        self.moments.push(snapshot);
    }

    /// Keeps every second moment.
    fn thin_out(&mut self) {
        self.width *= 2.0;
        let kept = std::mem::take(&mut self.moments).into_iter().skip(1).step_by(2);
        kept.for_each(|snapshot| self.push(snapshot));
    }

    /// How many moments there are.
    pub fn size(&self) -> usize {
        self.moments.len()
    }

    /// The place of the one that is shown.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Whether it goes on by itself.
    pub fn is_playing(&self) -> bool {
        self.playing
    }

    /// Seconds from the beginning to the end.
    pub fn length(&self) -> f64 {
        self.moments.last().map_or(0.0, |last| last.elapsed)
    }

    /// Goes so many moments on, or back.
    pub fn go(&mut self, by: isize) {
        self.playing = false;
        self.at = self.at.saturating_add_signed(by).min(self.moments.len().saturating_sub(1));
    }

    /// Plays on, or stands still; from the end it plays from the beginning.
    pub fn toggle(&mut self) {
        self.playing = !self.playing;
        if self.playing && self.at + 1 >= self.moments.len() {
            self.at = 0;
        }
    }

    /// Goes on where it plays; says whether another moment is shown.
    pub fn play(&mut self) -> bool {
        if !self.playing || self.at + 1 >= self.moments.len() {
            self.playing = false;
            return false;
        }
        self.at += 1;
        true
    }

    /// The counts of the moment, and the minute before it.
    pub fn shown(&self) -> (Option<Snapshot>, History) {
        let mut history = History::default();
        for snapshot in self.moments.iter().take(self.at + 1) {
            let counters: Vec<Counter> = snapshot.rules.iter().map(|rule| rule.counter()).collect();
            let elapsed = Duration::try_from_secs_f64(snapshot.elapsed).unwrap_or_default();
            history.add(elapsed, &counters);
        }
        (self.moments.get(self.at).cloned(), history)
    }
}

/// The rates since the moment before.
fn rates(before: Option<&Snapshot>, now: &mut Snapshot) {
    let seconds = now.elapsed - before.map_or(0.0, |before| before.elapsed);
    for (place, rule) in now.rules.iter_mut().enumerate() {
        let old = before.and_then(|before| before.rules.get(place));
        let old = old.map(|rule| rule.counter()).unwrap_or_default();
        let rate = |now: u64, before: u64| {
            if seconds > 0.0 { now.saturating_sub(before) as f64 / seconds } else { 0.0 }
        };
        rule.pps = rate(rule.packets, old.packets);
        rule.bps = rate(rule.bytes, old.bytes) * 8.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Rule;

    fn counts(elapsed: f64, packets: u64) -> Snapshot {
        let rule = Rule { name: "a".into(), packets, bytes: packets * 60, ..Rule::default() };
        Snapshot { elapsed, rules: vec![rule], ..Snapshot::default() }
    }

    /// A packet every half second; counts are exact at every moment, and rates are those between.
    #[test]
    fn a_moment_a_second() {
        let mut timeline = Timeline::new(Duration::from_secs(1));
        for packet in 0..10u64 {
            let at = Duration::from_millis(packet * 500);
            if timeline.is_due(at) {
                timeline.add(counts(0.0, packet), at);
            }
        }
        timeline.end(counts(4.5, 10));
        let shown: Vec<_> = (0..timeline.size())
            .map(|at| {
                timeline.at = at;
                let snapshot = timeline.shown().0.unwrap();
                (snapshot.elapsed, snapshot.rules[0].packets, snapshot.rules[0].pps)
            })
            .collect();
        let expected = [(1.0, 2, 2.0), (2.0, 4, 2.0), (3.0, 6, 2.0), (4.0, 8, 2.0), (4.5, 10, 4.0)];
        assert_eq!(shown, expected);
    }

    /// A gap of a year costs no more memory than a minute does, and no packet is at another time.
    #[test]
    fn long_files_have_wide_moments() {
        let mut timeline = Timeline::new(Duration::from_secs(1));
        let year = Duration::from_secs(365 * 86_400);
        for (packets, at) in [(1, Duration::from_secs(5)), (2, year), (3, year * 2)] {
            if timeline.is_due(at) {
                timeline.add(counts(0.0, packets), at);
            }
        }
        timeline.end(counts(2.0 * year.as_secs_f64(), 4));
        assert!((MOMENTS..=2 * MOMENTS + 1).contains(&timeline.size()), "{}", timeline.size());
        let mut before = 0.0;
        for moment in &timeline.moments {
            assert!(moment.elapsed > before);
            before = moment.elapsed;
            let expected = if moment.elapsed <= year.as_secs_f64() { 2 } else { 3 };
            let last = moment.elapsed == 2.0 * year.as_secs_f64();
            assert_eq!(moment.rules[0].packets, if last { 4 } else { expected }, "{moment:?}");
        }
    }

    #[test]
    fn played_from_the_beginning_and_moved_by_hand() {
        let mut timeline = Timeline::new(Duration::from_secs(1));
        timeline.add(counts(0.0, 1), Duration::from_secs(5));
        timeline.end(counts(5.5, 2));
        assert_eq!((timeline.size(), timeline.at(), timeline.play()), (6, 5, false));
        timeline.toggle();
        assert_eq!((timeline.at(), timeline.is_playing()), (0, true));
        assert!(timeline.play() && timeline.at() == 1);
        timeline.go(2);
        assert_eq!((timeline.at(), timeline.is_playing(), timeline.play()), (3, false, false));
        timeline.go(-9);
        assert_eq!(timeline.at(), 0);
        timeline.go(99);
        assert_eq!(timeline.at(), 5);
    }
}

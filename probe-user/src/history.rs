//! The last minute of each rule, for its sparkline; and its busiest second.

use std::time::Duration;

use probe_common::Counter;

/// Seconds that are shown.
const SECONDS: u64 = 60;
/// Seconds that are kept: the one that runs, too.
const KEPT: u64 = SECONDS + 1;
/// Cells that a sparkline may have: each is as many whole seconds.
pub const CELLS: [usize; 5] = [60, 30, 20, 15, 12];
/// From the least to the most of a rule's minute; nothing at all is a blank.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Packets of each rule in each of the last sixty whole seconds.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// By rule; second `n` of the run is at `n % KEPT`.
    rules: Vec<[f32; KEPT as usize]>,
    before: Vec<u64>,
    /// Packets of each rule's busiest second that has ended.
    peaks: Vec<f32>,
    elapsed: Duration,
    /// When counts [began](Self::begin).
    begun: Duration,
}

impl History {
    /// Counts that stand at these totals at that time: what came before is no part of any minute.
    pub fn begin(&mut self, elapsed: Duration, rules: &[Counter]) {
        let zeroes = [0.0; KEPT as usize];
        let before = rules.iter().map(|rule| rule.packets).collect();
        *self = Self {
            rules: vec![zeroes; rules.len()],
            before,
            peaks: vec![0.0; rules.len()],
            elapsed,
            begun: elapsed,
        };
    }

    /// Adds what came since the reading before, spread evenly over that time.
    pub fn add(&mut self, elapsed: Duration, rules: &[Counter]) {
        self.rules.resize(rules.len(), [0.0; KEPT as usize]);
        self.before.resize(rules.len(), 0);
        self.peaks.resize(rules.len(), 0.0);
        let (from, to) = (self.elapsed.as_secs_f64(), elapsed.as_secs_f64());
        if to <= from {
            return;
        }
        // Of a longer time only the last minute is kept.
        let first = (from as u64).max((to as u64 + 1).saturating_sub(KEPT));
        for second in first..=to as u64 {
            let place = (second % KEPT) as usize;
            let begun = second as f64 >= from;
            let share = (to.min(second as f64 + 1.0) - from.max(second as f64)) / (to - from);
            let is_whole = second >= self.first_whole() && to >= second as f64 + 1.0;
            let before = self.rules.iter_mut().zip(&mut self.peaks).zip(&self.before);
            for (((rule, peak), before), now) in before.zip(rules) {
                let packets = now.packets.wrapping_sub(*before) as f64 * share;
                rule[place] = packets as f32 + if begun { 0.0 } else { rule[place] };
                if is_whole {
                    *peak = peak.max(rule[place]);
                }
            }
        }
        self.before = rules.iter().map(|rule| rule.packets).collect();
        self.elapsed = elapsed;
    }

    /// Packets of a rule's busiest second since the start; `None` before one has ended that was seen whole.
    pub fn peak(&self, rule: usize) -> Option<f64> {
        let peak = self.peaks.get(rule).filter(|_| self.elapsed.as_secs() > self.first_whole());
        peak.map(|&peak| peak.into())
    }

    /// The first second of the run that is seen from its beginning.
    fn first_whole(&self) -> u64 {
        self.begun.as_secs_f64().ceil() as u64
    }

    /// The minute of a rule in so many characters, a divisor of sixty. The last one is the time that
    /// ended last; a second that has not ended is not shown.
    pub fn sparkline(&self, rule: usize, cells: usize) -> String {
        let Some(seconds) = self.rules.get(rule) else { return String::new() };
        let each = (SECONDS / cells as u64).max(1);
        let ended = self.elapsed.as_secs();
        let oldest = ended.saturating_sub(SECONDS);
        // Cells begin at multiples of their length, lest all bars change with each second.
        let last = ended.saturating_sub(1) / each;
        let rates: Vec<f32> = (0..cells as u64)
            .rev()
            .map(|back| {
                let Some(cell) = last.checked_sub(back) else { return 0.0 };
                let span = (cell * each).max(oldest)..((cell + 1) * each).min(ended);
                let count = span.clone().count().max(1) as f32;
                span.map(|second| seconds[(second % KEPT) as usize]).sum::<f32>() / count
            })
            .collect();
        let most = rates.iter().copied().fold(0.0, f32::max);
        rates.into_iter().map(|rate| bar(rate, most)).collect()
    }
}

fn bar(rate: f32, most: f32) -> char {
    if rate <= 0.0 {
        return ' ';
    }
    let height = (rate / most * BARS.len() as f32).ceil() as usize;
    BARS[height.clamp(1, BARS.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(packets: u64) -> [Counter; 1] {
        [Counter { packets, bytes: 0 }]
    }

    #[test]
    fn a_bar_a_second() {
        let mut history = History::default();
        let mut total = 0;
        for second in 1..=8 {
            total += second * 10;
            history.add(Duration::from_secs(second), &packets(total));
        }
        let line = history.sparkline(0, 60);
        assert_eq!(line.trim_start(), "▁▂▃▄▅▆▇█");
        assert_eq!(line.chars().count(), 60);
        assert_eq!((history.peak(0), history.peak(1)), (Some(80.0), None));
        // Five seconds a cell: 30 a second, then 70 in the three seconds that there are.
        assert_eq!(history.sparkline(0, 12).trim_start(), "▄█");
    }

    #[test]
    fn a_minute_is_kept_and_nothing_is_blank() {
        let mut history = History::default();
        history.add(Duration::from_secs(1), &packets(500));
        for second in 2..=60 {
            history.add(Duration::from_secs(second), &packets(500));
        }
        assert_eq!(history.sparkline(0, 60), format!("█{}", " ".repeat(59)));
        history.add(Duration::from_secs(61), &packets(500));
        assert_eq!(history.sparkline(0, 60), " ".repeat(60));
        assert_eq!(history.sparkline(1, 60), "");
    }

    /// What somebody else has counted before we came is no rate.
    #[test]
    fn counts_that_began_before() {
        let mut history = History::default();
        history.begin(Duration::from_millis(99_500), &packets(1_000_000));
        assert_eq!((history.peak(0), history.sparkline(0, 12).trim_start()), (None, ""));
        // Half a second of the hundredth is no busiest second.
        history.add(Duration::from_millis(100_001), &packets(1_000_010));
        assert_eq!(history.peak(0), None);
        history.begin(Duration::from_millis(99_500), &packets(1_000_000));
        history.add(Duration::from_millis(101_500), &packets(1_000_040));
        assert_eq!(history.peak(0), Some(20.0));
        assert_eq!(history.sparkline(0, 60).trim_start(), "▄█");
    }

    /// One reading in ten seconds is spread over them; one after two minutes over the last.
    #[test]
    fn long_intervals_are_spread() {
        let mut history = History::default();
        history.add(Duration::from_secs(10), &packets(100));
        assert_eq!(history.sparkline(0, 60), format!("{}{}", " ".repeat(50), "█".repeat(10)));
        history.add(Duration::from_secs(200), &packets(2000));
        assert_eq!(history.sparkline(0, 60), "█".repeat(60));
    }
}

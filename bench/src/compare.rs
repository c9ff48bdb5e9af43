//! Observers against nothing, and so against each other: all of them in each round.

use anyhow::Result;
use xtask::shell::say;

use crate::observer::Observer;
use crate::rig::{Flood, Sample, measure};
use crate::stats::{Spread, median};

/// An observer and what it watches.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who.
    pub observer: Observer,
    /// What.
    pub flood: Flood,
}

/// What an entry came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who.
    pub observer: Observer,
    /// One for each round that it took part in.
    pub samples: Vec<Sample>,
    /// Nanoseconds a packet that it added, a round.
    pub added: Vec<f64>,
    /// Why it took part in no more rounds: another's tool may be missing on this machine,
    /// or not work on this kernel.
    pub failed: Option<String>,
}

impl Outcome {
    /// Nanoseconds a packet that it added.
    pub fn spread(&self) -> Spread {
        Spread::of(self.added.iter().copied())
    }

    /// Seconds of its process for a million frames sent past it, from its start on.
    pub fn process_seconds(&self) -> f64 {
        let seconds = self.samples.iter().filter_map(|sample| {
            let cpu = sample.summary.cpu?;
            Some(cpu.as_secs_f64() * 1e6 / sample.frames as f64)
        });
        median(seconds)
    }

    /// Seconds of all CPUs for a million captured frames: its process, and what it added to
    /// the receive path.
    pub fn seconds_of_all(&self) -> f64 {
        let seconds = self.samples.iter().zip(&self.added).map(|(sample, added)| {
            let summary = &sample.summary;
            let path = added * 1e-9 * sample.frames as f64;
            let process = summary.cpu.unwrap_or_default().as_secs_f64();
            (path + process) * 1e6
                / summary.counts.counted.saturating_sub(summary.counts.lost) as f64
        });
        median(seconds)
    }

    /// Matching frames sent that its own account, losses with them, does not know; negative
    /// where it knows of more.
    pub fn unaccounted(&self) -> i64 {
        let differences = self.samples.iter().map(|sample| {
            let (sent, counts) = (sample.matching, sample.summary.counts.counted);
            sent as i64 - counts as i64
        });
        differences.sum()
    }

    /// The share of frames lost.
    pub fn lost(&self) -> f64 {
        let lost: u64 = self.samples.iter().map(|sample| sample.summary.counts.lost).sum();
        let frames: u64 = self.samples.iter().map(|sample| sample.frames).sum();
        lost as f64 / frames as f64
    }
}

/// Lets all entries alternate. Nothing attached is measured with each flood at the begin,
/// in the middle and at the end of each round, and the middle of the three taken, so that a
/// machine that drifts, or that others use, drifts for all.
pub fn compare(what: &str, entries: &[Entry], rounds: u32) -> Result<(Vec<Outcome>, Vec<Spread>)> {
    let mut outcomes: Vec<Outcome> = entries.iter().map(Outcome::before).collect();
    let floods = distinct(entries);
    let nothing = Observer::nothing();
    let mut bare: Vec<Vec<f64>> = vec![Vec::new(); floods.len()];
    for round in 1..=rounds {
        say(format!("{what}: round {round} of {rounds}"));
        let mut around: Vec<Vec<f64>> = vec![Vec::new(); floods.len()];
        let mut baselines = || -> Result<()> {
            for (flood, times) in floods.iter().zip(&mut around) {
                times.push(measure(&nothing, flood)?.ns);
            }
            Ok(())
        };
        baselines()?;
        for (number, (entry, outcome)) in entries.iter().zip(&mut outcomes).enumerate() {
            if number == entries.len() / 2 {
                baselines()?;
            }
            outcome.take_part(entry)?;
        }
        baselines()?;
        let around: Vec<f64> = around.into_iter().map(|times| median(times.into_iter())).collect();
        for (entry, outcome) in entries.iter().zip(&mut outcomes) {
            let place = floods.iter().position(|flood| flood.name == entry.flood.name);
            // A round in which it failed has no sample to compare.
            if let (Some(place), Some(sample)) = (place, outcome.samples.get(outcome.added.len())) {
                outcome.added.push(sample.ns - around[place]);
            }
        }
        for (all, one) in bare.iter_mut().zip(around) {
            all.push(one);
        }
    }
    Ok((outcomes, bare.into_iter().map(Spread::of).collect()))
}

/// The floods of the entries, each once, in the order of their first entry.
fn distinct(entries: &[Entry]) -> Vec<&Flood> {
    let mut floods: Vec<&Flood> = Vec::new();
    for entry in entries {
        if floods.iter().all(|flood| flood.name != entry.flood.name) {
            floods.push(&entry.flood);
        }
    }
    floods
}

impl Outcome {
    fn before(entry: &Entry) -> Self {
        let missing = entry.observer.missing();
        Self {
            observer: entry.observer.clone(),
            samples: Vec::new(),
            added: Vec::new(),
            failed: missing.map(|name| format!("{name} is not installed")),
        }
    }

    fn take_part(&mut self, entry: &Entry) -> Result<()> {
        if self.failed.is_some() {
            return Ok(());
        }
        match measure(&entry.observer, &entry.flood) {
            Ok(sample) => self.samples.push(sample),
            Err(error) if entry.observer.ours => return Err(error),
            Err(error) => {
                say(format!("goes on without it: {error:#}"));
                self.failed = Some(format!("{error:#}"));
            }
        }
        Ok(())
    }
}

//! What metrics tell of the rules' lists: numbers, and what is counted by. No key, which may be an
//! address.

use probe_common::Counter;
use serde::{Deserialize, Serialize};

use super::generation::Generation;
use crate::{
    count::{Different, OfRule, Top},
    keys::List,
};

/// Keys whose shares are told, at most.
const RANKS: usize = 10;

/// One list of a rule, as of when the lists were last taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ListFigures {
    /// The rule's name.
    pub rule: String,
    /// What is counted by, as the user writes it.
    pub key: String,
    /// Packets of the rule that have the key, since the list began: of the moment of the reading.
    pub keyed: u64,
    /// Of a list of the largest keys.
    pub top: Option<TopFigures>,
    /// Of a number of different keys.
    pub distinct: Option<DistinctFigures>,
}

/// The largest keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopFigures {
    /// Packets for whose keys no table had a place.
    pub refused: u64,
    /// Parts of the rule's packets in the last interval, from 0 to 1, of the keys that had most of
    /// them: the largest first, and 0 where there were fewer keys.
    pub shares: Vec<f64>,
}

/// How many different keys there were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DistinctFigures {
    /// Since the list began.
    pub estimate: u64,
    /// There were at least so many.
    pub low: u64,
    /// There were at most so many.
    pub high: u64,
    /// In the last minute.
    pub minute: u64,
    /// Packets whose key may be missing.
    pub missed: u64,
}

impl ListFigures {
    /// Those of all lists, rule by rule, but their [`keyed`](Self::keyed): of these rows, and of what each
    /// rule matched in the interval.
    pub fn all(generation: &Generation, rows: &[OfRule], matched: &[Counter]) -> Vec<Self> {
        let mut largest = generation.in_interval(RANKS).into_iter();
        let mut all = Vec::new();
        for ((rule, row), matched) in generation.rules.iter().zip(rows).zip(matched) {
            let (mut tops, mut numbers) = (row.top.iter(), row.distinct.iter());
            for list in &rule.lists {
                let largest = largest.next().unwrap_or_default();
                let top = list.top.and_then(|_| tops.next());
                let distinct = list.distinct.then(|| numbers.next()).flatten();
                all.push(Self {
                    rule: rule.name.clone(),
                    key: list.key.to_string(),
                    keyed: 0,
                    top: top.map(|top| TopFigures::of(top, list, &largest, matched.packets)),
                    distinct: distinct.map(DistinctFigures::of),
                });
            }
        }
        all
    }

    /// With what the list's counter has now.
    pub fn with_counter(&self, keyed: Counter) -> Self {
        Self { keyed: keyed.packets, ..self.clone() }
    }
}

impl TopFigures {
    fn of(top: &Top, list: &List, largest: &[u64], matched: u64) -> Self {
        let ranks = list.top.unwrap_or(0).min(RANKS);
        // Tables are taken before counters are read: a frame in between is in the interval before by its
        // counter, and in this one by its key.
        let share = |packets: &u64| (*packets as f64 / matched.max(1) as f64).min(1.0);
        let mut shares: Vec<f64> = largest.iter().map(share).collect();
        shares.resize(ranks, 0.0);
        Self { refused: top.refused, shares }
    }
}

impl DistinctFigures {
    fn of(different: &Different) -> Self {
        let Different { since_start, minute, missed, .. } = different;
        Self {
            estimate: since_start.estimate,
            low: since_start.low,
            high: since_start.high,
            minute: minute.estimate,
            missed: *missed,
        }
    }
}

//! The object that `probe count --format json` writes a line of, and `probe serve` answers at
//! `/api/v1/snapshot` (docs/serve.md), as it is read by who shows it: the page of `probe serve`, and `probe
//! top`, which makes one of its own counts, too. Fields that nobody shows are not read.

use std::collections::BTreeMap;

use probe_common::Counter;
use serde::{Deserialize, Serialize};

use crate::{clock::rfc3339_ms, count};

/// All counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When, by RFC 3339.
    pub time: String,
    /// Seconds since the start.
    pub elapsed: f64,
    /// What the programs hang on.
    pub hook: String,
    /// The interfaces, or the file.
    pub interfaces: Vec<String>,
    /// Frames looked at.
    pub seen: Total,
    /// The rules, in the order given.
    pub rules: Vec<Rule>,
    /// Frames that were chosen and lost, by cause.
    #[serde(default)]
    pub lost: Vec<Lost>,
    /// How ports do, where `probe serve` looks at them.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// What the flight recorders of `probe serve` do.
    #[serde(default)]
    pub recorders: Vec<Recorder>,
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Packets.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
}

/// One rule's counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its expression.
    pub filter: String,
    /// Packets since the start.
    pub packets: u64,
    /// Bytes since the start.
    pub bytes: u64,
    /// Packets a second in the interval.
    pub pps: f64,
    /// Bits a second in the interval.
    pub bps: f64,
    /// Its largest keys, a list for each key that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<Top>,
    /// How many different keys there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distinct: Vec<Distinct>,
}

/// A rule's largest keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Top {
    /// What the packets are counted by.
    pub by: String,
    /// The largest key first.
    pub keys: Vec<Key>,
    /// Packets with other keys.
    pub other: Others,
    /// Those of them that no table had a place for.
    #[serde(default)]
    pub refused: u64,
    /// The rule's packets without such a key.
    pub without: u64,
    /// What the rule had matched before the list began.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub before: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Packets with keys that are not listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// Packets.
    pub packets: u64,
}

/// One key of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// The key.
    pub key: String,
    /// What it is called, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// There were at least so many packets.
    pub low: u64,
    /// There were at most so many packets.
    pub high: u64,
    /// Part of the rule's packets, from 0 to 1.
    pub share: f64,
    /// Packets a second in the interval.
    #[serde(default)]
    pub pps: f64,
}

/// How many different keys a rule's packets had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct {
    /// What is counted.
    pub by: String,
    /// Since the start.
    pub estimate: u64,
    /// There were at least so many.
    pub low: u64,
    /// There were at most so many.
    pub high: u64,
    /// In the interval.
    pub interval: u64,
    /// In the last minute.
    pub minute: u64,
    /// Packets whose key may be missing.
    #[serde(default)]
    pub missed: u64,
}

/// Frames that were chosen and lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Why, as [`account`](crate::account) names it.
    pub cause: String,
    /// Frames.
    pub frames: u64,
}

/// How a port does, as `probe health --format json` has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// The port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// A word: `healthy closed firewalled flooded overloaded slow quiet`.
    pub verdict: String,
    /// The evidence.
    pub why: String,
    /// SYNs; of UDP datagrams to the port.
    pub syn: u64,
    /// Connections that were answered,
    pub answered: u64,
    /// whose handshake was completed,
    pub completed: u64,
    /// that were refused by RST,
    pub refused: u64,
    /// rejected by an ICMP error,
    pub rejected: u64,
    /// or got no answer.
    pub unanswered: u64,
    /// Answered and not completed, right now.
    pub half_open: u64,
    /// Answered, and given up before they were completed.
    #[serde(default)]
    pub abandoned: u64,
    /// All that began.
    #[serde(default)]
    pub connections: u64,
    /// SYNs and SYN-ACKs that were sent again.
    pub retransmitted: u64,
    /// From the SYN to the handshake's end.
    pub handshake_us: Times,
    /// From the request to the first byte of the answer.
    pub first_byte_us: Times,
    /// Responses of HTTP/1 by the class of their status, such as `2xx`.
    #[serde(default)]
    pub http: BTreeMap<String, u64>,
    /// SYNs a second.
    #[serde(default)]
    pub syn_per_second: f64,
}

/// Percentiles of times, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Half of them took at most so long.
    pub p50: f64,
    /// Nine of ten did.
    pub p90: f64,
    /// 99 of a hundred did.
    pub p99: f64,
    /// How many there were.
    pub n: u64,
}

/// What a flight recorder does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recorder {
    /// The rule whose frames it keeps.
    pub rule: String,
    /// `armed`, `recording` or `stopped`.
    pub state: String,
    /// Files written.
    pub files: u64,
    /// The last of them.
    #[serde(default)]
    pub last_file: Option<String>,
    /// Seconds of frames that are in memory.
    #[serde(default)]
    pub held_seconds: f64,
    /// Frames that others took the place of in memory.
    #[serde(default)]
    pub overwritten: u64,
}

impl Rule {
    /// Its counter.
    pub fn counter(&self) -> Counter {
        Counter { packets: self.packets, bytes: self.bytes }
    }

    /// Whether it is counted by keys.
    pub fn has_lists(&self) -> bool {
        !self.top.is_empty() || !self.distinct.is_empty()
    }
}

impl From<&count::Snapshot> for Snapshot {
    fn from(snapshot: &count::Snapshot) -> Self {
        Self {
            time: rfc3339_ms(snapshot.time),
            elapsed: snapshot.elapsed.as_secs_f64(),
            hook: snapshot.hook.clone(),
            interfaces: snapshot.interfaces.clone(),
            seen: snapshot.seen.into(),
            rules: snapshot.rules.iter().map(Rule::from).collect(),
            ..Self::default()
        }
    }
}

impl From<Counter> for Total {
    fn from(Counter { packets, bytes }: Counter) -> Self {
        Self { packets, bytes }
    }
}

impl From<&count::Row> for Rule {
    fn from(row: &count::Row) -> Self {
        let Counter { packets, bytes } = row.count.total;
        Self {
            name: row.name.clone(),
            filter: row.filter.clone(),
            packets,
            bytes,
            pps: row.count.pps,
            bps: row.count.bps,
            top: row.lists.top.iter().map(Top::from).collect(),
            distinct: row.lists.distinct.iter().map(Distinct::from).collect(),
        }
    }
}

impl From<&count::Top> for Top {
    fn from(top: &count::Top) -> Self {
        let key = |row: &count::KeyRow| Key {
            key: row.key.clone(),
            name: row.name.clone(),
            packets: row.count.total.packets,
            bytes: row.count.total.bytes,
            low: row.low,
            high: row.high,
            share: row.share,
            pps: row.count.pps,
        };
        Self {
            by: top.by.clone(),
            keys: top.keys.iter().map(key).collect(),
            other: Others { packets: top.other },
            refused: top.refused,
            without: top.without,
            before: top.before,
        }
    }
}

impl From<&count::Different> for Distinct {
    fn from(different: &count::Different) -> Self {
        Self {
            by: different.by.clone(),
            estimate: different.since_start.estimate,
            low: different.since_start.low,
            high: different.since_start.high,
            interval: different.interval.estimate,
            minute: different.minute.estimate,
            missed: different.missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of counts here is what the line of JSON says of them: both ways to the screen agree.
    #[test]
    fn counts_are_what_their_json_says() {
        let snapshot = count::listed_sample();
        let read: Snapshot = serde_json::from_slice(&count::json::line(&snapshot)).unwrap();
        let mut made = Snapshot::from(&snapshot);
        // A line of JSON has thousandths.
        made.rules[1].pps = 6.543;
        assert!(made.rules.iter().any(|rule| !rule.top.is_empty() && !rule.distinct.is_empty()));
        assert_eq!(read, made);
    }

    /// A snapshot of a later version may have more, and one of an earlier version less.
    #[test]
    fn fields_more_and_less() {
        let text = r#"{"version":9,"time":"t","elapsed":1.0,"final":false,"hook":"tcx","interfaces":[],
            "seen":{"packets":5,"bytes":6,"more":7},"rules":[],"new":{}}"#;
        let read: Snapshot = serde_json::from_str(text).unwrap();
        assert_eq!((read.seen.packets, read.ports.len(), read.recorders.len()), (5, 0, 0));
    }
}

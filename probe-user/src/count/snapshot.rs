//! What was counted at one moment, ready to be shown. Table, JSON and CSV are three
//! views of it; names, units and totals stand here once.

use std::time::Duration;

use probe_common::Counter;
use probe_frame::WallTime;

use super::lists::OfRule;

/// All counts at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// When.
    pub time: WallTime,
    /// Since the start.
    pub elapsed: Duration,
    /// Whether it is the last one.
    pub last: bool,
    /// What the programs hang on.
    pub hook: String,
    /// The interfaces, or the file.
    pub interfaces: Vec<String>,
    /// Frames looked at.
    pub seen: Counter,
    /// The interfaces and directions that are counted apart; none where there is one of them.
    pub parts: Vec<Part>,
    /// The rules, in the order given.
    pub rules: Vec<Row>,
}

/// An interface and a direction that is counted apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name of the interface.
    pub interface: String,
    /// Whether its frames are those sent.
    pub outbound: bool,
    /// Frames looked at.
    pub seen: Counter,
}

impl Part {
    /// The direction as `-Q` has it.
    pub fn direction(&self) -> &'static str {
        if self.outbound { "out" } else { "in" }
    }
}

/// One rule's counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its expression.
    pub filter: String,
    /// Of all frames.
    pub count: Count,
    /// Packets a second in the interval that had most of them; `None` where there are no
    /// intervals, as in a file.
    pub peak_pps: Option<f64>,
    /// Of each of the snapshot's parts.
    pub parts: Vec<Count>,
    /// Its keys.
    pub lists: OfRule,
}

/// A total and its rates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Since the start.
    pub total: Counter,
    /// Packets a second over the interval.
    pub pps: f64,
    /// Bits a second over the interval.
    pub bps: f64,
}

impl Count {
    /// A total, with the rates since an earlier one.
    pub fn since(before: Counter, total: Counter, interval: Duration) -> Self {
        let seconds = interval.as_secs_f64();
        if seconds <= 0.0 {
            return Self { total, pps: 0.0, bps: 0.0 };
        }
        let packets = total.packets.wrapping_sub(before.packets) as f64;
        let bits = total.bytes.wrapping_sub(before.bytes) as f64 * 8.0;
        Self { total, pps: packets / seconds, bps: bits / seconds }
    }
}

/// The sum of totals and of their rates.
impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.pps += other.pps;
        self.bps += other.bps;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use probe_sketch::Estimate;

    use super::{
        super::lists::{Different, KeyRow, Top},
        *,
    };

    /// The snapshot of the golden texts.
    pub(in crate::count) fn sample() -> Snapshot {
        Snapshot {
            time: WallTime::new(1_795_244_401, 0),
            elapsed: Duration::from_millis(1000),
            last: false,
            hook: "xdp-native".into(),
            interfaces: vec!["eth0".into()],
            seen: Counter { packets: 1_234_567, bytes: 98_765_432 },
            parts: Vec::new(),
            rules: vec![
                Row {
                    name: "syn".into(),
                    filter: "@syn and dst port 80".into(),
                    count: Count {
                        total: Counter { packets: 1_000, bytes: 60_000 },
                        pps: 1000.0,
                        bps: 480_000.0,
                    },
                    peak_pps: Some(1250.0),
                    parts: Vec::new(),
                    lists: OfRule::default(),
                },
                Row {
                    name: "get".into(),
                    filter: "payload \"GET \"".into(),
                    count: Count {
                        total: Counter { packets: 7, bytes: 700 },
                        pps: 6.54321,
                        bps: 5_600_000_000.0,
                    },
                    peak_pps: Some(6.54321),
                    parts: Vec::new(),
                    lists: OfRule::default(),
                },
            ],
        }
    }

    /// The same of two interfaces and both directions.
    pub(in crate::count) fn split_sample() -> Snapshot {
        let mut snapshot = sample();
        snapshot.interfaces = vec!["eth0".into(), "eth1".into()];
        let counter = |packets| Counter { packets, bytes: packets * 60 };
        for (interface, outbound, seen) in
            [("eth0", false, 900_000), ("eth0", true, 300_000), ("eth1", false, 34_567)]
        {
            let (interface, seen) = (interface.into(), counter(seen));
            snapshot.parts.push(Part { interface, outbound, seen });
        }
        for (row, packets) in snapshot.rules.iter_mut().zip([[700, 200, 100], [7, 0, 0]]) {
            let count = |packets| Count {
                total: counter(packets),
                pps: packets as f64,
                bps: packets as f64 * 480.0,
            };
            row.parts = packets.map(count).to_vec();
        }
        snapshot
    }

    /// The same with the sources of the first rule.
    pub(in crate::count) fn listed_sample() -> Snapshot {
        let mut snapshot = sample();
        let row = |key: &str, packets: u64, pps, share| KeyRow {
            key: key.into(),
            name: None,
            count: Count { total: Counter { packets, bytes: packets * 60 }, pps, bps: pps * 480.0 },
            low: packets,
            high: packets,
            share,
        };
        let keys = vec![
            KeyRow { name: Some("a.example".into()), ..row("192.0.2.1", 600, 600.0, 0.6) },
            KeyRow { low: 120, high: 140, ..row("2001:db8::1", 123, 23.5, 0.123) },
        ];
        let estimate = |estimate| Estimate { estimate, low: estimate - 2, high: estimate + 3 };
        snapshot.rules[0].lists = OfRule {
            top: vec![Top {
                by: "src".into(),
                keys,
                other: 270,
                refused: 200,
                without: 7,
                before: 0,
            }],
            distinct: vec![Different {
                by: "src".into(),
                since_start: estimate(100),
                interval: estimate(20),
                minute: estimate(90),
                missed: 0,
            }],
        };
        snapshot
    }

    #[test]
    fn rates_belong_to_the_interval() {
        let before = Counter { packets: 10, bytes: 1000 };
        let now = Counter { packets: 30, bytes: 2000 };
        let half = Count::since(before, now, Duration::from_millis(500));
        assert_eq!(half, Count { total: now, pps: 40.0, bps: 16_000.0 });
        let none = Count::since(before, now, Duration::ZERO);
        assert_eq!(none, Count { total: now, pps: 0.0, bps: 0.0 });
    }
}

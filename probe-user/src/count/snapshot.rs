//! What was counted at one moment, ready to be shown. Table, JSON and CSV are three
//! views of it; names, units and totals stand here once.

use std::time::Duration;

use probe_frame::WallTime;

use probe_common::Counter;

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
    /// The rules, in the order given.
    pub rules: Vec<Row>,
}

/// One rule's counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its expression.
    pub filter: String,
    /// Totals since the start.
    pub total: Counter,
    /// Packets a second over the interval.
    pub pps: f64,
    /// Bits a second over the interval.
    pub bps: f64,
}

/// Rates over an interval: packets and bits a second.
pub fn rates(now: Counter, before: Counter, interval: Duration) -> (f64, f64) {
    let seconds = interval.as_secs_f64();
    if seconds <= 0.0 {
        return (0.0, 0.0);
    }
    let packets = now.packets.wrapping_sub(before.packets) as f64;
    let bits = now.bytes.wrapping_sub(before.bytes) as f64 * 8.0;
    (packets / seconds, bits / seconds)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The snapshot of the golden texts.
    pub(in crate::count) fn sample() -> Snapshot {
        Snapshot {
            time: WallTime::new(1_795_244_401, 0),
            elapsed: Duration::from_millis(1000),
            last: false,
            hook: "xdp-native".into(),
            interfaces: vec!["eth0".into()],
            seen: Counter { packets: 1_234_567, bytes: 98_765_432 },
            rules: vec![
                Row {
                    name: "syn".into(),
                    filter: "@syn and dst port 80".into(),
                    total: Counter { packets: 1_000, bytes: 60_000 },
                    pps: 1000.0,
                    bps: 480_000.0,
                },
                Row {
                    name: "get".into(),
                    filter: "payload \"GET \"".into(),
                    total: Counter { packets: 7, bytes: 700 },
                    pps: 6.54321,
                    bps: 5_600_000_000.0,
                },
            ],
        }
    }

    #[test]
    fn rates_belong_to_the_interval() {
        let before = Counter { packets: 10, bytes: 1000 };
        let now = Counter { packets: 30, bytes: 2000 };
        assert_eq!(rates(now, before, Duration::from_millis(500)), (40.0, 16_000.0));
        assert_eq!(rates(now, before, Duration::ZERO), (0.0, 0.0));
    }
}

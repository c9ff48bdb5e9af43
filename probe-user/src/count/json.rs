//! A snapshot as one JSON object on one line. Other programs rely on it: see the
//! CHANGELOG before changing a field.

use serde::Serialize;

use super::{
    lists,
    snapshot::{Row, Snapshot},
};
use crate::clock::rfc3339_ms;

#[derive(Serialize)]
struct Object<'a> {
    time: String,
    elapsed: f64,
    r#final: bool,
    hook: &'a str,
    interfaces: &'a [String],
    seen: Count,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<SeenPart<'a>>,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
struct Count {
    packets: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Rule<'a> {
    name: &'a str,
    filter: &'a str,
    packets: u64,
    bytes: u64,
    pps: f64,
    bps: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_pps: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top: Vec<Top<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    distinct: Vec<Different<'a>>,
}

/// A rule's largest keys.
#[derive(Serialize)]
struct Top<'a> {
    by: &'a str,
    keys: Vec<Key<'a>>,
    other: Packets,
    refused: u64,
    without: u64,
    /// Only where the list began later than its rule.
    #[serde(skip_serializing_if = "is_none")]
    before: u64,
}

#[derive(Serialize)]
struct Key<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    packets: u64,
    bytes: u64,
    low: u64,
    high: u64,
    share: f64,
    pps: f64,
    bps: f64,
}

#[derive(Serialize)]
struct Packets {
    packets: u64,
}

/// How many different keys.
#[derive(Serialize)]
struct Different<'a> {
    by: &'a str,
    estimate: u64,
    low: u64,
    high: u64,
    interval: u64,
    minute: u64,
    missed: u64,
}

/// What was seen of one interface and direction; only where there are several.
#[derive(Serialize)]
struct SeenPart<'a> {
    interface: &'a str,
    direction: &'static str,
    packets: u64,
    bytes: u64,
}

/// What a rule matched there.
#[derive(Serialize)]
struct Part<'a> {
    interface: &'a str,
    direction: &'static str,
    packets: u64,
    bytes: u64,
    pps: f64,
    bps: f64,
}

/// The line, newline included.
pub fn line(snapshot: &Snapshot) -> Vec<u8> {
    crate::json::line(&object(snapshot))
}

/// What the line says: for who says more beside it.
pub fn object(snapshot: &Snapshot) -> impl Serialize {
    Object {
        time: rfc3339_ms(snapshot.time),
        elapsed: thousandths(snapshot.elapsed.as_secs_f64()),
        r#final: snapshot.last,
        hook: &snapshot.hook,
        interfaces: &snapshot.interfaces,
        seen: Count { packets: snapshot.seen.packets, bytes: snapshot.seen.bytes },
        parts: (snapshot.parts.iter())
            .map(|part| SeenPart {
                interface: &part.interface,
                direction: part.direction(),
                packets: part.seen.packets,
                bytes: part.seen.bytes,
            })
            .collect(),
        rules: snapshot.rules.iter().map(|row| rule(snapshot, row)).collect(),
    }
}

fn rule<'a>(snapshot: &'a Snapshot, row: &'a Row) -> Rule<'a> {
    let parts = snapshot.parts.iter().zip(&row.parts).map(|(part, count)| Part {
        interface: &part.interface,
        direction: part.direction(),
        packets: count.total.packets,
        bytes: count.total.bytes,
        pps: thousandths(count.pps),
        bps: thousandths(count.bps),
    });
    Rule {
        name: &row.name,
        filter: &row.filter,
        packets: row.count.total.packets,
        bytes: row.count.total.bytes,
        pps: thousandths(row.count.pps),
        bps: thousandths(row.count.bps),
        peak_pps: row.peak_pps.map(thousandths),
        parts: parts.collect(),
        top: row.lists.top.iter().map(top).collect(),
        distinct: row.lists.distinct.iter().map(different).collect(),
    }
}

fn top(top: &lists::Top) -> Top<'_> {
    let keys = top.keys.iter().map(|row| Key {
        key: &row.key,
        name: row.name.as_deref(),
        packets: row.count.total.packets,
        bytes: row.count.total.bytes,
        low: row.low,
        high: row.high,
        share: millionths(row.share),
        pps: thousandths(row.count.pps),
        bps: thousandths(row.count.bps),
    });
    Top {
        by: &top.by,
        keys: keys.collect(),
        other: Packets { packets: top.other },
        refused: top.refused,
        without: top.without,
        before: top.before,
    }
}

fn different(different: &lists::Different) -> Different<'_> {
    let lists::Different { by, since_start, interval, minute, missed } = different;
    Different {
        by,
        estimate: since_start.estimate,
        low: since_start.low,
        high: since_start.high,
        interval: interval.estimate,
        minute: minute.estimate,
        missed: *missed,
    }
}

fn is_none(packets: &u64) -> bool {
    *packets == 0
}

/// More digits than a clock read once an interval can give would be noise.
fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn millionths(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::{
        super::snapshot::tests::{listed_sample, sample, split_sample},
        *,
    };

    #[test]
    fn lists_of_a_rule() {
        let value: serde_json::Value = serde_json::from_slice(&line(&listed_sample())).unwrap();
        let rule = &value["rules"][0];
        let expected = serde_json::json!([{
            "by": "src",
            "keys": [
                {"key": "192.0.2.1", "name": "a.example", "packets": 600, "bytes": 36_000,
                 "low": 600, "high": 600, "share": 0.6, "pps": 600.0, "bps": 288_000.0},
                {"key": "2001:db8::1", "packets": 123, "bytes": 7_380,
                 "low": 120, "high": 140, "share": 0.123, "pps": 23.5, "bps": 11_280.0},
            ],
            "other": {"packets": 270},
            "refused": 200,
            "without": 7,
        }]);
        assert_eq!(rule["top"], expected);
        let expected = serde_json::json!([{"by": "src", "estimate": 100, "low": 98, "high": 103,
            "interval": 20, "minute": 90, "missed": 0}]);
        assert_eq!(rule["distinct"], expected);
        // A rule that nobody asks for lists has no empty ones.
        assert_eq!(value["rules"][1]["top"], serde_json::Value::Null);
    }

    #[test]
    fn golden() {
        let expected = concat!(
            r#"{"time":"2026-11-21T07:00:01.000Z","elapsed":1.0,"final":false,"hook":"xdp-native","#,
            r#""interfaces":["eth0"],"seen":{"packets":1234567,"bytes":98765432},"#,
            r#""rules":[{"name":"syn","filter":"@syn and dst port 80","packets":1000,"bytes":60000,"#,
            r#""pps":1000.0,"bps":480000.0,"peak_pps":1250.0},"#,
            r#"{"name":"get","filter":"payload \"GET \"","packets":7,"bytes":700,"#,
            r#""pps":6.543,"bps":5600000000.0,"peak_pps":6.543}]}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(line(&sample())).unwrap(), expected);
    }

    #[test]
    fn interfaces_and_directions_apart() {
        let value: serde_json::Value = serde_json::from_slice(&line(&split_sample())).unwrap();
        let parts = serde_json::json!([
            {"interface": "eth0", "direction": "in", "packets": 900_000, "bytes": 54_000_000},
            {"interface": "eth0", "direction": "out", "packets": 300_000, "bytes": 18_000_000},
            {"interface": "eth1", "direction": "in", "packets": 34_567, "bytes": 2_074_020},
        ]);
        assert_eq!(value["parts"], parts);
        assert_eq!(value["rules"][0]["packets"], 1000);
        let of_rule = serde_json::json!({"interface": "eth0", "direction": "out",
            "packets": 200, "bytes": 12_000, "pps": 200.0, "bps": 96_000.0});
        assert_eq!(value["rules"][0]["parts"][1], of_rule);
    }

    #[test]
    fn the_last_line_says_so() {
        let mut snapshot = sample();
        snapshot.last = true;
        let value: serde_json::Value = serde_json::from_slice(&line(&snapshot)).unwrap();
        assert_eq!(value["final"], true);
        assert_eq!(value["rules"][1]["filter"], "payload \"GET \"");
    }
}

//! A snapshot as one JSON object on one line. Other programs rely on it: see the
//! CHANGELOG before changing a field.

use serde::Serialize;

use super::snapshot::{Row, Snapshot};
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
    let object = Object {
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
    };
    crate::json::line(&object)
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
    }
}

/// More digits than a clock read once an interval can give would be noise.
fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::{
        super::snapshot::tests::{sample, split_sample},
        *,
    };

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

//! A snapshot as one JSON object on one line. Other programs rely on it: see the
//! CHANGELOG before changing a field.

use serde::Serialize;

use super::snapshot::Snapshot;
use crate::clock::rfc3339_ms;

#[derive(Serialize)]
struct Object<'a> {
    time: String,
    elapsed: f64,
    r#final: bool,
    hook: &'a str,
    interfaces: &'a [String],
    seen: Count,
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
        rules: snapshot
            .rules
            .iter()
            .map(|row| Rule {
                name: &row.name,
                filter: &row.filter,
                packets: row.total.packets,
                bytes: row.total.bytes,
                pps: thousandths(row.pps),
                bps: thousandths(row.bps),
            })
            .collect(),
    };
    // Strings and finite numbers always serialize.
    let mut line = serde_json::to_vec(&object).unwrap_or_default();
    line.push(b'\n');
    line
}

/// More digits than a clock read once an interval can give would be noise.
fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::{super::snapshot::tests::sample, *};

    #[test]
    fn golden() {
        let expected = concat!(
            r#"{"time":"2026-11-21T07:00:01.000Z","elapsed":1.0,"final":false,"hook":"xdp-native","#,
            r#""interfaces":["eth0"],"seen":{"packets":1234567,"bytes":98765432},"#,
            r#""rules":[{"name":"syn","filter":"@syn and dst port 80","packets":1000,"bytes":60000,"#,
            r#""pps":1000.0,"bps":480000.0},"#,
            r#"{"name":"get","filter":"payload \"GET \"","packets":7,"bytes":700,"#,
            r#""pps":6.543,"bps":5600000000.0}]}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(line(&sample())).unwrap(), expected);
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

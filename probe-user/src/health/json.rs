//! A report as one JSON object on one line. Other programs rely on it: see the CHANGELOG before changing
//! a field.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    report::{Counts, Followed, Port, Report},
    verdict,
};
use crate::clock::rfc3339_ms;

#[derive(Serialize)]
struct Object<'a> {
    time: String,
    elapsed: f64,
    r#final: bool,
    hook: &'a str,
    interfaces: &'a [String],
    followed: Following,
    ports: Vec<OfPort<'a>>,
}

#[derive(Serialize)]
struct Following {
    one_in: u32,
    now: u64,
    lost: u64,
    refused: u64,
}

/// What is said of one port.
#[derive(Serialize)]
pub struct OfPort<'a> {
    port: u16,
    protocol: &'static str,
    verdict: &'static str,
    why: &'a str,
    syn: u64,
    answered: u64,
    completed: u64,
    refused: u64,
    rejected: u64,
    unanswered: u64,
    half_open: u64,
    retransmitted: u64,
    handshake_us: Times,
    first_byte_us: Times,
    http: BTreeMap<String, u64>,
    syn_per_second: f64,
    connections: u64,
    margin: u64,
    abandoned: u64,
    packets: Packets,
}

#[derive(Serialize)]
struct Times {
    p50: f64,
    p90: f64,
    p99: f64,
    n: u64,
}

/// Packets of the port, as the kernel counted them.
#[derive(Serialize)]
struct Packets {
    syn: u64,
    synack: u64,
    rst: u64,
    fin: u64,
    icmp_errors: u64,
    exact: bool,
}

/// The line, newline included.
pub fn line(report: &Report) -> Vec<u8> {
    let Followed { one_in, now, lost, refused } = report.followed;
    crate::json::line(&Object {
        time: rfc3339_ms(report.time),
        elapsed: thousandths(report.elapsed.as_secs_f64()),
        r#final: report.last,
        hook: &report.hook,
        interfaces: &report.interfaces,
        followed: Following { one_in, now, lost, refused },
        ports: ports(&report.ports),
    })
}

/// What is said of each port.
pub fn ports(ports: &[Port]) -> Vec<OfPort<'_>> {
    ports.iter().map(of_port).collect()
}

fn of_port(port: &Port) -> OfPort<'_> {
    let Counts { syn, synack, rst, fin, icmp_errors, exact, .. } = port.counts;
    let Counts { connections, answered, completed, refused, rejected, .. } = port.counts;
    let Counts { unanswered, half_open, abandoned, retransmitted, http, margin, .. } = port.counts;
    let classes = (1..).zip(http).filter(|(_, number)| *number > 0);
    OfPort {
        port: port.service.port,
        protocol: port.service.protocol.word(),
        verdict: port.verdict.word(),
        why: &port.why,
        syn,
        answered,
        completed,
        refused,
        rejected,
        unanswered,
        half_open,
        retransmitted,
        handshake_us: times(&port.handshake),
        first_byte_us: times(&port.first_byte),
        http: classes.map(|(class, number)| (format!("{class}xx"), number)).collect(),
        syn_per_second: thousandths(port.asked_per_second),
        connections,
        margin,
        abandoned,
        packets: Packets { syn, synack, rst, fin, icmp_errors, exact },
    }
}

fn times(times: &verdict::Times) -> Times {
    let verdict::Times { n, p50_us, p90_us, p99_us } = *times;
    Times { p50: thousandths(p50_us), p90: thousandths(p90_us), p99: thousandths(p99_us), n }
}

/// More digits than a clock gives would be noise.
fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::{super::report::tests::sample, *};

    #[test]
    fn golden() {
        let expected = concat!(
            r#"{"time":"2026-11-21T07:00:01.000Z","elapsed":10.0,"final":false,"hook":"tcx","#,
            r#""interfaces":["eth0"],"followed":{"one_in":1,"now":3,"lost":0,"refused":0},"ports":["#,
            r#"{"port":80,"protocol":"tcp","verdict":"healthy","#,
            r#""why":"120 of 120 completed; handshake p50 0.04 ms; first byte p50 0.98 ms","#,
            r#""syn":121,"answered":120,"completed":120,"refused":0,"rejected":0,"unanswered":0,"#,
            r#""half_open":0,"retransmitted":1,"#,
            r#""handshake_us":{"p50":43.0,"p90":61.5,"p99":1200.0,"n":120},"#,
            r#""first_byte_us":{"p50":980.0,"p90":2000.0,"p99":31000.0,"n":120},"#,
            r#""http":{"2xx":110,"3xx":4,"4xx":5,"5xx":1},"syn_per_second":12.1,"#,
            r#""connections":120,"margin":0,"abandoned":0,"#,
            r#""packets":{"syn":121,"synack":120,"rst":0,"fin":240,"icmp_errors":0,"exact":true}},"#,
        );
        let line = String::from_utf8(line(&sample())).unwrap();
        assert!(line.starts_with(expected), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["ports"][1]["http"], serde_json::json!({}));
        assert_eq!(value["ports"][1]["handshake_us"]["n"], 0);
    }
}

//! SYNs from random sources at the rig's rate, beside real clients.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use testbed::{
    CLIENT_LINK, FAR_V4, FAR_V6, Far, FrameSender, HttpServer, Namespace, Pace, Pair, SERVER_LINK,
    SERVER_V4, SERVER_V6, http_get,
    requirements::{Requirement, met},
    stranger,
};

use super::{NEEDS, any_report_of, health, port};
use crate::rig::{LIMIT, alone, attached};

/// Real connections, half of them over IPv6.
const REAL: u64 = 100;
/// How far away their clients are: half of a round trip.
const AWAY: Duration = Duration::from_millis(100);

/// A flood's way to a server that answers whoever asks, and a host that is far away.
struct Network {
    pair: Pair,
    far: Far,
    flood: FrameSender,
    _server: HttpServer,
}

impl Network {
    fn new() -> Self {
        let pair = Pair::new().unwrap();
        pair.offloads_off().unwrap();
        // Answers to the flood go by the client's link, where nobody takes them.
        pair.server.ip(&[format!("route add 10.0.0.0/8 dev {SERVER_LINK}")]).unwrap();
        let far = Far::behind(&pair, AWAY).unwrap();
        let flood = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
        let server = HttpServer::start(&pair.server, 80).unwrap();
        Self { pair, far, flood, _server: server }
    }
}

/// SYNs, each of a source of its own.
fn strangers(count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|number| stranger(number).build()).collect()
}

/// So many clients of a host at once, every other one over IPv6, make as many connections with a request each, one after
/// the other.
fn ask(host: &Namespace, clients: u64, each: u64) {
    std::thread::scope(|scope| {
        for number in 0..clients {
            let server = [IpAddr::V4(SERVER_V4), SERVER_V6.into()][number as usize % 2];
            scope.spawn(move || http_get(host, server, 80, each, LIMIT).unwrap());
        }
    });
}

/// Floods a server with SYNs, each of a source of its own, so many a second, while real clients come, and returns the last report.
fn flooded(syns: u64, rate: f64, arguments: &[&str]) -> Flooded {
    let Network { pair, far, flood, _server } = Network::new();
    let frames = strangers(syns as u32);
    let running = health(&pair.server, SERVER_LINK, &[&["--port", "80"], arguments].concat());
    let before = pair.server.counters(SERVER_LINK).unwrap();
    let sent = std::thread::scope(|scope| {
        let flood = scope.spawn(|| flood.send_paced(&frames, syns, Some(rate)).unwrap());
        ask(&far.host, REAL / 5, 5);
        flood.join().unwrap()
    });
    far.end().unwrap();
    assert_eq!(sent.frames, syns);
    let received = pair.server.counters(SERVER_LINK).unwrap().since(before).rx_packets;
    assert!(received >= syns, "the flood arrived: {received}");
    let memory = running.most_resident().unwrap();
    let finished = running.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    Flooded { report: any_report_of(&finished), memory }
}

struct Flooded {
    report: serde_json::Value,
    /// Bytes.
    memory: u64,
}

const TOOLS: [Requirement; 2] = [Requirement::Tool("nginx"), Requirement::Tool("curl")];

#[test]
fn real_clients_are_told_apart() {
    if !met(NEEDS) || !met(&TOOLS) {
        return;
    }
    let _alone = alone();
    const SYNS: u64 = 60_000;
    let Flooded { report, .. } = flooded(SYNS, 30_000.0, &["--max-records", "100000000"]);
    let said = port(&report, "tcp", 80);
    let count = |field: &str| said[field].as_u64().unwrap();
    assert_eq!(report["followed"]["one_in"], 1);
    assert_eq!(report["followed"]["lost"], 0, "{report}");
    assert_eq!(report["followed"]["refused"], 0);
    assert_eq!(said["verdict"], "flooded", "{said}");
    assert_eq!(count("completed"), REAL, "{said}");
    assert_eq!(count("connections"), SYNS + REAL, "{said}");
    assert_eq!(count("half_open") + count("abandoned"), SYNS, "{said}");
}

/// 131,072 connections are followed at once. More are no reason to turn somebody away: those that have waited
/// for a second make room, and where that is not enough, whole connections are followed.
#[test]
fn more_connections_than_there_is_room_for_are_all_in_the_number() {
    if !met(NEEDS) || !met(&TOOLS) {
        return;
    }
    let _alone = alone();
    const SYNS: u64 = 400_000;
    let Flooded { report, memory } = flooded(SYNS, 200_000.0, &["--max-records", "100000000"]);
    let said = port(&report, "tcp", 80);
    let count = |field: &str| said[field].as_u64().unwrap();
    let followed = |field: &str| report["followed"][field].as_u64().unwrap();
    assert_eq!(followed("refused"), 0, "{report}");
    // How many segments are lost while this process waits for a CPU is up to others.
    let wrong = count("connections").abs_diff(SYNS + REAL);
    assert!(wrong <= count("margin") + followed("lost"), "{report}");
    assert!(count("margin") < SYNS / 4, "{said}");
    assert!(memory < 256 << 20, "{memory} bytes");
}

#[test]
fn a_flood_beyond_the_budget_is_followed_in_part() {
    if !met(NEEDS) || !met(&TOOLS) {
        return;
    }
    let _alone = alone();
    const SYNS: u64 = 300_000;
    let Flooded { report, memory } = flooded(SYNS, 100_000.0, &["--max-records", "50000"]);
    let said = port(&report, "tcp", 80);
    let count = |field: &str| said[field].as_u64().unwrap();
    assert!(report["followed"]["one_in"].as_u64().unwrap() > 1, "{report}");
    assert_eq!(said["verdict"], "flooded", "{said}");
    // The kernel counts all of them, and the estimate is as close as it says.
    let truth = SYNS + REAL;
    assert!(count("syn") >= truth, "{said}");
    assert!(count("connections").abs_diff(truth) <= count("margin"), "{said}");
    assert!(said["why"].as_str().unwrap().contains("SYN cookies"), "{said}");
    // Nor can more stand open than have come, however few of them are followed at the end. Records may be
    // lost before that: for how long this process waits for a CPU is up to others.
    assert!(count("half_open") <= truth + count("margin"), "{said}");
    // Connections that are followed at once are bounded.
    assert!(memory < 256 << 20, "{memory} bytes");
}

/// Clients that are far away, beside a flood of which one connection in several is followed: what is said of all
/// handshakes is what becomes of them. Their truth is told by `probe connections`, which has no part in the flood.
#[test]
fn handshakes_are_as_long_as_they_are_while_a_part_is_followed() {
    if !met(NEEDS) || !met(&TOOLS) {
        return;
    }
    let _alone = alone();
    // At once; each makes so many connections, one after the other.
    const CLIENTS: u64 = 60;
    const EACH: u64 = 12;
    const RATE: f64 = 100_000.0;
    let Network { pair, far, flood, _server } = Network::new();
    let frames = strangers(1_200_000);
    let clients = format!("host {FAR_V4} or host {FAR_V6}");
    let told = ["connections", "-i", SERVER_LINK, "--format", "json", &clients];
    let told = attached(&pair.server, &told);
    let followed = health(&pair.server, SERVER_LINK, &["--port", "80", "--max-records", "20000"]);
    let (pace, most) = (Pace::default(), frames.len() as u64);
    let syns = std::thread::scope(|scope| {
        let flood = scope.spawn(|| flood.send_until(&frames, most, Some(RATE), &pace).unwrap());
        ask(&far.host, CLIENTS, EACH);
        pace.stop();
        flood.join().unwrap().frames
    });
    far.end().unwrap();
    let finished = told.interrupt(LIMIT).unwrap();
    let lines = finished.text();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut truth: Vec<f64> = lines.filter_map(|line| line["handshake_us"].as_f64()).collect();
    truth.sort_by(f64::total_cmp);
    assert_eq!(truth.len() as u64, CLIENTS * EACH, "{}", finished.stderr);
    assert!(truth[0] >= (2 * AWAY).as_micros() as f64, "there and back: {} us", truth[0]);

    let finished = followed.interrupt(LIMIT).unwrap();
    let report = any_report_of(&finished);
    let said = port(&report, "tcp", 80);
    assert!(report["followed"]["one_in"].as_u64().unwrap() > 1, "{report}");
    assert!(said["handshake_us"]["n"].as_u64().unwrap() > 0, "{said}");
    let median = said["handshake_us"]["p50"].as_f64().unwrap();
    let truly = truth[truth.len() / 2];
    println!("{syns} SYNs, one in {}: {median} us of {truly}", report["followed"]["one_in"]);
    assert!((median / truly - 1.0).abs() < 0.05, "{median} us, but truly {truly}: {report}");
    let count = |field: &str| said[field].as_u64().unwrap();
    let lost = report["followed"]["lost"].as_u64().unwrap();
    let connections = syns + CLIENTS * EACH;
    assert!(count("connections").abs_diff(connections) <= count("margin") + lost, "{report}");
}

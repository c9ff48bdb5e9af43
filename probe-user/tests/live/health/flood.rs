//! SYNs from random sources at the rig's rate, beside real clients.

use std::net::IpAddr;

use testbed::{
    CLIENT_LINK, FrameSender, HttpServer, Pair, SERVER_LINK, SERVER_V4, SERVER_V6, http_get,
    requirements::{Requirement, met},
    stranger,
};

use super::{NEEDS, any_report_of, health, port};
use crate::rig::{LIMIT, alone};

/// Real connections, half of them over IPv6.
const REAL: u64 = 100;

/// A server that answers whoever asks: to 10.0.0.0/8 by the client's link, where nobody takes it.
fn pair() -> Pair {
    let pair = Pair::new().unwrap();
    pair.offloads_off().unwrap();
    pair.server.ip(&[format!("route add 10.0.0.0/8 dev {SERVER_LINK}")]).unwrap();
    pair
}

/// Floods a server with SYNs, each of a source of its own, so many a second, while real clients come, and returns the last report.
fn flooded(syns: u64, rate: f64, arguments: &[&str]) -> Flooded {
    let pair = pair();
    let _server = HttpServer::start(&pair.server, 80).unwrap();
    let frames: Vec<Vec<u8>> = (0..syns).map(|n| stranger(n as u32).build()).collect();
    let running = health(&pair.server, SERVER_LINK, &[&["--port", "80"], arguments].concat());
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let before = pair.server.counters(SERVER_LINK).unwrap();
    let sent = std::thread::scope(|scope| {
        let flood = scope.spawn(|| sender.send_paced(&frames, syns, Some(rate)).unwrap());
        for address in [IpAddr::V4(SERVER_V4), IpAddr::V6(SERVER_V6)] {
            http_get(&pair.client, address, 80, REAL / 2, LIMIT).unwrap();
        }
        flood.join().unwrap()
    });
    assert_eq!(sent.frames, syns);
    let received = pair.server.counters(SERVER_LINK).unwrap().since(before).rx_packets;
    assert!(received >= syns, "the flood arrived: {received}");
    let finished = running.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    Flooded { report: any_report_of(&finished), memory: finished.max_resident }
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

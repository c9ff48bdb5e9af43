//! SYNs from random sources at the rig's rate, beside real clients.

use std::net::{IpAddr, Ipv4Addr};

use testbed::{
    CLIENT_LINK, Frame, FrameSender, HttpServer, Pair, SERVER_LINK, SERVER_V4, SERVER_V6, Tcp,
    http_get,
    requirements::{Requirement, met},
    tcp_flags,
};

use super::{NEEDS, health, port, report_of};
use crate::rig::{LIMIT, alone};

/// SYNs of the flood, each of a source of its own.
const SYNS: u32 = 300_000;
/// Real connections, half of them over IPv6.
const REAL: u64 = 100;

/// Number `n` of the flood: sources all over 10.0.0.0/8.
fn syn(n: u32) -> Vec<u8> {
    let source = Ipv4Addr::from_bits(10 << 24 | n.wrapping_mul(0x9e37_79b1) >> 8);
    let tcp = Tcp {
        source: 1024 + (n % 60_000) as u16,
        destination: 80,
        sequence: n.wrapping_mul(0x85eb_ca6b),
        flags: tcp_flags::SYN,
        window: 64_240,
        options: vec![2, 4, 5, 0xb4],
        ..Tcp::default()
    };
    Frame::ipv4(source, SERVER_V4).tcp(tcp).build()
}

/// A server that answers whoever asks: to 10.0.0.0/8 by the client's link, where nobody takes it.
fn pair() -> Pair {
    let pair = Pair::new().unwrap();
    pair.offloads_off().unwrap();
    pair.server.ip(&[format!("route add 10.0.0.0/8 dev {SERVER_LINK}")]).unwrap();
    pair
}

#[test]
fn real_clients_are_told_apart_from_a_flood() {
    if !met(NEEDS) || !met(&["nginx", "curl"].map(Requirement::Tool)) {
        return;
    }
    let _alone = alone();
    let pair = pair();
    let _server = HttpServer::start(&pair.server, 80).unwrap();
    let frames: Vec<Vec<u8>> = (0..SYNS).map(syn).collect();
    let running = health(&pair.server, SERVER_LINK, &["--port", "80"]);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let sent = std::thread::scope(|scope| {
        let flood =
            scope.spawn(|| sender.send_paced(&frames, SYNS.into(), Some(60_000.0)).unwrap());
        for address in [IpAddr::V4(SERVER_V4), IpAddr::V6(SERVER_V6)] {
            http_get(&pair.client, address, 80, REAL / 2, LIMIT).unwrap();
        }
        flood.join().unwrap()
    });
    assert_eq!(sent.frames, u64::from(SYNS));
    let finished = running.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let report = report_of(&finished);
    let said = port(&report, "tcp", 80);
    eprintln!(
        "{said}\n{} cpu {:?} {:?} rss {}",
        report["followed"], finished.user_time, finished.system_time, finished.max_resident
    );
    assert_eq!(said["verdict"], "flooded", "{said}");
}

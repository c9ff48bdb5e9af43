//! `probe connections` and `probe http` on real traffic: nginx and curl, ports where nobody listens, names
//! that are looked up, and records that are lost.

use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use probe::text::grouped;
use serde_json::Value;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Finished, Frame, FrameSender, HttpServer, Namespace, SERVER_LINK,
    SERVER_V4, SERVER_V6, Tcp, http_get, requirements::met, stranger, tcp_flags,
};

use crate::rig::{LIMIT, NEEDS, alone, attached, quiet_pair};

const PORT: u16 = 8080;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Tries to connect, whatever comes of it.
fn knock(namespace: &Namespace, address: impl Into<IpAddr>, port: u16) {
    let address = SocketAddr::new(address.into(), port);
    let _ = namespace.enter(|| Ok(TcpStream::connect_timeout(&address, Duration::from_secs(1))?));
}

fn count(lines: &[Value], outcome: &str, port: u16) -> usize {
    let is_it = |line: &&Value| line["outcome"] == outcome && line["server_port"] == port;
    lines.iter().filter(is_it).count()
}

/// IPv4 and IPv6, on the server's side: every connection with its outcome, its times and its request.
#[test]
fn requests_refusals_and_lookups() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let _server = HttpServer::start(&pair.server, PORT).unwrap();
    let arguments = ["connections", "-i", SERVER_LINK, "--format", "json"];
    let probe = attached(&pair.server, &arguments);
    for address in [IpAddr::from(SERVER_V4), SERVER_V6.into()] {
        http_get(&pair.client, address, PORT, 10, LIMIT).unwrap();
        for _ in 0..5 {
            knock(&pair.client, address, 81);
        }
    }
    pair.client
        .enter(|| {
            let socket = UdpSocket::bind((CLIENT_V4, 0))?;
            socket.send_to(b"nobody is here", (SERVER_V4, 69))?;
            Ok(())
        })
        .unwrap();
    let finished = probe.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let lines = lines(&finished.text());
    assert_eq!(count(&lines, "closed", PORT), 20, "{}", finished.stderr);
    assert_eq!(count(&lines, "refused", 81), 10, "{}", finished.stderr);
    assert_eq!(count(&lines, "rejected", 69), 1, "{}", finished.stderr);
    for line in lines.iter().filter(|line| line["server_port"] == PORT) {
        assert_eq!(line["conn_state"], "SF");
        for time in ["syn_synack_us", "synack_ack_us", "first_byte_us"] {
            assert!(line[time].as_f64().unwrap() > 0.0, "{time}: {line}");
        }
        let [request] = &line["http"].as_array().unwrap()[..] else { panic!("{line}") };
        assert_eq!((&request["method"], &request["status"]), (&"GET".into(), &200.into()));
        assert!(line["client_packets"].is_null(), "live only some are looked at");
    }
    let rejected = lines.iter().find(|line| line["server_port"] == 69).unwrap();
    assert_eq!(rejected["reason"], "port unreachable");
}

/// Requests on one connection, each with its status; a count ends the command.
#[test]
fn requests_by_themselves() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let _server = HttpServer::start(&pair.server, PORT).unwrap();
    let arguments = ["http", "-i", SERVER_LINK, "--format", "json", "-c", "3", "--percentiles"];
    let probe = attached(&pair.server, &arguments);
    let mut curl = pair.client.command("curl");
    let urls = ["/", "/large", "/nowhere"].map(|path| format!("http://{SERVER_V4}:{PORT}{path}"));
    curl.args([
        "--silent",
        "--output",
        "/dev/null",
        "--output",
        "/dev/null",
        "--output",
        "/dev/null",
    ])
    .args(&urls);
    testbed::run(curl, LIMIT).unwrap();
    let finished = probe.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let lines = lines(&finished.text());
    let (requests, paths) = lines.split_at(3);
    let statuses: Vec<_> = requests.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 200, 404], "{}", finished.text());
    assert_eq!(requests[1]["body_bytes"], testbed::LARGE_PAGE);
    assert_eq!(requests[0]["client_port"], requests[2]["client_port"], "one connection");
    assert_eq!(paths.len(), 3, "{}", finished.text());
    assert!(paths.iter().all(|path| path["requests"] == 1 && path["first_byte_us"]["n"] == 1));
}

/// Half-open ones that a raw sender makes, and what is open at the end.
#[test]
fn what_is_open_now() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let _server = HttpServer::start(&pair.server, PORT).unwrap();
    let arguments = ["connections", "-i", SERVER_LINK, "--format", "json", "--open", "tcp"];
    let probe = attached(&pair.server, &arguments);
    http_get(&pair.client, SERVER_V4.into(), PORT, 3, LIMIT).unwrap();
    let open = pair.client.enter(|| Ok(TcpStream::connect((SERVER_V4, PORT))?)).unwrap();
    // From an address that nobody has: nobody takes the answer, nor resets it.
    let syn = |source: u16| {
        let tcp = Tcp { source, destination: PORT, flags: tcp_flags::SYN, ..Tcp::default() };
        Frame::ipv4([192, 0, 2, 77].into(), SERVER_V4).tcp(tcp).build()
    };
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    sender.send(&[syn(1), syn(2)]).unwrap();
    let finished = probe.interrupt(LIMIT).unwrap();
    let lines = lines(&finished.text());
    assert_eq!(count(&lines, "closed", PORT), 0, "{}", finished.text());
    assert_eq!(count(&lines, "open", PORT), 1, "{}", finished.text());
    // The kernel asks who has the address before it answers; nobody does, so nothing is sent.
    assert_eq!(count(&lines, "unanswered", PORT) + count(&lines, "half-open", PORT), 2);
    drop(open);
}

/// Where records are lost, an incomplete handshake is not called unanswered, and the loss is told.
#[test]
fn what_may_have_been_lost_is_partial() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    // All connections: a loss makes it follow fewer otherwise.
    let arguments = ["connections", "-i", SERVER_LINK, "--format", "json", "-B", "64", "tcp"];
    let probe = attached(&pair.server, &[&arguments[..], &["--sample-flows", "1"]].concat());
    let syns: Vec<_> = (0..50_000u16)
        .map(|source| {
            let tcp = Tcp { source, destination: 9, flags: tcp_flags::SYN, ..Tcp::default() };
            Frame::ipv4(CLIENT_V4, [192, 0, 2, 99].into()).tcp(tcp).build()
        })
        .collect();
    probe.signal(libc::SIGSTOP).unwrap();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&syns).unwrap();
    probe.signal(libc::SIGCONT).unwrap();
    let finished = probe.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("lost in ring"), "{}", finished.stderr);
    let lines = lines(&finished.text());
    assert!(!lines.is_empty());
    assert_eq!(count(&lines, "partial", 9), lines.len(), "{}", finished.stderr);
}

/// More than may be read: whole connections are left out, and the numbers at the end are as close as they say.
#[test]
fn a_flood_beyond_the_budget_is_followed_in_part() {
    if !met(NEEDS) {
        return;
    }
    const SYNS: u64 = 200_000;
    followed_in_part(SYNS, 50_000.0, &["--max-records", "20000", "tcp"]);
}

/// A table that is full turns nobody away.
#[test]
fn more_connections_than_there_is_room_for_are_followed_in_part() {
    if !met(NEEDS) {
        return;
    }
    const SYNS: u64 = 40_000;
    let most = ["--max-records", "100000000", "--max-connections", "2000"];
    // The answers are left out.
    let arguments = [&most[..], &["tcp and src net 10"]].concat();
    let finished = followed_in_part(SYNS, 20_000.0, &arguments);
    assert!(!finished.stderr.contains("not followed"), "{}", finished.stderr);
}

/// So many SYNs, each of a connection of its own, that are refused; of which the numbers at the end are
/// those of some, and right.
fn followed_in_part(syns: u64, rate: f64, arguments: &[&str]) -> Finished {
    let _alone = alone();
    let pair = quiet_pair();
    // Nobody listens, and the server says so to each.
    pair.server.ip(&[format!("route add 10.0.0.0/8 dev {SERVER_LINK}")]).unwrap();
    let frames: Vec<_> = (0..syns).map(|n| stranger(n as u32).build()).collect();
    let fixed = ["connections", "-i", SERVER_LINK, "--format", "json"];
    let probe = attached(&pair.server, &[&fixed[..], arguments].concat());
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    assert_eq!(sender.send_paced(&frames, syns, Some(rate)).unwrap().frames, syns);
    let finished = probe.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let said = finished.stderr.lines().find_map(|line| line.split_once(" connections: "));
    let (number, _) = said.unwrap_or_else(|| panic!("{}", finished.stderr));
    let number = number.trim_start_matches("probe: ").replace(',', "");
    let (number, margin) = number.split_once(" (± ").unwrap_or_else(|| panic!("{number}"));
    let [number, margin]: [u64; 2] =
        [number, margin.trim_end_matches(')')].map(|number| number.parse().unwrap());
    assert!(number.abs_diff(syns) <= margin, "{}", finished.stderr);
    // It is an estimate that says something.
    assert!(margin > 0 && margin < syns / 4, "{}", finished.stderr);
    assert!(finished.stderr.contains("these are estimates"), "{}", finished.stderr);
    let lines = lines(&finished.text());
    assert!((lines.len() as u64) < syns, "{} connections were told", lines.len());
    assert!(lines.iter().any(|line| line["one_in"].as_u64() > Some(1)));
    finished
}

/// Below the budget all connections are followed, and all numbers are exact.
#[test]
fn a_share_that_is_given_stays() {
    if !met(NEEDS) {
        return;
    }
    const SYNS: u64 = 4_096;
    let _alone = alone();
    let pair = quiet_pair();
    pair.server.ip(&[format!("route add 10.0.0.0/8 dev {SERVER_LINK}")]).unwrap();
    let syns: Vec<_> = (0..SYNS).map(|n| stranger(n as u32).build()).collect();
    for (share, said) in [("1", "probe: 4,096 connections: 4,096 refused\n"), ("8", " (± ")] {
        let arguments = ["connections", "-i", SERVER_LINK, "--format", "csv", "tcp"];
        let sampling = ["--sample-flows", share, "--flow-seed", "7"];
        let probe = attached(&pair.server, &[&arguments[..], &sampling].concat());
        let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
        sender.send_paced(&syns, SYNS, Some(10_000.0)).unwrap();
        let finished = probe.interrupt(LIMIT).unwrap();
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
        let text = finished.text();
        let rows: Vec<&str> = text.lines().skip(1).collect();
        assert!(rows.iter().all(|row| row.ends_with(&format!(",{share}"))), "{text}");
        let number =
            format!("probe: {} ", grouped(rows.len() as u64 * share.parse::<u64>().unwrap()));
        assert!(finished.stderr.contains(&number), "{number}: {}", finished.stderr);
    }
}

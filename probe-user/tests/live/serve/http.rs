//! Requests, good and bad, many and slow.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, SERVER_LINK, SERVER_V4,
    requirements::{Requirement, met},
};

use super::{Answer, Service, post_by_tcp, rule, value};
use crate::rig::{LIMIT, NEEDS, alone, beside_others, quiet_pair};

fn start(namespace: &Namespace) -> Service {
    let head = format!("interfaces = \"{SERVER_LINK}\"\ninterval = \"50ms\"\n");
    let lists = "by = \"src\"\ntop = 2\ndistinct = \"src\"\n";
    Service::start(namespace, &head, &(rule("all", "") + lists + &rule("syn", "@syn")), &[])
}

#[test]
fn metrics_come_in_the_form_that_is_asked_for() {
    if !met(NEEDS) || !met(&[Requirement::Tool("promtool")]) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let service = start(&pair.server);
    // Each series is there from the start.
    let text = service.request("GET", "/metrics", "").body;
    for series in [
        "probe_rule_keyed_packets_total{rule=\"all\",key=\"src\"}",
        "probe_rule_top_refused_packets_total{rule=\"all\",key=\"src\"}",
        "probe_rule_top_share_ratio{rule=\"all\",key=\"src\",rank=\"1\"}",
        "probe_rule_top_share_ratio{rule=\"all\",key=\"src\",rank=\"2\"}",
        "probe_rule_distinct{rule=\"all\",key=\"src\"}",
        "probe_rule_distinct_low{rule=\"all\",key=\"src\"}",
        "probe_rule_distinct_high{rule=\"all\",key=\"src\"}",
        "probe_rule_distinct_minute{rule=\"all\",key=\"src\"}",
        "probe_rule_distinct_missed_packets_total{rule=\"all\",key=\"src\"}",
    ] {
        assert_eq!(value(&text, series), 0.0, "{series}");
    }
    assert!(!text.contains("rank=\"3\""), "{text}");
    assert_ne!(value(&text, "probe_list_memory_bytes"), 0.0);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 2).build();
    let before = pair.server.counters(SERVER_LINK).unwrap();
    sender.send(&vec![frame; 10]).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, 10, LIMIT).unwrap();
    // Lists are as of the last interval.
    let end = Instant::now() + LIMIT;
    let distinct = "probe_rule_distinct{rule=\"all\",key=\"src\"}";
    while service.metric(distinct) == 0.0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }

    let text = service.request("GET", "/metrics", "");
    assert!(text.head.contains("content-type: text/plain; version=0.0.4"), "{}", text.head);
    assert_eq!(value(&text.body, "probe_rule_packets_total{rule=\"all\"}"), 10.0);
    assert_eq!(value(&text.body, "probe_rule_packets_total{rule=\"syn\"}"), 0.0);
    let keyed = "probe_rule_keyed_packets_total{rule=\"all\",key=\"src\"}";
    assert_eq!((value(&text.body, keyed), value(&text.body, distinct)), (10.0, 1.0));
    // Who that was is for the document alone.
    assert!(!text.body.contains(&CLIENT_V4.to_string()), "{}", text.body);
    let document = service.request("GET", "/api/v1/snapshot", "").body;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let key = &document["rules"][0]["top"][0]["keys"][0];
    assert_eq!(key["key"], CLIENT_V4.to_string(), "{document}");
    assert_eq!(key["packets"], 10, "{document}");
    let open = service.request("GET", "/metrics", "Accept: application/openmetrics-text\n");
    assert!(open.head.contains("content-type: application/openmetrics-text; version=1.0.0"));
    assert!(open.body.ends_with("# EOF\n"), "{}", open.body);

    promtool_is_content(&pair.server, &text.body);
    service.end();
}

/// promtool finds nothing to say about a text of metrics.
pub(super) fn promtool_is_content(namespace: &Namespace, text: &str) {
    let mut promtool = namespace.command("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut running = promtool.spawn().unwrap();
    running.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn readings_by_their_tags_and_as_a_stream() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let service = start(&pair.server);
    let first = service.request("GET", "/api/v1/snapshot", "");
    assert_eq!(first.status, 200);
    let object: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!(object["rules"][1]["filter"], "@syn");
    assert_eq!(object["version"], 1);
    assert_eq!(object["lost"][0], serde_json::json!({"cause": "lost_in_ring", "frames": 0}));
    let mut stream = UnixStream::connect(service.socket()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    while text.matches("event: snapshot").count() < 3 {
        let read = stream.read(&mut bytes).unwrap();
        assert_ne!(read, 0, "{text}");
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    let tag = text.lines().rfind(|line| line.starts_with("id: ")).unwrap().to_owned();
    assert!(!first.head.contains(&tag["id: ".len()..]), "{tag}");
    drop(stream);
    // The tag of the newest one is that of a stream that begins now, or it is older than that.
    let newest = service.request("GET", "/api/v1/snapshot", "If-None-Match: *\n");
    assert_eq!((newest.status, newest.body.as_str()), (304, ""));
    let other = service.request("GET", "/api/v1/snapshot", "If-None-Match: \"other\"\n");
    assert_eq!(other.status, 200);
    service.end();
}

#[test]
fn what_is_wrong_is_refused() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let service = start(&pair.server);
    let long = "x".repeat(20_000);
    let many = "X: y\n".repeat(100);
    for (method, path, headers, status) in [
        ("GET", "/nothing", "", 404),
        ("POST", "/metrics", "", 405),
        ("GET", "/-/reload", "", 405),
        ("GET", "/metrics", &*format!("X: {long}\n"), 431),
        ("GET", "/metrics", &many, 431),
        ("GET", &format!("/{long}"), "", 414),
        // Nobody reads a body; its length is of no use to it.
        ("POST", "/nothing", "Content-Length: 10000000000\n", 404),
        ("BAD METHOD", "/", "", 400),
    ] {
        let answer = service.request(method, path, headers);
        // Too long a line is one or the other to hyper.
        let is_too_long = status == 414 && answer.status == 431;
        assert!(answer.status == status || is_too_long, "{method} {:.20}: {}", path, answer.status);
    }
    // By TCP nobody reloads.
    assert_eq!(post_by_tcp(&pair.server, "/-/reload").status, 403);
    service.end();
}

/// While the kernel measures runs of programs they are told, those of programs that were replaced included.
#[test]
fn runs_of_the_programs() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let service = start(&pair.server);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let send = |frames: usize| {
        let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 2).build();
        let before = pair.server.counters(SERVER_LINK).unwrap();
        sender.send(&vec![frame; frames]).unwrap();
        pair.server.wait_for_received(SERVER_LINK, before, frames as u64, LIMIT).unwrap();
    };
    send(5);
    assert_eq!(service.metric("probe_program_runs_total"), 0.0);
    // As long as this is open.
    let measuring = aya::sys::enable_stats(aya::sys::Stats::RunTime).unwrap();
    send(7);
    assert_eq!(service.reload().0, 200);
    send(3);
    assert_eq!(service.metric("probe_program_runs_total"), 10.0);
    assert!(service.metric("probe_program_run_seconds_total") > 0.0);
    drop(measuring);
    service.end();
}

/// Who knows the newest reading is told that there is none newer.
#[test]
fn a_reading_that_is_known() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    // The first interval goes on.
    let head = format!("interfaces = \"{SERVER_LINK}\"\ninterval = \"1h\"\n");
    let service = Service::start(&pair.server, &head, &rule("all", ""), &[]);
    let ask = |known: &str| {
        let known = format!("If-None-Match: {known}\n");
        let answer = service.request("GET", "/api/v1/snapshot", &known);
        let tag = answer.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        (answer.status, tag.to_owned(), answer.body.is_empty())
    };
    let (status, tag, _) = ask("\"other\"");
    assert_eq!(status, 200);
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".into()] {
        assert_eq!(ask(&known), (304, tag.clone(), true), "{known}");
    }
    // A part of it is another one.
    for known in [&tag[..tag.len() - 2], tag.trim_matches('"')] {
        assert_eq!(ask(known), (200, tag.clone(), false), "{known}");
    }
    service.end();
}

/// Where the process that counts has stopped, the other one says so, and has the old counts still.
#[test]
fn health_of_the_service() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let service = start(&pair.server);
    let healthz = || service.request("GET", "/healthz", "").status;
    let wait_for = |status: u16| {
        let start = Instant::now();
        while healthz() != status {
            assert!(start.elapsed() < LIMIT, "{status}");
            thread::sleep(Duration::from_millis(20));
        }
    };
    assert_eq!(healthz(), 200);
    service.running.signal(libc::SIGSTOP).unwrap();
    wait_for(503);
    assert!(service.request("GET", "/healthz", "").body.starts_with("the last reading is "));
    assert_eq!(service.request("GET", "/metrics", "").status, 200);
    assert_eq!(service.request("GET", "/readyz", "").status, 200);
    service.running.signal(libc::SIGCONT).unwrap();
    wait_for(200);
    service.end();
}

/// A thousand connections that say too little, or read nothing: those beyond the limit are sent away,
/// those that take too long are ended, all frames are counted, and scrapes are answered.
#[test]
fn a_thousand_connections() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let service = start(&pair.server);
    let mut open = Vec::new();
    for number in 0..1000 {
        let Ok(mut stream) = UnixStream::connect(service.socket()) else { continue };
        let begun: &[u8] = match number % 4 {
            // A head that never ends.
            0 | 1 => b"GET /met",
            // Who reads no answer, and who reads none of many.
            2 => b"GET /metrics HTTP/1.1\r\n\r\n",
            _ => b"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n",
        };
        let _ = stream.write_all(begun);
        open.push(stream);
    }
    // One that is too many is told so.
    let mut refused = UnixStream::connect(service.socket()).unwrap();
    refused.set_read_timeout(Some(LIMIT)).unwrap();
    let mut text = String::new();
    refused.read_to_string(&mut text).unwrap();
    assert_eq!(Answer::read(&text).status, 503);
    let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 2).build();
    let before = pair.server.counters(SERVER_LINK).unwrap();
    sender.send(&vec![frame; 100_000]).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, 100_000, LIMIT).unwrap();
    // The other socket has room of its own.
    let scrape = || {
        let text = pair.server.enter(|| {
            let start = Instant::now();
            let mut stream = TcpStream::connect("127.0.0.1:9977")?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok((start.elapsed(), text))
        });
        let (took, text) = text.unwrap();
        let answer = Answer::read(&text);
        assert_eq!(answer.status, 200);
        assert_eq!(value(&answer.body, "probe_rule_packets_total{rule=\"all\"}"), 100_000.0);
        took
    };
    let mut times: Vec<Duration> = (0..50)
        .map(|_| {
            // As far apart as readings are.
            thread::sleep(Duration::from_millis(25));
            scrape()
        })
        .collect();
    times.sort();
    println!("a scrape beside 1,000 connections: {:?}, at most {:?}", times[25], times[49]);
    // A head has ten seconds.
    let mut slow = &open[0];
    slow.set_read_timeout(Some(LIMIT)).unwrap();
    let mut text = String::new();
    slow.read_to_string(&mut text).unwrap();
    assert!(text.is_empty() || Answer::read(&text).status == 408, "{text}");
    // There is room again.
    assert_eq!(service.request("GET", "/healthz", "").status, 200);
    drop(open);
    service.end();
}

//! `probe health -r`: the ports in a file, without any right.

use std::{path::Path, process::Command};

use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_pcap::{Contents, Writer};
use serde_json::{Value, json};
use testbed::{
    Conversation,
    Speaker::{Client, Server},
    Tcp, tcp_flags,
};

/// Ten completed connections with a response each, to 80; three refused, to 81; two without an answer
/// after three SYNs, to 82; an answered question to 53/udp.
fn conversations() -> Vec<Conversation> {
    let talk = |n: usize, port: u16| {
        Conversation::new(&format!("192.0.2.7:{}", 40_000 + n), &format!("192.0.2.1:{port}"))
    };
    let mut all = Vec::new();
    for n in 0..10 {
        let mut open = talk(n, 80);
        let start = n as u64 * 10_000;
        open.handshake(start, 1_000);
        open.data(start + 2_000, Client, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        open.data(start + 6_000, Server, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        all.push(open);
    }
    for n in 0..3 {
        let mut refused = talk(n, 81);
        refused.syn(0);
        let flags = tcp_flags::RST | tcp_flags::ACK;
        let acknowledgment = *refused.next(Client);
        refused.segment(40, Server, &Tcp { flags, acknowledgment, ..Tcp::default() }, &[]);
        all.push(refused);
    }
    for n in 0..2 {
        let mut dropped = talk(n, 82);
        [0, 1_000_000, 3_000_000].into_iter().for_each(|after| dropped.syn(after));
        all.push(dropped);
    }
    let mut asked = talk(0, 53);
    asked.datagram(0, Client, b"a question that nobody can read");
    asked.datagram(500, Server, b"an answer of the same kind");
    all.push(asked);
    all
}

fn write(path: &Path) {
    let mut frames: Vec<_> = conversations().into_iter().flat_map(|talk| talk.frames).collect();
    frames.sort_by_key(|(time, _)| *time);
    let contents = Contents::pcap(LinkType::Ethernet, Precision::Micro);
    let mut writer = Writer::create(path, &contents).unwrap();
    for (time, bytes) in &frames {
        let (time, wire_len) = (WallTime(*time), bytes.len() as u32);
        let link = LinkType::Ethernet;
        let frame = Frame { time, wire_len, bytes, link, ifindex: 0, outbound: None };
        writer.write(&frame).unwrap();
    }
    writer.finish(None).unwrap();
}

fn health(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probe"));
    command.args(["health", "-r", "in.pcap"]).args(arguments);
    let output = command.current_dir(folder).env_remove("SUDO_UID").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Of each port its verdict, SYNs, and connections: all, completed, refused, unanswered.
fn told(text: &str) -> Vec<Value> {
    let report: Value = serde_json::from_str(text).unwrap();
    assert_eq!((&report["final"], &report["hook"]), (&json!(true), &json!("file")));
    let ports = report["ports"].as_array().unwrap().iter();
    let fields = ["port", "verdict", "syn", "connections", "completed", "refused", "unanswered"];
    ports.map(|port| fields.map(|field| port[field].clone()).to_vec().into()).collect()
}

#[test]
fn ports_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("in.pcap"));
    let asked = health(folder.path(), &["--format", "json", "--port", "80,81,82,53/udp,8080"]);
    let expected = [
        json!([80, "healthy", 10, 10, 10, 0, 0]),
        json!([81, "closed", 3, 3, 0, 3, 0]),
        json!([82, "firewalled", 6, 2, 0, 0, 2]),
        json!([53, "healthy", 1, 1, 1, 0, 0]),
        json!([8080, "quiet", 0, 0, 0, 0, 0]),
    ];
    assert_eq!(told(&asked), expected);
    let report: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(report["elapsed"], 3.0);
    let http = &report["ports"][0];
    assert_eq!(http["http"], json!({"2xx": 10}));
    // Times are those of a bucket's middle, wrong by 2.2 % at most; here all are the same, and exact.
    assert_eq!(
        (&http["handshake_us"]["p50"], &http["handshake_us"]["n"]),
        (&json!(1010.0), &json!(10))
    );
    assert_eq!(
        (&http["first_byte_us"]["p99"], &http["first_byte_us"]["n"]),
        (&json!(4000.0), &json!(10))
    );
    assert_eq!(report["ports"][2]["retransmitted"], 4);

    // Without ports those that answered.
    let found = health(folder.path(), &["--format", "json"]);
    let found: Vec<Value> = told(&found).iter().map(|port| port[0].clone()).collect();
    assert_eq!(found, [json!(80)]);
    // An expression is about all of it.
    let narrowed = ["--format", "json", "--port", "80,81", "src port 81 or dst port 81"];
    assert_eq!(told(&health(folder.path(), &narrowed))[0], json!([80, "quiet", 0, 0, 0, 0, 0]));
    let table = health(folder.path(), &["--port", "80,81"]);
    assert!(table.contains("nobody listens: 3 of 3 refused by RST"), "{table}");
}

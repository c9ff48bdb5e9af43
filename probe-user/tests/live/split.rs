//! `probe count` on several interfaces and in both directions: what each of them counted, exactly.

use std::net::Ipv4Addr;

use serde_json::Value;
use testbed::{
    CLIENT_LINK, CLIENT_MAC, CLIENT_V4, Frame, FrameSender, Pair, SERVER_LINK, SERVER_MAC,
    requirements::met,
};

use crate::rig::{LIMIT, NEEDS, attached, beside_others, quiet_pair};

/// A second wire beside that of the pair.
const CLIENT_SECOND: (&str, [u8; 6]) = ("cli1", [2, 0, 0, 0, 1, 1]);
const SERVER_SECOND: (&str, [u8; 6]) = ("srv1", [2, 0, 0, 0, 1, 2]);

fn two_wires() -> Pair {
    let pair = quiet_pair();
    pair.client.veth(CLIENT_SECOND, &pair.server, SERVER_SECOND).unwrap();
    pair
}

/// Not the server's address (TEST-NET-2, RFC 5737).
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// Datagrams that the server gets and sends: 7 and 3 on the first wire, 5 and 2 on the second one,
/// those for port 9 one in each.
fn traffic(pair: &Pair) {
    for (namespace, link, to, count) in [
        (&pair.client, CLIENT_LINK, SERVER_MAC, 7),
        (&pair.server, SERVER_LINK, CLIENT_MAC, 3),
        (&pair.client, CLIENT_SECOND.0, SERVER_SECOND.1, 5),
        (&pair.server, SERVER_SECOND.0, CLIENT_SECOND.1, 2),
    ] {
        let datagram = |port| {
            // To another host: none is answered.
            let mut frame = Frame::ipv4(CLIENT_V4, ELSEWHERE).udp(1000, port).payload(&[7; 58]);
            frame.destination = to;
            frame.build()
        };
        let frames: Vec<_> = (0..count).map(|number| datagram(9 + number)).collect();
        FrameSender::open(namespace, link).unwrap().send(&frames).unwrap();
    }
}

/// Bytes of each datagram: Ethernet, IPv4, UDP and payload.
const BYTES: u64 = 14 + 20 + 8 + 58;

/// Interface, direction and packets of each part, which all say the same of their bytes.
fn parts(of: &Value) -> Vec<(String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let part = |part: &Value| {
        let packets = part["packets"].as_u64().unwrap();
        assert_eq!(part["bytes"], packets * BYTES);
        (text(&part["interface"]), text(&part["direction"]), packets)
    };
    of["parts"].as_array().map(|parts| parts.iter().map(part).collect()).unwrap_or_default()
}

fn expected(parts: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    parts.iter().map(|&(link, way, packets)| (link.into(), way.into(), packets)).collect()
}

#[test]
fn interfaces_and_directions_are_counted_apart() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let (first, second) = (SERVER_LINK, SERVER_SECOND.0);
    type Parts<'a> = &'a [(&'a str, &'a str, u64)];
    let all: Parts<'_> =
        &[(first, "in", 7), (first, "out", 3), (second, "in", 5), (second, "out", 2)];
    let one_each: Vec<_> = all.iter().map(|&(link, way, _)| (link, way, 1)).collect();
    let cases: [(&[&str], u64, Parts<'_>, Parts<'_>); 6] = [
        (&["-i", first, "-i", second, "-Q", "inout"], 17, all, &one_each),
        (&["-i", first, "-i", second, "-Q", "inout", "--hook", "clsact"], 17, all, &one_each),
        (&["-i", first, "-Q", "inout"], 10, &all[..2], &one_each[..2]),
        (
            &["-i", first, "-i", second],
            12,
            &[(first, "in", 7), (second, "in", 5)],
            &[(first, "in", 1), (second, "in", 1)],
        ),
        (
            &["-i", first, "-i", second, "--hook", "xdp-generic"],
            12,
            &[(first, "in", 7), (second, "in", 5)],
            &[(first, "in", 1), (second, "in", 1)],
        ),
        // One interface and one direction are the whole.
        (&["-i", first], 7, &[], &[]),
    ];
    for (arguments, seen, seen_parts, nine_parts) in cases {
        let pair = two_wires();
        let rules = ["--format", "json", "--rule", "all=", "--rule", "nine=port 9"];
        let running = attached(&pair.server, &[&["count"], arguments, &rules[..]].concat());
        traffic(&pair);
        let finished = running.interrupt(LIMIT).unwrap();
        let text = finished.text();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["seen"]["packets"], seen, "{arguments:?}: {last}");
        let [every, nine] = [0, 1].map(|rule| &last["rules"][rule]);
        assert_eq!(every["packets"], seen, "{arguments:?}: {last}");
        assert_eq!(nine["packets"], nine_parts.len().max(1) as u64, "{arguments:?}: {last}");
        assert_eq!(parts(&last), expected(seen_parts), "{arguments:?}: {last}");
        assert_eq!(parts(every), expected(seen_parts), "{arguments:?}: {last}");
        assert_eq!(parts(nine), expected(nine_parts), "{arguments:?}: {last}");
    }
}

#[test]
fn csv_has_a_row_for_each() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = two_wires();
    let running =
        attached(&pair.server, &["count", "-i", SERVER_LINK, "-Q", "inout", "--format", "csv"]);
    traffic(&pair);
    let finished = running.interrupt(LIMIT).unwrap();
    let text = finished.text();
    let rows: Vec<Vec<&str>> = text.lines().map(|row| row.split(',').collect()).collect();
    let place = |name| rows[0].iter().position(|head| *head == name).unwrap();
    let columns = ["final", "seen_packets", "packets", "interface", "direction"].map(place);
    let last: Vec<_> = rows
        .iter()
        .map(|row| columns.map(|column| row[column]))
        .filter(|row| row[0] == "true")
        .collect();
    let expected = [
        ["true", "10", "10", "", ""],
        ["true", "7", "7", SERVER_LINK, "in"],
        ["true", "3", "3", SERVER_LINK, "out"],
    ];
    assert_eq!(last, expected);
}

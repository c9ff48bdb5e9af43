//! What commands do where nobody says more: the interface, the direction, and who else is there.

use std::net::Ipv4Addr;

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Pair, Running, SERVER_LINK, SERVER_V4,
    Tcp, requirements::met, run, tcp_flags,
};

use crate::rig::{LIMIT, NEEDS, Totals, attached, beside_others, probe, quiet_pair, tcpdump_lines};

/// SYNs for a port on which nobody listens: the server answers each with a reset.
fn ask(pair: &Pair, count: u32) {
    let tcp = |sequence| Tcp { destination: 80, flags: tcp_flags::SYN, sequence, ..Tcp::default() };
    let frame = |number| Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp(number)).build();
    let frames: Vec<_> = (0..count).map(frame).collect();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
}

fn sorted(running: Running) -> Vec<String> {
    let finished = running.wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let text = finished.text();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_capture_shows_both_directions_as_tcpdump_does() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let words = ["-i", SERVER_LINK, "-c", "10", "tcp"];
    let theirs = tcpdump_lines(&pair.server, &words);
    // Two of them stand beside each other.
    let captures =
        [0, 1].map(|_| attached(&pair.server, &[&["capture", "-tnn"], &words[..]].concat()));
    for capture in &captures {
        let ready = capture.wait_for_line("probe: attached to", LIMIT).unwrap();
        assert_eq!(ready, "probe: attached to srv0 (tcx), 1 rule, frames received and sent");
        assert!(!capture.stderr().contains("note:"), "{}", capture.stderr());
    }
    ask(&pair, 5);
    let theirs = sorted(theirs);
    for capture in captures {
        assert_eq!(sorted(capture), theirs);
    }
    let resets = theirs.iter().filter(|line| line.contains("Flags [R")).count();
    assert_eq!((theirs.len(), resets), (10, 5), "{theirs:#?}");
}

#[test]
fn counts_are_of_received_frames_and_say_so() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    for (flags, expected, packets) in [
        (&[][..], "frames received only (-Q inout: those sent, too)", 5),
        (&["-Q", "in"], "frames received", 5),
        (&["-Q", "out"], "frames sent", 5),
        (&["-Q", "inout"], "frames received and sent", 10),
        (&["--hook", "xdp-generic"], "frames received only (XDP sees no others)", 5),
    ] {
        let pair = quiet_pair();
        let words = ["count", "-i", SERVER_LINK, "--format", "json"];
        let count = attached(&pair.server, &[&words, flags, &["tcp"]].concat());
        let ready = count.wait_for_line("probe: attached to", LIMIT).unwrap();
        let end = ready.split_once(", 1 rule, ").unwrap().1;
        assert_eq!(end, expected);
        ask(&pair, 5);
        // The resets have come when the client has them.
        wait_for_answers(&pair, 5);
        assert_eq!(Totals::of(count).packets("match"), packets, "{flags:?}");
        let rate = ["rate", "-i", SERVER_LINK, "-t", "10ms"];
        let rate = run(probe(&pair.server, &[&rate, flags].concat()), LIMIT).unwrap();
        assert!(rate.stderr.contains(&format!("1 rule, {expected}\n")), "{}", rate.stderr);
    }
}

fn wait_for_answers(pair: &Pair, count: u64) {
    for _ in 0..1000 {
        if pair.client.counters(CLIENT_LINK).unwrap().rx_packets >= count {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    panic!("the server does not answer");
}

/// Where the hook sees received frames only, a capture says what sees more.
#[test]
fn a_capture_that_sees_half_says_so() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let half = "note: received frames only: XDP sees no others; --hook tcx does";
    for (flags, said) in [
        (&["-i", SERVER_LINK, "--hook", "xdp"][..], true),
        (&["-i", SERVER_LINK, "--hook", "xdp", "-Q", "in"], false),
        (&["-i", SERVER_LINK, "--hook", "clsact"], false),
        (&["-i", "lo"], false),
    ] {
        let words = ["capture", "--duration", "10ms"];
        let finished = run(probe(&pair.server, &[&words, flags].concat()), LIMIT).unwrap();
        assert_eq!(finished.stderr.contains(half), said, "{flags:?}: {}", finished.stderr);
    }
}

/// Without -i: the interface of IPv4's default route with the smallest metric, IPv6's, the first
/// that is up; never the loopback.
#[test]
fn the_default_routes_interface() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let space = Namespace::new().unwrap();
    let chosen = |command: &[&str]| {
        let finished = Running::spawn(probe(&space, command)).unwrap().wait(LIMIT).unwrap();
        let said = finished.stderr.lines().next().unwrap_or_default().to_owned();
        (finished.status.code(), said)
    };
    let capture = ["capture", "--duration", "10ms"];
    let (code, said) = chosen(&capture);
    assert_eq!(code, Some(2));
    assert!(said.contains("none is up but the loopback: name one with -i"), "{said}");

    let links = [("one0", 1), ("two0", 2), ("six0", 3)];
    for (name, number) in links {
        let address = Ipv4Addr::new(192, 0, 2, number * 16 + 1);
        space
            .ip(&[
                format!("link add {name} type veth peer name {name}p"),
                format!("link set {name} up"),
                format!("link set {name}p up"),
                format!("address add {address}/28 dev {name}"),
            ])
            .unwrap();
    }
    let (code, said) = chosen(&capture);
    assert_eq!(code, Some(0));
    let words = ", the first that is up (there is no default route)";
    assert!(said.starts_with("probe: no -i given: ") && said.ends_with(words), "{said}");
    let by_route =
        |name| (Some(0), format!("probe: no -i given: {name}, which has the default route"));
    space.ip(&["route add ::/0 dev six0"]).unwrap();
    assert_eq!(chosen(&capture), by_route("six0"));
    space.ip(&["route add default via 192.0.2.18 dev one0 metric 200"]).unwrap();
    assert_eq!(chosen(&capture), by_route("one0"));
    space.ip(&["route add default via 192.0.2.34 dev two0 metric 100"]).unwrap();
    for command in [&capture[..], &["count", "--duration", "10ms"], &["rate", "-t", "10ms"]] {
        assert_eq!(chosen(command), by_route("two0"), "{command:?}");
    }
    // Outputs call it by its name.
    let finished = run(probe(&space, &["rate", "-t", "10ms", "--format", "json"]), LIMIT).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&finished.stdout).unwrap();
    assert_eq!(json["interfaces"], serde_json::json!(["two0"]));
    // What needs no interface asks for none.
    let code = chosen(&["capture", "-d", "tcp"]);
    assert_eq!(code, (Some(0), "Warning: assuming Ethernet".into()));
}

/// An interface has one name, and any number of others.
#[test]
fn names_of_one_interface_are_one_interface() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let long = "a".repeat(127);
    let names = ["bee", "upstream-of-the-second-data-centre", &long];
    let lines = names.map(|name| format!("link property add dev {SERVER_LINK} altname {name}"));
    pair.server.ip(&lines).unwrap();
    for name in names {
        let count = attached(&pair.server, &["count", "-i", name, "--format", "json", "tcp"]);
        let ready = count.wait_for_line("probe: attached to", LIMIT).unwrap();
        assert!(ready.starts_with("probe: attached to srv0 (tcx), 1 rule"), "{ready}");
        ask(&pair, 3);
        wait_for_answers(&pair, 3);
        assert_eq!(Totals::of(count).packets("match"), 3, "{name}");
        let described = run(probe(&pair.server, &["interfaces", name, "--json"]), LIMIT).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&described.stdout).unwrap();
        assert_eq!(json[0]["name"], "srv0");
    }
    for hook in ["tcx", "xdp-generic"] {
        let words = ["count", "-i", SERVER_LINK, "-i", "bee", "-i", SERVER_LINK, "--hook", hook];
        let count = attached(&pair.server, &[&words[..], &["--format", "json", "tcp"]].concat());
        let said = count.stderr();
        for note in ["note: -i bee: is srv0, given twice", "note: -i srv0: given twice"] {
            assert!(said.contains(note), "{said}");
        }
        ask(&pair, 3);
        let before = pair.client.counters(CLIENT_LINK).unwrap();
        wait_for_answers(&pair, before.rx_packets);
        assert_eq!(Totals::of(count).packets("match"), 3, "{hook}");
    }
    let links = run(probe(&pair.server, &["capture", "-L", "-i", "bee"]), LIMIT).unwrap();
    assert!(links.text().contains("EN10MB"), "{}", links.text());
}

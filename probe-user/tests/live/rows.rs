//! `probe capture --format json` and `csv` on live frames: which interface, which way, beside a file, and what there
//! is where nothing came.

use serde_json::Value;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, SERVER_LINK, SERVER_V4, requirements::met, run,
};

use crate::rig::{LIMIT, NEEDS, attached, beside_others, probe as probe_in, quiet_pair};

/// Datagrams to the server's port 4001, and one back.
fn exchange(pair: &testbed::Pair) {
    let there = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(4000, 4001).payload(b"there").build();
    let back = Frame::ipv4(SERVER_V4, CLIENT_V4).udp(4001, 4000).payload(b"back").build();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&[there]).unwrap();
    FrameSender::open(&pair.server, SERVER_LINK).unwrap().send(&[back]).unwrap();
}

#[test]
fn interfaces_and_directions_are_named() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    for interface in [SERVER_LINK, "any"] {
        let file = "/dev/shm/rows.pcapng";
        let arguments = ["capture", "-n", "-c", "2", "-i", interface, "-w", file, "--print"];
        let forms = ["--format", "json", "--format", "pcapng", "udp port 4001"];
        let probe = attached(&pair.server, &[&arguments[..], &forms].concat());
        exchange(&pair);
        let finished = probe.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let text = finished.text();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [there, back] = &lines[..] else { panic!("{text}") };
        for (line, direction, info) in [
            (there, "in", "IP 192.0.2.1.4000 > 192.0.2.2.4001: UDP, length 5"),
            (back, "out", "IP 192.0.2.2.4001 > 192.0.2.1.4000: UDP, length 4"),
        ] {
            assert_eq!(
                (&line["interface"], &line["direction"]),
                (&SERVER_LINK.into(), &direction.into())
            );
            assert_eq!((&line["info"], &line["protocol"]), (&info.into(), &"UDP".into()));
            assert_eq!(line["length"], line["captured"]);
        }
        assert_eq!((&there["number"], &back["number"]), (&1.into(), &2.into()));
        let kept = probe_in(&pair.server, &["capture", "-r", file, "--count"]);
        assert_eq!(run(kept, LIMIT).unwrap().text(), "2 packets\n");
    }
}

/// Tags are beside a live frame, for rules of rows as for those that count.
#[test]
fn rules_are_named_as_they_count() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let to = |port| Frame::ipv4(CLIENT_V4, SERVER_V4).udp(4000, port);
    let frames = [
        to(80).build(),
        to(80).tagged(0x8100, 7).build(),
        to(53).tagged(0x8100, 7).build(),
        to(53).build(),
    ];
    let rules =
        ["--rule", "web=port 80", "--rule", "tagged=vlan 7", "--rule", "in7=vlan 7 and port 80"];
    let counting = ["count", "-i", SERVER_LINK, "--format", "json"];
    let counting = attached(&pair.server, &[&counting[..], &rules].concat());
    let showing = ["capture", "-n", "-c", "4", "-i", SERVER_LINK, "--format", "csv"];
    let columns = ["--columns", "rules,vlan,dport"];
    let showing = attached(&pair.server, &[&showing[..], &columns, &rules, &["udp"]].concat());
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
    let shown = showing.wait(LIMIT).unwrap();
    assert_eq!(
        shown.text(),
        "rules,vlan,dport\nweb,,80\nweb tagged in7,7,80\ntagged,7,53\n,,53\n",
        "{}",
        shown.stderr
    );
    let counted = counting.interrupt(LIMIT).unwrap();
    let counted: Value = serde_json::from_str(counted.text().lines().last().unwrap()).unwrap();
    for (rule, packets) in [2, 2, 1].into_iter().enumerate() {
        assert_eq!(counted["rules"][rule]["packets"], packets, "{counted}");
    }
}

/// A head says which columns there are, also where no frame came.
#[test]
fn a_head_without_rows() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let columns = ["--format", "csv", "--columns", "time,src,info"];
    let arguments = [&["capture", "-n", "-i", SERVER_LINK], &columns[..], &["udp port 9"]].concat();
    let finished = attached(&pair.server, &arguments).interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_eq!(finished.text(), "time,src,info\n");
}

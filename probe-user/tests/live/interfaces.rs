//! `probe interfaces`: its numbers are those of /proc/net/dev, and what it says of XDP is what the
//! kernel does.

use std::{collections::BTreeMap, fs};

use serde_json::Value;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Pair, Running, SERVER_LINK, SERVER_V4,
    requirements::met, run,
};

use crate::rig::{LIMIT, NEEDS, beside_others, probe, quiet_pair};

fn described(namespace: &Namespace, arguments: &[&str]) -> Vec<Value> {
    let words = [&["interfaces", "--json"], arguments].concat();
    let finished = run(probe(namespace, &words), LIMIT).unwrap();
    serde_json::from_slice(&finished.stdout).unwrap()
}

/// The columns of /proc/net/dev, by interface.
fn kernels(namespace: &Namespace) -> BTreeMap<String, Vec<u64>> {
    let read = || Ok(fs::read_to_string("/proc/thread-self/net/dev")?);
    let text = namespace.enter(read).unwrap();
    let line = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let numbers = numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
        Some((name.trim().to_owned(), numbers))
    };
    text.lines().filter_map(line).collect()
}

fn send(pair: &Pair, count: usize) {
    let before = pair.server.counters(SERVER_LINK).unwrap();
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 2).payload(&[7; 100]).build();
    FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&vec![frame; count]).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, count as u64, LIMIT).unwrap();
}

#[test]
fn counters_and_names() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    pair.server
        .ip(&[
            &format!("link property add dev {SERVER_LINK} altname uplink"),
            "tuntap add dev tun0 mode tun",
        ])
        .unwrap();
    send(&pair, 25);
    let all = described(&pair.server, &[]);
    let kernels = kernels(&pair.server);
    assert_eq!(all.len(), kernels.len());
    for interface in &all {
        let own = &kernels[interface["name"].as_str().unwrap()];
        // bytes packets errs drop fifo frame compressed multicast, twice.
        for (field, column) in [
            ("rx_bytes", 0),
            ("rx_packets", 1),
            ("rx_errors", 2),
            ("rx_dropped", 3),
            ("rx_overruns", 4),
            ("tx_bytes", 8),
            ("tx_packets", 9),
            ("tx_errors", 10),
            ("tx_dropped", 11),
            ("tx_overruns", 12),
        ] {
            assert_eq!(interface[field], own[column], "{field}: {interface}");
        }
    }
    let of = |name: &str| all.iter().find(|interface| interface["name"] == name).unwrap();
    let server = of(SERVER_LINK);
    assert_eq!(server["rx_packets"], 25);
    assert_eq!((&server["driver"], &server["state"]), (&"veth".into(), &"up".into()));
    assert_eq!(server["alternative_names"], serde_json::json!(["uplink"]));
    assert_eq!((&of("tun0")["driver"], &of("lo")["flags"]), (&"tun".into(), &"LRU".into()));

    let table = run(probe(&pair.server, &["interfaces"]), LIMIT).unwrap().text();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 1 + all.len(), "{table}");
    assert!(lines[0].starts_with("interface ") && lines[0].contains("rx-ovr"), "{table}");
    let line = lines.iter().find(|line| line.starts_with(SERVER_LINK)).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells[1..6], ["1500", "25", "0", "0", "0"], "{table}");
    let named = run(probe(&pair.server, &["interfaces", "uplink"]), LIMIT).unwrap().text();
    assert!(named.contains("srv0  up  mtu 1500") && named.contains("also named uplink"), "{named}");
}

/// veth takes native XDP unless its other end has more queues to send by than it has to receive by
/// (veth_set_xdp_features): what is said is what comes of trying.
#[test]
fn native_xdp_is_where_it_attaches() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let space = Namespace::new().unwrap();
    space
        .ip(&[
            "link add one0 numrxqueues 1 numtxqueues 1 type veth peer name one1 numrxqueues 2 \
             numtxqueues 2",
            "link set one0 up",
            "link set one1 up",
            "link add br0 type bridge",
            "link set br0 up",
        ])
        .unwrap();
    let mut seen = Vec::new();
    for interface in described(&space, &[]) {
        let name = interface["name"].as_str().unwrap();
        let hooks = interface["hooks"].as_array().unwrap();
        let says = hooks.contains(&"xdp-native".into());
        let count = ["count", "-i", name, "--hook", "xdp-native", "--duration", "10ms"];
        let tried = Running::spawn(probe(&space, &count)).unwrap().wait(LIMIT).unwrap();
        assert_eq!(says, tried.status.success(), "{interface}: {}", tried.stderr);
        let asked = interface["choices"][1]["hook"].as_str().unwrap();
        assert_eq!(asked == "xdp-native", says, "{interface}");
        seen.push((name.to_owned(), says));
    }
    seen.sort();
    let expected = [("br0", false), ("lo", false), ("one0", false), ("one1", true)]
        .map(|(n, s)| (n.into(), s));
    assert_eq!(seen, expected);
}

#[test]
fn rates_while_frames_come() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let words = ["interfaces", "--watch=200ms", "--json", SERVER_LINK];
    let watch = Running::spawn(probe(&pair.server, &words)).unwrap();
    // Its first reading is over when the first interval is.
    watch.wait_for_output("\"rx_pps\":0.0", LIMIT).unwrap();
    send(&pair, 500);
    watch.wait_for_output("\"rx_packets\":500", LIMIT).unwrap();
    watch.wait_for_output("\"rx_pps\":0.0", LIMIT).unwrap();
    let finished = watch.interrupt(LIMIT).unwrap();
    assert_eq!((finished.status.code(), finished.stderr.as_str()), (Some(0), ""));
    // Rates times intervals are what came.
    let sum = |field: &str| -> f64 {
        let text = finished.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let part = |line: Value| {
            let rate = line["interfaces"][0]["rates"][field].as_f64().unwrap();
            rate * line["interval"].as_f64().unwrap()
        };
        lines.map(part).sum()
    };
    // Both are rounded to three decimals.
    let near = |sum: f64, expected: f64| (sum / expected - 1.0).abs() < 0.02;
    assert!(near(sum("rx_pps"), 500.0), "{}", sum("rx_pps"));
    assert!(near(sum("rx_bps"), 500.0 * 142.0 * 8.0), "{}", sum("rx_bps"));
    let table = Running::spawn(probe(&pair.server, &["interfaces", "--watch=50ms"])).unwrap();
    for _ in 0..LIMIT.as_millis() / 10 {
        if table.stdout().windows(2).any(|bytes| bytes == b"\n\n") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // Once more, behind the empty line.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let text = table.interrupt(LIMIT).unwrap().text();
    assert!(!text.contains('\x1b') && text.contains("\n\ninterface "), "{text}");
}

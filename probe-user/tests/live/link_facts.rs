//! Expressions that ask for what no frame holds: the number of the interface, and the
//! netmask of its network, which tcpdump takes for 0. They mean what they mean to tcpdump
//! on the same link.

use std::net::Ipv4Addr;

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Running, SERVER_LINK, requirements::met,
};

use crate::{
    beside::Beside,
    rig::{LIMIT, NEEDS, beside_others, probe, quiet_pair},
};

fn index(namespace: &Namespace, link: &str) -> u32 {
    let path = format!("/sys/class/net/{link}/ifindex");
    let text = namespace.enter(|| Ok(std::fs::read_to_string(path)?)).unwrap();
    text.trim().parse().unwrap()
}

#[test]
fn interface_number_and_netmask() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let frames: Vec<Vec<u8>> =
        [[192, 0, 2, 255], [192, 0, 2, 77], [0; 4], [10, 1, 2, 255], [255; 4]]
            .into_iter()
            .map(|to| {
                let frame = Frame::ipv4(CLIENT_V4, Ipv4Addr::from(to));
                frame.udp(1_000 + u16::from(to[3]), 2).payload(b"to all").build()
            })
            .collect();
    for hook in ["tcx", "xdp-native", "xdp-generic"] {
        let pair = quiet_pair();
        let number = index(&pair.server, SERVER_LINK);
        let expressions = [
            (format!("ifindex {number}"), 5),
            (format!("ifindex {}", number + 1), 0),
            (format!("not ifindex {number}"), 0),
            (format!("ifindex {number} and dst port 2 and dst host 192.0.2.77"), 1),
            ("ip broadcast".into(), 2),
            ("ip broadcast and dst port 2 and src port 1255".into(), 1),
            ("not ip broadcast".into(), 3),
        ];
        let texts: Vec<&str> = expressions.iter().map(|(text, _)| text.as_str()).collect();
        let beside = Beside::start(&pair.server, SERVER_LINK, hook, &texts, &[]);
        let before = pair.server.counters(SERVER_LINK).unwrap();
        FrameSender::open(&pair.client, CLIENT_LINK).unwrap().send(&frames).unwrap();
        let sent = frames.len() as u64;
        pair.server.wait_for_received(SERVER_LINK, before, sent, LIMIT).unwrap();
        let counts = beside.agreed(sent, hook);
        for ((text, expected), count) in expressions.iter().zip(counts) {
            assert_eq!(count, *expected, "{hook}: {text}");
        }
    }
}

/// Interfaces differ in number: with several, it is not known.
#[test]
fn several_interfaces_have_no_number() {
    if !met(NEEDS) {
        return;
    }
    let _turn = beside_others();
    let pair = quiet_pair();
    let arguments = ["count", "-i", SERVER_LINK, "-i", "lo", "ifindex 2"];
    let finished = Running::spawn(probe(&pair.server, &arguments)).unwrap().wait(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(2), "{}", finished.stderr);
    assert!(finished.stderr.contains("is not known here"), "{}", finished.stderr);
}

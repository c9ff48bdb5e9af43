//! Two million frames at full rate: what is seen and matched is exact, and what a
//! capture loses is known to the frame.

use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, SERVER_LINK, SERVER_V4, SERVER_V6, Tcp,
    requirements::met, tcp_flags, trafgen,
};

use crate::rig::{
    CHOSEN, DELIVERED, LIMIT, LOST, NEEDS, Totals, alone, attached, counter, ledger, quiet_pair,
};

const FRAMES: u64 = 2_000_000;

/// Four frames of which two are SYNs, one of them IPv6.
fn mix() -> Vec<Vec<u8>> {
    let tcp = |flags| Tcp { source: 1024, destination: 80, flags, ..Tcp::default() };
    vec![
        Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp(tcp_flags::SYN)).build(),
        Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp(tcp_flags::ACK)).payload(b"hello").build(),
        Frame::ipv6(CLIENT_V6, SERVER_V6).tcp(tcp(tcp_flags::SYN)).build(),
        Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1024, 53).payload(b"?").build(),
    ]
}

#[test]
fn counts_are_exact() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for hook in ["xdp-native", "tcx"] {
        let pair = quiet_pair();
        let rules = [("syn", "@syn"), ("syn6", "ip6 and @syn"), ("dns", "@dns")];
        let count = counter(&pair.server, SERVER_LINK, hook, &rules);
        let before = pair.server.counters(SERVER_LINK).unwrap();
        trafgen(&pair.client, CLIENT_LINK, &mix(), FRAMES, LIMIT).unwrap();
        pair.server.wait_for_received(SERVER_LINK, before, FRAMES, LIMIT).unwrap();
        let totals = Totals::of(count);
        assert_eq!(totals.seen.0, FRAMES, "{hook}");
        assert_eq!(totals.packets("syn"), FRAMES / 2, "{hook}");
        assert_eq!(totals.packets("syn6"), FRAMES / 4, "{hook}");
        assert_eq!(totals.packets("dns"), FRAMES / 4, "{hook}");
    }
}

#[test]
fn a_captures_ledger_adds_up() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for hook in ["xdp-native", "tcx"] {
        let pair = quiet_pair();
        let arguments =
            ["capture", "-i", SERVER_LINK, "--hook", hook, "-s", "96", "-w", "/dev/null", "@syn"];
        let capture = attached(&pair.server, &arguments);
        let before = pair.server.counters(SERVER_LINK).unwrap();
        trafgen(&pair.client, CLIENT_LINK, &mix(), FRAMES, LIMIT).unwrap();
        pair.server.wait_for_received(SERVER_LINK, before, FRAMES, LIMIT).unwrap();
        let finished = capture.interrupt(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let ledger = ledger(&finished.stderr);
        assert_eq!(ledger[CHOSEN], FRAMES / 2, "{hook}");
        let captured = format!("{} packets captured", ledger[DELIVERED]);
        assert!(finished.stderr.contains(&captured), "{}", finished.stderr);
        let lost = FRAMES / 2 - ledger[DELIVERED];
        let dropped = format!("{lost} packets dropped by kernel");
        assert!(finished.stderr.contains(&dropped), "{}", finished.stderr);
    }
}

#[test]
fn a_full_ring_is_counted() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    // A small ring, and a reader that is held: something must be lost, and the rest must be
    // in the file.
    let arguments = [
        "capture",
        "-i",
        SERVER_LINK,
        "--hook",
        "tcx",
        "-Q",
        "in",
        "--buffer-size",
        "4",
        "-w",
        "/dev/shm/full.pcap",
    ];
    let capture = attached(&pair.server, &arguments);
    let before = pair.server.counters(SERVER_LINK).unwrap();
    capture.signal(libc::SIGSTOP).unwrap();
    trafgen(&pair.client, CLIENT_LINK, &mix(), 200_000, LIMIT).unwrap();
    pair.server.wait_for_received(SERVER_LINK, before, 200_000, LIMIT).unwrap();
    capture.signal(libc::SIGCONT).unwrap();
    let finished = capture.interrupt(LIMIT).unwrap();
    let ledger = ledger(&finished.stderr);
    assert_eq!(ledger[CHOSEN], 200_000);
    assert!(ledger[LOST] > 0, "{}", finished.stderr);
    let written =
        crate::rig::tcpdump_count(&pair.server, std::path::Path::new("/dev/shm/full.pcap"), "");
    assert_eq!(written, ledger[DELIVERED]);
}

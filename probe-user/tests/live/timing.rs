//! `probe rate`: an exact count over an exact time, held against a generator that knows
//! both.

use testbed::{
    CLIENT_LINK, CLIENT_V4, CLIENT_V6, Frame, FrameSender, SERVER_LINK, SERVER_V4, SERVER_V6, Tcp,
    requirements::met, tcp_flags,
};

use crate::rig::{LIMIT, NEEDS, alone, attached, quiet_pair};

const COUNT: u64 = 10_000;

#[test]
fn the_true_rate_lies_in_the_interval() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let tcp = |flags| Tcp { source: 1, destination: 80, flags, ..Tcp::default() };
    let frames = [
        Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp(tcp_flags::SYN)).build(),
        Frame::ipv6(CLIENT_V6, SERVER_V6).tcp(tcp(tcp_flags::SYN)).build(),
    ];
    for (rate, hook) in [(1_000.0, "xdp"), (20_000.0, "auto"), (200_000.0, "xdp")] {
        let pair = quiet_pair();
        let arguments = ["rate", "-i", SERVER_LINK, "--hook", hook, "-c", "10000"];
        let arguments = [&arguments[..], &["--format", "json", "@syn"]].concat();
        let running = attached(&pair.server, &arguments);
        let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
        let sent = sender.send_paced(&frames, COUNT, Some(rate)).unwrap();
        assert_eq!(sent.frames, COUNT);
        let finished = running.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let said: serde_json::Value = serde_json::from_str(&finished.text()).unwrap();
        assert_eq!(said["packets"], COUNT, "{said}");
        let number = |value: &serde_json::Value| {
            value.as_f64().unwrap_or_else(|| panic!("no number in {said}"))
        };
        let (low, high) = (number(&said["pps_95"][0]), number(&said["pps_95"][1]));
        let truth = (COUNT - 1) as f64 / sent.elapsed.as_secs_f64();
        assert!(low <= truth && truth <= high, "{truth}: {said}");
        let bits = frames.iter().map(Vec::len).sum::<usize>() as f64 / 2.0 * 8.0;
        let exact = number(&said["pps"]) * bits * COUNT as f64 / (COUNT - 1) as f64;
        assert!((number(&said["bps"]) / exact - 1.0).abs() < 0.01, "{exact}: {said}");
    }
}

/// More matches than asked for, on all CPUs at once: still exactly that many.
#[test]
fn the_count_is_exact_under_a_flood() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let arguments =
        ["rate", "-i", SERVER_LINK, "--hook", "tcx", "-c", "10000", "--format", "json", "udp"];
    let running = attached(&pair.server, &arguments);
    let frame = Frame::ipv4(CLIENT_V4, SERVER_V4).udp(1, 2).payload(b"flood").build();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
                sender.send_paced(&[&frame], 50_000, None).unwrap();
            });
        }
    });
    let finished = running.wait(LIMIT).unwrap();
    let said: serde_json::Value = serde_json::from_str(&finished.text()).unwrap();
    assert_eq!(said["packets"], COUNT, "{said}");
    assert_eq!(said["bytes"], COUNT * frame.len() as u64, "{said}");
}

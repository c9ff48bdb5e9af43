//! Time namespaces: the process reads another monotonic clock than the kernel programs do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, Namespace, Running, SERVER_LINK, SERVER_V4, Tcp,
    requirements::{Requirement, met},
    tcp_flags,
};

use crate::rig::{DELIVERED, LIMIT, NEEDS, beside_others, ledger, quiet_pair};

/// Seconds by which the process's clock is off. Backwards no further than since the boot.
const OFFSETS: [i64; 2] = [-60, 86_400];

/// `probe` in a time namespace of its own, attached.
fn attached(namespace: &Namespace, offset: i64, arguments: &[&str]) -> Running {
    let mut command = namespace.command("unshare");
    command.args(["--time", "--fork", "--kill-child", "--monotonic", &offset.to_string()]);
    command.arg(env!("CARGO_BIN_EXE_probe")).args(arguments);
    let running = Running::spawn(command).unwrap();
    running.wait_for_line("probe: attached to", LIMIT).unwrap();
    running
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

#[test]
fn a_time_namespace_changes_nothing() {
    if !met(
        &[NEEDS, &[Requirement::File("/proc/self/ns/time"), Requirement::Tool("unshare")]].concat()
    ) {
        return;
    }
    let _turn = beside_others();
    let tcp = Tcp { source: 1, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    let syn = Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).build();
    for offset in OFFSETS {
        let pair = quiet_pair();
        let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();

        // Frames are shown as they come, -c ends, and stamps are the time of day.
        let arguments = ["capture", "-i", SERVER_LINK, "-nn", "-tt", "-l", "-c", "7", "@syn"];
        let capture = attached(&pair.server, offset, &arguments);
        let before = now();
        sender.send(&vec![syn.clone(); 3]).unwrap();
        capture.wait_for_output(" IP ", LIMIT).unwrap();
        sender.send(&vec![syn.clone(); 4]).unwrap();
        let finished = capture.wait(LIMIT).unwrap();
        let after = now();
        assert_eq!(finished.status.code(), Some(0), "{offset}: {}", finished.stderr);
        assert_eq!(ledger(&finished.stderr)[DELIVERED], 7, "{offset}: {}", finished.stderr);
        let text = finished.text();
        let stamps = text.lines().map(|line| line.split(' ').next().unwrap());
        let stamps: Vec<Duration> =
            stamps.map(|stamp| Duration::from_secs_f64(stamp.parse().unwrap())).collect();
        assert_eq!(stamps.len(), 7, "{offset}: {text}");
        // What the offset of the two clocks may be off before it counts as a step.
        let slack = Duration::from_millis(2);
        for stamp in stamps {
            let right = before - slack..after + slack;
            assert!(right.contains(&stamp), "{offset}: {stamp:?} is not in {right:?}");
        }

        // The race is one of kernel time alone, and so is its span.
        let arguments = ["rate", "-i", SERVER_LINK, "-c", "5", "--format", "json", "@syn"];
        let rate = attached(&pair.server, offset, &arguments);
        let before = now();
        sender.send(&vec![syn.clone(); 5]).unwrap();
        let finished = rate.wait(LIMIT).unwrap();
        let report: serde_json::Value = serde_json::from_str(&finished.text()).unwrap();
        assert_eq!((&report["packets"], &report["ended_by"]), (&5.into(), &"count".into()));
        let span = report["seconds"].as_f64().unwrap();
        assert!((0.0..(now() - before).as_secs_f64()).contains(&span), "{offset}: {report}");
    }
}

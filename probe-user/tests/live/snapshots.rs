//! Counts of one moment: no rule is ever above what was seen, and the last line is exact though
//! frames pour in until the end.

use std::{thread, time::Duration};

use serde_json::Value;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, FrameSender, SERVER_LINK, SERVER_V4, Tcp, requirements::met,
    tcp_flags,
};

use crate::rig::{LIMIT, NEEDS, alone, attached, quiet_pair};

/// So many rules that the kernel copies their counters for a while.
const RULES: usize = 901;

/// How often it is tried; each end is another moment.
const ENDS: usize = 4;

fn syn(length: usize) -> Vec<u8> {
    let tcp = Tcp { source: 1, destination: 80, flags: tcp_flags::SYN, ..Tcp::default() };
    Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).payload(&vec![0; length]).build()
}

/// Sends from two CPUs for as long as `work` takes.
fn flooded<T>(pair: &testbed::Pair, frames: &[Vec<u8>], work: impl FnOnce() -> T) -> T {
    let over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let sender = FrameSender::open(&pair.client, CLIENT_LINK).unwrap();
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    sender.send(frames).unwrap();
                }
            });
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn packets(value: &Value) -> u64 {
    value["packets"].as_u64().unwrap()
}

#[test]
fn no_rule_is_above_what_was_seen() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let rules = format!("/dev/shm/rules-{}", std::process::id());
    let text: String =
        (0..RULES).map(|n| format!("[[rule]]\nname = \"r{n}\"\nfilter = \"ip\"\n")).collect();
    pair.server.enter(|| Ok(std::fs::write(&rules, text)?)).unwrap();
    let frames = vec![syn(0); 64];
    for hook in ["tcx", "xdp-generic", "xdp-native", "clsact"] {
        flooded(&pair, &frames, || {
            for _ in 0..ENDS {
                let arguments = ["count", "-i", SERVER_LINK, "--hook", hook, "--rules", &rules];
                let more = ["--format", "json", "--interval", "10ms"];
                let counter = attached(&pair.server, &[&arguments[..], &more].concat());
                thread::sleep(Duration::from_millis(300));
                let finished = counter.interrupt(LIMIT).unwrap();
                assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
                let text = finished.text();
                let lines: Vec<Value> =
                    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert!(lines.len() > 3, "{} lines", lines.len());
                for line in &lines {
                    let (seen, last) = (packets(&line["seen"]), line["final"] == true);
                    for rule in line["rules"].as_array().unwrap() {
                        let (name, count) = (&rule["name"], packets(rule));
                        assert!(count <= seen, "{hook}: {name} has {count} of {seen} seen");
                        assert!(!last || count == seen, "{hook}: {name}: {count}, {seen} seen");
                        // While frames come, bytes are copied a moment after packets.
                        let bytes = rule["bytes"].as_u64().unwrap();
                        assert!(!last || bytes == count * 54, "{hook}: {name}: {count}, {bytes}");
                    }
                }
                let last = lines.last().unwrap();
                assert!(last["final"] == true && packets(&last["seen"]) > 1_000, "{hook}");
            }
        });
    }
}

/// The bytes of a race are those of its matches, whichever CPU was the last to add its own.
#[test]
fn a_race_has_the_bytes_of_its_matches() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    let frames = vec![syn(46); 64];
    flooded(&pair, &frames, || {
        for hook in ["tcx", "xdp-generic"] {
            for goal in [2u64, 1_000, 20_001] {
                let goal_text = goal.to_string();
                let arguments = ["rate", "-i", SERVER_LINK, "--hook", hook, "-c", &goal_text];
                let rate = attached(
                    &pair.server,
                    &[&arguments[..], &["--format", "json", "tcp"]].concat(),
                );
                let finished = rate.wait(LIMIT).unwrap();
                let value: Value = serde_json::from_str(&finished.text()).unwrap();
                let counts = (packets(&value), value["bytes"].as_u64().unwrap());
                assert_eq!(counts, (goal, goal * 100), "{hook}");
            }
        }
    });
}

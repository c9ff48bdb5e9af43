//! The loopback, where what is sent is received: a frame is seen once, as by tcpdump.

use std::net::UdpSocket;

use testbed::{Namespace, Running, requirements::met};

use crate::rig::{LIMIT, NEEDS, Totals, alone, attached, tcpdump_lines};

/// Datagrams of either IP version, each of which a port that is closed answers.
const DATAGRAMS: usize = 4;
const FRAMES: usize = 2 * DATAGRAMS;

fn traffic(namespace: &Namespace) {
    let datagrams = || {
        for (from, to) in [("127.0.0.1:1000", "127.0.0.1:9"), ("[::1]:1000", "[::1]:9")] {
            for number in 0..DATAGRAMS / 2 {
                // A socket of its own: an answer is an error of the next call of the first.
                let socket = UdpSocket::bind(from)?;
                assert_eq!(socket.send_to(&vec![b'x'; number + 1], to)?, number + 1);
            }
        }
        Ok(())
    };
    namespace.enter(datagrams).unwrap();
}

/// The lines of a program that ends when it has seen so many frames.
fn lines(running: Running, count: usize) -> Vec<String> {
    let finished = running.wait(LIMIT).unwrap();
    let lines: Vec<String> = finished.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), count, "{}{lines:#?}", finished.stderr);
    lines
}

#[test]
fn lines_on_the_loopback_are_those_of_tcpdump() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    // Twice as much traffic as is waited for: a frame shown twice would take a place.
    let count = (2 * FRAMES).to_string();
    for flags in [
        &[][..],
        &["-Q", "in"],
        &["-Q", "inout"],
        &["-Q", "inout", "--hook", "clsact"],
        &["--hook", "xdp-generic"],
    ] {
        let namespace = Namespace::new().unwrap();
        let theirs = tcpdump_lines(&namespace, &["-i", "lo", "-c", &count]);
        let common = ["capture", "-tnn", "-i", "lo", "-c", &count];
        let ours = attached(&namespace, &[&common, flags].concat());
        traffic(&namespace);
        traffic(&namespace);
        let (ours, theirs) = (lines(ours, 2 * FRAMES), lines(theirs, 2 * FRAMES));
        assert_eq!(ours, theirs, "{flags:?}");
    }
}

/// tcpdump has nothing to show of what is sent on a loopback; whoever asks for that gets it
/// here.
#[test]
fn frames_sent_on_the_loopback() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new().unwrap();
    let count = FRAMES.to_string();
    let theirs = tcpdump_lines(&namespace, &["-i", "lo", "-Q", "out"]);
    let ours = attached(&namespace, &["capture", "-tnn", "-i", "lo", "-Q", "out", "-c", &count]);
    let control = tcpdump_lines(&namespace, &["-i", "lo", "-c", &count]);
    traffic(&namespace);
    let sent = lines(ours, FRAMES);
    assert_eq!(sent, lines(control, FRAMES));
    assert_eq!(theirs.interrupt(LIMIT).unwrap().text().trim(), "");
}

#[test]
fn a_count_on_the_loopback_is_that_of_frames() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    for direction in ["in", "out", "inout"] {
        for interface in ["lo", "any"] {
            let namespace = Namespace::new().unwrap();
            let common = ["count", "--format", "json", "--hook", "tcx", "-i", interface];
            let count = attached(&namespace, &[&common[..], &["-Q", direction]].concat());
            traffic(&namespace);
            let totals = Totals::of(count);
            assert_eq!(totals.packets("match"), FRAMES as u64, "{interface} {direction}");
        }
    }
}

//! `probe capture` at every hook: the bytes that were sent, in their order, and a ledger that
//! says so.

use std::io::Cursor;

use probe_filter::{Flow, FlowSeed, flow_limit};
use probe_frame::WallTime;
use probe_pcap::Reader;
use testbed::{
    CLIENT_LINK, CLIENT_V4, Frame, Namespace, Pair, Running, SERVER_LINK, requirements::met,
};

use super::{HOOKS, NEEDS, becomes, before, kinds, send, watching};
use crate::{
    rig::{CHOSEN, DELIVERED, LIMIT, alone, ledger, quiet_pair},
    scattered::NOBODY_V4,
};

const ROUNDS: usize = 40;

/// Frames of a file in a namespace's folder: their times, their bytes, and their lengths on the
/// wire.
pub(crate) fn frames(namespace: &Namespace, file: &str) -> Vec<(WallTime, Vec<u8>, u32)> {
    let bytes = namespace.enter(|| Ok(std::fs::read(file)?)).unwrap();
    let mut reader = Reader::new(file.to_owned(), Box::new(Cursor::new(bytes))).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        frames.push((frame.time, frame.bytes.to_vec(), frame.wire_len));
    }
    frames
}

/// The same without their times, which are in order.
fn read(namespace: &Namespace, file: &str) -> Vec<(Vec<u8>, u32)> {
    let frames = frames(namespace, file);
    assert!(frames.is_sorted_by_key(|(time, ..)| *time), "{file}: time goes back");
    frames.into_iter().map(|(_, bytes, length)| (bytes, length)).collect()
}

/// Ends a capture, and says how many frames its ledger has as chosen and as captured.
fn end(capture: Running, hook: &str) -> (u64, u64) {
    let finished = capture.interrupt(LIMIT).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
    let ledger = ledger(&finished.stderr);
    (ledger[CHOSEN], ledger[DELIVERED])
}

/// Whether two lists of frames are the same; where they are not, the first that differs.
fn assert_same(hook: &str, found: &[(Vec<u8>, u32)], right: &[Vec<u8>], snaplen: usize) {
    for (number, (found, right)) in found.iter().zip(right).enumerate() {
        let cut = &right[..right.len().min(snaplen)];
        assert!(found.0 == cut && found.1 as usize == right.len(), "{hook}: frame {number}");
    }
    assert_eq!(found.len(), right.len(), "{hook}");
}

#[test]
fn every_hook_captures_what_was_sent() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let frames = vec![kinds(); ROUNDS].concat();
    let pair = quiet_pair();
    for hook in HOOKS {
        let file = "/dev/shm/all.pcap";
        let capture = watching(&pair, hook, &["capture", "-w", file]);
        send(&pair, &frames);
        let sent = frames.len() as u64;
        assert_eq!(end(capture, hook), (sent, sent), "{hook}");
        assert_same(hook, &read(&pair.server, file), &frames, usize::MAX);
    }
}

/// Every tenth of the frames that match, cut to 96 bytes.
#[test]
fn sampled_and_cut() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let frames: Vec<Vec<u8>> = (0..1_000_u16)
        .flat_map(|number| {
            let frame = Frame::ipv4(CLIENT_V4, NOBODY_V4);
            let payload = vec![number as u8; usize::from(number)];
            [frame.clone().udp(number, 7).payload(&payload), frame.udp(number, 8)]
        })
        .map(|frame| frame.build())
        .collect();
    // Of the datagrams to port 7, which are every other frame, number 10, 20 and so on.
    let chosen: Vec<Vec<u8>> = frames.iter().step_by(2).skip(9).step_by(10).cloned().collect();
    let pair = quiet_pair();
    for hook in HOOKS {
        let file = "/dev/shm/sample.pcap";
        let arguments =
            ["capture", "-v", "--sample", "10", "-s", "96", "-w", file, "udp dst port 7"];
        let capture = watching(&pair, hook, &arguments);
        send(&pair, &frames);
        assert_eq!(end(capture, hook), (100, 100), "{hook}");
        assert_same(hook, &read(&pair.server, file), &chosen, 96);
    }
}

/// The datagrams of every connection that the seed chooses, and of no other one.
#[test]
fn whole_connections() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let (seed, limit) = (FlowSeed::new(1), flow_limit(8));
    let addresses = [CLIENT_V4.into(), NOBODY_V4.into()];
    let is_chosen =
        |number: u16| seed.hash(&Flow { addresses, ports: Some((17, [number, 7])) }) <= limit;
    let frame = |number: u16| Frame::ipv4(CLIENT_V4, NOBODY_V4).udp(number, 7);
    let numbers = || (0..3).flat_map(|_| 1..400_u16);
    let frames: Vec<Vec<u8>> = numbers().map(|number| frame(number).build()).collect();
    let chosen: Vec<Vec<u8>> =
        numbers().filter(|&number| is_chosen(number)).map(|number| frame(number).build()).collect();
    let pair = quiet_pair();
    for hook in HOOKS {
        let file = "/dev/shm/flows.pcap";
        let sampling = ["--sample-flows", "8", "--flow-seed", "1"];
        let arguments =
            [&["capture", "-v", "-w", file][..], &sampling, &["udp dst port 7"]].concat();
        let capture = watching(&pair, hook, &arguments);
        send(&pair, &frames);
        let count = chosen.len() as u64;
        assert_eq!(end(capture, hook), (count, count), "{hook}");
        assert_same(hook, &read(&pair.server, file), &chosen, 96);
    }
}

fn jumbo(pair: &Pair) {
    for (namespace, link) in [(&pair.client, CLIENT_LINK), (&pair.server, SERVER_LINK)] {
        namespace.ip(&[format!("link set {link} mtu 9000")]).unwrap();
    }
}

/// Frames of several pages: XDP gets them in pieces, and the filter looks at the last bytes.
#[test]
fn jumbo_frames_are_whole() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let payload: Vec<u8> = (0..8_900_u32).map(|at| (at * 7 % 251) as u8).collect();
    let frame = Frame::ipv4(CLIENT_V4, NOBODY_V4).udp(9, 9).payload(&payload).build();
    let frames = vec![frame; 20];
    let last = u32::from_be_bytes(*payload.last_chunk().unwrap());
    let filter = format!("udp[8904:4] = {last:#x}");
    let pair = quiet_pair();
    jumbo(&pair);
    for hook in HOOKS {
        let old_xdp = before(5, 18) && hook.starts_with("xdp");
        if old_xdp && becomes(hook) == "xdp-native" {
            // XDP in a driver then takes no frames of several pages: it does not attach.
            continue;
        }
        let file = "/dev/shm/jumbo.pcap";
        let capture = watching(&pair, hook, &["capture", "-w", file, &filter]);
        send(&pair, &frames);
        assert_eq!(end(capture, hook), (20, 20), "{hook}");
        assert_same(
            hook,
            &read(&pair.server, file),
            &frames,
            if old_xdp { 4_096 } else { usize::MAX },
        );
    }
}

/// Lines instead of a file, ended by their number.
#[test]
fn lines_as_they_come() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let pair = quiet_pair();
    for hook in HOOKS {
        let capture = watching(&pair, hook, &["capture", "-tnn", "-c", "2", "@get"]);
        send(&pair, &kinds());
        let finished = capture.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);
        let said = finished.text();
        let ends = ["192.0.2.1.40000 > 192.0.2.77.80", "2001:db8::1.40000 > 2001:db8::77.80"];
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), ends.len(), "{hook}: {said}");
        for (line, ends) in lines.iter().zip(ends) {
            assert!(line.contains(ends), "{hook}: {line}");
            assert!(line.contains("HTTP: GET / HTTP/1.1"), "{hook}: {line}");
        }
    }
}

//! Any frames at any times: connections are followed within their limits, every frame is accounted for,
//! and every connection that begins ends once.

use std::collections::HashSet;

use probe_flow::{Event, Limits, Tracker};
use probe_frame::{Frame, LinkType, WallTime};

/// Bytes in front of each frame: its length (big-endian), what is missing of it, and a time step.
const HEAD: usize = 4;

/// An input that has these frames, each so many microseconds behind the one before.
pub fn input(frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut input = vec![0];
    let mut before = frames.first().map_or(0, |frame| frame.0);
    for (time, bytes) in frames {
        input.extend((bytes.len() as u16).to_be_bytes());
        input.extend([0, step_code(time.saturating_sub(before))]);
        input.extend(bytes);
        before = *time;
    }
    input
}

/// The largest step that is not longer than so many nanoseconds.
fn step_code(nanoseconds: u64) -> u8 {
    (0..128).rev().find(|code| step(*code) <= nanoseconds as i64).unwrap_or(0)
}

/// A time step in nanoseconds: from 1 us to longer than any connection is followed, and backwards.
fn step(code: u8) -> i64 {
    let forwards = (1000_i64 << (code & 127).min(35)) - 1000;
    if code < 128 { forwards } else { -forwards }
}

/// Follows the frames. The first byte says with which limits, and what frames begin with.
///
/// # Panics
/// Where a frame or a connection is not accounted for, or more is held than may be.
pub fn run(input: &[u8]) {
    let Some((&settings, mut rest)) = input.split_first() else { return };
    let mut limits = Limits::default();
    limits.connections = 1 + usize::from(settings & 7);
    limits.detail_bytes = if settings & 8 == 0 { 1 << 20 } else { 4096 };
    let most = limits.connections;
    let links = LinkType::ALL;
    let link = match usize::from(settings >> 4) {
        0 => LinkType::Ethernet,
        number => links[number % links.len()],
    };
    let mut tracker = Tracker::new(limits);
    let (mut begun, mut ended) = (HashSet::new(), 0);
    let mut sink = |event: Event<'_>| match event {
        Event::Started(connection) => assert!(begun.insert(connection.id()), "begun twice"),
        Event::Ended(connection) => {
            assert!(connection.ending().is_some());
            // Each of these is worked out from what was seen.
            let words = (connection.outcome().word(), connection.conn_state().word());
            assert!(!words.0.is_empty() && !words.1.is_empty());
            ended += 1;
        }
        _ => {}
    };
    let mut time = 1_700_000_000_000_000_000_u64;
    let mut frames = 0;
    while let Some((&[high, low, missing, step_by], behind)) = rest.split_first_chunk::<HEAD>() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(behind.len());
        let (bytes, behind) = behind.split_at(length);
        rest = behind;
        time = time.wrapping_add_signed(step(step_by));
        let wire_len = bytes.len() as u32 + u32::from(missing);
        let time = WallTime(time);
        let frame = Frame { time, wire_len, link, bytes, ifindex: 0, outbound: None };
        tracker.frame(&frame, &mut sink);
        frames += 1;
        assert!(tracker.open().count() <= most, "more than may be");
        if missing == 255 {
            tracker.lost(WallTime(time.0.saturating_add(1_000_000_000)));
        }
    }
    let figures = tracker.figures();
    tracker.finish(&mut sink);
    assert_eq!(figures.frames, frames);
    let followed = figures.followed + figures.refused + figures.errors_about_others;
    let others = figures.other + figures.fragments + figures.cut + figures.malformed;
    assert_eq!(followed + others, frames, "{figures:?}");
    assert_eq!((begun.len() as u64, ended), (figures.connections, figures.connections));
}

//! `probe record` at every hook: the last frames, whole and in their order, and how many older ones
//! were overwritten.

use testbed::{CLIENT_V4, Frame, SERVER_LINK, requirements::met};

use super::{HOOKS, NEEDS, capture::frames, send, watching};
use crate::{
    rig::{LIMIT, alone, quiet_pair},
    scattered::NOBODY_V4,
};

const SENT: u32 = 20_000;

/// A frame of each length up to 700 bytes, with its number.
fn frame(number: u32) -> Vec<u8> {
    let payload = [&number.to_be_bytes()[..], &vec![number as u8; number as usize % 650]].concat();
    Frame::ipv4(CLIENT_V4, NOBODY_V4).udp(9, 9).payload(&payload).build()
}

#[test]
fn every_hook_keeps_the_last_frames() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let sent: Vec<Vec<u8>> = (0..SENT).map(frame).collect();
    let pair = quiet_pair();
    for hook in HOOKS {
        let file = "/dev/shm/record.pcapng";
        let arguments =
            ["record", "-Q", "in", "-s", "1500", "-B", "1M", "-w", file, "udp dst port 9"];
        let recorder = watching(&pair, hook, &arguments);
        send(&pair, &sent);
        recorder.signal(libc::SIGUSR2).unwrap();
        let finished = recorder.wait(LIMIT).unwrap();
        assert_eq!(finished.status.code(), Some(0), "{hook}: {}", finished.stderr);

        let held = frames(&pair.server, file);
        assert!(held.is_sorted_by_key(|(time, ..)| *time), "{hook}: time goes back");
        // From the first one held to the last one sent, none is missing and none is cut.
        let first = sent.len() - held.len();
        for ((_, found, _), right) in held.iter().zip(&sent[first..]) {
            assert_eq!(found, right, "{hook}");
        }
        let overwritten = overwritten(&finished.stderr);
        assert_eq!(overwritten, Some(first as u64), "{hook}: {}", finished.stderr);
        // A link, a header, the bytes up to a multiple of eight; all but the longest one fits.
        let slots: usize =
            held.iter().map(|(_, bytes, _)| 8 + (40 + bytes.len()).next_multiple_of(8)).sum();
        assert!(slots > (1 << 20) * 95 / 100, "{hook}: {slots} bytes on {SERVER_LINK}");
    }
}

/// Frames that a recorder says it has not any more.
pub fn overwritten(said: &str) -> Option<u64> {
    let (before, _) = said.split_once(" older ones, of the ")?;
    before.rsplit(' ').next()?.replace(',', "").parse().ok()
}

//! The hand-written filters over captured frames, in the kernel against the evaluator.

use pcap::{Capture, Linktype};
use probe_filter::ebpf::Flavour;
use probe_filter::testing::frames::Rng;
use probe_filter::{Options, compile};
use test_support::bpf;
use test_support::expressions::hand_written;

use crate::{cbpf, rules};

/// Rules of one program.
const TOGETHER: usize = 64;
/// Frames that each filter is asked about by a socket.
const BY_SOCKET: usize = 100;

/// The Ethernet frames of all captures in the folder that `PROBE_CAPTURES` names.
fn frames() -> Option<Vec<Vec<u8>>> {
    let Some(folder) = std::env::var_os("PROBE_CAPTURES") else {
        assert!(bpf::may_skip(), "PROBE_CAPTURES names no folder of captures");
        println!("skipped: PROBE_CAPTURES names no folder of captures");
        return None;
    };
    let mut frames = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("PROBE_CAPTURES is a folder") {
        let Ok(mut capture) = Capture::from_file(entry.expect("readable").path()) else { continue };
        if capture.get_datalink() != Linktype::ETHERNET {
            continue;
        }
        while let Ok(packet) = capture.next_packet() {
            frames.push(packet.data.to_vec());
        }
    }
    assert!(frames.len() > 1000, "{} captured frames in {folder:?}", frames.len());
    Some(frames)
}

/// The filters that need no names looked up.
fn texts() -> Vec<String> {
    let options = Options::default().direction(true);
    let settled = |text: &&str| compile(text, &options).is_ok();
    hand_written().filter(settled).map(str::to_owned).collect()
}

#[test]
fn ebpf_agrees_on_captured_frames() {
    if !bpf::available() {
        return;
    }
    let Some(frames) = frames() else { return };
    let mut matches = 0;
    for texts in texts().chunks(TOGETHER) {
        for flavour in [Flavour::Xdp, Flavour::Skb] {
            matches += rules::check(texts, flavour, &frames);
        }
    }
    println!("{} frames, {matches} matches", frames.len());
    assert!(matches > frames.len(), "{matches} matches");
}

#[test]
fn classic_bpf_agrees_on_captured_frames() {
    let Some(frames) = frames() else { return };
    let options = Options::default().direction(true);
    let (mut rng, mut said, mut matches) = (Rng::new(9), 0, 0);
    let texts = texts();
    for text in &texts {
        let filter = compile(text, &options).expect("compiled before");
        let some: Vec<Vec<u8>> =
            (0..BY_SOCKET).map(|_| frames[rng.below(frames.len())].clone()).collect();
        said += usize::from(cbpf::check(filter.graph(), text, &some, &mut matches));
    }
    println!("{said} of {} filters, {matches} matches", texts.len());
    assert!(said > texts.len() / 2, "{said} of {} filters in classic BPF", texts.len());
    assert!(matches > texts.len(), "{matches} matches");
}

//! Whatever the bytes of frames are, they print.

use std::env;

use probe_frame::Frame;
use probe_pcap::Reader;
use probe_print::{Printer, Style};

/// Damaged frames of tcpdump's own captures, which have most protocols, print, where `PROBE_CAPTURES` names
/// their folder. What is printed of a frame is bounded by its bytes.
#[test]
fn damaged_captures_print() {
    let Some(folder) = env::var_os("PROBE_CAPTURES") else {
        let required = env::var_os("PROBE_REQUIRE_KERNEL_TESTS").is_some_and(|value| value == "1");
        assert!(!required, "PROBE_CAPTURES names no folder of captures");
        eprintln!("SKIPPED, NOT TESTED: PROBE_CAPTURES names no folder");
        return;
    };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % most
    };
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let Ok(mut reader) = Reader::open(&path) else { continue };
        while let Ok(Some(frame)) = reader.next() {
            for round in 0..16_u8 {
                let changes = round % 4;
                let mut bytes = frame.bytes.to_vec();
                for _ in 0..changes {
                    let Some(last) = bytes.len().checked_sub(1) else { break };
                    // The links and addresses stay: they lead to the printers.
                    let at = random(last + 1).max(last.min(38));
                    bytes[at] = [0, 1, 0x7f, 0xff, random(256) as u8][random(5)];
                }
                let style = Style { verbose: 1 + changes, ..Style::default() };
                let mut out = Vec::new();
                let damaged = Frame { bytes: &bytes, ..frame };
                Printer::new(style).print(&damaged, &mut out);
                let most = 20_000 + 100 * bytes.len();
                assert!(out.len() <= most, "{} of {}", out.len(), bytes.len());
            }
        }
    }
}

//! Whatever the bytes are: printers answer, and what they print cannot command a terminal.

use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_print::{Dump, Printer, Style, TimeStyle};
use proptest::{collection::vec, prelude::*, sample::Index};
use testbed::samples::{self, Sample};

fn styles() -> Vec<Style> {
    let dumps = [
        Dump::None,
        Dump::Hex { link: true },
        Dump::HexAndText { link: false },
        Dump::Text { link: false },
    ];
    (0..4u8)
        .zip(dumps)
        .map(|(verbose, dump)| Style {
            link_header: verbose % 2 == 1,
            quiet: verbose == 0,
            verbose,
            dump,
            time: if verbose == 3 { TimeStyle::SinceFirst } else { TimeStyle::Clock },
            precision: Precision::Nano,
            ..Style::default()
        })
        .collect()
}

/// Prints a frame in every style; what comes out is text without control characters.
fn print(bytes: &[u8], wire_len: u32) {
    for link in LinkType::ALL {
        for style in styles() {
            let mut printer = Printer::new(style);
            let mut out = Vec::new();
            let time = WallTime(1_700_000_000_000_000_000);
            let frame = Frame { time, wire_len, bytes, link, ifindex: 1, outbound: Some(true) };
            printer.print(&frame, &mut out);
            assert_eq!(out.last(), Some(&b'\n'));
            let bad = out.iter().find(|b| !matches!(b, b'\n' | b'\t' | 0x20..0x7f));
            assert_eq!(bad, None, "{}", String::from_utf8_lossy(&out));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn noise_prints(bytes in vec(any::<u8>(), 0..200), extra in 0u32..2000) {
        print(&bytes, bytes.len() as u32 + extra);
    }

    #[test]
    fn lengths_that_lie_print(bytes in vec(any::<u8>(), 0..100), wire_len in any::<u32>()) {
        print(&bytes, wire_len);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Real frames with a few bytes changed reach deeper than noise does.
    #[test]
    fn damaged_frames_print(
        which in any::<Index>(),
        changes in vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        thread_local!(static SAMPLES: Vec<Sample> = samples::all());
        let (mut bytes, wire_len) = SAMPLES.with(|samples| which.get(samples).clone());
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        print(&bytes, wire_len);
    }
}

//! Whatever the bytes are: printers and readers answer, and what they print cannot
//! command a terminal.

mod samples;

use std::{env, io::Cursor};

use probe::file::Reader;
use probe_filter::LinkType;
use probe_frame::{Frame, Precision, WallTime};
use probe_print::{Dump, Printer, Style, TimeStyle};
use proptest::{collection::vec, prelude::*, sample::Index};

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
    for link in [LinkType::Ethernet, LinkType::Raw] {
        for style in styles() {
            let mut printer = Printer::new(style, link);
            let mut out = Vec::new();
            let time = WallTime(1_700_000_000_000_000_000);
            let frame = Frame { time, wire_len, bytes, ifindex: 1, outbound: Some(true) };
            printer.print(&frame, &mut out);
            assert_eq!(out.last(), Some(&b'\n'));
            let bad = out.iter().find(|b| !matches!(b, b'\n' | b'\t' | 0x20..0x7f));
            assert_eq!(bad, None, "{}", String::from_utf8_lossy(&out));
        }
    }
}

/// Reads a file to its end or its error; the number of frames is bounded by its bytes.
fn read(bytes: Vec<u8>) {
    let length = bytes.len();
    let Ok(mut reader) = Reader::new("test".into(), Box::new(Cursor::new(bytes))) else { return };
    let mut frames = 0;
    while let Ok(Some(_)) = reader.next() {
        frames += 1;
    }
    assert!(frames <= length);
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

    #[test]
    fn noise_reads(bytes in vec(any::<u8>(), 0..500)) {
        read(bytes);
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
        thread_local!(static SAMPLES: Vec<samples::Sample> = samples::all());
        let (mut bytes, wire_len) = SAMPLES.with(|samples| which.get(samples).clone());
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        print(&bytes, wire_len);
    }
}

/// The same of tcpdump's own captures, which have more protocols, where `PROBE_CAPTURES` names
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
        let link = reader.link();
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
                Printer::new(style, link).print(&damaged, &mut out);
                let most = 20_000 + 100 * bytes.len();
                assert!(out.len() <= most, "{} of {}", out.len(), bytes.len());
            }
        }
    }
}

/// A pcapng file of one section, one interface, and a frame in each kind of block.
fn pcapng(big: bool) -> Vec<u8> {
    let word = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let half = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let mut out = Vec::new();
    let mut block = |kind: u32, body: &[&[u8]]| {
        let body = body.concat();
        let total = body.len() as u32 + 12;
        out.extend([&word(kind), &word(total), body.as_slice(), &word(total)].concat());
    };
    block(0x0a0d_0d0a, &[&word(0x1a2b_3c4d), &half(1), &half(0), &[0xff; 8]]);
    // Nanoseconds, and an hour added.
    let hour = if big { 3600i64.to_be_bytes() } else { 3600i64.to_le_bytes() };
    block(
        1,
        &[
            &half(1),
            &half(0),
            &word(0),
            &half(9),
            &half(1),
            &[9, 0, 0, 0],
            &half(14),
            &half(8),
            &hour,
            &half(0),
            &half(0),
        ],
    );
    let ticks = 1_700_000_000_123_456_789u64;
    let (high, low) = (word((ticks >> 32) as u32), word(ticks as u32));
    // Outbound, by the flags.
    let options = [&half(2)[..], &half(4), &word(2), &half(0), &half(0)].concat();
    block(6, &[&word(0), &high, &low, &word(5), &word(60), b"hello\0\0\0", &options]);
    block(3, &[&word(3), b"abc\0"]);
    block(4, &[b"names and such  "]);
    block(2, &[&half(0), &half(7), &high, &low, &word(2), &word(2), b"hi\0\0"]);
    out
}

#[test]
fn pcapng_in_either_byte_order() {
    for big in [false, true] {
        let mut reader =
            Reader::new("test".into(), Box::new(Cursor::new(pcapng(big)))).expect("a capture");
        let frame = reader.next().expect("readable").expect("a frame");
        assert_eq!((frame.bytes, frame.wire_len), (&b"hello"[..], 60));
        assert_eq!(frame.time, WallTime(1_700_003_600_123_456_789));
        assert_eq!(frame.outbound, Some(true));
        let frame = reader.next().expect("readable").expect("a frame");
        assert_eq!((frame.bytes, frame.time), (&b"abc"[..], WallTime(0)));
        let frame = reader.next().expect("readable").expect("a frame");
        assert_eq!((frame.bytes, frame.outbound), (&b"hi"[..], None));
        assert!(reader.next().expect("readable").is_none());
    }
}

/// A file that ends anywhere, or has any byte changed, reads or is refused; an error names
/// the file and a place in it.
#[test]
fn damaged_files_read_or_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.pcap");
    let few: Vec<_> = samples::all().into_iter().take(3).collect();
    samples::write(&path, &few);
    let pcap = std::fs::read(&path).expect("the file just written");
    for file in [pcap, pcapng(false), pcapng(true)] {
        for end in 0..file.len() {
            read(file[..end].to_vec());
        }
        for at in 0..file.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = file.clone();
                damaged[at] = value;
                read(damaged);
            }
        }
        let mut cut =
            Reader::new("x.pcap".into(), Box::new(Cursor::new(file[..file.len() - 1].to_vec())))
                .expect("its head is whole");
        let error = loop {
            match cut.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the last record is cut"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.starts_with("x.pcap ends inside the record that begins at byte "), "{error}");
    }
}

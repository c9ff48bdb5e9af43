//! Captures and their text: `golden/LAYER/NAME.pcap` as `golden/LAYER/NAME.FLAGS.out` has it.
//!
//! The captures are the testbed's frames, whole and cut; the text is tcpdump's, by the flags
//! that the name has. Neither tcpdump nor anything else is needed to compare:
//!
//! ```text
//! cargo test -p probe-print --test golden
//! PROBE_BLESS=1 cargo test -p probe-print --test golden    # writes both anew, needs tcpdump
//! ```

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Once,
};

use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_print::{Dump, Printer, Style, TimeStyle};
use testbed::samples::{Capture, captures};

/// The flags of every capture.
const FLAGS: [&str; 4] = ["-n", "-nqt", "-nev", "-nvvX"];

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Flags as tcpdump's letters.
fn style(flags: &str) -> Style {
    let mut style = Style::default();
    for letter in flags.trim_start_matches('-').chars() {
        match letter {
            'n' => {}
            'e' => style.link_header = true,
            'q' => style.quiet = true,
            't' => style.time = TimeStyle::None,
            'v' => style.verbose += 1,
            'X' => style.dump = Dump::HexAndText { link: false },
            other => panic!("{other} is no flag that this test knows"),
        }
    }
    style.precision = Precision::Micro;
    style
}

/// A pcap file (draft-ietf-opsawg-pcap) of Ethernet frames: all of them whole, then each of
/// them cut.
fn pcap(capture: &Capture) -> Vec<u8> {
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1]);
    let whole = capture.frames.iter().map(|frame| (&frame[..], frame.len()));
    let cut = capture.frames.iter().enumerate().map(|(index, frame)| {
        // Another part of each.
        let kept = frame.len() * (index % 7 + 2) / 10;
        (&frame[..kept], frame.len())
    });
    for (number, (bytes, length)) in whole.chain(cut).enumerate() {
        let micros = number as u32 * 1_234;
        let seconds = 1_700_000_000 + micros / 1_000_000;
        let lengths = [bytes.len() as u32, length as u32];
        file.extend(words(&[seconds, micros % 1_000_000, lengths[0], lengths[1]]));
        file.extend(bytes);
    }
    file
}

/// What is printed of a file that [`pcap`] made.
fn printed(file: &[u8], style: Style) -> String {
    let mut printer = Printer::new(style);
    let mut out = Vec::new();
    let mut rest = &file[FILE_HEADER..];
    while !rest.is_empty() {
        let (header, body) = rest.split_at(RECORD_HEADER);
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("a word"));
        let (bytes, next) = body.split_at(word(8) as usize);
        let time = WallTime::new(word(0).into(), u64::from(word(4)) * 1_000);
        let frame = Frame {
            time,
            wire_len: word(12),
            bytes,
            link: LinkType::Ethernet,
            ifindex: 0,
            outbound: None,
        };
        printer.print(&frame, &mut out);
        rest = next;
    }
    String::from_utf8(out).expect("text")
}

/// Writes a capture, and what tcpdump says of it.
fn bless(capture: &Capture) {
    let folder = folder().join(capture.layer);
    fs::create_dir_all(&folder).expect("making a folder");
    let file = folder.join(format!("{}.pcap", capture.name));
    fs::write(&file, pcap(capture)).expect("writing a capture");
    for flags in FLAGS {
        let mut tcpdump = Command::new("tcpdump");
        tcpdump.arg(flags).arg("-r").arg(&file).env("TZ", "UTC");
        let output = tcpdump.output().expect("tcpdump, from which the text is taken");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = folder.join(format!("{}.{flags}.out", capture.name));
        fs::write(text, output.stdout).expect("writing text");
    }
}

/// Before either test, and once.
fn bless_if_asked() {
    static BLESSED: Once = Once::new();
    BLESSED.call_once(|| {
        if env::var_os("PROBE_BLESS").is_some() {
            captures().iter().for_each(bless);
        }
    });
}

/// The files below the folder whose names end so, with their layer.
fn files(ending: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for layer in fs::read_dir(folder()).expect("the folder of captures") {
        let layer = layer.expect("a folder").path();
        for file in fs::read_dir(&layer).expect("a folder of one layer") {
            let path = file.expect("a file").path();
            let name =
                path.strip_prefix(folder()).expect("below it").to_string_lossy().into_owned();
            found.extend(name.strip_suffix(ending).map(str::to_owned));
        }
    }
    found
}

/// The first line that differs, with those around it.
fn difference(ours: &str, golden: &str) -> String {
    let (ours, golden): (Vec<_>, Vec<_>) = (ours.lines().collect(), golden.lines().collect());
    let same = ours.iter().zip(&golden).take_while(|(a, b)| a == b).count();
    let around =
        |lines: &[&str]| lines[same.saturating_sub(2)..lines.len().min(same + 3)].join("\n");
    format!("line {}:\n--- golden\n{}\n--- ours\n{}", same + 1, around(&golden), around(&ours))
}

#[test]
fn every_text_is_golden() {
    bless_if_asked();
    let (captures, texts) = (files(".pcap"), files(".out"));
    assert!(!captures.is_empty(), "no captures in {}", folder().display());
    let mut compared = 0;
    for name in &captures {
        let file = fs::read(folder().join(format!("{name}.pcap"))).expect("a capture");
        for text in texts.iter().filter_map(|text| text.strip_prefix(name)?.strip_prefix('.')) {
            let golden = fs::read_to_string(folder().join(format!("{name}.{text}.out")));
            let (ours, golden) = (printed(&file, style(text)), golden.expect("text"));
            assert!(ours == golden, "{name} with {text}: {}", difference(&ours, &golden));
            compared += 1;
        }
    }
    assert_eq!(compared, texts.len(), "a text without a capture");
    assert_eq!(compared, captures.len() * FLAGS.len(), "a capture without all its texts");
}

/// The captures can be made anew, byte by byte.
#[test]
fn the_captures_are_the_testbeds() {
    bless_if_asked();
    for capture in captures() {
        let path = folder().join(capture.layer).join(format!("{}.pcap", capture.name));
        let file = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(file == pcap(&capture), "{} is not what the testbed makes", path.display());
    }
    assert_eq!(files(".pcap").len(), captures().len(), "a capture that the testbed does not make");
}

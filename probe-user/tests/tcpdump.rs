//! Lines held against tcpdump's: the same capture, the same flags, the same text.

mod beside;
#[path = "../examples/equal_lines/frames.rs"]
mod frames;
#[path = "../examples/equal_lines/generated.rs"]
mod generated;
#[path = "../examples/equal_lines/protocol.rs"]
mod protocol;
mod samples;

use std::{
    env,
    ffi::OsString,
    io::Write as _,
    path::{Path, PathBuf},
};

use beside::{assert_equal, output};
use testbed::requirements::{REQUIRED, Requirement::Tool, met};

/// Frame by frame: a line, and the indented lines below it.
fn split(text: &str) -> Vec<String> {
    let mut frames: Vec<String> = Vec::new();
    for line in text.lines() {
        match frames.last_mut() {
            Some(frame) if line.starts_with([' ', '\t']) => {
                frame.push('\n');
                frame.push_str(line);
            }
            _ => frames.push(line.into()),
        }
    }
    frames
}

#[test]
fn every_line_is_tcpdumps() {
    if !met(&[Tool("tcpdump")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.pcap");
    let samples = testbed::samples::all();
    assert!(samples.len() > 2000, "{}", samples.len());
    samples::write(&file, &samples);
    let probe = env!("CARGO_BIN_EXE_probe");
    for flags in [
        "", "-e", "-q", "-S", "-v", "-vv", "-vvv", "-K", "-t", "-tt", "-ttt", "-tttt", "-ttttt",
        "-x", "-xx", "-X", "-XX", "-A", "-AA", "--number", "-qe", "-ve", "-vvX",
    ] {
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let ours = output(probe, &[&["capture", "-nn"], &flags[..]].concat(), &file);
        let theirs = output("tcpdump", &[&["-nn"], &flags[..]].concat(), &file);
        // Text dumps have lines of their own; there the whole is compared.
        let (ours, theirs) = (split(&ours), split(&theirs));
        assert_equal(&format!("{flags:?}"), &ours, &theirs);
    }
}

/// Rows of the table of docs/output.md in which every line is tcpdump's, whatever the flags.
const CORE: &[&str] = &[
    "TCP",
    "other TCP",
    "other UDP",
    "HTTP",
    "SSH",
    "SMTP",
    "DNS",
    "DNS over TCP",
    "mDNS",
    "ICMP",
    "ICMPv6",
    "IGMP",
    "ARP",
    "RARP",
    "fragments",
    "cut short",
];

/// Frames that are equal in all, without flags and with `-v`: never fewer than that.
const EQUAL: [(&str, usize); 2] = [("-t", FLOOR), ("-t -v", FLOOR_VERBOSE)];
const FLOOR: usize = 8008;
const FLOOR_VERBOSE: usize = 7980;

/// tcpdump's own captures, in the folder that `PROBE_CAPTURES` names.
fn captures() -> Option<Vec<PathBuf>> {
    let Some(folder) = env::var_os("PROBE_CAPTURES") else {
        let required = env::var_os(REQUIRED).is_some_and(|value| value == "1");
        assert!(!required, "PROBE_CAPTURES names no folder of captures");
        let _ = writeln!(std::io::stderr(), "SKIPPED, NOT TESTED: PROBE_CAPTURES names no folder");
        return None;
    };
    Some(frames::captures(Path::new(&folder)).unwrap())
}

/// Whether each time stamp of a capture has a fraction of less than a second. tcpdump prints
/// others as they stand; probe carries them over (docs/output.md).
fn has_sane_times(file: &Path) -> bool {
    let bytes = std::fs::read(file).unwrap();
    let word = |at: usize, big: bool| -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let (big, most) = match word(0, true) {
        Some(0xa1b2_c3d4) => (true, 1_000_000),
        Some(0xd4c3_b2a1) => (false, 1_000_000),
        Some(0xa1b2_3c4d) => (true, 1_000_000_000),
        Some(0x4d3c_b2a1) => (false, 1_000_000_000),
        // pcapng's are one number.
        _ => return true,
    };
    let mut at = 24;
    while let (Some(fraction), Some(length)) = (word(at + 4, big), word(at + 8, big)) {
        if fraction >= most {
            return false;
        }
        at += 16 + length as usize;
    }
    true
}

fn flags(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

#[test]
fn core_protocols_of_tcpdumps_captures() {
    let Some(files) = captures().filter(|_| met(&[Tool("tcpdump")])) else { return };
    // Only captures that have such frames are looked at again.
    let is_core = |pair: &frames::Pair| CORE.contains(&pair.protocol.as_str());
    let with_core = |file: &PathBuf| {
        let pairs = frames::pairs(file, &flags("-t")).unwrap();
        pairs.is_some_and(|pairs| pairs.iter().any(is_core))
    };
    let files: Vec<PathBuf> = files.into_iter().filter(with_core).collect();
    let mut compared = 0;
    for text in [
        "-t",
        "-t -v",
        "-t -vv",
        "-t -vvv",
        "-t -e",
        "-t -q",
        "-t -S",
        "-t -K",
        "-t -x",
        "-t -xx",
        "-t -X",
        "-t -XX",
        "-t -A",
        "-t -AA",
        "-t -e -v -X",
        "",
        "-tt",
        "-ttt",
        "-tttt",
        "-ttttt",
    ] {
        for file in &files {
            if !text.starts_with("-t ") && text != "-t" && !has_sane_times(file) {
                continue;
            }
            for pair in frames::pairs(file, &flags(text)).unwrap().unwrap() {
                // A time that tcpdump cannot convert (docs/output.md).
                let unconverted = pair.theirs.windows(6).any(|word| word == b"[Error");
                if is_core(&pair) && !unconverted {
                    compared += 1;
                    assert!(
                        pair.ours == pair.theirs,
                        "'{text}' of {}:\nprobe:   {}tcpdump: {}",
                        file.display(),
                        String::from_utf8_lossy(&pair.ours),
                        String::from_utf8_lossy(&pair.theirs)
                    );
                }
            }
        }
    }
    assert!(compared > 70_000, "{compared} frames");
}

/// AS numbers in halves. Frames of BGP that are tcpdump's with `-v` are so with `-b`, too, and
/// some of them look different with it.
#[test]
fn numbers_of_autonomous_systems() {
    let Some(files) = captures().filter(|_| met(&[Tool("tcpdump")])) else { return };
    let (mut compared, mut halved) = (0, 0);
    for file in &files {
        for text in ["-t", "-t -v", "-t -vv"] {
            let Some(plain) = frames::pairs(file, &flags(text)).unwrap() else { continue };
            if !plain.iter().any(|pair| pair.protocol == "BGP") {
                break;
            }
            let dotted = frames::pairs(file, &flags(&format!("{text} -b"))).unwrap().unwrap();
            let equal = |pair: &frames::Pair| pair.ours == pair.theirs;
            let bgp = |pair: &frames::Pair| pair.protocol == "BGP" && equal(pair);
            for (plain, dotted) in plain.iter().zip(&dotted).filter(|(plain, _)| bgp(plain)) {
                assert!(equal(dotted), "{text}: {}", String::from_utf8_lossy(&dotted.ours));
                compared += 1;
                halved += usize::from(plain.ours != dotted.ours);
            }
        }
    }
    assert!(compared > 150 && halved > 10, "{compared} frames, {halved} of them halved");
}

#[test]
fn no_fewer_lines_of_tcpdumps_captures() {
    let Some(files) = captures().filter(|_| met(&[Tool("tcpdump")])) else { return };
    for (text, floor) in EQUAL {
        let pairs = files.iter().filter_map(|file| frames::pairs(file, &flags(text)).unwrap());
        let equal = pairs.flatten().filter(|pair| pair.ours == pair.theirs).count();
        assert!(equal >= floor, "'{text}': {equal} frames are equal, {floor} were");
    }
}

/// Protocols by grammar of which part is not shown with `-v` (docs/output.md).
const PARTLY: &[&str] = &["ISAKMP", "LMP", "LSP ping", "RSVP"];

/// Frames by grammar, of one seed that stays, so that a run says something about the change at hand;
/// `PROBE_TEST_SEED` tries another one. The great comparison, of 100,000 frames and more, is the
/// example `equal_lines` (docs/testing.md).
#[test]
fn frames_by_grammar_agree() {
    const EACH: usize = 10;
    if !met(&[Tool("tcpdump")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("generated.pcap");
    let protocols = testbed::grammar::protocols();
    let other = env::var("PROBE_TEST_SEED").ok().map(|seed| seed.parse().expect("a number"));
    for seed in [Some(1), other].into_iter().flatten() {
        for text in ["-t", "-t -v", "-t -vv", "-t -vvv", "-t -e", "-t -q", "-t -x", "-t -evX"] {
            let flags = flags(text);
            let compared = generated::compare(&file, &protocols, seed, EACH, &flags).unwrap();
            let (pairs, on_purpose) = (compared.pairs, compared.on_purpose);
            assert_eq!(pairs.len() + on_purpose, EACH * protocols.len());
            assert!(on_purpose < protocols.len() / 5, "{on_purpose} differ on purpose");
            let verbose = text.contains('v');
            for pair in pairs {
                let claimed = !verbose || !PARTLY.contains(&pair.protocol.as_str());
                assert!(
                    !claimed || pair.ours == pair.theirs,
                    "'{text}' of {}, PROBE_TEST_SEED={seed}:\nprobe:   {}tcpdump: {}",
                    pair.protocol,
                    String::from_utf8_lossy(&pair.ours),
                    String::from_utf8_lossy(&pair.theirs)
                );
            }
        }
    }
}

//! Versions of the formats, and who wrote them: what tcpdump refuses is refused, what it reads is
//! read, and shown alike.

use std::{fs, path::Path, process::Command};

use testbed::{
    Frame,
    requirements::{Requirement::Tool, met},
};

/// Standard output, and whether all went well.
fn read(program: &str, arguments: &[&str], file: &Path) -> (String, bool) {
    let output =
        Command::new(program).args(arguments).arg("-r").arg(file).env("TZ", "UTC").output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

fn ours_and_theirs(file: &Path) -> [(String, bool); 2] {
    let probe = env!("CARGO_BIN_EXE_probe");
    [read(probe, &["capture", "-nn", "-e"], file), read("tcpdump", &["-nn", "-e"], file)]
}

/// Writes numbers in one of the two orders.
struct Bytes(Vec<u8>, bool);

impl Bytes {
    fn half(&mut self, number: u16) -> &mut Self {
        self.0.extend(if self.1 { number.to_be_bytes() } else { number.to_le_bytes() });
        self
    }

    fn word(&mut self, number: u32) -> &mut Self {
        self.0.extend(if self.1 { number.to_be_bytes() } else { number.to_le_bytes() });
        self
    }
}

fn datagram() -> Vec<u8> {
    let ends = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    Frame::ipv4(ends.0, ends.1).udp(1000, 2000).payload(b"a payload").build()
}

const MICRO: u32 = 0xa1b2_c3d4;
const NANO: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

/// A file with three frames, whose lengths stand one way and the other.
fn pcap(magic: u32, (major, minor): (u16, u16), big: bool) -> Vec<u8> {
    let frame = datagram();
    let mut file = Bytes(Vec::new(), big);
    file.word(magic).half(major).half(minor).word(0).word(0).word(96).word(1);
    for (captured, wire, captured_first) in
        [(frame.len(), frame.len() + 20, true), (40, 60, false), (frame.len(), frame.len(), true)]
    {
        // A file of an old version has the captured length behind.
        let swapped = matches!((major, minor), (2, 0..=2) | (543, 0))
            || (minor, captured_first) == (3, false);
        let (captured, wire) = (captured as u32, wire as u32);
        let lengths = if swapped { [wire, captured] } else { [captured, wire] };
        file.word(1_700_000_000).word(123_456).word(lengths[0]).word(lengths[1]);
        if magic == MODIFIED {
            // Interface, protocol, packet type, padding.
            file.word(3).half(8).half(4);
        }
        file.0.extend(&frame[..captured as usize]);
    }
    file.0
}

#[test]
fn versions_of_pcap_are_tcpdumps() {
    if !met(&[Tool("tcpdump")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    let (mut readable, mut refused) = (0, 0);
    for magic in [MICRO, NANO, MODIFIED] {
        for version in [
            (0, 0),
            (1, 4),
            (1, 9),
            (2, 0),
            (2, 1),
            (2, 2),
            (2, 3),
            (2, 4),
            (2, 5),
            (2, 65535),
            (3, 0),
            (3, 4),
            (543, 0),
            (543, 1),
        ] {
            for big in [false, true] {
                fs::write(&path, pcap(magic, version, big)).unwrap();
                let [ours, theirs] = ours_and_theirs(&path);
                assert_eq!(ours, theirs, "{magic:x} {version:?}, big-endian: {big}");
                let lines = ours.0.lines().count();
                assert_eq!(lines, if ours.1 { 3 } else { 0 });
                if ours.1 { readable += 1 } else { refused += 1 }
            }
        }
    }
    assert_eq!((readable, refused), (3 * 2 * 6, 3 * 2 * 8));
}

#[test]
fn versions_of_pcapng_are_tcpdumps() {
    if !met(&[Tool("tcpdump")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcapng");
    for (major, minor, good) in
        [(1, 0, true), (1, 2, true), (1, 1, false), (1, 9, false), (2, 0, false), (0, 0, false)]
    {
        for big in [false, true] {
            let mut file = Bytes(Vec::new(), big);
            file.word(0x0a0d_0d0a).word(28).word(0x1a2b_3c4d).half(major).half(minor);
            file.word(u32::MAX).word(u32::MAX).word(28);
            // An interface, and a frame of it.
            file.word(1).word(20).half(1).half(0).word(0).word(20);
            let frame = datagram();
            let (length, padded) = (frame.len() as u32, frame.len().next_multiple_of(4));
            let total = 32 + padded as u32;
            file.word(6).word(total).word(0).word(0).word(5).word(length).word(length);
            file.0.extend(&frame);
            file.0.resize(file.0.len() + padded - frame.len(), 0);
            file.word(total);
            fs::write(&path, &file.0).unwrap();
            let [ours, theirs] = ours_and_theirs(&path);
            assert_eq!(ours, theirs, "{major}.{minor}, big-endian: {big}");
            assert_eq!((ours.1, ours.0.lines().count()), (good, usize::from(good)));
        }
    }
}

#[test]
fn an_error_names_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    fs::write(&path, pcap(MICRO, (2, 5), false)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_probe"));
    let output = { output }.args(["count", "-r"]).arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("a.pcap is of version 2.5 of its format"), "{said}");
}

//! Files that `probe capture` writes and reads, held against the tools that others have:
//! tcpdump with the same flags on the same input, tshark, capinfos and editcap.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use probe_filter::ir::LinkType;
use probe_frame::{Frame, Precision, WallTime};
use probe_pcap::{Contents, Writer};
use tempfile::TempDir;
use testbed::requirements::{Requirement, met};

const TOOLS: &[Requirement] = &[
    Requirement::Tool("tcpdump"),
    Requirement::Tool("tshark"),
    Requirement::Tool("capinfos"),
    Requirement::Tool("editcap"),
    Requirement::Tool("gzip"),
    Requirement::Tool("zstd"),
];

const START: u64 = 1_700_000_000_123_456_789;

/// Runs a program in a folder. Whoever calls sudo for the tests is not to become the
/// user of what they start.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_remove("SUDO_UID")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn probe(folder: &Path, arguments: &[&str]) -> Output {
    run(folder, env!("CARGO_BIN_EXE_probe"), arguments)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with `in.pcap`: so many UDP frames of 1,000 bytes, one a millisecond.
fn input(frames: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.pcap");
    let mut writer =
        Writer::create(&path, &Contents::pcap(LinkType::Ethernet, Precision::Micro)).unwrap();
    let v4 = testbed::Frame::ipv4(testbed::CLIENT_V4, testbed::SERVER_V4);
    for number in 0..frames {
        let mut payload = vec![0; 958];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        let bytes = v4.clone().udp(1024, 53).payload(&payload).build();
        let time = WallTime((START + u64::from(number) * 1_000_000) / 1000 * 1000);
        let wire_len = bytes.len() as u32;
        let frame = Frame {
            time,
            wire_len,
            bytes: &bytes,
            link: LinkType::Ethernet,
            ifindex: 0,
            outbound: None,
        };
        writer.write(&frame).unwrap();
    }
    writer.finish(None).unwrap();
    folder
}

/// The files of a folder and what is in them, but for the input.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    let wanted = named.filter(|(name, path)| !name.starts_with("in.") && path.is_file());
    wanted.map(|(name, path)| (name, fs::read(path).unwrap())).collect()
}

/// Names, number and bytes of all files are tcpdump's, with each set of flags.
#[test]
fn rotation_is_tcpdumps() {
    if !met(TOOLS) {
        return;
    }
    let folder = input(5_300);
    let input = folder.path().join("in.pcap");
    let input = input.to_str().unwrap();
    for (name, flags, files_expected) in [
        ("f", "-C 1", 6),
        ("f.pcap", "-C 2", 3),
        ("f", "-C 1 -W 3", 3),
        ("f", "-C 1 -W 1", 1),
        ("f", "-C 1 -W 10", 6),
        ("f", "-C 1 -W 11", 6),
        ("f", "-C 1 -W 2 -U", 2),
        ("f-%Y.pcap", "-C 1", 6),
        ("f-%Y.pcap", "-G 86400", 1),
        ("f-%Y-%%-.pcap", "-G 86400 -W 2", 1),
        ("f-%Y", "-G 86400 -C 1", 6),
        ("f-%Y", "-G 86400 -C 1 -W 3", 3),
        ("f", "-G 86400 -C 3 -W 20", 2),
        ("f", "-G 0", 1),
        ("f", "-W 5", 1),
    ] {
        let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let flags: Vec<&str> = flags.split(' ').collect();
        let common = [&["-r", input, "-w", name][..], &flags].concat();
        // Debian's tcpdump would become a user who may not write here.
        let output = run(theirs.path(), "tcpdump", &[&common[..], &["-Z", "root"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let output = probe(ours.path(), &[&["capture"], &common[..]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let (theirs, ours) = (files(theirs.path()), files(ours.path()));
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&ours), names(&theirs), "{flags:?}");
        assert_eq!(ours.len(), files_expected, "{flags:?}");
        assert!(ours == theirs, "{flags:?}: the bytes differ");
    }
}

/// `-z` runs on each file but the last, beside us, and its failure is only told.
#[test]
fn the_command_after_a_rotation() {
    if !met(TOOLS) {
        return;
    }
    let folder = input(3_300);
    let arguments = ["capture", "-r", "in.pcap", "-w", "f", "-C", "1", "-z"];
    let output = probe(folder.path(), &[&arguments[..], &["gzip"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let expected = ["f.gz", "f1.gz", "f2.gz", "f3"];
    let deadline = Instant::now() + Duration::from_secs(20);
    while !files(folder.path()).keys().eq(expected) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(files(folder.path()).keys().eq(expected), "{:?}", files(folder.path()).keys());
    // They read back: all of them, packed or not, in one go.
    fs::write(folder.path().join("list"), expected.join("\n")).unwrap();
    let output = probe(folder.path(), &["capture", "-V", "list", "-w", "all.pcap"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let all = fs::read(folder.path().join("all.pcap")).unwrap();
    assert!(all == fs::read(folder.path().join("in.pcap")).unwrap());

    let output = probe(folder.path(), &[&arguments[..], &["false"]].concat());
    assert!(output.status.success());
    // At the lowest priority, a command may take longer than is waited for it.
    let said = stderr(&output);
    let failed = said.matches("exit status: 1").count();
    let late = said.split("still runs on ").nth(1).and_then(|rest| rest.split(' ').next());
    assert_eq!(failed + late.map_or(0, |count| count.parse().unwrap()), 3, "{said}");
    let output = probe(folder.path(), &[&arguments[..], &["/no/such"]].concat());
    assert!(output.status.success());
    assert!(stderr(&output).contains("-z: /no/such f2: No such file"), "{}", stderr(&output));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = input(1);
    for (flags, reason) in [
        ("-C 1", "give one with -w"),
        ("-G 1", "give one with -w"),
        ("-C 1 -w -", "standard output cannot be rotated"),
        ("--format pcapng", "give one with -w"),
        ("-C 0 -w f", "invalid file size 0"),
        ("-W 0 -C 1 -w f", "invalid value '0'"),
        ("-V list", "cannot be used with"),
        ("-w f -Z nosuchuser", "unknown user \"nosuchuser\""),
    ] {
        let flags: Vec<&str> = flags.split(' ').collect();
        let output = probe(folder.path(), &[&["capture", "-r", "in.pcap"], &flags[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(reason), "{flags:?}: {}", stderr(&output));
        assert!(files(folder.path()).is_empty(), "{flags:?} left a file");
    }
    for flag in ["-W", "-z"] {
        let output = probe(folder.path(), &["capture", "-r", "in.pcap", "-w", "f", flag, "5"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains(&format!("{flag} does nothing without -C or -G")));
    }
}

#[test]
fn a_file_that_cannot_be_created_is_named() {
    let folder = input(1);
    let output = probe(folder.path(), &["capture", "-r", "in.pcap", "-w", "no/such/f.pcap"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("creating no/such/f.pcap: No such file"), "{output:?}");
}

/// Packed files read as the plain ones do; damage is told with its place.
#[test]
fn packed_files() {
    if !met(TOOLS) {
        return;
    }
    let folder = input(3_000);
    let at = folder.path();
    assert!(run(at, "gzip", &["-k", "in.pcap"]).status.success());
    assert!(run(at, "zstd", &["-q", "in.pcap", "-o", "in.zst"]).status.success());
    let lines = |file: &str| {
        let output = probe(at, &["capture", "-n", "-r", file]);
        (output.status.code(), String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output))
    };
    let plain = lines("in.pcap");
    assert_eq!((plain.0, plain.1.lines().count()), (Some(0), 3_000));
    // Of a zstd stream that is cut, its last window (here: all of it) cannot be had.
    for (file, partly) in [("in.pcap.gz", true), ("in.zst", false)] {
        assert!(lines(file).1 == plain.1, "{file}");
        let mut bytes = fs::read(at.join(file)).unwrap();
        bytes.truncate(bytes.len() * 2 / 3);
        fs::write(at.join("in.cut"), bytes).unwrap();
        let (code, text, error) = lines("in.cut");
        assert_eq!(code, Some(1), "{error}");
        assert!(
            plain.1.starts_with(&text) && text.is_empty() != partly,
            "{file}: what came before"
        );
        assert!(error.contains("in.cut (unpacked) at byte "), "{error}");
    }
    let cat = format!("gzip -c in.pcap | '{}' capture -n -r -", env!("CARGO_BIN_EXE_probe"));
    let output = run(at, "sh", &["-c", &cat]);
    assert!(String::from_utf8(output.stdout).unwrap() == plain.1);
}

/// Of several files a damaged one does not keep the others from being read.
#[test]
fn a_list_of_files() {
    let folder = input(3);
    let at = folder.path();
    let whole = fs::read(at.join("in.pcap")).unwrap();
    fs::write(at.join("in.cut"), &whole[..whole.len() - 1]).unwrap();
    fs::write(at.join("list"), "in.pcap\nin.cut\n\nin.pcap\n").unwrap();
    let output = probe(at, &["capture", "-n", "-V", "list"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout.clone()).unwrap().lines().count(), 3 + 2 + 3);
    assert!(stderr(&output).contains("in.cut is truncated: the record at byte"), "{output:?}");
    let output = probe(at, &["capture", "-n", "-V", "list", "-c", "4"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 4);
    fs::write(at.join("list"), "\n").unwrap();
    assert_eq!(probe(at, &["capture", "-V", "list"]).status.code(), Some(2));
    fs::write(at.join("list"), "in.pcap\nin.none\n").unwrap();
    let output = probe(at, &["capture", "-V", "list"]);
    assert!(stderr(&output).contains("opening in.none"), "{output:?}");
}

/// Every form of file reads in every tool without a complaint.
#[test]
fn other_tools_read_what_is_written() {
    if !met(TOOLS) {
        return;
    }
    let folder = input(500);
    let at = folder.path();
    for (name, flags) in [
        ("a.pcap", &[][..]),
        ("b.pcap", &["--time-stamp-precision", "nano"]),
        ("c.pcapng", &[]),
        ("d.any", &["--format", "pcapng"]),
        ("e.pcapng", &["--format", "pcap"]),
        ("f.pcapng", &["-s", "77", "-U"]),
        ("g.pcapng", &["udp"]),
    ] {
        let output = probe(at, &[&["capture", "-r", "in.pcap", "-w", name], flags].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let read = |program: &str, arguments: &[&str]| {
            let output = run(at, program, arguments);
            assert!(output.status.success(), "{program} {name}: {}", stderr(&output));
            // Words on stderr that are no complaint: who runs it, and what is read.
            let complaints = stderr(&output);
            let mut complaints = complaints.lines().filter(|line| {
                !line.starts_with("Running as user") && !line.starts_with("reading from file")
            });
            assert_eq!(complaints.next(), None, "{program} {name}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(read("tcpdump", &["-nn", "-r", name]).lines().count(), 500, "{name}");
        let fields = ["-r", name, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len"];
        let lines = read("tshark", &fields);
        assert_eq!(lines.lines().count(), 500, "{name}");
        assert_eq!(lines.lines().next(), Some("1700000000.123456000\t1000"), "{name}");
        let information = read("capinfos", &[name]);
        assert!(information.contains("Number of packets:   500"), "{information}");
        let ng = ["c.pcapng", "d.any", "f.pcapng", "g.pcapng"].contains(&name);
        assert_eq!(information.contains("Wireshark/... - pcapng"), ng, "{information}");
        if ng {
            for part in ["Capture application: probe 0", "Time precision = nanoseconds (9)"] {
                assert!(information.contains(part), "{part}: {information}");
            }
            assert!(information.contains("Number of stat entries = 1"), "{information}");
        }
        assert_eq!(information.contains("Filter string = udp"), name == "g.pcapng");
        read("editcap", &["-F", "pcapng", name, "edited.pcapng"]);
        assert!(read("capinfos", &["edited.pcapng"]).contains("packets:   500"), "{name}");
        read("editcap", &["-F", "pcap", name, "edited.pcap"]);
        // Byte for byte, through another's reader and writer.
        if !flags.contains(&"-s") {
            let edited = fs::read(at.join("edited.pcap")).unwrap();
            assert!(edited[24..] == fs::read(at.join("in.pcap")).unwrap()[24..], "{name}");
        }
    }
}

#[test]
fn sampled_frames_say_so() {
    if !met(TOOLS) {
        return;
    }
    let folder = input(100);
    let arguments = ["capture", "-r", "in.pcap", "--sample", "10", "-w", "s.pcapng"];
    assert!(probe(folder.path(), &arguments).status.success());
    let fields = ["-r", "s.pcapng", "-T", "fields", "-e", "frame.comment"];
    let comments = String::from_utf8(run(folder.path(), "tshark", &fields).stdout).unwrap();
    assert_eq!(comments, "1 in 10\n".repeat(10));
}

/// Each conversion of strftime(3), with each modifier and flag that glibc has: names are tcpdump's.
#[test]
fn names_of_periods_are_strftimes() {
    if !met(TOOLS) {
        return;
    }
    let folder = input(1);
    let mut conversions = Vec::new();
    for letter in ('A'..='Z').chain('a'..='z').chain(['+', '%']) {
        // What has a slash would name a folder.
        if matches!(letter, 'D' | 'x') {
            continue;
        }
        for modifier in ["", "E", "O", "-", "_", "0", "^", "#", "12", "_9", "-E", "^E"] {
            conversions.push(format!("%{modifier}{letter}"));
        }
    }
    assert_eq!(conversions.len(), 52 * 12);
    // A name has 255 bytes.
    for some in conversions.chunks(6) {
        let name = format!("f.{}", some.join("."));
        let made = |program: &str, more: &[&str]| {
            let made = tempfile::tempdir().unwrap();
            let input = folder.path().join("in.pcap");
            let flags = ["-r", input.to_str().unwrap(), "-G", "86400", "-w", &name];
            let output = run(made.path(), program, &[more, &flags[..]].concat());
            assert!(output.status.success(), "{name}: {}", stderr(&output));
            files(made.path()).into_keys().collect::<Vec<_>>()
        };
        // All three in one second, at the latest the third time.
        let same = (0..3).any(|_| {
            let before = made("tcpdump", &["-Z", "root"]);
            let ours = made(env!("CARGO_BIN_EXE_probe"), &["capture"]);
            let behind = made("tcpdump", &["-Z", "root"]);
            assert!(before != behind || ours == before, "{name}: {ours:?}, tcpdump {before:?}");
            before == behind
        });
        assert!(same, "{name}");
    }
}

/// The files that are read stay as they are, by whatever name -w has them, or makes them up.
#[test]
fn what_is_read_is_not_written_to() {
    let folder = input(2_000);
    let path = folder.path();
    let before = fs::read(path.join("in.pcap")).unwrap();
    let copies = ["in.pcap", "in.second", "in.1", "in.%"];
    for copy in &copies[1..] {
        fs::copy(path.join("in.pcap"), path.join(copy)).unwrap();
    }
    fs::hard_link(path.join("in.pcap"), path.join("in.hard")).unwrap();
    std::os::unix::fs::symlink("in.pcap", path.join("in.soft")).unwrap();
    fs::write(path.join("in.list"), "in.pcap\nin.second\n").unwrap();
    for words in [
        "-r in.pcap -w in.pcap",
        "-r in.pcap -w ./in.pcap",
        "-r in.pcap -w in.hard",
        "-r in.soft -w in.pcap",
        "-r in.hard -w in.soft",
        "-r - -w in.pcap",
        "-r in.pcap -w /proc/self/fd/0",
        "-r in.pcap -w in.pcap -c 1",
        "-V in.list -w in.pcap",
        "-V in.list -w in.second",
        // The second file of -C, and names that -G makes.
        "-r in.1 -w in. -C 1 -W 9",
        "-r in.pcap -w in.pcap -G 1",
        "-r in.% -w in.%% -G 1",
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_probe"))
            .arg("capture")
            .args(words.split(' '))
            .current_dir(path)
            .stdin(fs::File::open(path.join("in.pcap")).unwrap())
            .output()
            .unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{words}: {said}");
        assert!(said.contains("this is the file that is read"), "{words}: {said}");
        for name in copies {
            assert!(fs::read(path.join(name)).unwrap() == before, "{words}: {name} was written to");
        }
    }
    // A pipe and a device that are read and written are none of that.
    let words = ["capture", "-r", "in.pcap", "-w", "/dev/null"];
    assert!(probe(path, &words).status.success());
}

/// What -w writes from a file is what tcpdump writes: snapshot length and link type are the
/// source's.
#[test]
fn rewriting_keeps_snapshot_length_and_link_type() {
    if !met(TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for link in LinkType::ALL {
        for snaplen in [1_u32, 64, 96, 65_535, 262_144, 300_000] {
            let contents = Contents { snaplen, ..Contents::pcap(link, Precision::Micro) };
            let mut writer = Writer::create(&path.join("in.pcap"), &contents).unwrap();
            let (time, wire_len) = (WallTime(START / 1000 * 1000), 200);
            let (bytes, ifindex, outbound) = (&[7; 80], 0, None);
            writer.write(&Frame { time, wire_len, link, bytes, ifindex, outbound }).unwrap();
            writer.finish(None).unwrap();
            let theirs = ["-r", "in.pcap", "-w", "theirs", "-Z", "root"];
            assert!(run(path, "tcpdump", &theirs).status.success());
            let output = probe(path, &["capture", "-r", "in.pcap", "-w", "ours"]);
            assert!(output.status.success(), "{}", stderr(&output));
            let [theirs, ours] = ["theirs", "ours"].map(|name| fs::read(path.join(name)).unwrap());
            assert_eq!(ours, theirs, "{link:?} {snaplen}");
            // As pcapng, too, which says it of an interface.
            let words = ["capture", "-r", "in.pcap", "-w", "ours.pcapng"];
            assert!(probe(path, &words).status.success());
            let reader = probe_pcap::Reader::open(&path.join("ours.pcapng")).unwrap();
            assert_eq!((reader.link(), reader.snaplen()), (link, snaplen));
        }
    }
}

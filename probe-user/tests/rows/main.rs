//! `probe capture --format json` and `csv`: what Python's readers make of them, and what tshark says of the same
//! frames.

mod beside_tshark;
mod files;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use probe_frame::{LinkType, Precision};
use testbed::{
    Random,
    requirements::{Requirement::Tool, met},
};

/// What `probe capture` prints of a file. A damaged record ends the output.
fn printed(file: &Path, flags: &[&str]) -> Vec<u8> {
    let mut probe = Command::new(env!("CARGO_BIN_EXE_probe"));
    probe.args(["capture", "-n"]).args(flags).arg("-r").arg(file);
    probe.env("TZ", "UTC").stderr(Stdio::null()).output().unwrap().stdout
}

/// Writes a file's frames in all three forms, and returns the place that the names begin with.
fn write_forms(folder: &Path, number: usize, file: &Path, flags: &[&str]) -> PathBuf {
    let place = folder.join(format!("{number:04}"));
    let forms: [(&str, &[&str]); 3] =
        [("text", &["-t"]), ("json", &["--format", "json"]), ("csv", &["--format", "csv"])];
    for (end, form) in forms {
        std::fs::write(place.with_extension(end), printed(file, &[flags, form].concat())).unwrap();
    }
    place
}

/// How many frames Python has read from what was written to a folder; it fails where anything is not right.
fn checked(folder: &Path) -> u64 {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rows/check.py");
    let output = Command::new("python3").arg(script).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// tcpdump's own captures, many of them damaged on purpose.
#[test]
fn every_capture_is_read_by_python() {
    let Some(files) = files::captures().filter(|_| met(&[Tool("python3")])) else { return };
    for flags in [&[][..], &["-vv", "-e"]] {
        let folder = tempfile::tempdir().unwrap();
        let mut frames = 0;
        for (number, file) in files.iter().enumerate() {
            write_forms(folder.path(), number, file, flags);
            frames += files::frames(file);
        }
        let read = checked(folder.path());
        println!("{} captures, {read} frames, {flags:?}", files.len());
        assert_eq!(read, frames, "frames that probe-pcap reads from the same files");
        assert!(read > 8_000, "{read}");
    }
}

/// As many rows name a rule as `probe count` counts frames for it.
#[test]
fn rules_are_those_that_count_counts() {
    let Some(files) = files::captures() else { return };
    let texts =
        ["tcp=tcp", "dns=udp port 53", "v6=ip6", "vlan=vlan", "sizes=greater 200", "syn=@syn"];
    let flags: Vec<&str> = texts.iter().flat_map(|text| ["--rule", text]).collect();
    let mut named = 0;
    for file in files.iter().step_by(7) {
        let mut count = Command::new(env!("CARGO_BIN_EXE_probe"));
        count.args(["count", "--format", "json"]).args(&flags).arg("-r").arg(file);
        let output = count.stderr(Stdio::null()).output().unwrap();
        let rows =
            printed(file, &[&["--format", "csv", "--columns", "rules"], &flags[..]].concat());
        let rows = String::from_utf8(rows).unwrap();
        let Some(last) = output.stdout.trim_ascii().split(|byte| *byte == b'\n').next_back() else {
            panic!("{}", file.display())
        };
        // What is no capture has neither.
        let Ok(counted) = serde_json::from_slice::<serde_json::Value>(last) else {
            assert_eq!(rows, "", "{}", file.display());
            continue;
        };
        for rule in counted["rules"].as_array().unwrap() {
            let name = rule["name"].as_str().unwrap();
            let of_rule = rows.lines().skip(1).filter(|row| row.split(' ').any(|one| one == name));
            let of_rule = of_rule.count() as u64;
            assert_eq!(rule["packets"], of_rule, "{name} in {}", file.display());
            named += of_rule;
        }
    }
    assert!(named > 1_000, "{named}");
}

/// Any bytes as a frame, of every link type and length.
#[test]
fn any_bytes_are_read_by_python() {
    if !met(&[Tool("python3")]) {
        return;
    }
    const EACH: usize = 1_000;
    let mut random = Random::new(16);
    let folder = tempfile::tempdir().unwrap();
    for (number, link) in LinkType::ALL.into_iter().enumerate() {
        let frames: Vec<Vec<u8>> = (0..EACH).map(|_| files::any_frame(&mut random, link)).collect();
        let file = folder.path().join(format!("{number}.pcap"));
        files::write(&file, link, Precision::Nano, &frames);
        write_forms(folder.path(), number, &file, &["-v"]);
    }
    assert_eq!(checked(folder.path()), (EACH * LinkType::ALL.len()) as u64);
}

/// The columns that hold bytes, and jq, which most scripts read JSON with.
#[test]
fn payload_in_hexadecimal_and_jq() {
    if !met(&[Tool("jq")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.pcap");
    let frame = testbed::Frame::ipv4([192, 0, 2, 7].into(), [192, 0, 2, 1].into())
        .udp(4000, 4001)
        .payload(b"hello\x1b")
        .build();
    files::write(&file, LinkType::Ethernet, Precision::Micro, std::slice::from_ref(&frame));
    let columns = ["--format", "json", "--columns", "payload,frame,sport,flags"];
    std::fs::write(folder.path().join("json"), printed(&file, &columns)).unwrap();
    let filter = "[.payload, .frame, .sport, .flags] | @csv";
    let jq =
        Command::new("jq").args(["-r", filter]).arg(folder.path().join("json")).output().unwrap();
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = format!("\"68656c6c6f1b\",\"{hex}\",4000,\n");
    assert_eq!(String::from_utf8(jq.stdout).unwrap(), expected);
}

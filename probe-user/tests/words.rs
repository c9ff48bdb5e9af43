//! What people type, and what they read: lines for a shell, with the exit code and what stands on
//! standard error. With `PROBE_BLESS=1` the file of expected texts is written anew.
//!
//! The lines are refused before anything is attached, or attach nothing.

mod samples;

use std::{env, fs, path::Path, process::Command};

use serde_json::Value;
use testbed::{CLIENT_V4, Frame, SERVER_V4, Tcp, samples::Sample, tcp_flags};

const EXPECTED: &str = include_str!("words.txt");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/words.txt");
/// A line for the shell begins so.
const PROMPT: &str = "$ ";

/// Runs a line by a shell that finds the program; its exit code, and what it said.
fn said(line: &str) -> String {
    let folder = Path::new(env!("CARGO_BIN_EXE_probe")).parent().expect("a folder");
    let path = format!("{}:{}", folder.display(), env::var("PATH").unwrap_or_default());
    // A line that should have been refused must not count for ever.
    let output = Command::new("timeout")
        .args(["20", "sh", "-c", line])
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("a shell");
    let code = output.status.code().expect("no signal");
    let err = String::from_utf8(output.stderr).expect("text");
    assert!(!err.contains("panicked"), "{line}: {err}");
    format!("{}[{code}]\n", if err.is_empty() { String::new() } else { err })
}

#[test]
fn every_line_says_what_may_have_been_meant() {
    let mut now = String::new();
    for line in EXPECTED.lines() {
        if let Some(command) = line.strip_prefix(PROMPT) {
            now += &format!("{line}\n{}\n", said(command));
        } else if line.starts_with("# ") {
            now += &format!("{line}\n\n");
        }
    }
    if env::var_os("PROBE_BLESS").is_some() {
        fs::write(PATH, &now).expect("written");
        return;
    }
    for (now, expected) in now.split("\n\n").zip(EXPECTED.split("\n\n")) {
        assert_eq!(now, expected);
    }
    assert_eq!(now, EXPECTED);
    assert!(!now.contains("as a value, use"), "nobody means a flag to be a word of a filter");
}

/// As many segments, one in four with TCP options and a request behind them.
fn segments(count: usize) -> Vec<Sample> {
    let segment = |options: &[u8], payload: &[u8]| {
        let tcp = Tcp { source: 40_000, destination: 80, flags: tcp_flags::ACK, ..Tcp::default() };
        let tcp = Tcp { options: options.to_vec(), ..tcp };
        Frame::ipv4(CLIENT_V4, SERVER_V4).tcp(tcp).payload(payload).build()
    };
    let request = segment(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], b"GET / HTTP/1.1\r\n\r\n");
    let empty = segment(&[], b"");
    let frame = |n| if n % 4 == 0 { request.clone() } else { empty.clone() };
    (0..count).map(frame).map(|bytes| (bytes.clone(), bytes.len() as u32)).collect()
}

/// The note at the start has gone by when a run ends, and says why nothing matched.
#[test]
fn a_run_without_a_match_says_its_notes_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("f.pcap");
    let file = file.to_str().expect("text");
    let note = "that is the payload only where TCP has no options";
    let again = |frames| format!("0 of {frames} frames matched");
    for (frames, commands) in
        [(100, ["count", "rate", "capture -w /dev/null"]), (99, ["count", "rate", "capture"])]
    {
        samples::write(file.as_ref(), &segments(frames));
        for command in commands {
            let run = |filter: &str| said(&format!("probe {command} -r {file} '{filter}'"));
            let words = run("tcp[20:2] = 0x4745");
            let times = if frames < 100 { 1 } else { 2 };
            assert_eq!(words.matches(note).count(), times, "{command}: {words}");
            assert_eq!(words.contains(&again(frames)), times == 2, "{command}: {words}");
            // What matches, and what nothing is to be said of, is silent at the end.
            for filter in ["tcp[20:2] != 0x4745", "udp"] {
                assert!(!run(filter).contains("frames matched"), "{command}");
            }
        }
    }
    samples::write(file.as_ref(), &segments(100));
    let rules = said(&format!("probe count -r {file} --rule a='tcp[20:2] = 1' --rule b=@get"));
    assert_eq!(rules.matches(note).count(), 2, "{rules}");
}

/// The time of a file is that between its frames.
#[test]
fn the_rate_of_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("f.pcap");
    samples::write(&file, &segments(101));
    let rate = |arguments: &[&str]| -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_probe"))
            .args(["rate", "--format", "json", "-r"])
            .arg(&file)
            .args(arguments)
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("an object")
    };
    // A frame every 1.234 ms, every fourth of them a request.
    let all = rate(&[]);
    assert_eq!((&all["ended_by"], &all["hook"]), (&"file".into(), &"file".into()));
    assert_eq!((&all["packets"], &all["seconds"]), (&101.into(), &0.1234.into()));
    let requests = rate(&["@get"]);
    assert_eq!((&requests["packets"], &requests["seconds"]), (&26.into(), &0.1234.into()));
    let first = rate(&["-c", "11", "@get"]);
    assert_eq!((&first["ended_by"], &first["packets"]), (&"count".into(), &11.into()));
    // Ten gaps of four frames.
    assert_eq!((&first["seconds"], &first["pps"]), (&0.04936.into(), &202.593.into()));
    let words = said(&format!("probe rate -r {}", file.display()));
    assert_eq!(words, "[0]\n");
}

#[test]
fn rules_in_another_language() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("r.yaml");
    for text in [
        "rules:\n  - name: syn\n    filter: tcp\n",
        "- name: syn\n  filter: tcp\n",
        "{\"rules\": []}",
        "syn=@syn\n",
        "tcp port 80\n",
        "",
    ] {
        fs::write(&file, text).expect("written");
        let words = said(&format!("probe count -i lo --rules {}", file.display()));
        assert!(words.contains("r.yaml:"), "{text}: {words}");
        let example =
            "a rules file is TOML, one [[rule]] after the other:\n[[rule]]\nname = \"syn\"\n";
        assert!(words.contains(example) && words.ends_with("[2]\n"), "{text}: {words}");
    }
    // A slip in TOML is told alone.
    fs::write(&file, "[[rule]]\nname = syn\n").expect("written");
    let words = said(&format!("probe count -i lo --rules {}", file.display()));
    assert!(!words.contains("is TOML") && words.ends_with("[2]\n"), "{words}");
}

//! Lines held against tcpdump's: the same capture, the same flags, the same text.

mod samples;

use std::{path::Path, process::Command};

use testbed::requirements::{Requirement::Tool, met};

fn output(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .arg("-r")
        .arg(file)
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Frame by frame: a line, and the indented lines below it.
fn frames(text: &str) -> Vec<String> {
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
    let samples = samples::all();
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
        let (ours, theirs) = (frames(&ours), frames(&theirs));
        let mut differ: Vec<String> = ours
            .iter()
            .zip(&theirs)
            .filter(|(ours, theirs)| ours != theirs)
            .map(|(ours, theirs)| format!("probe:   {ours}\ntcpdump: {theirs}\n"))
            .collect();
        let count = differ.len();
        differ.truncate(8);
        assert!(
            count == 0 && ours.len() == theirs.len(),
            "{flags:?}: {count} of {} frames differ:\n{}",
            theirs.len(),
            differ.concat()
        );
    }
}

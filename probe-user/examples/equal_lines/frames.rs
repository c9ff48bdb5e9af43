//! A capture's frames as both programs print them.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use jiff::tz::TimeZone;
use probe::{Command as ProbeCommand, cli};
use probe_filter::ir::LinkType;
use probe_pcap::Reader;
use probe_print::Printer;

use super::protocol;

/// A frame: its protocol, and its lines by probe and by tcpdump.
pub struct Pair {
    pub protocol: String,
    pub ours: Vec<u8>,
    pub theirs: Vec<u8>,
}

/// Prints every frame of a capture with both; none if probe does not read it.
pub fn pairs(path: &Path, flags: &[OsString]) -> Result<Option<Vec<Pair>>> {
    let Ok(mut reader) = Reader::open(path) else { return Ok(None) };
    let theirs = tcpdump(path, flags)?;
    let words = ["probe", "capture", "-nn", "--number"].map(OsString::from);
    let Ok(ProbeCommand::Capture(plan)) =
        cli::from_words(words.into_iter().chain(flags.iter().cloned()))
    else {
        bail!("{flags:?} are no flags of `probe capture`");
    };
    let lines = plan.outputs.lines.context("a capture without a file shows lines")?;
    let mut printer = Printer::new(lines.style).in_zone(TimeZone::system());
    let mut pairs = Vec::new();
    // A damaged record ends either program's output.
    for theirs in numbered(&theirs) {
        let Ok(Some(frame)) = reader.next() else { break };
        let protocol = match frame.link {
            LinkType::Ethernet => protocol::of(frame.bytes, true),
            LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => protocol::of(frame.bytes, false),
            link => format!("link type {link:?}"),
        };
        let mut ours = Vec::new();
        printer.print(&frame, &mut ours);
        pairs.push(Pair { protocol, ours, theirs: theirs.to_vec() });
    }
    Ok(Some(pairs))
}

fn tcpdump(path: &Path, flags: &[OsString]) -> Result<Vec<u8>> {
    let output = Command::new("tcpdump")
        .args(["-nn", "--number"])
        .args(flags)
        .arg("-r")
        .arg(path)
        .stderr(Stdio::null())
        .output()
        .context("running tcpdump")?;
    Ok(output.stdout)
}

/// tcpdump's text, frame by frame: each begins with its number.
fn numbered(mut text: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    for number in 2.. {
        let next = format!("\n{number:>5}  ");
        match text.windows(next.len()).position(|window| window == next.as_bytes()) {
            Some(at) => {
                let (frame, rest) = text.split_at(at + 1);
                frames.push(frame);
                text = rest;
            }
            None => break,
        }
    }
    if !text.is_empty() {
        frames.push(text);
    }
    frames
}

/// The captures in a folder.
pub fn captures(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder);
    for entry in entries.with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "pcap" || end == "pcapng") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

//! How many frames of a folder of captures print as tcpdump prints them, by protocol:
//! the table of docs/output.md.
//!
//! ```text
//! cargo run -p probe-user --example equal_lines -- FOLDER [-v -e ...]
//! cargo run -p probe-user --example equal_lines -- --show 2 --only UDP FOLDER
//! ```

mod protocol;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use probe::{
    cli::{Cli, Command as ProbeCommand},
    file::Reader,
    print::Printer,
};

#[derive(Parser)]
struct Args {
    /// Show so many frames that differ, of each file
    #[arg(long, default_value_t = 0)]
    show: usize,
    /// Look at these protocols only
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// List the files that have differences, by protocol
    #[arg(long)]
    files: bool,
    /// Captures, or folders of them
    #[arg(required = true)]
    captures: Vec<PathBuf>,
    /// Flags of both programs, -nn aside
    #[arg(allow_hyphen_values = true, last = true)]
    flags: Vec<OsString>,
}

/// Frames of a protocol.
#[derive(Default)]
struct Tally {
    equal: usize,
    all: usize,
    differ: BTreeMap<PathBuf, usize>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let (mut files, mut others) = (0, 0);
    for path in captures(&args.captures)? {
        match compare(&args, &path, &mut tallies)? {
            true => files += 1,
            false => others += 1,
        }
    }
    report(&args, &tallies);
    println!("\n{files} captures; {others} of other link types or no captures");
    Ok(())
}

fn captures(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        for entry in fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "pcap" || end == "pcapng") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn report(args: &Args, tallies: &BTreeMap<String, Tally>) {
    let mut rows: Vec<_> = tallies.iter().collect();
    rows.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.all));
    println!("| protocol | frames | equal | share |\n| --- | ---: | ---: | ---: |");
    let (mut all, mut equal) = (0, 0);
    for (name, tally) in &rows {
        row(name, tally.equal, tally.all);
        all += tally.all;
        equal += tally.equal;
    }
    row("all", equal, all);
    if args.files {
        for (name, tally) in rows {
            for (file, count) in &tally.differ {
                println!("{name}: {count} in {}", file.display());
            }
        }
    }
}

fn row(name: &str, equal: usize, all: usize) {
    let share = 100.0 * equal as f64 / all.max(1) as f64;
    println!("| {name} | {all} | {equal} | {share:.1} % |");
}

/// Compares the lines of a capture; `false` if probe does not read it.
fn compare(args: &Args, path: &Path, tallies: &mut BTreeMap<String, Tally>) -> Result<bool> {
    let Ok(mut reader) = Reader::open(path) else { return Ok(false) };
    let theirs = tcpdump(path, &args.flags)?;
    let words = ["probe", "capture", "-nn", "--number"].map(OsString::from);
    let ProbeCommand::Capture(capture) =
        Cli::try_parse_from(words.into_iter().chain(args.flags.iter().cloned()))?.command
    else {
        bail!("capture is the command");
    };
    let mut printer = Printer::new(capture.style(), reader.link());
    let mut ours = Vec::new();
    let mut shown = 0;
    // A damaged record ends either program's output.
    for theirs in numbered(&theirs) {
        let Ok(Some(frame)) = reader.next() else { break };
        let name = protocol::of(frame.bytes, reader_link(printer.link()));
        ours.clear();
        printer.print(&frame, &mut ours);
        if !args.only.is_empty() && !args.only.contains(&name) {
            continue;
        }
        let tally = tallies.entry(name.clone()).or_default();
        tally.all += 1;
        if ours == theirs {
            tally.equal += 1;
            continue;
        }
        *tally.differ.entry(path.to_path_buf()).or_default() += 1;
        if shown < args.show {
            shown += 1;
            println!(
                "{}: {name}\nprobe:   {}tcpdump: {}",
                path.display(),
                String::from_utf8_lossy(&ours),
                String::from_utf8_lossy(theirs)
            );
        }
    }
    Ok(true)
}

fn reader_link(link: probe_filter::ir::LinkType) -> bool {
    link == probe_filter::ir::LinkType::Ethernet
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

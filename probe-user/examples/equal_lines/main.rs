//! How many frames of a folder of captures print as tcpdump prints them, by protocol:
//! the table of docs/output.md.
//!
//! ```text
//! cargo run -p probe-user --example equal_lines -- FOLDER [-v -e ...]
//! cargo run -p probe-user --example equal_lines -- --show 2 --only UDP FOLDER
//! cargo run -p probe-user --example equal_lines -- --generate 1000 [-v -e ...]
//! ```
//!
//! With `--generate`, of frames by grammar (`testbed::grammar`), so many of each protocol.

mod frames;
mod generated;
mod protocol;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::Parser;
use frames::Pair;

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
    /// Compare frames by grammar, so many of each protocol
    #[arg(long, value_name = "FRAMES", required_unless_present = "captures")]
    generate: Option<usize>,
    /// With --generate: one row for all protocols of a family whose frames are all equal
    #[arg(long, requires = "generate", conflicts_with = "only")]
    families: bool,
    /// The number that the frames hang on
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Captures, or folders of them
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
    let mut families: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut files, mut others, mut on_purpose) = (0, 0, 0);
    if let Some(count) = args.generate {
        let folder = tempfile::tempdir()?;
        for protocol in testbed::grammar::protocols() {
            if !args.only.is_empty() && !args.only.iter().any(|name| name == protocol.name) {
                continue;
            }
            let path = folder.path().join("generated.pcap");
            let compared = generated::compare(&path, &[protocol], args.seed, count, &args.flags)?;
            on_purpose += compared.on_purpose;
            let mut pairs = compared.pairs;
            if args.families && pairs.iter().all(|pair| pair.ours == pair.theirs) {
                pairs.iter_mut().for_each(|pair| pair.protocol = protocol.family.into());
                *families.entry(protocol.family).or_default() += 1;
            }
            add(&args, &path, pairs, &mut tallies);
        }
    }
    for (family, protocols) in families {
        let tally = tallies.remove(family).unwrap_or_default();
        tallies.insert(format!("{family}: {protocols} protocols"), tally);
    }
    for path in captures(&args.captures)? {
        if compare(&args, &path, &mut tallies)? {
            files += 1;
        } else {
            others += 1;
        }
    }
    report(&args, &tallies);
    if args.generate.is_some() {
        println!("\n{on_purpose} more frames differ on purpose");
    } else {
        println!("\n{files} captures; {others} of other link types or no captures");
    }
    Ok(())
}

fn captures(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(frames::captures(path)?);
        } else {
            files.push(path.clone());
        }
    }
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
    let Some(pairs) = frames::pairs(path, &args.flags)? else { return Ok(false) };
    add(args, path, pairs, tallies);
    Ok(true)
}

fn add(args: &Args, path: &Path, pairs: Vec<Pair>, tallies: &mut BTreeMap<String, Tally>) {
    let mut shown = 0;
    for Pair { protocol, ours, theirs } in pairs {
        if !args.only.is_empty() && !args.only.contains(&protocol) {
            continue;
        }
        let tally = tallies.entry(protocol.clone()).or_default();
        tally.all += 1;
        if ours == theirs {
            tally.equal += 1;
            continue;
        }
        *tally.differ.entry(path.to_path_buf()).or_default() += 1;
        if shown < args.show {
            shown += 1;
            println!(
                "{}: {protocol}\nprobe:   {}tcpdump: {}",
                path.display(),
                String::from_utf8_lossy(&ours),
                String::from_utf8_lossy(&theirs)
            );
        }
    }
}

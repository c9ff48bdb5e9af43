//! `probe capture`: frames as lines or into a file.
//!
//! ```text
//! rings ─> drain (this thread) ─> batches ─> writer (its own thread) ─> sinks
//! ```
//! The draining side never waits for a sink: where all batches are on their way, frames
//! are dropped and counted.

mod conveyor;
mod file_sink;
mod files;
mod ledger;
mod live;
mod offline;
mod origin;
mod post_rotate;
mod rotation;
mod sink;

use anyhow::{Context as _, Result};
use probe_filter::ir::LinkType;

use crate::{cli::CaptureArgs, file::Origin, print::Printer, rules};
use sink::{LineSink, Sink};

/// Runs the command.
pub fn run(args: &CaptureArgs) -> Result<()> {
    files::check(args)?;
    match (&args.offline.file, &args.file_list) {
        (Some(path), _) => offline::run(args, vec![path.clone()]),
        (None, Some(list)) => offline::run(args, offline::read_list(list)?),
        (None, None) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(live::run(args))
        }
    }
}

/// The filter: words, or the contents of a file.
fn filter_text(args: &CaptureArgs) -> Result<String> {
    match &args.filter_file {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
        }
        None => args.expression.text(),
    }
}

/// Opens what frames go to, before the long run, and after privileges are gone: a file
/// that cannot be made is better known now.
fn open_sinks(args: &CaptureArgs, link: LinkType, origin: Origin) -> Result<Vec<Box<dyn Sink>>> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(path) = &args.write {
        sinks.push(Box::new(files::open(args, path, link, origin)?));
    }
    if args.write.is_none() || args.print {
        let printer = Printer::new(args.style(), link);
        sinks.push(Box::new(LineSink::new(printer, args.line_buffered)));
    }
    Ok(sinks)
}

/// The one rule of a capture.
fn rule(args: &CaptureArgs) -> Result<rules::Rule> {
    let mut rule = rules::Rule::new("match", filter_text(args)?);
    rule.sampler = Some(rules::sampler(args.sample.unwrap_or(1), args.max_rate));
    Ok(rule)
}

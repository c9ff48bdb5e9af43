//! `probe capture`: frames as lines or into a file.
//!
//! ```text
//! rings ─> drain (this thread) ─> batches ─> writer (its own thread) ─> sinks
//! ```
//! The draining side never waits for a sink: where all batches are on their way, frames stay
//! in the rings, and what those cannot hold is counted as lost.

mod conveyor;
mod events;
pub(crate) mod fifo;
mod file_sink;
mod files;
mod ledger;
mod lists;
mod live;
mod offline;
mod origin;
mod output;
mod post_rotate;
mod rotation;
mod sink;

use std::fs::File;

use anyhow::{Context as _, Result};
use probe_filter::ir::LinkType;
use probe_pcap::Origin;
use probe_print::{Place, Printer};

use crate::{
    bounded,
    cli::{CaptureArgs, values::LINK_TYPES},
    failure::Usage,
    names, rules, runtime, zone,
};
use sink::{CountSink, LineSink, Sink};

/// Runs the command.
pub fn run(args: &CaptureArgs) -> Result<()> {
    args.compat.check()?;
    if lists::show(args)? {
        return Ok(());
    }
    files::check(args)?;
    match (&args.offline.file, &args.file_list) {
        (Some(path), _) => offline::run(args, vec![path.clone()]),
        (None, Some(list)) => offline::run(args, offline::read_list(list)?),
        (None, None) => live(args).map(drop),
    }
}

/// Frames that sampling chose, and that did not arrive where they were to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) u64);

/// Captures from interfaces, by flags that do not contradict each other.
pub(crate) fn live(args: &CaptureArgs) -> Result<Lost> {
    runtime::block_on(live::run(args))
}

/// The filter: words, or the contents of a file, where `#` begins a comment.
fn filter_text(args: &CaptureArgs) -> Result<String> {
    let Some(path) = &args.filter_file else { return args.expression.text() };
    let text = bounded::read(path).with_context(|| format!("-F: reading {}", path.display()))?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// Holds -y against what the frames begin with.
fn check_link(args: &CaptureArgs, link: LinkType) -> Result<(), Usage> {
    let name = |link| {
        let known = LINK_TYPES.iter().find(|(of, ..)| *of == link);
        known.map_or("another", |(_, name, _)| name)
    };
    match args.lists.link_type {
        Some(wanted) if wanted != link => Err(Usage::new(format!(
            "-y {}: the link type is {}, and frames are not converted",
            name(wanted),
            name(link)
        ))),
        _ => Ok(()),
    }
}

/// Opens what frames go to, before the long run, and after privileges are gone: a file
/// that cannot be made is better known now. Lines tell the places apart, if there are any.
fn open_sinks(
    args: &CaptureArgs,
    link: LinkType,
    origin: Origin,
    places: Vec<Place>,
    fifo: Option<File>,
) -> Result<Vec<Box<dyn Sink>>> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(path) = &args.write {
        sinks.push(Box::new(files::open(args, path, link, origin, fifo)?));
    }
    if args.prints() {
        let names = names::names(args.name_style(), args.short_names);
        let printer = Printer::new(args.style(), link)
            .with_names(names)
            .in_zone(zone::local())
            .with_places(places);
        let each = args.line_buffered || args.packet_buffered;
        sinks.push(Box::new(LineSink::new(printer, each)?));
    }
    if sinks.is_empty() {
        sinks.push(Box::new(CountSink::default()));
    }
    Ok(sinks)
}

/// The one rule of a capture.
fn rule(args: &CaptureArgs) -> Result<rules::Rule> {
    let mut rule = rules::Rule::new("match", filter_text(args)?);
    rule.sampler = Some(rules::sampler(args.sample.unwrap_or(1), args.max_rate));
    Ok(rule)
}

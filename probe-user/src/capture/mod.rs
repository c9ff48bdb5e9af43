//! `probe capture`: frames as lines or into a file.
//!
//! ```text
//! rings ─> pump (this thread) ─> batches ─> writer (its own thread) ─> sinks
//! ```
//! The pump's side never waits for a sink: where all batches are on their way, frames stay
//! in the rings, and what those cannot hold is counted as lost.

mod columns;
mod conveyor;
mod cooked;
mod events;
pub(crate) mod feed;
mod fifo;
mod file_sink;
mod lists;
mod live;
mod marks;
mod offline;
pub(crate) mod origin;
mod output;
pub(crate) mod post_rotate;
mod pump;
mod rotation;
mod rows;
mod sink;
mod sources;
mod strftime;

use std::{
    fmt,
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use probe_filter::LinkType;
use probe_pcap::Origin;
use probe_print::Place;

use crate::{failure::Usage, link_type, runtime, source::Source};
use file_sink::Clock;
use marks::Marker;
use sink::CountSink;
use sources::Sources;

pub use columns::Columns;
pub use fifo::Pipe;
pub use file_sink::{FileForm, FileOutput};
pub use lists::{CodeOf, List, list};
pub use pump::Limits;
pub use rotation::Rotate;
pub use rows::{Rows, Syntax};
pub use sink::Lines;
pub(crate) use sink::Sink;

/// What to capture, and where to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the frames come from.
    pub source: Source<Vec<PathBuf>>,
    /// Which of them.
    pub filter: String,
    /// What they must begin with (-y); `None` takes what is there.
    pub link: Option<LinkType>,
    /// How many, how much of each, and how long.
    pub limits: Limits,
    /// Where they go.
    pub outputs: Outputs,
    /// Whether to tell what became of all frames of a live capture where none was lost.
    pub account: bool,
}

/// Where frames go.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// Into a file.
    pub file: Option<FileOutput>,
    /// To standard output, as lines or rows.
    pub lines: Option<Lines>,
    /// Nowhere, but of a file's frames the number is told at the end.
    pub number: bool,
    /// To another command, which writes to standard output what it makes of them.
    pub consumer: Option<Consumer>,
}

/// A sink of another command, to be taken once. It is told when frames are lost, and of frames alone
/// nothing is said: neither what is read nor, unless some were lost, how many there were.
#[derive(Clone)]
pub struct Consumer(Arc<Mutex<Option<Box<dyn Sink>>>>);

impl Consumer {
    pub(crate) fn new(sink: Box<dyn Sink>) -> Self {
        Self(Arc::new(Mutex::new(Some(sink))))
    }

    fn take(&self) -> Option<Box<dyn Sink>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consumer")
    }
}

impl Outputs {
    /// Whether anything goes to standard output while frames come.
    fn use_stdout(&self) -> bool {
        self.lines.is_some()
            || self.consumer.is_some()
            || self.file.as_ref().is_some_and(FileOutput::is_stdout)
    }

    /// Whether interfaces are told by their names, be there several or not.
    fn name_interfaces(&self) -> bool {
        self.lines.as_ref().is_some_and(|lines| lines.rows.is_some())
    }

    /// Whether frames go to files of which the names are known.
    fn are_files(&self) -> bool {
        self.file.as_ref().is_some_and(|file| !file.is_stdout())
    }

    /// Whether commands are run on files that are closed.
    fn run_commands(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.post_rotate.is_some())
    }
}

/// What files and messages call the one rule of a capture.
const RULE: &str = "match";

/// Runs the command.
///
/// # Errors
/// Mistakes in the filter, what the kernel refuses, and those of reading and writing files.
pub fn run(plan: &Plan) -> Result<Lost> {
    match &plan.source {
        Source::Live(live) => runtime::block_on(live::run(plan, live)),
        Source::Stored { files, engine, user } => {
            offline::run(plan, files, *engine, user.as_deref()).map(|()| Lost(0))
        }
    }
}

/// Frames that sampling chose, and that did not arrive where they were to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost(pub u64);

/// Holds -y against what the frames begin with.
fn check_link(wanted: Option<LinkType>, link: LinkType) -> Result<(), Usage> {
    let name = |link| link_type::known(link).name;
    match wanted {
        Some(wanted) if wanted != link => Err(Usage::new(format!(
            "-y {}: the link type is {}, and frames are not converted",
            name(wanted),
            name(link)
        ))),
        _ => Ok(()),
    }
}

/// What a file says of its frames.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// What they begin with: those of pcap, and of pcapng the first ones.
    link: LinkType,
    /// Bytes that are kept of each.
    snaplen: u32,
    /// Whether frames of any interface and type may come (`-i any`, and interfaces of several types):
    /// pcap has them behind a header that is the same for all.
    mixed: bool,
}

/// Opens what frames go to, before the long run, and after privileges are gone: a file
/// that cannot be made is better known now. Lines tell the places apart, if there are any.
fn open_sinks(
    plan: &Plan,
    kept: Kept,
    origin: Origin,
    places: Vec<Place>,
    pipe: Option<File>,
) -> Result<Vec<Box<dyn Sink>>> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(file) = &plan.outputs.file {
        let clock = match plan.source {
            Source::Live(_) => Clock::Frames,
            Source::Stored { .. } => Clock::Wall,
        };
        let sources = match &plan.source {
            Source::Live(_) => Sources::default(),
            Source::Stored { files, .. } => Sources::of(files),
        };
        sinks.push(Box::new(file.open(kept, clock, origin, pipe, sources)?));
    }
    if let Some(lines) = &plan.outputs.lines {
        let marked = lines.rows.as_ref().filter(|rows| rows.columns.have_rules());
        let marker =
            marked.map(|rows| Marker::new(&rows.rules, &plan.source, kept.link)).transpose()?;
        sinks.push(Box::new(lines.open(places, marker)?));
    }
    sinks.extend(plan.outputs.consumer.as_ref().and_then(Consumer::take));
    if sinks.is_empty() {
        sinks.push(Box::new(CountSink::default()));
    }
    Ok(sinks)
}

//! `probe connections` and `probe http`: who spoke with whom, how it went, how long it took.
//!
//! ```text
//! capture (rings or files) ─> Follower ─> probe-flow ─> View ─> lines, JSON, CSV
//! ```
//! Frames come as they come to `capture`: this is a sink of it.

mod csv;
pub(crate) mod filter;
mod follower;
mod json;
mod percentiles;
mod requests;
mod row;
mod text;

use std::{io::IsTerminal as _, path::PathBuf, time::Duration};

use anyhow::Result;
use probe_flow::Limits;

use crate::{
    capture::{self, Consumer, Outputs},
    rules::FlowSampling,
    share::Budget,
    source::Source,
    stdout,
};
use filter::Wanted;
use follower::Follower;
pub use row::Row;
pub(crate) use text::{clock, remarks, short};

/// How connections are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line for people.
    Text,
    /// An object a line.
    Json,
    /// A row.
    Csv,
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Connections when they have ended.
    Ended,
    /// Those that are open at the end.
    Open,
    /// Requests of HTTP/1 when they have been answered; at the end, if asked for, the percentiles of
    /// their times by path.
    Requests {
        /// Whether they are.
        percentiles: bool,
    },
}

/// What to follow, and how to show it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where frames come from.
    pub source: Source<Vec<PathBuf>>,
    /// Which connections.
    pub filter: String,
    /// What of them is shown.
    pub view: View,
    /// In which form.
    pub format: Format,
    /// The end, by lines.
    pub count: Option<u64>,
    /// The end, by time.
    pub duration: Option<Duration>,
    /// Bytes of a frame that are looked at.
    pub snaplen: u32,
    /// Bytes of each CPU's rings; `None`: what fits the number of CPUs.
    pub ring_bytes: Option<usize>,
    /// Whether only some connections are followed, chosen in the kernel.
    pub flows: Option<FlowSampling>,
    /// Frames a second that may come; beyond that some connections are followed, as many as that allows. Not
    /// with `flows`, and not of files.
    pub budget: Option<Budget>,
    /// Connections that are followed at once.
    pub max_connections: usize,
    /// Whether to tell what became of all frames, also where none was lost.
    pub account: bool,
}

/// The filter for connections of what the user asks for, in TCP and UDP.
pub(crate) fn complete<F>(user: &str, source: &Source<F>) -> String {
    filter::complete(user, source, Wanted::All)
}

/// Runs the command.
///
/// # Errors
/// Those of `capture`.
pub fn run(plan: &Plan) -> Result<()> {
    let wanted = match plan.view {
        View::Requests { .. } => Wanted::Tcp,
        View::Ended | View::Open => Wanted::All,
    };
    let mut limits = Limits::default();
    limits.connections = plan.max_connections;
    let follower = Follower::new(plan, limits, Box::new(stdout::open()?), is_terminal());
    capture::run(&capture::Plan {
        source: plan.source.clone(),
        filter: filter::complete(&plan.filter, &plan.source, wanted),
        link: None,
        limits: capture::Limits {
            snaplen: plan.snaplen,
            duration: plan.duration,
            ring_bytes: plan.ring_bytes,
            flows: plan.flows,
            budget: plan.budget,
            ..capture::Limits::default()
        },
        outputs: Outputs {
            consumer: Some(Consumer::new(Box::new(follower))),
            ..Outputs::default()
        },
        account: plan.account,
    })
    .map(drop)
}

fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

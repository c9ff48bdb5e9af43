//! `probe connections` and `probe http`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use probe_filter::FlowSeed;
use probe_frame::MAX_FRAME;

use super::{Expression, Live, Offline, Promiscuous, Refused, values};
use crate::{
    connections::{Format, Plan, View},
    rules::{self, FlowSampling},
    share::Budget,
    source::DirectionChoice,
};

/// How they are shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FollowFormat {
    /// A line for people
    Text,
    /// An object a line
    Json,
    /// A row
    Csv,
}

/// Bytes of a frame that are looked at live: requests and hellos, but for the longest.
const SNAPLEN: u32 = 1024;

/// Flags of both commands.
#[derive(Debug, Args)]
pub struct Follow {
    #[command(flatten)]
    pub live: Live,

    #[command(flatten)]
    pub offline: Offline,

    /// Stop after N lines
    #[arg(short = 'c', long = "count", value_name = "N",
          value_parser = values::number::<u64, 1, { u64::MAX }>)]
    pub count: Option<u64>,

    /// Stop after this time
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub duration: Option<Duration>,

    /// Output format [default: text]
    #[arg(long, value_enum, default_value = "text", hide_default_value = true)]
    pub format: FollowFormat,

    /// Follow at most N connections at once; newcomers beyond that make those go that nobody has
    /// answered for a second. Where there are none, a smaller share of all is followed, whole
    /// connections as with --max-records; of a file newcomers are counted and not followed
    #[arg(long, value_name = "N", default_value_t = 1 << 18,
          value_parser = values::number::<u64, 1, { 1 << 31 }>)]
    pub max_connections: u64,

    /// Frames a second that may be read to follow connections; beyond that one connection in 2, 4, 8 and
    /// so on is followed, whole
    #[arg(long, value_name = "N", default_value = "100000", conflicts_with = "sample_flows",
          value_parser = values::number::<u64, 1000, { u64::MAX }>)]
    pub max_records: u64,

    /// Follow whole connections, one in N
    #[arg(long, value_name = "N", value_parser = values::number::<u32, 1, { u32::MAX as u64 }>)]
    pub sample_flows: Option<u32>,

    /// Let SEED say which connections --sample-flows chooses, to get the same ones again [default:
    /// drawn at each start]
    #[arg(long, value_name = "SEED", requires = "sample_flows",
          value_parser = values::number::<u64, 0, { u64::MAX }>)]
    pub flow_seed: Option<u64>,

    /// Bytes of a frame to look at (0: as many as possible) [default: 1024, of a file all]
    #[arg(short = 's', long = "snapshot-length", value_name = "BYTES",
          value_parser = values::number::<u32, 0, { MAX_FRAME as u64 }>)]
    pub snaplen: Option<u32>,

    /// Buffer size per CPU, in KiB or with a suffix [default: 18M, less with many CPUs]
    #[arg(short = 'B', long = "buffer-size", value_name = "SIZE",
          value_parser = values::buffer_size)]
    pub buffer_size: Option<usize>,

    /// Tell at the end what became of all frames (also where none was lost)
    #[arg(short = 'v', long = "verbose")]
    pub verbose: bool,

    #[command(flatten)]
    pub promiscuous: Promiscuous,

    #[command(flatten)]
    pub expression: Expression,
}

impl Follow {
    fn plan(self, view: View) -> Result<Plan, Refused> {
        self.offline.has_no_clock(self.duration).map_err(|error| Refused::Plan(error.into()))?;
        let snaplen = match (self.snaplen, &self.offline.file) {
            (Some(bytes), _) => values::snaplen(bytes),
            (None, Some(_)) => MAX_FRAME,
            (None, None) => SNAPLEN,
        };
        let is_live = self.offline.file.is_none();
        let files = self.offline.file.clone().map(|file| vec![file]);
        let live = self.live.plan(DirectionChoice::Both, self.promiscuous.mode());
        Ok(Plan {
            source: self.offline.source(files, live),
            filter: self.expression.text(),
            view,
            format: match self.format {
                FollowFormat::Text => Format::Text,
                FollowFormat::Json => Format::Json,
                FollowFormat::Csv => Format::Csv,
            },
            count: self.count,
            duration: self.duration,
            snaplen,
            ring_bytes: self.buffer_size,
            flows: self.sample_flows.map(|one_in| FlowSampling {
                one_in,
                seed: self.flow_seed.map_or_else(rules::drawn_seed, FlowSeed::new),
            }),
            // A file waits until it is read.
            budget: (is_live && self.sample_flows.is_none()).then(|| Budget::new(self.max_records)),
            max_connections: self.max_connections as usize,
            account: self.verbose,
        })
    }
}

/// Flags of `probe connections`.
#[derive(Debug, Args)]
#[command(
    after_help = "A line when a connection has ended, or its outcome is clear: time, client > server, outcome, \
    handshake, time to first byte, duration, bytes of either side. docs/connections.md has all \
    columns, and how each outcome is told.\n\n\
    The expression should hold for both directions: `port 80`, not `dst port 80`.\n\n\
    Examples:\n  \
    probe connections -i eth0 port 443\n  \
    probe connections -i eth0 --open --duration 10s\n  \
    probe connections -r trace.pcap --format json host 192.0.2.7\n  \
    probe capture -i eth0 -w - port 80 | probe connections -r -"
)]
pub struct ConnectionsArgs {
    #[command(flatten)]
    pub follow: Follow,

    /// List the connections open at the end (and none that have ended)
    #[arg(long)]
    pub open: bool,
}

impl ConnectionsArgs {
    /// What the flags ask for.
    ///
    /// # Errors
    /// A time of a file.
    pub fn plan(self) -> Result<Plan, Refused> {
        self.follow.plan(if self.open { View::Open } else { View::Ended })
    }
}

/// Flags of `probe http`.
#[derive(Debug, Args)]
#[command(
    after_help = "A line when a request of HTTP/1 has its response, or will have none: time, client, method, \
    host and path, status, bytes of the body, time to first byte.\n\n\
    Examples:\n  \
    probe http -i eth0 port 80\n  \
    probe http -i eth0 --percentiles --duration 1m\n  \
    probe http -r trace.pcap --format json"
)]
pub struct HttpArgs {
    #[command(flatten)]
    pub follow: Follow,

    /// Sum up each path at the end (how many requests there were, and the 50th, 90th and 99th percentile
    /// of their time to first byte)
    #[arg(long)]
    pub percentiles: bool,
}

impl HttpArgs {
    /// What the flags ask for.
    ///
    /// # Errors
    /// A time of a file.
    pub fn plan(self) -> Result<Plan, Refused> {
        self.follow.plan(View::Requests { percentiles: self.percentiles })
    }
}

#[cfg(test)]
mod tests {
    use probe_flow::Limits;

    use super::*;
    use crate::{Command, cli, source::Source};

    fn plan(words: &[&str]) -> Plan {
        match cli::from_words([&["probe"], words].concat()) {
            Ok(Command::Connections(plan)) => *plan,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn of_files_all_is_looked_at_and_live_the_heads() {
        let live = plan(&["connections", "-i", "lo", "port", "80"]);
        assert_eq!((live.snaplen, live.view, live.filter.as_str()), (1024, View::Ended, "port 80"));
        assert!(
            matches!(live.source, Source::Live(live) if live.direction == DirectionChoice::Both)
        );
        let file = plan(&["connections", "-r", "f", "--open", "--format", "json"]);
        assert_eq!((file.snaplen, file.view, file.format), (MAX_FRAME, View::Open, Format::Json));
        assert_eq!(file.max_connections, Limits::default().connections);
        assert_eq!(live.budget.map(|budget| budget.records), Some(100_000));
        assert_eq!(file.budget, None);
        let fixed = plan(&["connections", "-i", "lo", "--sample-flows", "8"]);
        assert_eq!(fixed.budget, None);
        let http = plan(&["http", "-i", "lo", "--percentiles", "-c", "5", "-s", "0"]);
        assert_eq!(http.view, View::Requests { percentiles: true });
        assert_eq!((http.count, http.snaplen), (Some(5), MAX_FRAME));
    }
}

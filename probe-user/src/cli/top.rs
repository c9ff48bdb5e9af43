//! `probe top`.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::{Args, ColorChoice};
use probe_filter::Key;

use super::{
    Expression, Live, Offline,
    count::{Asked, counted},
    shared, values,
};
use crate::{
    health::Service,
    keys::{self, By},
    rules::Rule,
    source::{DirectionChoice, Promiscuity, Source},
    top::{Input, Place, Plan},
};

/// Flags of `probe top`.
#[derive(Debug, Args)]
#[command(
    after_help = "Keys: ? shows them all; q quits. Tabs 3 and 4 look at connections: their programs are \
    attached when they are first opened.\n\n\
    Examples:\n  \
    probe top -i eth0\n  \
    probe top -i eth0 --rule syn=@syn --rule get=@get --by src\n  \
    probe top -r trace.pcap --rules rules.toml\n  \
    probe top --connect /run/probe.sock"
)]
pub struct TopArgs {
    #[command(flatten)]
    pub live: Live,

    #[command(flatten)]
    pub offline: Offline,

    /// Show what a running `probe serve` counts: http://ADDRESS:PORT, or the path of its socket
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["interfaces", "file", "rules",
          "rules_file", "by", "distinct", "top_memory", "ports", "words", "interval"])]
    pub connect: Option<Place>,

    /// A named filter; may be given several times
    #[arg(long = "rule", value_name = "NAME=EXPR")]
    pub rules: Vec<Rule>,

    /// Read named filters from a TOML file (as probe count does)
    #[arg(long = "rules", value_name = "FILE")]
    pub rules_file: Option<PathBuf>,

    /// List the N largest keys of each rule (as probe count does) [default of N: 10]
    #[arg(long, value_name = "KEY[,N]", value_parser = keys::by)]
    pub by: Vec<By>,

    /// Say how many different keys each rule has (as probe count does)
    #[arg(long, value_name = "KEY", value_parser = str::parse::<Key>)]
    pub distinct: Vec<Key>,

    /// Memory that the lists of --by and --distinct may take [default: 64M]
    #[arg(long, value_name = "SIZE", value_parser = values::memory)]
    pub top_memory: Option<u64>,

    /// A port for tab 3: of TCP, or of UDP as in 53/udp; several with commas [default: the busiest TCP ports
    /// that answer]
    #[arg(long = "port", value_name = "PORT", value_delimiter = ',')]
    pub ports: Vec<Service>,

    /// Time between two readings of the counts; of a file between two positions
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::duration)]
    pub interval: Duration,

    /// Stop after this time
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub duration: Option<Duration>,

    /// Colours: auto (where NO_COLOR is not set), always, never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub color: ColorChoice,

    #[command(flatten)]
    pub expression: Expression,
}

impl TopArgs {
    /// What the flags ask for.
    ///
    /// # Errors
    /// A rules file that cannot be read, and what is wrong in it.
    pub fn plan(self) -> Result<Plan> {
        let (rules, memory_of_file) = counted(&Asked {
            file: self.rules_file.as_deref(),
            rules: &self.rules,
            text: self.expression.text(),
            by: &self.by,
            distinct: &self.distinct,
        })?;
        let live = self.live.plan(DirectionChoice::Received, Promiscuity::Off);
        let from = match (self.connect, self.offline.source(self.offline.file.clone(), live)) {
            (Some(place), _) => Input::Served(place),
            (None, Source::Live(live)) => Input::Live(live),
            (None, Source::Stored { files, engine, user }) => {
                Input::File { path: files, engine, user }
            }
        };
        Ok(Plan {
            from,
            rules,
            list_memory: self.top_memory.or(memory_of_file),
            ports: self.ports,
            interval: self.interval,
            duration: self.duration,
            colors: shared::colors(self.color),
        })
    }
}

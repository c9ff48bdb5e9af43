//! `probe top`.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, ColorChoice};

use super::{Expression, Live, Offline, counted::Counted, shared, values};
use crate::{
    health::Service,
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

    #[command(flatten)]
    pub counted: Counted,

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
        let (rules, list_memory) = self.counted.rules(self.expression.text())?;
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
            list_memory,
            ports: self.ports,
            interval: self.interval,
            duration: self.duration,
            colors: shared::colors(self.color),
        })
    }
}

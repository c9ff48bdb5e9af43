//! `probe health`.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, ColorChoice, ValueEnum};

use super::{Expression, Live, Offline, Promiscuous, shared, values};
use crate::{
    health::{Format, Plan, Service, Settings},
    kernel::Direction,
    source::DirectionChoice,
};

/// How reports are shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum HealthFormat {
    /// A table for people
    Table,
    /// One object per line: one for each interval, and a final one
    Json,
}

/// Flags of `probe health`.
#[derive(Debug, Args)]
#[command(
    after_help = "The verdicts: healthy, closed (nobody listens), firewalled (rejected or dropped), \
    flooded (asked for and never completed), overloaded (the listen queue is full), slow, quiet.\n\n\
    Examples:\n  \
    probe health -i eth0 --port 80,443\n  \
    probe health -i eth0 --port 53/udp --format json --duration 10s\n  \
    probe health -i eth0 'net 203.0.113.0/24'\n  \
    probe health -r trace.pcap --slow 200ms"
)]
pub struct HealthArgs {
    #[command(flatten)]
    pub live: Live,

    #[command(flatten)]
    pub offline: Offline,

    /// A port of TCP, or of UDP as in 53/udp; several with commas, or each with a flag of its own
    /// [default: the busiest TCP ports that answer]
    #[arg(long = "port", value_name = "PORT", value_delimiter = ',')]
    pub ports: Vec<Service>,

    /// Without --port: so many of the busiest
    #[arg(long, value_name = "N", default_value = "20", conflicts_with = "ports",
          value_parser = values::number::<usize, 1, 256>)]
    pub top: usize,

    /// Segments a second that may be read to follow connections; beyond that one connection in 2, 4, 8 and
    /// so on is followed, and its numbers stand for all
    #[arg(long, value_name = "N", default_value = "100000",
          value_parser = values::number::<u64, 1000, { u64::MAX }>)]
    pub max_records: u64,

    /// Connections to follow at once; where there are more, one in 2, 4, 8 and so on is followed, as with
    /// --max-records
    #[arg(long, value_name = "N", default_value_t = 1 << 17,
          value_parser = values::number::<u64, 1000, { 1 << 31 }>)]
    pub max_connections: u64,

    /// A port is slow where more than a tenth of its answers, or of its handshakes, takes longer
    #[arg(long, value_name = "TIME", default_value = "800ms", value_parser = values::duration)]
    pub slow: Duration,

    /// Time between updates
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::duration)]
    pub interval: Duration,

    /// Stop after this time
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub duration: Option<Duration>,

    /// Output format [default: table]
    #[arg(long, value_enum, default_value = "table", hide_default_value = true)]
    pub format: HealthFormat,

    /// Colour the table on a terminal: auto (where NO_COLOR is not set), always, never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub color: ColorChoice,

    #[command(flatten)]
    pub promiscuous: Promiscuous,

    #[command(flatten)]
    pub expression: Expression,
}

impl HealthArgs {
    /// What the flags ask for.
    ///
    /// # Errors
    /// A time of a file.
    pub fn plan(self) -> Result<Plan> {
        self.offline.has_no_clock(self.duration)?;
        let Self {
            live,
            offline,
            mut ports,
            top,
            max_records,
            max_connections,
            slow,
            interval,
            duration,
            format,
            ..
        } = self;
        // Both sides of a connection tell its story. XDP sees one, and the kernel side refuses it.
        let live = live.plan(DirectionChoice::Given(Direction::InOut), self.promiscuous.mode());
        let mut known = Vec::new();
        ports.retain(|port| {
            !known.contains(port) && {
                known.push(*port);
                true
            }
        });
        Ok(Plan {
            source: offline.source(offline.file.clone(), live),
            settings: Settings {
                services: ports,
                most: top,
                filter: self.expression.text(),
                most_records: max_records,
                most_connections: max_connections as usize,
                slow,
            },
            interval,
            duration,
            format: match format {
                HealthFormat::Table => Format::Table,
                HealthFormat::Json => Format::Json,
            },
            colors: shared::colors(self.color),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, cli::from_words};

    #[test]
    fn defaults_are_those_of_a_configuration() {
        let Command::Health(plan) = from_words(["probe", "health", "-i", "lo"]).unwrap() else {
            panic!("health");
        };
        assert_eq!(plan.settings, Settings::default());
    }
}

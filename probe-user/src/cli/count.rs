//! `probe count`.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, ColorChoice, ValueEnum};

use super::{
    Expression, Live, Offline, Promiscuous, counted::Counted, shared, shared::conditions, values,
};
use crate::{
    count::{self, Plan},
    failure::Usage,
    names::NameStyle,
    source::DirectionChoice,
};

/// How counts are shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CountFormat {
    /// A table for people
    Table,
    /// One object per line: one for each interval, and a final one
    Json,
    /// One row per rule
    Csv,
}

/// Flags of `probe count`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    probe count -i eth0 @syn\n  \
    probe count -i eth0 --rule syn=@syn --rule get='payload \"GET \"' --format json\n  \
    probe count -i eth0 --by src    # who sends most, and how many there are\n  \
    probe count -i eth0 --by src/24,64,20 --distinct src 'udp port 53'\n  \
    probe count -r trace.pcap --rules rules.toml\n  \
    probe count -i eth0 --duration 10s --rule syn=@syn --fail-if 'syn > 1000/s'")]
pub struct CountArgs {
    #[command(flatten)]
    pub live: Live,

    #[command(flatten)]
    pub offline: Offline,

    #[command(flatten)]
    pub counted: Counted,

    /// Show names of hosts and services beside the keys: as soon as they are known, and of a file
    /// waited for
    #[arg(long)]
    pub names: bool,

    /// Time between updates
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::duration)]
    pub interval: Duration,

    /// Stop after this time
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub duration: Option<Duration>,

    /// Stop when all rules together have N matches (checked 20 times a second)
    #[arg(short = 'c', long = "count", value_name = "N",
          value_parser = values::number::<u64, 1, { u64::MAX }>)]
    pub count: Option<u64>,

    /// Exit with 3 if this held, as in 'syn > 1000/s' (over the whole run) and 'bytes of get > 10M/s for
    /// 5s' (as soon as it has held so long); may be given several times
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<String>,

    /// Output format [default: table]
    #[arg(long, value_enum, default_value = "table", hide_default_value = true)]
    pub format: CountFormat,

    /// Colour the table on a terminal: auto (where NO_COLOR is not set), always, never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub color: ColorChoice,

    #[command(flatten)]
    pub promiscuous: Promiscuous,

    #[command(flatten)]
    pub expression: Expression,
}

impl CountArgs {
    /// What the flags ask for.
    ///
    /// # Errors
    /// A rules file that cannot be read, and what is wrong in it.
    pub fn plan(self) -> Result<Plan> {
        let (rules, list_memory) = self.counted.rules(self.expression.text())?;
        let fail_if = conditions("--fail-if", &self.fail_if, &rules)?;
        if let Some(lost) = fail_if.iter().find(|condition| condition.is_about_losses()) {
            let why = "probe count copies no frames, so that none can be lost";
            return Err(Usage::new(format!("--fail-if {lost}: {why}")).into());
        }
        self.offline.has_no_clock(self.duration)?;
        let names = match (self.names, &self.offline.file) {
            (false, _) => NameStyle::Numbers,
            (true, None) => NameStyle::Background,
            (true, Some(_)) => NameStyle::Wait,
        };
        let Self { live, offline, interval, duration, count, format, color, promiscuous, .. } =
            self;
        let live = live.plan(DirectionChoice::Received, promiscuous.mode());
        Ok(Plan {
            source: offline.source(offline.file.clone(), live),
            rules,
            interval,
            duration,
            count,
            fail_if,
            format: match format {
                CountFormat::Table => count::Format::Table,
                CountFormat::Json => count::Format::Json,
                CountFormat::Csv => count::Format::Csv,
            },
            colors: shared::colors(color),
            names,
            list_memory,
        })
    }
}

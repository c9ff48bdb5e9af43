//! `probe rate`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Expression, Live, Promiscuous, values};
use crate::{
    failure::Usage,
    rate::{Format, Plan},
    source::DirectionChoice,
};

/// How the rate is shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RateFormat {
    /// A text for people
    Text,
    /// One object
    Json,
}

/// Flags of `probe rate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Stops after -c matches, after -t, or at Ctrl-C, whichever comes first.\n\n\
    Examples:\n  \
    probe rate -i eth0 -c 10000 @syn\n  \
    probe rate -i eth0 -t 10s 'udp port 53'"
)]
pub struct RateArgs {
    #[command(flatten)]
    pub live: Live,

    /// Stop at match number N; the kernel records the times of the first and the last match
    #[arg(short = 'c', long = "count", value_name = "N",
          value_parser = clap::value_parser!(u64).range(2..))]
    pub count: Option<u64>,

    /// Stop after this time
    #[arg(short = 't', long = "time", value_name = "TIME", value_parser = values::duration)]
    pub time: Option<Duration>,

    /// Output format [default: text]
    #[arg(long, value_enum, default_value = "text", hide_default_value = true)]
    pub format: RateFormat,

    #[command(flatten)]
    pub promiscuous: Promiscuous,

    #[command(flatten)]
    pub expression: Expression,
}

impl RateArgs {
    /// What the flags ask for.
    ///
    /// # Errors
    /// Nothing that would end the measurement.
    pub fn plan(self) -> Result<Plan, Usage> {
        let Self { live, count, time, format, promiscuous, expression } = self;
        if count.is_none() && time.is_none() {
            return Err(Usage::new("say when to stop: -c N (matches) or -t TIME"));
        }
        let format = match format {
            RateFormat::Text => Format::Text,
            RateFormat::Json => Format::Json,
        };
        let live = live.plan(DirectionChoice::Received, promiscuous.mode());
        Ok(Plan { live, filter: expression.text(), count, time, format })
    }
}

//! `probe rate`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Expression, Live, Offline, Promiscuous, values};
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
    after_help = "Stops after -c matches, after --duration, or at Ctrl-C, whichever comes first.\n\n\
    Examples:\n  \
    probe rate -i eth0 -c 10000 @syn\n  \
    probe rate -i eth0 --duration 10s 'udp port 53'\n  \
    probe rate -r trace.pcap @syn"
)]
pub struct RateArgs {
    #[command(flatten)]
    pub live: Live,

    #[command(flatten)]
    pub offline: Offline,

    /// Stop at match number N; the time is that from the first match to the last
    #[arg(short = 'c', long = "count", value_name = "N",
          value_parser = values::number::<u64, 2, { u64::MAX }>)]
    pub count: Option<u64>,

    /// Stop after this time
    #[arg(long, alias = "time", short_alias = 't', value_name = "TIME",
          value_parser = values::duration)]
    pub duration: Option<Duration>,

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
    /// A time of a file.
    pub fn plan(self) -> Result<Plan, Usage> {
        let Self { live, offline, count, duration, format, promiscuous, expression } = self;
        offline.has_no_clock(duration)?;
        let format = match format {
            RateFormat::Text => Format::Text,
            RateFormat::Json => Format::Json,
        };
        let live = live.plan(DirectionChoice::Received, promiscuous.mode());
        let source = offline.source(offline.file.clone(), live);
        Ok(Plan { source, filter: expression.text(), count, duration, format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, cli, source::Source};

    fn plan(words: &[&str]) -> Plan {
        match cli::from_words([&["probe", "rate"], words].concat()) {
            Ok(Command::Rate(plan)) => plan,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn a_time_by_its_name_and_those_of_before() {
        for flag in ["--duration", "--time", "-t"] {
            let plan = plan(&["-i", "lo", flag, "1m30s"]);
            assert_eq!(plan.duration, Some(Duration::from_secs(90)), "{flag}");
        }
    }

    #[test]
    fn nothing_has_to_end_it() {
        let live = plan(&["-i", "lo"]);
        assert_eq!((live.count, live.duration), (None, None));
        let file = plan(&["-r", "f", "@syn"]).source;
        assert!(matches!(file, Source::Stored { files, .. } if files == std::path::Path::new("f")));
    }
}

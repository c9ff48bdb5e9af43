//! `probe record`.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Args;
use probe_frame::MAX_FRAME;

use super::{Expression, Live, shared::conditions, values};
use crate::{
    condition::Condition,
    failure::Usage,
    record::{Output, Plan, WhenFull},
    rules::Rule,
    source::{DirectionChoice, Promiscuity},
};

/// Flags of `probe record`.
#[derive(Debug, Args)]
#[command(
    after_help = "A recording starts when a condition of --when is met, at SIGUSR2, and at the end of the \
    command of --while; after --max-files of them, at Ctrl-C, or after --duration the recorder ends.\n\n\
    Conditions: 'rate > 50k/s for 2s' (rate: packets of EXPR), 'bytes > 10M/s', 'syn > 1000/s' (a rule \
    of --rule), 'share of syn > 50%', 'rate < 10/s for 1m', 'lost > 0', 'rate > 5k/s until 1k/s'.\n\n\
    Examples:\n  \
    probe record -i eth0 --last 1m --when 'rate > 50k/s for 2s' -w syn.pcapng @syn\n  \
    probe record -i eth0 --rule syn=@syn --when 'share of syn > 50%' -w i.pcapng\n  \
    probe record -i lo --while './flaky-test' -w flaky.pcapng 'port 5432'"
)]
pub struct RecordArgs {
    #[command(flatten)]
    pub live: Live,

    /// How far back a recording goes (as far as the memory allows)
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::duration)]
    pub last: Duration,

    /// How long it goes on after what started it
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub after: Option<Duration>,

    /// Start a recording when this holds; may be given several times
    #[arg(long, value_name = "CONDITION")]
    pub when: Vec<String>,

    /// Run COMMAND (by /bin/sh), start a recording when it ends, and then end
    #[arg(long = "while", value_name = "COMMAND")]
    pub during: Option<OsString>,

    /// A filter that is only counted, for conditions; may be given several times
    #[arg(long = "rule", value_name = "NAME=EXPR")]
    pub rules: Vec<Rule>,

    /// Time between two looks at the counts [default: half of the shortest time for which a --when must
    /// hold, 1s at most]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub interval: Option<Duration>,

    /// Stop after this time
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub duration: Option<Duration>,

    /// Where a recording goes, in pcapng; with --max-files the time and the rule are put into the name
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    pub write: PathBuf,

    /// Stop after N recordings
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = values::number::<u32, 1, { i32::MAX as u64 }>)]
    pub max_files: u32,

    /// Bytes that a recording may have (suffixes k, m and g: KiB, MiB and GiB; else millions)
    #[arg(long, value_name = "SIZE", default_value = "1g", value_parser = values::file_size)]
    pub max_size: u64,

    /// Run COMMAND on each recording that is finished
    #[arg(short = 'z', value_name = "COMMAND")]
    pub command: Option<OsString>,

    /// Bytes of a frame to keep (0: as many as possible)
    #[arg(short = 's', long = "snapshot-length", value_name = "BYTES", default_value_t = 0,
          hide_default_value = true, value_parser = values::number::<u32, 0, { MAX_FRAME as u64 }>)]
    pub snaplen: u32,

    /// Memory of each CPU's ring, in KiB or with a suffix K, M or G; rounded up to a power of two
    /// [default: 64M, less where there are many CPUs]
    #[arg(short = 'B', long = "buffer-size", value_name = "SIZE", value_parser = values::buffer_size)]
    pub buffer_size: Option<usize>,

    /// Do not put the interface into promiscuous mode: frames to other hosts are not kept
    #[arg(short = 'p', long = "no-promiscuous-mode")]
    pub no_promiscuous: bool,

    #[command(flatten)]
    pub expression: Expression,
}

impl RecordArgs {
    /// What the flags ask for.
    ///
    /// # Errors
    /// Mistakes in conditions, and a file that is not one.
    pub fn plan(self) -> Result<Plan> {
        let mut rules = vec![Rule::new("match", self.expression.text())];
        rules.extend(self.rules);
        let when = conditions("--when", &self.when, &rules)?;
        check(&self.write)?;
        let promiscuity =
            if self.no_promiscuous { Promiscuity::Off } else { Promiscuity::IfPermitted };
        Ok(Plan {
            live: self.live.plan(DirectionChoice::Both, promiscuity),
            rules,
            last: self.last,
            after: self.after.unwrap_or_default(),
            interval: self.interval.unwrap_or_else(|| interval(&when)),
            when,
            during: self.during,
            duration: self.duration,
            output: Output {
                path: self.write,
                files: self.max_files,
                when_full: WhenFull::End,
                bytes: self.max_size,
            },
            command: self.command,
            snaplen: values::snaplen(self.snaplen),
            ring_bytes: self.buffer_size,
        })
    }
}

/// The time between two looks at the counts that these conditions ask for: each look takes CPU time.
fn interval(when: &[Condition]) -> Duration {
    const LEAST: Duration = Duration::from_millis(50);
    /// Of a condition that one reading meets.
    const AT_ONCE: Duration = Duration::from_millis(500);
    const MOST: Duration = Duration::from_secs(1);

    let of = |one: &Condition| one.lasting().map_or(AT_ONCE, |time| (time / 2).max(LEAST));
    when.iter().map(of).fold(MOST, Duration::min)
}

/// A recording is a file, and of the one form that has a place for what is to be said of it.
fn check(path: &std::path::Path) -> Result<(), Usage> {
    if path.as_os_str() == "-" || path.file_name().is_none() {
        return Err(Usage::new("-w: a recording is a file with a name"));
    }
    match path.extension() {
        Some(end) if end.eq_ignore_ascii_case("pcap") => {
            let name = path.with_extension("pcapng");
            Err(Usage::new(format!("-w: recordings are pcapng: name it {}", name.display())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, cli};

    #[test]
    fn each_flag_is_in_the_plan() {
        let words = ["record", "-i", "lo", "--last", "5s", "--after", "2s", "-w", "a", "-s", "96"];
        let more =
            ["--when", "syn > 5/s", "--rule", "syn=@syn", "--max-files", "3", "udp", "port 53"];
        let words = [&["probe"], &words[..], &more].concat();
        let Command::Record(plan) = cli::from_words(words).unwrap() else { panic!("record") };
        assert_eq!((plan.last.as_secs(), plan.after.as_secs(), plan.snaplen), (5, 2, 96));
        assert_eq!(plan.rules[0], Rule::new("match", "udp port 53"));
        assert_eq!((plan.when.len(), plan.rules.len(), plan.output.files), (1, 2, 3));
        assert_eq!(plan.output.bytes, 1 << 30);
    }

    #[test]
    fn the_interval_is_that_of_the_shortest_condition() {
        let interval = |when: &[&str]| {
            let when: Vec<String> = when.iter().map(ToString::to_string).collect();
            super::interval(&conditions("--when", &when, &[Rule::new("match", "udp")]).unwrap())
        };
        for (when, ms) in [
            (&[][..], 1000),
            (&["rate > 5/s"], 500),
            (&["rate > 5/s for 400ms"], 200),
            (&["rate > 5/s for 10ms"], 50),
            (&["rate > 5/s for 2s"], 1000),
            (&["rate > 5/s for 1m", "lost > 0"], 500),
        ] {
            assert_eq!(interval(when), Duration::from_millis(ms), "{when:?}");
        }
    }

    #[test]
    fn a_recording_is_a_pcapng_file() {
        let said = |name: &str| check(name.as_ref()).err().map(|error| error.to_string());
        assert_eq!(said("a.pcapng").or(said("a")), None);
        assert_eq!(said("x/a.pcap").unwrap(), "-w: recordings are pcapng: name it x/a.pcapng");
        assert!(said("-").is_some() && said("/").is_some());
    }
}

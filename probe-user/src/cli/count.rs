//! `probe count`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use clap::{Args, ColorChoice, ValueEnum};

use super::{Expression, Live, Offline, Promiscuous, shared, shared::conditions, values};
use probe_filter::{Key, Prefix};

use crate::{
    count::{self, Plan},
    failure::Usage,
    keys::{self, By, List},
    names::NameStyle,
    reporter,
    rules::{self, Rule, RulesFile},
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

    /// A named filter; may be given several times
    #[arg(long = "rule", value_name = "NAME=EXPR")]
    pub rules: Vec<Rule>,

    /// Read named filters from a TOML file; each is a `[[rule]]` with name and filter, and if wanted by,
    /// top and distinct (as --by and --distinct) and sample; `[top]` has memory (as --top-memory)
    #[arg(long = "rules", value_name = "FILE")]
    pub rules_file: Option<PathBuf>,

    /// List the N largest keys of each rule (counted in the kernel, right in a flood): src, dst, src/24
    /// or src/24,64 (networks of IPv4 and IPv6), sport, dport, src,dport, proto, vlan, mac. May be given
    /// several times. Without a rule: of every packet, with how many different keys there are
    /// [default of N: 10]
    #[arg(long, value_name = "KEY[,N]", value_parser = keys::by)]
    pub by: Vec<By>,

    /// Say how many different keys each rule has: since the start, in the last interval and in the
    /// last minute; may be given several times
    #[arg(long, value_name = "KEY", value_parser = str::parse::<Key>)]
    pub distinct: Vec<Key>,

    /// Memory that the lists of --by and --distinct may take; their tables are smaller and their counts
    /// less exact where all of them need more [default: 64M]
    #[arg(long, value_name = "SIZE", value_parser = values::memory)]
    pub top_memory: Option<u64>,

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
        let (rules, memory_of_file) = self.rules()?;
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
            list_memory: self.top_memory.or(memory_of_file),
        })
    }

    fn rules(&self) -> Result<(Vec<Rule>, Option<u64>)> {
        counted(&Asked {
            file: self.rules_file.as_deref(),
            rules: &self.rules,
            text: self.expression.text(),
            by: &self.by,
            distinct: &self.distinct,
        })
    }
}

/// What is to be counted, by the flags of `probe count` and `probe top`.
pub(super) struct Asked<'a> {
    /// `--rules`.
    pub file: Option<&'a Path>,
    /// `--rule`.
    pub rules: &'a [Rule],
    /// The words that are left over.
    pub text: String,
    /// `--by`.
    pub by: &'a [By],
    /// `--distinct`.
    pub distinct: &'a [Key],
}

/// The rules of the file, those of the command line, and the expression under its own name. An
/// expression alone, or nothing at all, is one rule. Beside them the memory that lists may take, where
/// the file says that.
pub(super) fn counted(asked: &Asked<'_>) -> Result<(Vec<Rule>, Option<u64>)> {
    let file = asked.file.map(rules::read_file).transpose()?;
    let RulesFile { mut rules, list_memory } = file.unwrap_or_default();
    rules.extend(asked.rules.iter().cloned());
    // What is hitting this server, and from how many: keys alone ask for both.
    let keys_alone = asked.text.is_empty() && rules.is_empty();
    if !asked.text.is_empty() || rules.is_empty() {
        rules.push(Rule::new("match", asked.text.clone()));
    }
    asked.by.iter().for_each(few_bits);
    for rule in &mut rules {
        for &(key, top) in asked.by {
            let top = top.or(Some(keys::TOP));
            keys::ask(&mut rule.lists, List { key, top, distinct: keys_alone });
        }
        for &key in asked.distinct {
            keys::ask(&mut rule.lists, List { key, top: None, distinct: true });
        }
    }
    // Counting needs no frame; what a rules file says of sampling is for captures.
    for rule in &mut rules {
        rule.sampler = None;
    }
    Ok((rules, list_memory))
}

/// `src/24,20` is not a list of 20 networks, though it looks like one.
fn few_bits(&(key, _): &By) {
    if let Key::Source(Prefix { v4, v6 }) | Key::Destination(Prefix { v4, v6 }) = key
        && (1..v4).contains(&v6)
    {
        reporter::note(format_args!(
            "--by {key}: {v6} is the prefix length of IPv6; a number of keys comes behind it, as in \
             --by src/{v4},64,{v6}"
        ));
    }
}

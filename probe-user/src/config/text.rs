//! A configuration as the file that says all of it, defaults included: what
//! `probe serve --print-config` prints. Read back, it is the same configuration.

use std::time::Duration;

use probe_common::Sampler;
use serde::Serialize;

use super::{Config, Listen, Otlp, Record};
use crate::{
    health::{Protocol, Service, Settings},
    kernel::Direction,
    keys::{self, List},
    rules::Rule,
    source::Choice,
};

#[derive(Serialize)]
struct File<'a> {
    interfaces: Vec<&'a str>,
    not: Vec<&'a str>,
    hook: String,
    direction: &'static str,
    interval: String,
    listen: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_config: Option<&'a std::path::Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp: Option<OtlpText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Health<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<Top>,
    rule: Vec<RuleText<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    record: Vec<RecordText<'a>>,
}

#[derive(Serialize)]
struct OtlpText<'a> {
    endpoint: String,
    interval: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<&'a std::path::Path>,
}

#[derive(Serialize)]
struct Health<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<Port>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<usize>,
    max_records: u64,
    max_connections: usize,
    slow: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    filter: &'a str,
}

/// `80`, `"53/udp"`.
#[derive(Serialize)]
#[serde(untagged)]
enum Port {
    Tcp(u16),
    Other(String),
}

#[derive(Serialize)]
struct Top {
    memory: String,
}

#[derive(Serialize)]
struct RuleText<'a> {
    name: &'a str,
    filter: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_rate: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_flows: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    distinct: Vec<String>,
}

#[derive(Serialize)]
struct RecordText<'a> {
    rule: &'a str,
    last: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    when: Vec<String>,
    after: String,
    directory: &'a std::path::Path,
    max_files: u32,
    max_bytes: String,
    snaplen: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    buffer_size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
}

impl Config {
    /// The text of the file.
    ///
    /// # Errors
    /// A path that is not UTF-8.
    pub fn text(&self) -> Result<String, toml::ser::Error> {
        let texts = |patterns: &'_ [glob::Pattern]| -> Vec<String> {
            patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect()
        };
        let (wanted, not) = (texts(&self.interfaces.wanted), texts(&self.interfaces.not));
        let file = File {
            interfaces: wanted.iter().map(String::as_str).collect(),
            not: not.iter().map(String::as_str).collect(),
            hook: match self.hook {
                Choice::Auto => "auto".into(),
                Choice::Given(hook) => hook.to_string(),
            },
            direction: match self.direction {
                Direction::In => "in",
                Direction::Out => "out",
                Direction::InOut => "inout",
            },
            interval: duration(self.interval),
            listen: self.listen.iter().map(Listen::to_string).collect(),
            web_config: self.web_config.as_deref(),
            user: self.user.as_deref(),
            otlp: self.otlp.as_ref().map(otlp),
            health: self.health.as_ref().map(health),
            top: self.list_memory.map(|bytes| Top { memory: bytes.to_string() }),
            rule: self.rules.iter().map(rule).collect(),
            record: self.records.iter().map(record).collect(),
        };
        toml::to_string(&file)
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd => f.write_str("systemd"),
        }
    }
}

fn otlp(otlp: &Otlp) -> OtlpText<'_> {
    let Otlp { endpoint, interval, headers } = otlp;
    let (endpoint, interval) = (endpoint.to_string(), duration(*interval));
    OtlpText { endpoint, interval, headers: headers.as_deref() }
}

fn health(settings: &Settings) -> Health<'_> {
    let Settings { services, most, filter, most_records, most_connections, slow } = settings;
    let port = |service: &Service| match service.protocol {
        Protocol::Tcp => Port::Tcp(service.port),
        Protocol::Udp => Port::Other(service.to_string()),
    };
    Health {
        ports: services.iter().map(port).collect(),
        top: services.is_empty().then_some(*most),
        max_records: *most_records,
        max_connections: *most_connections,
        slow: duration(*slow),
        filter,
    }
}

fn rule(rule: &Rule) -> RuleText<'_> {
    let keys = rule.lists.iter();
    let top = keys.clone().filter_map(|list| Some(by(list, list.top?)));
    RuleText {
        name: &rule.name,
        filter: &rule.filter,
        sample: rule.sampler.map(|sampler| sampler.every),
        max_rate: rule
            .sampler
            .filter(|sampler| sampler.ns_per_frame != 0)
            .map(|sampler| 1_000_000_000 / sampler.ns_per_frame),
        // The limit is a share of 2^32 (probe_filter::flow_limit).
        sample_flows: rule
            .sampler
            .filter(Sampler::chooses_flows)
            .map(|sampler| (1 << 32) / (sampler.flow_limit + 1)),
        by: top.collect(),
        distinct: keys.filter(|list| list.distinct).map(|list| list.key.to_string()).collect(),
    }
}

/// A list of so many keys, as `by` reads it: behind a prefix of IPv4 addresses a number alone would
/// be that of IPv6.
fn by(list: &List, top: usize) -> String {
    let short = format!("{},{top}", list.key);
    let is_read = keys::by(&short) == Ok((list.key, Some(top)));
    if is_read { short } else { format!("{},128,{top}", list.key) }
}

fn record(record: &Record) -> RecordText<'_> {
    RecordText {
        rule: &record.rule,
        last: duration(record.keep.last),
        when: record.when.iter().map(ToString::to_string).collect(),
        after: duration(record.keep.after),
        directory: &record.keep.directory,
        max_files: record.keep.max_files,
        max_bytes: record.keep.max_bytes.to_string(),
        snaplen: record.keep.snaplen,
        buffer_size: record.keep.ring_bytes.map(|bytes| bytes.to_string()),
        command: record.keep.command.as_deref(),
    }
}

/// A time in the largest unit that it is a whole number of.
fn duration(time: Duration) -> String {
    let (seconds, ms) = (time.as_secs(), time.as_millis());
    match seconds {
        _ if ms % 1000 != 0 => format!("{ms}ms"),
        0 => "0s".into(),
        _ if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        _ if seconds % 60 == 0 => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

//! Files that say what to count: a rules file, and the configuration of `probe serve`, which is one
//! with more in it. All mistakes of a file are told at once, each with its line and column.

mod otlp;
mod patterns;
mod reader;
mod record;
mod rules;
mod text;

pub use otlp::{Endpoint, Otlp};
pub use patterns::Patterns;
pub use record::{Keep, Record};

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context as _, Error, Result};
use glob::Pattern;
use probe_common::MAX_RULES;
use probe_filter::VlanView;
use toml::de::DeTable;

use crate::{
    bounded,
    cli::values,
    failure::{Hinted, Usage},
    health::{self, Service},
    kernel::{Direction, Hook},
    rules::{Rule, RulesFile, live_options},
    source::Choice,
};
use reader::{Mistakes, Section, Value};

/// Where metrics are served, unless the file says otherwise: this host alone.
const LISTEN: &str = "127.0.0.1:9977";
/// Time between two readings, unless the file says otherwise.
const INTERVAL: Duration = Duration::from_secs(1);

/// What `probe serve` does.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which interfaces are watched.
    pub interfaces: Patterns,
    /// Where programs are attached.
    pub hook: Choice<Hook>,
    /// Which frames they look at.
    pub direction: Direction,
    /// Time between two readings.
    pub interval: Duration,
    /// What is counted.
    pub rules: Vec<Rule>,
    /// Bytes that the lists of all rules may take.
    pub list_memory: Option<u64>,
    /// Where HTTP is served.
    pub listen: Vec<Listen>,
    /// The file that says who is let in by TCP, and how: see [`serve`](crate::serve).
    pub web_config: Option<PathBuf>,
    /// Whom the part that serves HTTP runs as; `None`: see
    /// [`privileges::drop`](crate::privileges::drop).
    pub user: Option<String>,
    /// Where metrics are pushed to.
    pub otlp: Option<Otlp>,
    /// Ports whose health is watched.
    pub health: Option<health::Settings>,
    /// What is recorded, and when.
    pub records: Vec<Record>,
}

/// A place to serve HTTP at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
    /// The sockets that systemd hands over (sd_listen_fds(3)).
    Systemd,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "systemd" {
            return Ok(Self::Systemd);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err("a path behind unix: begins with /".into())
            };
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            "expected an address and a port (127.0.0.1:9977, [::1]:9977), unix:/PATH or systemd"
                .into()
        })
    }
}

impl Config {
    /// Reads a file; `-` is standard input.
    ///
    /// # Errors
    /// Those of reading, and all mistakes in it together.
    pub fn read(path: &Path) -> Result<Self> {
        let text = bounded::read(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// As [`read`](Self::read), of the text of a file of this name.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        document(text, file, "the configuration", |document, mistakes| {
            let config = read(document, mistakes);
            if config.rules.is_empty() && config.health.is_none() {
                mistakes
                    .missing(&document.at(), "there is neither a [[rule]] nor a [health] in it");
            }
            config
        })
    }
}

/// The rules of a rules file, of which there is at least one.
///
/// # Errors
/// All mistakes together.
pub fn rules_file(text: &str, file: &str) -> Result<RulesFile> {
    /// What to say of a file that has no rule in it.
    const EXAMPLE: &str = "a rules file is TOML, one [[rule]] after the other:\n\
        [[rule]]\nname = \"syn\"\nfilter = \"@syn and dst port 80\"";
    // Where nothing is a rule's head, it is YAML or a list, not a slip in TOML.
    let has_head = text.lines().any(|line| line.trim_start().starts_with("[[rule]]"));
    let hinted = |error: Error| -> Error {
        if has_head { error } else { Hinted::new(error, EXAMPLE).into() }
    };
    let read = document(text, file, "a rules file", |document, mistakes| {
        let written = rules::read(document, mistakes).into_iter();
        let list_memory = rules::list_memory(document, mistakes);
        RulesFile { rules: written.map(|written| written.rule).collect(), list_memory }
    });
    match read {
        Ok(read) if read.rules.is_empty() => {
            Err(hinted(Usage::new(format!("{file}: there is no [[rule]] in it")).into()))
        }
        Ok(read) => Ok(read),
        Err(error) => Err(hinted(error)),
    }
}

/// Reads a document by `read`, and makes one error of all its mistakes.
fn document<T>(
    text: &str,
    file: &str,
    name: &'static str,
    read: impl FnOnce(&mut Section<'_>, &mut Mistakes<'_>) -> T,
) -> Result<T> {
    // Seen before it is parsed, which takes the longer the more there are. In a filter such lines
    // would be a mistake as well.
    let heads = text.lines().filter(|line| line.trim_start().starts_with("[[rule]]")).count();
    if heads > MAX_RULES {
        let message = format!("{file}: {heads} rules; one program holds at most {MAX_RULES}");
        return Err(Usage::new(message).into());
    }
    let mut mistakes = Mistakes::new(file, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        mistakes.damage(&error.span().unwrap_or(0..0), error.message());
    }
    let mut section = Section::new(name, table.get_ref(), 0..0);
    let read = read(&mut section, &mut mistakes);
    section.end(&mut mistakes);
    let lines = mistakes.into_lines();
    if lines.is_empty() { Ok(read) } else { Err(Usage::new(lines.join("\n")).into()) }
}

fn read(document: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Config {
    let value = |value: Option<Value<_>>| value.map(|Value { value, .. }| value);
    let interfaces = Patterns {
        wanted: patterns(document, "interfaces", mistakes).unwrap_or_default(),
        not: patterns(document, "not", mistakes).unwrap_or_default(),
    };
    if interfaces.wanted.is_empty() {
        mistakes
            .missing(&document.at(), "no interface is named: interfaces = [\"eth0\", \"veth*\"]");
    }
    let hook_value = document.parsed("hook", mistakes, values::hook);
    let direction = document.parsed("direction", mistakes, values::direction);
    if let (Some(Value { value: Choice::Given(hook), .. }), Some(direction)) =
        (&hook_value, &direction)
        && hook.is_xdp()
        && direction.value.has_egress()
    {
        mistakes.add(&direction.at, format_args!("direction: {hook} sees received frames only"));
    }
    let interval = value(document.duration("interval", mistakes));
    let listen = document.strings("listen", mistakes).map(|texts| {
        let mut listen = Vec::new();
        for Value { at, value } in texts {
            match value.parse() {
                Ok(place) => listen.push(place),
                Err(wanted) => mistakes.add(&at, format_args!("listen: {wanted}")),
            }
        }
        listen
    });
    let web_config = document.string("web_config", mistakes).map(|path| path.value.into());
    let user = document.string("user", mistakes).map(|user| user.value);
    let mut all = Vec::new();
    for rules::Written { rule, filter_at } in rules::read(document, mistakes) {
        // For frames of Ethernet; those of other interfaces are compiled for when these are known.
        let options = live_options(&[], Default::default(), VlanView::default());
        if let Err(error) = rule.compile(&options) {
            mistakes.add(&filter_at, format_args!("rule {}: {error}", rule.name));
        }
        all.push(rule);
    }
    let health = document.table("health", "[health]", mistakes);
    let health = health.map(|section| read_health(section, mistakes));
    let ports = health.as_ref().map(|health| &health.services[..]);
    let records = record::read(document, &all, ports, mistakes);
    Config {
        interfaces,
        hook: hook_value.map_or(Choice::Auto, |hook| hook.value),
        direction: direction.map_or(Direction::In, |direction| direction.value),
        interval: interval.unwrap_or(INTERVAL),
        rules: all,
        list_memory: rules::list_memory(document, mistakes),
        listen: listen.unwrap_or_else(|| vec![LISTEN.parse().expect("an address and a port")]),
        web_config,
        user,
        otlp: otlp::read(document, mistakes),
        health,
        records,
    }
}

fn patterns(
    document: &mut Section<'_>,
    key: &'static str,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<Pattern>> {
    let texts = document.strings(key, mistakes)?;
    let mut patterns = Vec::new();
    for Value { at, value } in texts {
        match Pattern::new(&value) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => mistakes.add(&at, format_args!("{key}: {value:?}: {}", error.msg)),
        }
    }
    Some(patterns)
}

fn read_health(mut section: Section<'_>, mistakes: &mut Mistakes<'_>) -> health::Settings {
    /// Ports at most: their counters are those of one program, and their report has to be read at once.
    const MOST: usize = 100;
    /// Segments a second, whatever comes. Packets and SYNs are counted in the kernel, all of them.
    const MOST_RECORDS: u64 = 1_500;
    /// With at most 800 bytes each, 7 MB.
    const MOST_CONNECTIONS: usize = 1 << 13;
    let default = health::Settings {
        most_records: MOST_RECORDS,
        most_connections: MOST_CONNECTIONS,
        ..health::Settings::default()
    };
    let services = section.parsed_items("ports", mistakes, str::parse::<Service>);
    let most = section.number("top", 1..=MOST as u64, mistakes);
    let most_records = section.number("max_records", 1000..=u64::MAX, mistakes);
    let most_connections = section.number("max_connections", 1000..=1 << 31, mistakes);
    let slow = section.duration("slow", mistakes);
    let filter = section.string("filter", mistakes);
    if let Some(Value { at, .. }) = services.as_ref().and_then(|ports| ports.get(MOST)) {
        mistakes.add(at, format_args!("ports: {MOST} at most"));
    }
    if let (Some(Value { at, .. }), Some(_)) = (&most, services.as_ref().and_then(|it| it.first()))
    {
        mistakes.add(at, "top is for [health] without ports");
    }
    if let Some(Value { at, value }) = &filter
        && let Err(error) = probe_filter::compile(
            value,
            &live_options(&[], Default::default(), VlanView::default()),
        )
    {
        mistakes.add(at, format_args!("filter: {error}"));
    }
    section.end(mistakes);
    let mut known = Vec::new();
    for service in services.into_iter().flatten() {
        if !known.contains(&service.value) {
            known.push(service.value);
        }
    }
    health::Settings {
        services: known,
        most: most.map_or(default.most, |most| most.value as usize),
        filter: filter.map_or(default.filter, |filter| filter.value),
        most_records: most_records.map_or(default.most_records, |most| most.value),
        most_connections: most_connections
            .map_or(default.most_connections, |most| most.value as usize),
        slow: slow.map_or(default.slow, |slow| slow.value),
    }
}

#[cfg(test)]
mod tests;

//! One `[[record]]`.

use std::{path::PathBuf, time::Duration};

use probe_frame::MAX_FRAME;
use serde::{Deserialize, Serialize};

use super::reader::{Mistakes, Section, Value};
use crate::{
    cli::values,
    condition::{Condition, parse_of},
    health::Service,
    rules::Rule,
    text::size,
};

/// How many files there are, and bytes in each of them, where nothing else is said.
const MAX_FILES: u32 = 20;
const MAX_BYTES: u64 = 1 << 30;

/// `[[record]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The rule whose frames are kept.
    pub rule: String,
    /// When they are written, beside when somebody asks for it.
    pub when: Vec<Condition>,
    /// What is kept of them, and where.
    pub keep: Keep,
}

/// What a recorder keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// How far back a file goes.
    pub last: Duration,
    /// For how long it goes on.
    pub after: Duration,
    /// Where files go.
    pub directory: PathBuf,
    /// How many files of the rule there are at most.
    pub max_files: u32,
    /// Bytes of each of them at most.
    pub max_bytes: u64,
    /// Bytes of a frame that are kept.
    pub snaplen: u32,
    /// Bytes of each CPU's ring; `None`: what fits the number of CPUs.
    pub ring_bytes: Option<usize>,
    /// The command that is run on each file.
    pub command: Option<String>,
}

/// All of them, with conditions on these rules and on the health of these ports; those with a mistake are
/// left out.
pub(super) fn read(
    document: &mut Section<'_>,
    rules: &[Rule],
    ports: Option<&[Service]>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for section in document.tables("record", "[[record]]", mistakes) {
        let at = section.at();
        let Some(record) = record(section, rules, ports, mistakes) else { continue };
        if records.iter().any(|other| other.rule == record.rule) {
            let what = format!("the rule {} has a [[record]] already", record.rule);
            mistakes.add(&at, what);
        }
        records.push(record);
    }
    records
}

fn record(
    mut section: Section<'_>,
    rules: &[Rule],
    ports: Option<&[Service]>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Record> {
    let rule = section.required("rule", mistakes);
    let last = section.duration("last", mistakes);
    let when = section.strings("when", mistakes).unwrap_or_default();
    let after = section.duration("after", mistakes);
    let directory = section.required("directory", mistakes);
    let max_files = section.number("max_files", 1..=i32::MAX as u64, mistakes);
    let bytes = |text: &str| size(text, 1);
    let max_bytes = section.parsed("max_bytes", mistakes, bytes);
    let snaplen = section.number("snaplen", 0..=MAX_FRAME.into(), mistakes);
    let ring_bytes = section.parsed("buffer_size", mistakes, bytes);
    let command = section.string("command", mistakes);
    if last.is_none() {
        mistakes.missing(&section.at(), "[[record]] has no `last`, as in last = \"30s\"");
    }
    section.end(mistakes);
    let (rule, last, directory) = (rule?, last?, directory?);
    let Some(own) = rules.iter().position(|known| known.name == rule.value) else {
        mistakes.add(&rule.at, format_args!("rule: no [[rule]] is named `{}`", rule.value));
        return None;
    };
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let mut conditions = Vec::new();
    for Value { at, value } in when {
        match parse_of(&value, &names, own, ports) {
            Ok(condition) => conditions.push(condition),
            Err(error) => mistakes.add(&at, format_args!("when: {error}")),
        }
    }
    let keep = Keep {
        last: last.value,
        after: after.map_or(Duration::ZERO, |after| after.value),
        directory: directory.value.into(),
        max_files: max_files.map_or(MAX_FILES, |most| most.value as u32),
        max_bytes: max_bytes.map_or(MAX_BYTES, |most| most.value as u64),
        snaplen: values::snaplen(snaplen.map_or(0, |bytes| bytes.value as u32)),
        ring_bytes: ring_bytes.map(|bytes| bytes.value),
        command: command.map(|command| command.value),
    };
    Some(Record { rule: rule.value, when: conditions, keep })
}

//! What a recorder and the process that counts say to each other.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Patterns, Record},
    kernel::Direction,
};

/// What a recorder does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The rule's name.
    pub rule: String,
    /// Its filter.
    pub filter: String,
    /// Which interfaces are watched.
    pub interfaces: Patterns,
    /// Which of their frames.
    pub direction: Direction,
    /// How far back a file goes.
    pub last: Duration,
    /// For how long it goes on.
    pub after: Duration,
    /// Where files go, and how many there are at most, of how many bytes.
    pub directory: PathBuf,
    /// See [`Record`].
    pub max_files: u32,
    /// See [`Record`].
    pub max_bytes: u64,
    /// Bytes of a frame that are kept.
    pub snaplen: u32,
    /// Bytes of each CPU's ring; `None`: what fits the number of CPUs.
    pub ring_bytes: Option<usize>,
    /// The command that is run on each file.
    pub command: Option<String>,
    /// Whom to become.
    pub user: Option<String>,
}

impl Setup {
    /// That of one `[[record]]`.
    pub fn of(config: &Config, record: &Record) -> Self {
        let rule = config.rules.iter().find(|rule| rule.name == record.rule);
        let record = record.clone();
        Self {
            rule: record.rule,
            // The configuration was read only where there is one.
            filter: rule.map(|rule| rule.filter.clone()).unwrap_or_default(),
            interfaces: config.interfaces.clone(),
            direction: config.direction,
            last: record.last,
            after: record.after,
            directory: record.directory,
            max_files: record.max_files,
            max_bytes: record.max_bytes,
            snaplen: record.snaplen,
            ring_bytes: record.ring_bytes,
            command: record.command,
            user: config.user.clone(),
        }
    }

    /// Whether a recorder that does this can go on for the other, on other interfaces perhaps: what it
    /// holds stays.
    pub fn goes_on_as(&self, other: &Self) -> bool {
        let interfaces = other.interfaces.clone();
        Self { interfaces, ..self.clone() } == *other
    }
}

/// What a recorder is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Something happened.
    Trigger {
        /// What, in a sentence.
        why: String,
        /// The counts, in a sentence.
        counts: String,
    },
    /// Other interfaces are to be watched.
    Interfaces(Patterns),
}

/// What a recorder says whenever it is something else than before: all since its start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Triggers that it has heard of.
    pub triggers: u64,
    /// Whether a file is being written.
    pub recording: bool,
    /// How far back a file would go now, at least, in tenths of a second.
    pub held_tenths: u64,
    /// Files that are finished.
    pub files: u64,
    /// Their frames' bytes, as they are in the files.
    pub bytes: u64,
    /// Frames of their time that had been overwritten.
    pub overwritten: u64,
    /// Files that could not be made, or not be finished.
    pub failures: u64,
    /// Frames of its rule that its programs could not keep.
    pub lost: u64,
    /// The name of the last finished file.
    pub last_file: Option<String>,
}

//! What a recorder and the process that counts say to each other.

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Keep, Patterns, Record},
    kernel::{Direction, Fill},
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
    /// What is kept of them, and where.
    pub keep: Keep,
    /// Whom to become.
    pub user: Option<String>,
}

impl Setup {
    /// That of one `[[record]]`.
    pub fn of(config: &Config, record: &Record) -> Self {
        let rule = config.rules.iter().find(|rule| rule.name == record.rule);
        Self {
            rule: record.rule.clone(),
            // The configuration was read only where there is one.
            filter: rule.map(|rule| rule.filter.clone()).unwrap_or_default(),
            interfaces: config.interfaces.clone(),
            direction: config.direction,
            keep: record.keep.clone(),
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
    /// How full its rings are, those of all CPUs together.
    pub ring: Fill,
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

//! What others are told of recorders, and ask of them.

use std::fmt;

use probe_frame::visible;
use serde::{Deserialize, Serialize};

use crate::kernel::Fill;

/// Recordings that were asked for, by what did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triggers {
    /// A condition that was met.
    pub condition: u64,
    /// SIGUSR2.
    pub signal: u64,
    /// A request by HTTP.
    pub request: u64,
}

/// How a recorder does, for metrics and for the object of each interval. Numbers are those since the
/// start of its `[[record]]`, whichever processes there were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The rule.
    pub rule: String,
    /// What it is doing.
    pub state: State,
    /// Files that are finished.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The name of the last one.
    pub last_file: Option<String>,
    /// How far back a file would go now, at least.
    pub held_seconds: f64,
    /// How full its rings are, those of all CPUs together; 0 where its process has ended.
    pub ring: Fill,
    /// Frames of their time that had been overwritten.
    pub overwritten: u64,
    /// Frames that its programs could not keep.
    pub lost: u64,
    /// Files that could not be made or finished.
    pub failures: u64,
    /// What asked for recordings.
    pub triggers: Triggers,
    /// Times that its process was started again.
    pub restarts: u64,
}

/// What a recorder is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It keeps frames, and waits.
    Armed,
    /// It writes a file.
    Recording,
    /// Its process has ended.
    #[default]
    Stopped,
}

/// What may ask for a recording, beside conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// SIGUSR2.
    Signal,
    /// A request by HTTP.
    Request,
}

/// Why there is no recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// None is of this rule, or there is none at all.
    #[error("{}", match .0 {
        Some(rule) => format!("no [[record]] is of a rule named `{}`", visible(rule)),
        None => "the configuration has no [[record]]".into(),
    })]
    Unknown(Option<String>),
    /// It goes on already.
    #[error("already recording")]
    Recording,
    /// The process is not there, and about to be started again.
    #[error("the process of the recorder has ended")]
    Stopped,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signal => "SIGUSR2",
            Self::Request => "POST /api/v1/record",
        })
    }
}

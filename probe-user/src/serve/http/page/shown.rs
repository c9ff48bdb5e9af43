//! What the page shows of a snapshot: the JSON object that docs/serve.md describes, read as any other
//! program reads it. What is not there is empty.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One snapshot.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Shown {
    pub time: String,
    pub elapsed: f64,
    pub hook: String,
    pub interfaces: Vec<String>,
    pub seen: Count,
    pub rules: Vec<Rule>,
    pub lost: Vec<Loss>,
    pub ports: Vec<Port>,
    pub recorders: Vec<Recorder>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Count {
    pub packets: u64,
    pub bytes: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rule {
    pub name: String,
    pub filter: String,
    pub packets: u64,
    pub bytes: u64,
    pub pps: f64,
    pub bps: f64,
    pub top: Vec<Top>,
    pub distinct: Vec<Distinct>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Top {
    pub by: String,
    pub keys: Vec<Key>,
    pub other: Count,
    pub refused: u64,
    pub without: u64,
    pub before: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Key {
    pub key: String,
    pub name: Option<String>,
    pub packets: u64,
    pub low: u64,
    pub high: u64,
    pub share: f64,
    pub pps: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Distinct {
    pub by: String,
    pub estimate: u64,
    pub low: u64,
    pub high: u64,
    pub interval: u64,
    pub minute: u64,
    pub missed: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Loss {
    pub cause: String,
    pub frames: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Port {
    pub port: u16,
    pub protocol: String,
    pub verdict: String,
    pub why: String,
    pub connections: u64,
    pub completed: u64,
    pub refused: u64,
    pub rejected: u64,
    pub unanswered: u64,
    pub half_open: u64,
    pub abandoned: u64,
    pub handshake_us: Times,
    pub first_byte_us: Times,
    pub http: BTreeMap<String, u64>,
    pub syn_per_second: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Times {
    pub p50: f64,
    pub p99: f64,
    pub n: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Recorder {
    pub rule: String,
    pub state: String,
    pub files: u64,
    pub last_file: Option<String>,
    pub held_seconds: f64,
    pub overwritten: u64,
}

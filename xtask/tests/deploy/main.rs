//! What is in deploy/, against the programs that read it, and against what probe has.
//!
//! | file | what it looks at |
//! | --- | --- |
//! | `metrics` | names of series in alerts and dashboard, which docs/metrics.md must have; promtool |
//! | `systemd` | the unit, by systemd-analyze |
//! | `manifests` | Kubernetes' manifests by kubectl; Vector's recipe and the tables |

mod manifests;
mod metrics;
mod systemd;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Enough for a program that reads a file.
const LIMIT: Duration = Duration::from_secs(60);

/// A file of the repository.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(place(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

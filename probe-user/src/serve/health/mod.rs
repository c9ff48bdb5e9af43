//! `[health]` in `probe serve`. What follows connections reads frames, and so it is a part (`serve::part`)
//! of its own, without a right; the process that counts keeps it going, and adds its reports up.
//!
//! ```text
//! keeper   starts the part, and another one where the section changes
//! part     programs, connections, reports
//! sum      the reports of parts that followed one another, as one
//! ```

mod keeper;
pub mod part;
mod sum;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Patterns},
    health::{Followed, Port, Settings},
    kernel::Fill,
};
pub use keeper::Keeper;

/// What a part is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Setup {
    settings: Settings,
    /// Whom to become once the programs are attached.
    user: Option<String>,
    place: Place,
}

/// What may change while a part follows connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    interfaces: Patterns,
    /// Time between two reports.
    interval: Duration,
}

impl Setup {
    fn of(config: &Config) -> Option<Self> {
        let settings = config.health.clone()?;
        let place = Place { interfaces: config.interfaces.clone(), interval: config.interval };
        Some(Self { settings, user: config.user.clone(), place })
    }
}

/// What a part is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    /// To begin; what came until then does not count.
    Begin,
    /// To go on elsewhere, or at another pace.
    Place(Place),
    /// To take the programs off, to report once more, and to end.
    End,
}

/// What a part says: all since it began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Report {
    ports: Vec<Port>,
    followed: Followed,
    /// CPU seconds of its process.
    cpu_seconds: f64,
    /// How full the rings of one CPU were at most since the report before.
    ring: Fill,
}

/// How the ports do, as readings have it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Those of the configuration in its order, or the busiest first.
    pub ports: Vec<Port>,
    /// How far connections are followed.
    pub followed: Followed,
    /// CPU seconds of the process that follows them.
    pub cpu_seconds: f64,
    /// How full the rings of one CPU were at most since the report before; 0 where there is none.
    pub ring: Fill,
    /// Whether that process is there, and has reported.
    pub up: bool,
    /// Times that it was started again.
    pub restarts: u64,
}

//! How ports do, as `probe health` says it.

use std::{ops::ControlFlow, time::Duration};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{Line, beside};
use crate::{
    health::{self, Report, Service, Settings},
    kernel::Direction,
    source::{DirectionChoice, Live},
    top::{app::Event, model::Port, source::From},
};

/// Time between two reports.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is taken of a report's JSON.
#[derive(Deserialize)]
struct Told {
    followed: Followed,
    ports: Vec<Port>,
}

#[derive(Deserialize)]
struct Followed {
    lost: u64,
}

/// Looks at ports until the session is ended, or the file is.
pub(super) fn run(from: &From, services: Vec<Service>, filter: String, line: &Line) -> Result<()> {
    let settings = Settings { services, filter, ..Settings::default() };
    let mut tell = |report: &Report| -> Result<ControlFlow<()>> {
        // One form of a port is enough: that which other programs rely on.
        let told: Told = serde_json::from_slice(&health::line(report)).context("a report")?;
        line.offer(Event::Ports { ports: told.ports, lost: told.followed.lost });
        Ok(if line.has_ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    match from {
        From::Live(live) => {
            // Both sides of a connection tell its story.
            let direction = DirectionChoice::Given(Direction::InOut);
            let live = Live { direction, ..beside(live) };
            health::follow(&settings, &live, INTERVAL, &|| line.has_ended(), &mut tell)
        }
        From::File { path, engine, user } => {
            let report = health::over_file_shim(&settings, path, *engine, user.as_deref())?;
            report.map_or(Ok(()), |report| tell(&report).map(drop))
        }
        From::Served(_) => Ok(()),
    }
}

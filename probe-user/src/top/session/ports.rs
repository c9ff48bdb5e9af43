//! How ports do, as `probe health` says it.

use std::{ops::ControlFlow, time::Duration};

use anyhow::{Context as _, Result};

use super::{Line, beside};
use crate::{
    health::{self, Report, Service, Settings},
    kernel::Direction,
    progress::Progress,
    source::{DirectionChoice, Live},
    top::{app::Event, source::Input},
};

/// Time between two reports.
const INTERVAL: Duration = Duration::from_secs(1);

/// Looks at ports until the session is ended, or the file is.
pub(super) fn run(from: &Input, services: Vec<Service>, filter: String, line: &Line) -> Result<()> {
    let settings = Settings { services, filter, ..Settings::default() };
    match from {
        Input::Live(live) => {
            // Both sides of a connection tell its story.
            let direction = DirectionChoice::Given(Direction::InOut);
            let live = Live { direction, ..beside(live) };
            health::follow(&settings, &live, INTERVAL, &mut Teller(line))
        }
        Input::File { path, engine, user } => {
            match health::of_file(&settings, path, *engine, user.as_deref(), &Progress::default())?
            {
                Some((report, damage)) => {
                    line.tell(event(&report)?);
                    damage.map_or(Ok(()), |error| Err(error.into()))
                }
                None => Ok(()),
            }
        }
        Input::Served(_) => Ok(()),
    }
}

/// Tells the screen of reports.
struct Teller<'a>(&'a Line);

impl health::Shows for Teller<'_> {
    fn tick(&mut self, report: &Report) -> Result<()> {
        self.0.offer(event(report)?);
        Ok(())
    }

    fn answer(&mut self) -> Result<ControlFlow<()>> {
        Ok(if self.0.has_ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// The ports of a report, in the form that other programs rely on.
fn event(report: &Report) -> Result<Event> {
    let ports = serde_json::to_value(health::ports(&report.ports)).and_then(serde_json::from_value);
    let ports = ports.context("the ports of a report")?;
    Ok(Event::Ports { ports, lost: report.followed.lost })
}

//! `probe interfaces --watch`: rates, an interval after the other, until the end is asked for.

use std::{
    collections::HashMap,
    io::{self, IsTerminal as _},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{
    report::Basics,
    table::{self, Watched},
    unknown,
};
use crate::{
    clock,
    kernel::rtnetlink,
    stdout,
    stop::{self, requested},
};

/// How often is looked whether the end is asked for.
const LOOK: Duration = Duration::from_millis(20);

/// Erases the screen, and begins at its first line.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

/// An interval as JSON.
#[derive(Serialize)]
struct Line {
    time: String,
    interval: f64,
    interfaces: Vec<Watched>,
}

/// Shows rates of these interfaces, or of all, each interval.
///
/// # Errors
/// An interface that is not there any more, what the netlink socket says, and those of writing.
pub(super) fn run(names: &[String], interval: Duration, json: bool) -> Result<()> {
    stop::on_signals().context("watching signals")?;
    let redraw = io::stdout().is_terminal();
    let (mut since, mut before) = (Instant::now(), read(names)?);
    loop {
        let next = since + interval;
        while Instant::now() < next {
            if requested() {
                return Ok(());
            }
            thread::sleep(LOOK.min(next.saturating_duration_since(Instant::now())));
        }
        let (now, basics) = (Instant::now(), read(names)?);
        let counters: HashMap<_, _> = before.iter().map(|it| (it.index, it.counters)).collect();
        before.clone_from(&basics);
        let span = now - since;
        since = now;
        let interfaces = table::watched(&counters, basics, span);
        let bytes = if json {
            let time = clock::rfc3339_ms(clock::now());
            let interval = (span.as_secs_f64() * 1000.0).round() / 1000.0;
            crate::json::line(&Line { time, interval, interfaces })
        } else if redraw {
            [CLEAR, &table::rates(&interfaces)].concat()
        } else {
            [&table::rates(&interfaces)[..], b"\n"].concat()
        };
        stdout::print(&bytes)?;
    }
}

/// These interfaces as they are now; all where none is named.
fn read(names: &[String]) -> Result<Vec<Basics>> {
    let links = rtnetlink::links().context("asking the kernel for its interfaces")?;
    let all: Vec<Basics> = links.iter().map(Basics::of).collect();
    if let Some(gone) = names.iter().find(|&name| all.iter().all(|it| it.name != *name)) {
        return Err(unknown(gone).into());
    }
    let wanted = |it: &Basics| names.is_empty() || names.contains(&it.name);
    Ok(all.into_iter().filter(wanted).collect())
}

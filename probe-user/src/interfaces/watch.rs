//! `probe interfaces --watch`: rates, an interval after the other, until the end is asked for.

use std::{
    collections::HashMap,
    env,
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
    screen::Screen,
    stdout,
    stop::{self, requested},
    terminal::{self, Terminal},
    text::cut,
};

/// How often is looked whether the end is asked for.
const LOOK: Duration = Duration::from_millis(20);

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
    let dumb = env::var_os("TERM").is_none_or(|name| name == "dumb");
    let mut live = None;
    if !json && !dumb && io::stdout().is_terminal() {
        live = Some(Live::new()?);
    }
    let (mut since, mut before) = (Instant::now(), read(names)?);
    loop {
        let next = since + interval;
        while Instant::now() < next {
            if requested() {
                return live.map_or(Ok(()), Live::end);
            }
            if let Some(live) = &mut live {
                live.answer()?;
            }
            thread::sleep(LOOK.min(next.saturating_duration_since(Instant::now())));
        }
        let (now, basics) = (Instant::now(), read(names)?);
        let counters: HashMap<_, _> = before.iter().map(|it| (it.index, it.counters)).collect();
        before.clone_from(&basics);
        let span = now - since;
        since = now;
        let interfaces = table::watched(&counters, basics, span);
        match &mut live {
            Some(live) => live.show(table::rates(&interfaces))?,
            None if json => {
                let time = clock::rfc3339_ms(clock::now());
                let interval = (span.as_secs_f64() * 1000.0).round() / 1000.0;
                stdout::print(&crate::json::line(&Line { time, interval, interfaces }))?;
            }
            None => stdout::print([&table::rates(&interfaces)[..], b"\n"].concat().as_slice())?,
        }
    }
}

/// A table that is drawn over the one before, within the terminal.
struct Live {
    terminal: Terminal,
    /// What was shown last.
    last: Vec<u8>,
}

impl Live {
    fn new() -> Result<Self> {
        Ok(Self { terminal: Terminal::watch()?, last: Vec::new() })
    }

    fn show(&mut self, table: Vec<u8>) -> Result<()> {
        self.last = table;
        self.draw()
    }

    /// Draws the last table, unless a shell has the terminal.
    fn draw(&mut self) -> Result<()> {
        if self.last.is_empty() || terminal::in_background() {
            return Ok(());
        }
        let lines = fitting(&String::from_utf8_lossy(&self.last), Screen::size());
        stdout::print(self.terminal.screen.frame(&lines).as_bytes())?;
        self.terminal.screen.drawn();
        Ok(())
    }

    /// Does what the terminal asks for: stops, with the terminal as it was, and draws anew.
    fn answer(&mut self) -> Result<()> {
        let give_back = |leave: &str| stdout::print(leave.as_bytes());
        if self.terminal.answer(give_back)? { self.draw() } else { Ok(()) }
    }

    /// Gives the terminal back, and leaves the last table there.
    fn end(mut self) -> Result<()> {
        let leave = self.terminal.screen.leave().as_bytes();
        stdout::print(&[leave, &self.last].concat())?;
        Ok(())
    }
}

/// A table's lines, as far as a screen has room for them; the last one says how many it has not.
fn fitting(table: &str, (columns, height): (usize, usize)) -> Vec<String> {
    let mut lines: Vec<String> = table.lines().map(|line| cut(line, columns)).collect();
    if lines.len() > height {
        // The head is none of them.
        let (all, shown) = (lines.len() - 1, height.saturating_sub(2));
        lines.truncate(height - 1);
        lines.push(cut(&format!("… {} of {all} interfaces hidden", all - shown), columns));
    }
    lines
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_hidden_and_said() {
        let table = "interface  rx/s\none  1\ntwo  2\nthree  3\n";
        let lines = ["interface  rx/s", "one  1", "two  2", "three  3"];
        assert_eq!(fitting(table, (80, 4)), lines);
        assert_eq!(
            fitting(table, (80, 3)),
            ["interface  rx/s", "one  1", "… 2 of 3 interfaces hidden"]
        );
        assert_eq!(fitting(table, (6, 2)), ["inter…", "… 3 o…"]);
        assert_eq!(fitting(table, (80, 1)), ["… 3 of 3 interfaces hidden"]);
    }
}

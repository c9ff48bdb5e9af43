//! The rules: how much, how much right now, and how that was in the last minute.

use super::{
    Body, Room,
    look::{Look, Role},
    note,
    table::{Cell, Column, Kind, Table, cell, number, text},
    window,
};
use crate::{
    snapshot::Rule,
    text::{grouped, si},
    top::{app::App, app::Tab},
};

/// Seconds of a sparkline are whole cells.
const CELLS: &[usize] = &[12, 15, 20, 30, 60];

const COLUMNS: &[Column] = &[
    text("rule", 8, 0),
    number("packets/s", 1),
    Column { head: "last minute", kind: Kind::Steps(CELLS), rank: 3 },
    number("peak", 4),
    number("packets", 2),
    number("share", 5),
    number("bits/s", 7),
    text("filter", 12, 6),
];

pub(super) fn body(app: &App, look: Look, room: Room) -> Body {
    let Some(snapshot) = app.snapshot() else { return Body::new() };
    let places = app.rules();
    if places.is_empty() {
        return note(look, "There are no rules.", room);
    }
    let lines = room.lines.saturating_sub(1);
    let selected = app.selected(Tab::Rules);
    let window = window(places.len(), selected, lines);
    let shown = &places[window.clone()];
    let make = |row: usize, column: usize, wide: usize| {
        let place = shown[row];
        rule(app, place, &snapshot.rules[place], column, wide)
    };
    let table = Table::new(look, COLUMNS, room.columns, shown.len(), make);
    let row = |row: usize| {
        table.line(window.start + row == selected, |column, wide| make(row, column, wide))
    };
    std::iter::once(table.head()).chain((0..shown.len()).map(row)).collect()
}

fn rule(app: &App, place: usize, rule: &Rule, column: usize, wide: usize) -> Cell {
    let seen = app.snapshot().map_or(0, |snapshot| snapshot.seen.packets);
    let history = &app.shown().history;
    let is_busy = rule.pps > 0.0;
    let role = if is_busy { Role::Plain } else { Role::Quiet };
    match column {
        0 => {
            let mark = if app.capturing(&rule.name).is_some() { "*" } else { "" };
            cell(format!("{mark}{}", rule.name), role)
        }
        1 => cell(rate(rule.pps), if is_busy { Role::Rate } else { role }),
        2 => cell(history.sparkline(place, wide.clamp(CELLS[0], 60)), Role::Minute),
        3 => cell(history.peak(place).map_or_else(|| "-".into(), si), role),
        4 => cell(grouped(rule.packets), role),
        5 => cell(share(rule.packets, seen), role),
        6 => cell(rate(rule.bps), role),
        _ => cell(rule.filter.clone(), Role::Quiet),
    }
}

/// A rate, where there is a true one.
pub(super) fn rate(rate: f64) -> String {
    if rate.is_nan() { "-".into() } else { si(rate) }
}

/// A part of a whole, in percent.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".into();
    }
    percent(part as f64 / whole as f64)
}

/// Three digits at most; what is more than nothing is not 0 %.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if share > 0.0 && percent < 0.1 => "<0.1%".into(),
        _ if percent < 99.95 => format!("{percent:.1}%"),
        _ => format!("{percent:.0}%"),
    }
}

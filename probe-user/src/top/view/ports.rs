//! How ports do: what became of connections, how long things took, a verdict and its evidence.

use ratatui::text::Line;

use super::{
    Body, Room,
    look::{Look, Role},
    note, panel_note,
    table::{Cell, Column, Table, cell, number, plain, text},
    window,
};
use crate::{
    snapshot::{Port, Times},
    text::{cut, grouped, si},
    top::app::{App, Origin, Tab, port_name},
};

const COLUMNS: &[Column] = &[
    text("port", 8, 0),
    text("verdict", 10, 1),
    text("outcomes", OUTCOMES, 4),
    number("SYN/s", 2),
    number("answered", 9),
    number("completed", 6),
    number("half-open", 3),
    number("refused", 8),
    number("unanswered", 8),
    number("again", 10),
    number("p50", 5),
    number("p90", 7),
    number("p99", 11),
    number("first byte", 7),
];

/// Columns of the bar of outcomes.
const OUTCOMES: usize = 10;
/// Lines of a port: numbers and evidence.
const LINES: usize = 2;

pub(super) fn body(app: &App, look: Look, room: Room) -> Body {
    let opening = match &app.origin {
        Origin::Served(_) => "probe serve has said nothing yet.",
        Origin::File => "Reading the file for what became of connections.",
        Origin::Live => "Looking: a program for this tab begins when it is first opened.",
    };
    if let Some(text) = panel_note(&app.shown().ports, opening) {
        return note(look, &text, room);
    }
    let ports = app.ports();
    if ports.is_empty() {
        let text = match &app.origin {
            Origin::Served(_) => {
                "probe serve looks at no port: [health] in its configuration asks for it."
            }
            Origin::File => {
                "No TCP port answers in this file. --port names others; of UDP as in 53/udp."
            }
            Origin::Live => {
                "No TCP port has answered yet. --port names others; of UDP as in 53/udp."
            }
        };
        return note(look, text, room);
    }
    let selected = app.selected(Tab::Ports);
    let window = window(ports.len(), selected, room.lines.saturating_sub(1) / LINES);
    let shown = &ports[window.clone()];
    let table = Table::new(look, COLUMNS, room.columns, shown.len(), |row, column, _| {
        port(shown[row], column)
    });
    let mut lines = vec![table.head()];
    for (place, of_port) in (window.start..).zip(shown) {
        lines.push(table.line(place == selected, |column, _| port(of_port, column)));
        let why = cut(&format!("  {}", plain(&of_port.why)), room.columns);
        lines.push(Line::from(look.span(why, Role::Quiet)));
    }
    lines
}

fn port(port: &Port, column: usize) -> Cell {
    let count =
        |number: u64| cell(grouped(number), if number > 0 { Role::Plain } else { Role::Quiet });
    match column {
        0 => cell(port_name(port), Role::Plain),
        1 => cell(port.verdict.clone(), verdict(&port.verdict)),
        2 => cell(bar(port), Role::Plain),
        3 => cell(si(port.syn_per_second), Role::Rate),
        4 => count(port.answered),
        5 => count(port.completed),
        6 => count(port.half_open),
        7 => count(port.refused + port.rejected),
        8 => count(port.unanswered),
        9 => count(port.retransmitted),
        10 => cell(time(&port.handshake_us, port.handshake_us.p50), Role::Plain),
        11 => cell(time(&port.handshake_us, port.handshake_us.p90), Role::Plain),
        12 => cell(time(&port.handshake_us, port.handshake_us.p99), Role::Plain),
        _ => cell(time(&port.first_byte_us, port.first_byte_us.p50), Role::Plain),
    }
}

/// The colour of a verdict, as the table of `probe health` has it.
fn verdict(word: &str) -> Role {
    match word {
        "healthy" => Role::Good,
        "quiet" => Role::Quiet,
        "slow" => Role::Warning,
        _ => Role::Bad,
    }
}

/// What became of all connections: `+` completed, `x` refused or rejected, `.` without an answer, `?` half-open.
/// What is there at all has a character.
fn bar(port: &Port) -> String {
    let parts = [
        ('+', port.completed),
        ('x', port.refused + port.rejected),
        ('.', port.unanswered),
        ('?', port.half_open),
    ];
    let all: u64 = parts.iter().map(|(_, number)| number).sum();
    if all == 0 {
        return String::new();
    }
    let mut lengths = parts.map(|(_, number)| {
        let exact = OUTCOMES as f64 * number as f64 / all as f64;
        if number > 0 { (exact as usize).max(1) } else { 0 }
    });
    // What rounding leaves, or takes too much, is the longest part's.
    let used: usize = lengths.iter().sum();
    if let Some(longest) = lengths.iter_mut().max() {
        *longest = (*longest + OUTCOMES).saturating_sub(used);
    }
    parts
        .iter()
        .zip(lengths)
        .flat_map(|((mark, _), length)| std::iter::repeat_n(*mark, length))
        .collect()
}

/// A time in three digits, where there is one.
fn time(times: &Times, us: f64) -> String {
    if times.n == 0 {
        return String::new();
    }
    crate::connections::short(Some(std::time::Duration::from_nanos((us * 1000.0) as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_a_mark_of_everything_there_is() {
        let of = |completed, refused, unanswered, half_open| {
            bar(&Port { completed, refused, unanswered, half_open, ..Port::default() })
        };
        assert_eq!(of(0, 0, 0, 0), "");
        assert_eq!(of(5, 0, 0, 0), "++++++++++");
        assert_eq!(of(1_000_000, 1, 0, 0), "+++++++++x");
        assert_eq!(of(50, 25, 0, 25), "++++++xx??");
        assert_eq!(of(1, 1, 1_000_000, 1), "+x.......?");
    }
}

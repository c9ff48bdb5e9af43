//! Connections that have ended, the newest first, and how all of them did.

use ratatui::text::Line;

use super::{
    Body, Room,
    look::{Look, Role},
    note, panel_note,
    table::{Cell, Column, Table, cell, number, text},
    window,
};
use crate::{
    connections::{Row, short},
    text::{cut, grouped},
    top::app::{App, Connection, Connections, Origin, Panel, Tab},
};

/// Columns of an IPv4 address with its port.
const WIDEST_V4: usize = 21;

const COLUMNS: &[Column] = &[
    text("time", 12, 2),
    text("client", WIDEST_V4, 0),
    text("server", WIDEST_V4, 0),
    text("outcome", 8, 1),
    number("handshake", 4),
    number("first byte", 6),
    number("duration", 3),
    number("sent", 7),
    number("received", 5),
    text("more", 10, 8),
];

pub(super) fn body(app: &App, look: Look, room: Room) -> Body {
    let opening = match &app.origin {
        Origin::Served(_) => {
            "probe serve tells of no single connections: probe top -i, or probe connections does."
        }
        Origin::File => "Reading the file for its connections.",
        Origin::Live => {
            "None has ended yet. A program for this tab begins when it is first opened."
        }
    };
    let panel = &app.shown().connections;
    if let Some(text) = panel_note(panel, opening) {
        return note(look, &text, room);
    }
    let Panel::Open(all) = panel else { return Body::new() };
    let rows = app.connections();
    let selected = app.selected(Tab::Connections);
    let window = window(rows.len(), selected, room.lines.saturating_sub(2));
    let shown = &rows[window.clone()];
    let make = |row: usize, column: usize, _: usize| connection(shown[row], column);
    let table = Table::new(look, COLUMNS, room.columns, shown.len(), make);
    let summary = cut(&summary(all, &app.origin), room.columns);
    let mut lines = vec![Line::from(look.span(summary, Role::Minute)), table.head()];
    lines.extend((0..shown.len()).map(|row| {
        table.line(window.start + row == selected, |column, wide| make(row, column, wide))
    }));
    lines
}

/// How many, by outcome; the rows are some of them.
fn summary(connections: &Connections, origin: &Origin) -> String {
    let outcomes = connections.outcomes.iter();
    let outcomes: Vec<String> =
        outcomes.map(|(outcome, number)| format!("{} {outcome}", grouped(*number))).collect();
    let lost = if connections.lost { "; frames were lost" } else { "" };
    let all = connections.all();
    let listed = connections.rows.len() as u64;
    let listed = if listed < all { format!(", {} listed", grouped(listed)) } else { String::new() };
    // In a file are also those that do not end in it.
    let what = if *origin == Origin::File { "in the file" } else { "ended" };
    format!("{} {what}{listed}: {}{lost}", grouped(all), outcomes.join(", "))
}

fn connection(connection: &Connection, column: usize) -> Cell {
    let row: &Row = &connection.row;
    let at =
        |address: std::net::IpAddr, port: u16| std::net::SocketAddr::new(address, port).to_string();
    let time =
        |us: Option<f64>| short(us.map(|us| std::time::Duration::from_nanos((us * 1000.0) as u64)));
    match column {
        0 => cell(connection.clock.clone(), Role::Quiet),
        1 => cell(at(row.client, row.client_port), Role::Plain),
        2 => cell(at(row.server, row.server_port), Role::Plain),
        3 => cell(row.outcome, outcome(row.outcome)),
        4 => cell(time(row.handshake_us.or(row.syn_synack_us)), Role::Plain),
        5 => cell(time(row.first_byte_us), Role::Plain),
        6 => cell(time(Some(row.duration_us)), Role::Plain),
        7 => cell(grouped(row.client_bytes), Role::Plain),
        8 => cell(grouped(row.server_bytes), Role::Plain),
        _ => cell(connection.remarks.clone(), Role::Quiet),
    }
}

fn outcome(word: &str) -> Role {
    match word {
        "closed" | "open" => Role::Good,
        "reset" | "partial" => Role::Warning,
        _ => Role::Bad,
    }
}

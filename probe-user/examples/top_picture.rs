//! The picture of `probe top` in the docs: its screen over made data, as SVG. `cargo xtask pictures` runs it.

use std::{fmt::Write as _, fs};

use anyhow::{Context as _, Result};
use probe::{
    snapshot::Snapshot,
    top::{
        app::{App, Event, Origin},
        view::{self, Look},
    },
};
use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

/// The size of the terminal, and of a character in it.
const SIZE: (u16, u16) = (100, 11);
const CELL: (usize, usize) = (9, 18);
/// Around the terminal.
const MARGIN: usize = 12;

/// Names and filters. The first row is selected, and has no colours.
const RULES: [(&str, &str); 6] = [
    ("get", "@get"),
    ("syn", "@syn"),
    ("synack", "@synack"),
    ("dns", "udp port 53"),
    ("ssh", "tcp dst port 22"),
    ("icmp", "icmp or icmp6"),
];

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("the name of the picture")?;
    let mut app = App::new(Origin::Live, Box::new(|_| Ok(())));
    let mut totals = [0u64; RULES.len()];
    for second in 1..=90u64 {
        app.update(Event::Snapshot(Box::new(counts(second, &mut totals)?)));
    }
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1))?;
    let look = Look { colors: true, utf8: true };
    let frame = terminal.draw(|frame| view::draw(&app, look, frame))?;
    fs::write(&path, svg(frame.buffer)).with_context(|| format!("writing {path}"))
}

/// Counts of a server on which a flood begins.
fn counts(second: u64, totals: &mut [u64; RULES.len()]) -> Result<Snapshot> {
    let wave = |period: u64, least: u64, most: u64| {
        let phase = second % period;
        let rise = phase.min(period - phase) * 2;
        least + (most - least) * rise / period
    };
    let flood = if second > 70 { (second - 70) * 12_000 } else { 0 };
    // Few of its SYNs are answered.
    let answered = wave(17, 20, 60) + flood / 100;
    let rates = [
        wave(17, 20, 60),
        wave(17, 20, 60) + flood,
        answered,
        wave(29, 200, 320),
        wave(7, 5, 9),
        wave(11, 1, 3),
    ];
    totals.iter_mut().zip(rates).for_each(|(total, rate)| *total += rate);
    let rules: Vec<_> = RULES
        .iter()
        .zip(rates)
        .zip(&*totals)
        .map(|(((name, filter), rate), packets)| {
            serde_json::json!({"name": name, "filter": filter, "packets": packets,
                "bytes": packets * 74, "pps": rate as f64, "bps": rate as f64 * 592.0})
        })
        .collect();
    let seen = totals.iter().sum::<u64>() * 2;
    let snapshot = serde_json::json!({"time": "2026-11-21T07:00:00.000Z", "elapsed": second as f64,
        "hook": "tcx", "interfaces": ["eth0"], "seen": {"packets": seen, "bytes": seen * 300},
        "rules": rules});
    Ok(serde_json::from_value(snapshot)?)
}

/// A buffer as a picture.
fn svg(buffer: &Buffer) -> String {
    let (columns, lines) = (usize::from(buffer.area.width), usize::from(buffer.area.height));
    let (width, height) = (columns * CELL.0 + 2 * MARGIN, lines * CELL.1 + 2 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" \
         font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1d1f21\"/>\n"
    );
    for (line, row) in buffer.content.chunks(columns).enumerate() {
        let mut begin = 0;
        while begin < row.len() {
            let same =
                |cell: &Cell| (cell.fg, cell.modifier) == (row[begin].fg, row[begin].modifier);
            let length = row[begin..].iter().take_while(|cell| same(cell)).count();
            run(&mut out, &row[begin..begin + length], (begin, line));
            begin += length;
        }
    }
    out + "</svg>\n"
}

/// Cells that look the same.
fn run(out: &mut String, cells: &[Cell], (column, line): (usize, usize)) {
    let text: String = cells.iter().map(Cell::symbol).collect();
    let (x, y) = (MARGIN + column * CELL.0, MARGIN + line * CELL.1);
    let width = cells.len() * CELL.0;
    let modifier = cells[0].modifier;
    let (mut ink, paper) = (color(cells[0].fg), "#1d1f21");
    if modifier.contains(Modifier::REVERSED) {
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{}\" fill=\"{ink}\"/>",
            CELL.1
        );
        ink = paper;
    }
    if text.trim().is_empty() {
        return;
    }
    let weight = if modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let dim = if modifier.contains(Modifier::DIM) { " opacity=\"0.6\"" } else { "" };
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{}\" textLength=\"{width}\" xml:space=\"preserve\" fill=\"{ink}\"{weight}{dim}>\
         {text}</text>",
        y + CELL.1 - 5
    );
}

fn color(color: Color) -> &'static str {
    match color {
        Color::Green => "#b5bd68",
        Color::Cyan => "#8abeb7",
        Color::Yellow => "#f0c674",
        Color::Red => "#cc6666",
        _ => "#c5c8c6",
    }
}

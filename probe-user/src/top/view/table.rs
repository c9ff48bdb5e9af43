//! Rows in columns: as many of these as there is room for.

use std::borrow::Cow;

use probe_frame::visible;
use ratatui::text::{Line, Span};

use super::look::{Look, Role};
use crate::text::{cut, width};

/// Columns of the screen between two columns.
const GAP: usize = 2;

/// A column of a table.
pub struct Column {
    /// What stands above it.
    pub head: &'static str,
    /// How wide it is.
    pub kind: Kind,
    /// The columns with the least of these are kept where there is not room for all.
    pub rank: u8,
}

/// How wide a column is, and at which end its cells stand.
#[derive(Clone, Copy)]
pub enum Kind {
    /// As wide as its cells, which stand at its right end.
    Number,
    /// At least as wide as that, or as its cells if they are narrower; wider where there is room.
    Text(usize),
    /// One of these widths.
    Steps(&'static [usize]),
}

/// A number's column.
pub const fn number(head: &'static str, rank: u8) -> Column {
    Column { head, kind: Kind::Number, rank }
}

/// A text's column.
pub const fn text(head: &'static str, least: usize, rank: u8) -> Column {
    Column { head, kind: Kind::Text(least), rank }
}

/// A cell.
pub struct Cell {
    /// What stands in it.
    pub text: Cow<'static, str>,
    /// Its role, which a row that is selected has not.
    pub role: Role,
}

/// A cell of a text.
pub fn cell(text: impl Into<Cow<'static, str>>, role: Role) -> Cell {
    Cell { text: text.into(), role }
}

/// Columns with widths.
pub struct Table {
    look: Look,
    columns: &'static [Column],
    /// Places and widths of those that there is room for.
    kept: Vec<(usize, usize)>,
    room: usize,
}

impl Table {
    /// Finds the widths for these rows, which `cell` makes: by row, column and width, the greatest there is
    /// where it is asked how wide it would be.
    pub fn new(
        look: Look,
        columns: &'static [Column],
        room: usize,
        rows: usize,
        cell: impl Fn(usize, usize, usize) -> Cell,
    ) -> Self {
        let natural = |place: usize, column: &Column| match column.kind {
            Kind::Steps(steps) => steps.last().copied().unwrap_or(0),
            Kind::Number | Kind::Text(_) => (0..rows)
                .map(|row| width(&plain(&cell(row, place, usize::MAX).text)))
                .chain([width(column.head)])
                .max()
                .unwrap_or(0),
        };
        let widths: Vec<usize> =
            columns.iter().enumerate().map(|(place, column)| natural(place, column)).collect();
        let least = |place: usize| match columns[place].kind {
            Kind::Number => widths[place],
            Kind::Text(least) => widths[place].min(least.max(width(columns[place].head))),
            Kind::Steps(steps) => steps.first().copied().unwrap_or(0),
        };
        let mut by_rank: Vec<usize> = (0..columns.len()).collect();
        by_rank.sort_by_key(|&place| columns[place].rank);
        // A column in which nothing stands says nothing.
        let is_empty = |place: usize| {
            let texts = (0..rows).map(|row| cell(row, place, usize::MAX).text);
            rows > 0 && texts.into_iter().all(|text| text.is_empty())
        };
        by_rank.retain(|&place| matches!(columns[place].kind, Kind::Steps(_)) || !is_empty(place));
        let (mut kept, mut left) = (Vec::new(), room);
        for place in by_rank {
            let gap = if kept.is_empty() { 0 } else { GAP };
            // A screen may be narrower than its first column.
            let wanted = if kept.is_empty() { least(place).min(room) } else { least(place) };
            if let Some(rest) = left.checked_sub(wanted + gap) {
                left = rest;
                kept.push((place, wanted));
            }
        }
        // What is left goes to those that were kept narrow.
        for (place, wide) in &mut kept {
            let wider = (*wide + left).min(widths[*place]).max(*wide);
            let wider = match columns[*place].kind {
                Kind::Steps(steps) => {
                    steps.iter().copied().filter(|step| *step <= wider).max().unwrap_or(*wide)
                }
                Kind::Number | Kind::Text(_) => wider,
            };
            left -= wider - *wide;
            *wide = wider;
        }
        kept.sort_unstable();
        Self { look, columns, kept, room }
    }

    /// The heads of the columns.
    pub fn head(&self) -> Line<'static> {
        self.line(false, |place, _| cell(self.columns[place].head, Role::Head))
    }

    /// A row, of which the cells are made for the widths.
    pub fn line(&self, selected: bool, make: impl Fn(usize, usize) -> Cell) -> Line<'static> {
        let mut spans: Vec<Span<'static>> = Vec::new();
        for (nth, &(place, wide)) in self.kept.iter().enumerate() {
            let Cell { text, role } = make(place, wide);
            let text = cut(&plain(&text), wide);
            let pad = " ".repeat(wide - width(&text));
            let gap = if nth == 0 { 0 } else { GAP };
            let gap = " ".repeat(gap);
            let role = if selected { Role::Selected } else { role };
            let padded = match self.columns[place].kind {
                Kind::Number => [gap, pad, text].concat(),
                Kind::Text(_) | Kind::Steps(_) => [gap, text, pad].concat(),
            };
            spans.push(self.look.span(padded, role));
        }
        if selected {
            let used: usize = spans.iter().map(|span| width(&span.content)).sum();
            let rest = " ".repeat(self.room.saturating_sub(used));
            spans.push(self.look.span(rest, Role::Selected));
        }
        Line::from(spans)
    }
}

/// A text that cannot command the terminal, on one line.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) { visible(text).into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        text("name", 6, 0),
        number("packets", 1),
        Column { head: "minute", kind: Kind::Steps(&[4, 8]), rank: 2 },
        text("filter", 6, 3),
    ];

    fn lines(room: usize) -> Vec<String> {
        let look = Look { colors: false, utf8: true };
        let make = |row: usize, column: usize, wide: usize| match (column, row) {
            (0, 0) => cell("a-long-name", Role::Plain),
            (0, _) => cell("漢字\u{1b}[31m", Role::Plain),
            (1, _) => cell("12,345", Role::Plain),
            (2, _) => cell("=".repeat(wide.min(9)), Role::Plain),
            _ => cell("tcp port 80 or more", Role::Plain),
        };
        let table = Table::new(look, COLUMNS, room, 2, make);
        let row = |row: usize| table.line(row == 0, |column, wide| make(row, column, wide));
        [table.head(), row(0), row(1)].map(|line| line.to_string()).to_vec()
    }

    #[test]
    fn columns_go_and_grow_with_the_room() {
        let expected = [
            "name         packets  minute    filter             ",
            "a-long-name   12,345  ========  tcp port 80 or more",
            "漢字^[[31m    12,345  ========  tcp port 80 or more",
        ];
        assert_eq!(lines(51), expected);
        assert_eq!(lines(30)[1], "a-long…   12,345  ====  tcp p…");
        assert_eq!(lines(15)[1], "a-lon…   12,345");
        assert_eq!(lines(3)[1], "a-…");
    }

    #[test]
    fn no_line_is_wider_than_the_room() {
        for room in 1..80 {
            assert!(lines(room).iter().all(|line| width(line) <= room), "{room}");
        }
    }
}

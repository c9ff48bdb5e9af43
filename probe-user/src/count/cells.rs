//! A line of a table, of cells whose widths are known; and its colours.

use anstyle::{AnsiColor, Effects, Style};

use crate::text::width;

/// Columns between two columns.
pub const GAP: &str = "  ";

/// Heads of columns.
pub const HEAD: Style = Style::new().effects(Effects::BOLD);
/// What did not change, and what is said beside the numbers.
pub const QUIET: Style = Style::new().effects(Effects::DIMMED);
/// What came in the interval.
pub const RATE: Style = color(AnsiColor::Green);
/// What came in the last minute.
pub const MINUTE: Style = color(AnsiColor::Cyan);

const fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(color)))
}

/// One cell.
pub struct Cell {
    /// No wider than the column.
    pub text: String,
    /// The column's.
    pub width: usize,
    /// Words begin at the left end, numbers end at the right one.
    pub is_text: bool,
    /// Where there are colours.
    pub style: Style,
}

/// The cells one after the other, without blanks at the end.
pub fn line(cells: impl IntoIterator<Item = Cell>, colors: bool) -> String {
    let mut drawn = String::new();
    // Blanks are written before what follows them, so that none ends a line.
    let mut blanks = 0;
    for Cell { text, width: width_of, is_text, style } in cells {
        let rest = width_of.saturating_sub(width(&text));
        let (before, behind) = if is_text { (0, rest) } else { (rest, 0) };
        blanks += before;
        if text.trim().is_empty() {
            blanks += width(&text) + behind + GAP.len();
            continue;
        }
        drawn.extend(std::iter::repeat_n(' ', blanks));
        drawn.push_str(&painted(&text, style, colors));
        blanks = behind + GAP.len();
    }
    drawn
}

/// A text in its colour.
pub fn painted(text: &str, style: Style, colors: bool) -> String {
    let style = if colors && !text.is_empty() { style } else { Style::new() };
    format!("{style}{text}{style:#}")
}

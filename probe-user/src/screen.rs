//! The terminal's alternate screen, on which a table is drawn over and over: what was there before
//! stays as it was, whatever the table's size and the terminal's become.

use std::io;

use terminal_size::{Height, Width, terminal_size_of};

/// To the alternate screen, and back to what was there before (xterm's control sequences,
/// "Alternate Screen Buffer"). Back from an empty one: tmux 3.3 mixes lines of both where the
/// terminal's size has changed meanwhile.
const ENTER: &str = "\x1b[?1049h";
pub const LEAVE: &str = "\x1b[H\x1b[J\x1b[?1049l";

/// What there is to draw on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room {
    /// Columns; `None` where lines may have any length, as in a file.
    pub columns: Option<usize>,
    /// Lines; `None` where the table may have any number of them.
    pub lines: Option<usize>,
    /// Whether roles have colours.
    pub colors: bool,
}

/// Standard output as a screen.
#[derive(Debug, Default)]
pub struct Screen {
    entered: bool,
}

impl Screen {
    /// Columns and lines right now, at least one of each; those of a VT100 where the terminal does
    /// not say.
    pub fn size() -> (usize, usize) {
        let size = terminal_size_of(io::stdout());
        let (Width(columns), Height(lines)) = size.unwrap_or((Width(80), Height(24)));
        (columns.max(1).into(), lines.max(1).into())
    }

    /// What draws these lines, none of which may be longer than the screen is wide. The cursor stays
    /// behind the last one: a line feed there would move all of them.
    pub fn frame(&self, lines: &[String]) -> String {
        let enter = if self.entered { "" } else { ENTER };
        // What is old is erased before a line is drawn, and all that is below the last one with it:
        // behind a line that fills it, the cursor is still on its last column, and would erase that.
        let mut frame = format!("{enter}\x1b[H");
        for (number, line) in lines.iter().enumerate() {
            let erase = if number + 1 == lines.len() { "\x1b[J" } else { "\x1b[K" };
            let next = if number == 0 { "" } else { "\r\n" };
            frame.extend([next, erase, line]);
        }
        frame
    }

    /// What goes to the alternate screen, unless that was done; whoever asks draws there now.
    pub fn enter(&mut self) -> &'static str {
        if std::mem::replace(&mut self.entered, true) { "" } else { ENTER }
    }

    /// A frame was written.
    pub fn drawn(&mut self) {
        self.entered = true;
    }

    /// What shows again what was there before, if anything was drawn over it.
    pub fn leave(&mut self) -> &'static str {
        if std::mem::take(&mut self.entered) { LEAVE } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entered_once_and_left_once() {
        let mut screen = Screen::default();
        assert_eq!(screen.leave(), "");
        let lines = ["one".to_owned(), "two".to_owned()];
        let drawn = "\x1b[H\x1b[Kone\r\n\x1b[Jtwo";
        assert_eq!(screen.frame(&lines), format!("{ENTER}{drawn}"));
        screen.drawn();
        assert_eq!(screen.frame(&lines), drawn);
        assert_eq!([screen.leave(), screen.leave()], [LEAVE, ""]);
        assert_eq!([screen.enter(), screen.enter(), screen.leave()], [ENTER, "", LEAVE]);
    }
}

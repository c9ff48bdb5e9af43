//! How far the reading of a large file is: a bar on the terminal, which is gone when the reading ends.

use std::{
    cell::RefCell,
    io::{self, IsTerminal as _},
    rc::Rc,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use probe_pcap::Position;

use crate::reporter;

/// Files of up to so many bytes are read before anybody asks how long it takes.
const LARGE: u64 = 200_000_000;
/// Times a second that the bar is drawn at most.
const DRAWN: u8 = 4;

const OF_KNOWN: &str = "{percent:>3} % {bar:30} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
const OF_PIPE: &str = "{spinner} {decimal_bytes} read, {decimal_bytes_per_sec}";

/// A handle of what shows it; all clones are of the same.
#[derive(Clone, Debug, Default)]
pub struct Progress(Rc<RefCell<Shown>>);

#[derive(Debug, Default)]
struct Shown {
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// From now on a large file has a bar, where standard error is a terminal. `lines`: whether data are
    /// written while it is read; on a terminal they would get between.
    pub fn start(&self, lines: bool) {
        let free = !lines || !io::stdout().is_terminal();
        self.0.borrow_mut().wanted = free && io::stderr().is_terminal();
    }

    /// So much has been read.
    pub fn note(&self, position: Position) {
        self.0.borrow_mut().note(position);
    }

    /// Nothing more is read: takes the bar away. Messages that came meanwhile follow.
    pub fn end(&self) {
        *self.0.borrow_mut() = Shown::default();
    }
}

impl Shown {
    fn note(&mut self, Position { read, size }: Position) {
        if !self.wanted || size.unwrap_or(read) <= LARGE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            reporter::hold();
            bar(size)
        });
        bar.set_position(read);
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            reporter::release();
        }
    }
}

/// A bar, or of a pipe, which has no length, the bytes that came.
fn bar(size: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr_with_hz(DRAWN));
    let template = if size.is_some() { OF_KNOWN } else { OF_PIPE };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        // The test below holds that there is no mistake in them.
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_understood() {
        for template in [OF_KNOWN, OF_PIPE] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn only_large_files_have_one() {
        let shown = |wanted, read, size| {
            let mut shown = Shown { wanted, bar: None };
            shown.note(Position { read, size });
            shown.bar.as_ref().map(ProgressBar::length)
        };
        assert_eq!(shown(true, 0, Some(LARGE)), None);
        assert_eq!(shown(true, 0, Some(LARGE + 1)), Some(Some(LARGE + 1)));
        assert_eq!(shown(true, LARGE, None), None);
        assert_eq!(shown(true, LARGE + 1, None), Some(None));
        assert_eq!(shown(false, LARGE + 1, None), None);
    }
}

//! Sentences of the grammar of extcap(4): a word, and values in braces.

use std::fmt::{self, Display, Write as _};

/// One line, such as `dlt {number=1}{name=EN10MB}{display=Ethernet}`.
#[derive(Debug)]
pub(super) struct Sentence(String);

impl Sentence {
    /// The line's first word.
    pub(super) fn new(kind: &str) -> Self {
        Self(format!("{kind} "))
    }

    /// Adds a value.
    pub(super) fn with(mut self, key: &str, value: impl Display) -> Self {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{{{key}={value}}}");
        self
    }
}

impl Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.0)
    }
}

/// Whether a text can be a value: there is no way to quote a brace or the end of a line.
pub(crate) fn fits(text: &str) -> bool {
    !text.contains(|c: char| c == '{' || c == '}' || c.is_control())
}

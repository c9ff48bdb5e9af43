//! What is said when a filter is refused: the text, a caret under the place, and what
//! was expected there; and what may have been meant.

use std::fmt;
use std::ops::Range;

use crate::hints;

/// Bytes of the filter text.
pub type Span = Range<usize>;

/// Columns of the text shown on either side of the place.
const CONTEXT: usize = 36;
/// Longest underline. The place may be as long as the text.
const UNDERLINE: usize = 40;

/// Why a filter was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    text: String,
    span: Span,
    message: String,
    expected: Option<String>,
    is_resolvers: bool,
}

impl Error {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        let inner = Inner {
            text: String::new(),
            span,
            message: message.into(),
            expected: None,
            is_resolvers: false,
        };
        Self { inner: Box::new(inner) }
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.inner.expected = Some(expected.into());
        self
    }

    /// Marks an error as one of the resolver.
    pub(crate) fn of_resolver(mut self) -> Self {
        self.inner.is_resolvers = true;
        self
    }

    pub(crate) fn in_text(mut self, text: &str) -> Self {
        self.inner.text = text.to_owned();
        self
    }

    /// The place in the text, in bytes.
    pub fn span(&self) -> Span {
        self.inner.span.clone()
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// What would have been right at that place, where that can be said.
    pub fn expected_here(&self) -> Option<&str> {
        self.inner.expected.as_deref()
    }

    /// What may have been meant, where that can be told. It is worked out when it is asked for.
    pub fn hint(&self) -> Option<String> {
        let Inner { text, span, is_resolvers, .. } = &*self.inner;
        (!is_resolvers).then(|| hints::hint(text, span)).flatten()
    }

    /// Whether the filter may be right, and only the [resolver](crate::Resolver) failed.
    pub fn is_resolvers(&self) -> bool {
        self.inner.is_resolvers
    }

    /// The filter text.
    pub fn text(&self) -> &str {
        &self.inner.text
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { text, span, message, expected, .. } = &*self.inner;
        writeln!(f, "{}", printable(message))?;
        let (line, before, width) = excerpt(text, span);
        writeln!(f, "  {line}")?;
        write!(f, "  {:before$}{}", "", "^".repeat(width))?;
        if let Some(expected) = expected {
            write!(f, "\nexpected {expected}")?;
        }
        if let Some(hint) = self.hint() {
            write!(f, "\n{}", printable(&hint))?;
        }
        Ok(())
    }
}

/// The part of the text around the place, the columns before the place, and its width.
fn excerpt(text: &str, span: &Span) -> (String, usize, usize) {
    let start = floor_boundary(text, span.start);
    let end = floor_boundary(text, span.end).max(start);
    let before: Vec<char> = text[..start].chars().rev().take(CONTEXT + 1).collect();
    let place: Vec<char> = text[start..end].chars().take(UNDERLINE + 1).collect();
    let mut line = String::new();
    if before.len() > CONTEXT {
        line.push('…');
    }
    line.extend(before.iter().take(CONTEXT).rev().map(|&c| visible(c)));
    let column = line.chars().count();
    line.extend(place.iter().take(UNDERLINE).map(|&c| visible(c)));
    let width = place.len().clamp(1, UNDERLINE);
    if place.len() > UNDERLINE {
        line.push('…');
    } else {
        let after: Vec<char> = text[end..].chars().take(CONTEXT + 1).collect();
        line.extend(after.iter().take(CONTEXT).map(|&c| visible(c)));
        if after.len() > CONTEXT {
            line.push('…');
        }
    }
    (line, column, width)
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One column for every character, so that the caret stands where it should; nothing
/// that a terminal would obey.
fn visible(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        c if is_unprintable(c) => '\u{fffd}',
        c => c,
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A message may quote the text: on one line, with nothing that a terminal would obey.
pub(crate) fn printable(message: &str) -> String {
    message.chars().map(visible).collect()
}

/// A part of the text as a message quotes it: short, and on one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(UNDERLINE).map(visible).collect();
    if text.chars().nth(UNDERLINE).is_some() {
        short.push('…');
    }
    format!("'{short}'")
}

//! A condition that cannot be read: which part of it, and what was expected there.

use std::{error::Error, fmt, ops::Range};

use crate::text::width;

/// What is wrong with the text of a condition, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionError {
    pub(super) text: String,
    /// Bytes of the text.
    pub(super) span: Range<usize>,
    pub(super) message: String,
    /// What was expected, or may have been meant; empty where there is nothing to say.
    pub(super) advice: String,
}

impl ConditionError {
    /// The place of the mistake, in bytes of the text.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

impl fmt::Display for ConditionError {
    /// The mistake, the text with a line of carets below the place, and the advice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, span, message, advice } = self;
        let before = text.get(..span.start).unwrap_or(text);
        let (indent, carets) = (width(before), text.get(span.clone()).map_or(0, width).max(1));
        write!(f, "{message}\n  {text}\n  {:indent$}{:^<carets$}", "", "")?;
        if !advice.is_empty() {
            write!(f, "\n{advice}")?;
        }
        Ok(())
    }
}

impl Error for ConditionError {}

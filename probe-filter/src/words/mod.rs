//! A filter in words: what it asks of a frame, as an indented list.
//!
//! The words come from the tree, and so say what was written; the graph says what is looked at, byte
//! by byte. A list may be split or flattened, and a double negation left out, but the order stays: it
//! is the order of evaluation, left to right.

mod address;
mod primitive;
mod protocol;
mod relation;
mod remember;

use std::fmt;

use crate::ast::{Expression, ExpressionId, Tree};
use crate::error::Error;
use crate::{Filter, Options, lexer, lower, parser};
use remember::Remembering;

/// What a filter asks, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    lines: Vec<Line>,
}

/// A line of [`Words`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How many lists it stands in.
    pub depth: usize,
    /// What it says.
    pub text: String,
    /// Whether it only quotes an arithmetic comparison, for which there are no better words.
    pub is_quotation: bool,
}

impl Words {
    /// The lines, in the order in which the questions are asked.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

/// The lists of a text of 64 KiB may nest thousands of levels deep: beyond this many the level is
/// given as a number.
const DEEPEST: usize = 24;

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { depth, text, .. } in &self.lines {
            match depth {
                0 => writeln!(f, "{text}")?,
                1..=DEEPEST => writeln!(f, "{:1$}- {text}", "", 2 * (depth - 1))?,
                _ => writeln!(f, "{:1$}[level {depth}] {text}", "", 2 * DEEPEST)?,
            }
        }
        Ok(())
    }
}

/// Compiles a filter, and says in words what it asks of a frame. Names are looked up once: the
/// addresses in the words are those in the filter.
///
/// ```
/// use probe_filter::{Options, explain};
///
/// let (_, words) = explain("tcp dst port 80 and not src net 192.0.2.0/24", &Options::default())?;
/// assert_eq!(
///     words.to_string(),
///     "a frame matches where all of these hold:\n\
///      - destination port is 80 (TCP)\n\
///      - not: source address is in 192.0.2.0/24 (IPv4, ARP or RARP)\n",
/// );
/// # Ok::<(), probe_filter::Error>(())
/// ```
///
/// # Errors
/// Those of [`compile`](fn@crate::compile).
pub fn explain(text: &str, options: &Options<'_>) -> Result<(Filter, Words), Error> {
    let names = Remembering::new(options.resolver);
    let options = options.resolver(&names);
    let filter = || -> Result<(Filter, Words), Error> {
        let tokens = lexer::tokens(text)?;
        let tree = parser::parse(&tokens)?;
        let (graph, notes) = lower::lower(&tree, None, &options)?;
        let words = Teller { text, tree: &tree, options: &options }.words();
        Ok((Filter { text: text.to_owned(), graph, notes }, words))
    };
    filter().map_err(|error| error.in_text(text))
}

/// What tells.
struct Teller<'a> {
    text: &'a str,
    tree: &'a Tree,
    options: &'a Options<'a>,
}

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    All,
    Any,
}

impl Teller<'_> {
    /// Without recursion: a filter may nest as deep as its text is long.
    fn words(&self) -> Words {
        let Some(last) = self.tree.expressions.len().checked_sub(1) else {
            let text = "every frame matches".to_owned();
            return Words { lines: vec![Line { depth: 0, text, is_quotation: false }] };
        };
        let mut lines = Vec::new();
        let mut tasks = vec![(ExpressionId(last), 0)];
        while let Some((id, depth)) = tasks.pop() {
            let (id, negated) = self.without_not(id);
            let list = match &self.tree.expressions[id.0] {
                Expression::And(..) => Some(List::All),
                Expression::Or(..) => Some(List::Any),
                Expression::Primitive(..) | Expression::Not(_) => None,
            };
            let (text, is_quotation) = match (list, negated) {
                (None, _) => {
                    let (text, is_quotation) = self.one(id);
                    (if negated { format!("not: {text}") } else { text }, is_quotation)
                }
                (Some(List::All), false) => ("all of these hold:".to_owned(), false),
                (Some(List::All), true) => ("not all of these hold:".to_owned(), false),
                (Some(List::Any), false) => ("any of these holds:".to_owned(), false),
                (Some(List::Any), true) => ("none of these holds:".to_owned(), false),
            };
            let text = match (depth, list) {
                (0, Some(_)) => format!("a frame matches where {text}"),
                (0, None) => format!("a frame matches where: {text}"),
                _ => text,
            };
            lines.push(Line { depth, text, is_quotation });
            if let Some(list) = list {
                let members = self.members(id, list);
                tasks.extend(members.into_iter().rev().map(|member| (member, depth + 1)));
            }
        }
        Words { lines }
    }

    /// What stands behind any number of `not`, and whether they are one `not` together.
    fn without_not(&self, mut id: ExpressionId) -> (ExpressionId, bool) {
        let mut negated = false;
        while let Expression::Not(of) = self.tree.expressions[id.0] {
            (id, negated) = (of, !negated);
        }
        (id, negated)
    }

    /// The members of `a and b and c`, in their order.
    fn members(&self, id: ExpressionId, list: List) -> Vec<ExpressionId> {
        let mut members = Vec::new();
        let mut tasks = vec![id];
        while let Some(id) = tasks.pop() {
            match (list, &self.tree.expressions[id.0]) {
                (List::All, Expression::And(left, right))
                | (List::Any, Expression::Or(left, right)) => tasks.extend([*right, *left]),
                _ => members.push(id),
            }
        }
        members
    }

    /// One question, and whether it is but quoted.
    fn one(&self, id: ExpressionId) -> (String, bool) {
        match &self.tree.expressions[id.0] {
            Expression::Primitive(primitive, span) => {
                let said = self.primitive(primitive);
                let quotation = || self.text.get(span.clone()).unwrap_or_default();
                match said {
                    Some(said) => (said, false),
                    None => (crate::error::printable(quotation()), true),
                }
            }
            // These are lists, or taken off before.
            Expression::Not(_) | Expression::And(..) | Expression::Or(..) => (String::new(), false),
        }
    }
}

#[cfg(test)]
mod tests;

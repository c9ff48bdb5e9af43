//! What a rule's frames are counted by beside their number: the largest keys, and how many different
//! ones there are. Asked for here, counted by the kernel programs or by their twin for files, put
//! together in a [`Tally`], and written as people know them by [`text()`].
//!
//! A list is a filter of its own, of the rule's frames that have the key, and so has a counter: what
//! the rule matched beyond it has no such key.

mod tally;
mod text;

pub use tally::Tally;
pub use text::{name, text};

use probe_filter::{Key, KeyError};

use crate::kernel::Lists;

/// Keys that a list shows, where nothing else is asked for.
pub const TOP: usize = 10;
/// Keys that a list can show.
pub const MOST: usize = 1024;

/// What is kept of a rule's frames by one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// What they are counted by.
    pub key: Key,
    /// How many of the largest keys are shown; `None`: none is asked for.
    pub top: Option<usize>,
    /// Whether to say how many different keys there are.
    pub distinct: bool,
}

impl List {
    /// What programs are to count.
    pub fn wanted(&self) -> Lists {
        Lists { top: self.top.is_some(), distinct: self.distinct }
    }
}

/// Asks for more of a rule: a list by each key, whatever is asked of it.
pub fn ask(lists: &mut Vec<List>, more: List) {
    match lists.iter_mut().find(|list| list.key == more.key) {
        Some(list) => {
            list.top = more.top.or(list.top);
            list.distinct |= more.distinct;
        }
        None => lists.push(more),
    }
}

/// A key, and how many of the largest to list, where that is said.
pub type By = (Key, Option<usize>);

/// Reads `KEY` or `KEY,N`: a list of the N largest. Some keys have commas themselves, so that the
/// whole text is tried first; and what stands behind the only comma of a network is its prefix length of
/// IPv6, or a mistake.
///
/// # Errors
/// In words, a text that names no key, and a number that is too small or too large.
pub fn by(text: &str) -> Result<By, String> {
    let whole: Result<Key, KeyError> = text.parse();
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    match (whole, text.rsplit_once(',')) {
        (Ok(key), _) => Ok((key, None)),
        (Err(_), Some((key, top))) if number(top) && (!key.contains('/') || key.contains(',')) => {
            let key = key.parse().map_err(|error: KeyError| error.to_string())?;
            let top = top.parse().ok().filter(|top| (1..=MOST).contains(top));
            let top = top.ok_or_else(|| format!("expected 1 to {MOST} keys behind the comma"))?;
            Ok((key, Some(top)))
        }
        (Err(error), _) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_and_without_a_number() {
        for (text, key, top) in [
            ("src", "src", None),
            ("src,20", "src", Some(20)),
            ("src,dport", "src,dport", None),
            ("src,dport,3", "src,dport", Some(3)),
            // A prefix of IPv6 addresses, not a number of them.
            ("src/24,64", "src/24,64", None),
            ("src/24,64,5", "src/24,64", Some(5)),
            ("vlan,1024", "vlan", Some(1024)),
        ] {
            assert_eq!(by(text), Ok((key.parse().unwrap(), top)), "{text}");
        }
        for (text, said) in [
            ("foo", "no key is called 'foo': the keys are"),
            ("src,0", "expected 1 to 1024 keys"),
            ("src,1025", "expected 1 to 1024 keys"),
            ("srcc,5", "no key is called 'srcc': did you mean src?"),
            ("dst,dport", "no key is called 'dst,dport'"),
            ("src/33", "a prefix length is a number up to 32"),
            ("src/24,129", "behind a comma, for IPv6, up to 128"),
            ("", "no key is called ''"),
        ] {
            let error = by(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn one_list_a_key() {
        let key: Key = "src".parse().unwrap();
        let mut lists = Vec::new();
        ask(&mut lists, List { key, top: Some(10), distinct: false });
        ask(&mut lists, List { key, top: None, distinct: true });
        ask(&mut lists, List { key, top: Some(3), distinct: false });
        assert_eq!(lists, [List { key, top: Some(3), distinct: true }]);
    }
}

//! Lists of entries, linked through the entries themselves: no memory of their own, and taking one out
//! of the middle is as cheap as off an end.

use super::{Entry, Index};

/// No entry.
const NONE: Index = Index::MAX;

/// Which of an entry's two links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Class = 0,
    Wheel = 1,
}

/// An entry's neighbours in a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    before: Index,
    behind: Index,
}

impl Default for Links {
    fn default() -> Self {
        Self { before: NONE, behind: NONE }
    }
}

/// The ends of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    first: Index,
    last: Index,
}

impl Default for List {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

impl List {
    pub(super) fn first(&self) -> Option<Index> {
        (self.first != NONE).then_some(self.first)
    }

    /// Appends an entry that is in no list of this kind.
    pub(super) fn push(&mut self, entries: &mut [Entry], at: Index, which: Which) {
        if let Some(links) = links(entries, at, which) {
            *links = Links { before: self.last, behind: NONE };
        }
        match links(entries, self.last, which) {
            Some(last) => last.behind = at,
            None => self.first = at,
        }
        self.last = at;
    }

    /// Takes an entry out, which is in this list.
    pub(super) fn remove(&mut self, entries: &mut [Entry], at: Index, which: Which) {
        let Some(own) = links(entries, at, which) else { return };
        let Links { before, behind } = std::mem::take(own);
        match links(entries, before, which) {
            Some(neighbour) => neighbour.behind = behind,
            None => self.first = behind,
        }
        match links(entries, behind, which) {
            Some(neighbour) => neighbour.before = before,
            None => self.last = before,
        }
    }
}

fn links(entries: &mut [Entry], at: Index, which: Which) -> Option<&mut Links> {
    entries.get_mut(at as usize)?.links.get_mut(which as usize)
}

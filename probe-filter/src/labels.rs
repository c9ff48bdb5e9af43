//! Labels in code under construction, for both assemblers. A place is the number of an item.

/// A place in the code, bound once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(u32);

#[derive(Debug, Default)]
pub(crate) struct Labels(Vec<Option<usize>>);

impl Labels {
    /// Another label, bound nowhere.
    pub(crate) fn add(&mut self) -> Label {
        self.0.push(None);
        Label(self.0.len() as u32 - 1)
    }

    pub(crate) fn bind(&mut self, label: Label, place: usize) {
        let slot = &mut self.0[label.0 as usize];
        debug_assert!(slot.is_none(), "label bound twice");
        *slot = Some(place);
    }

    /// Where a label is bound, if it is.
    pub(crate) fn get(&self, label: Label) -> Option<usize> {
        self.0[label.0 as usize]
    }

    /// The same of a label that is jumped to.
    pub(crate) fn at(&self, label: Label) -> usize {
        self.get(label).expect("a label that is jumped to is bound")
    }

    /// Forgets what was bound behind a place.
    pub(crate) fn unbind_behind(&mut self, last: usize) {
        for place in &mut self.0 {
            *place = place.filter(|&place| place <= last);
        }
    }

    /// Binds labels elsewhere: `moved` says where, by place.
    pub(crate) fn move_to(&mut self, moved: &[usize]) {
        for place in self.0.iter_mut().flatten() {
            *place = moved[*place];
        }
    }

    /// Keeps some of the items, and labels where they are. Returns where each item has gone.
    pub(crate) fn retain<T>(&mut self, items: &mut Vec<T>, keep: &[bool]) -> Vec<usize> {
        let mut moved = Vec::with_capacity(keep.len() + 1);
        let mut place = 0;
        for &keep in keep {
            moved.push(place);
            place += usize::from(keep);
        }
        moved.push(place);
        self.move_to(&moved);
        let mut keep = keep.iter();
        items.retain(|_| keep.next().is_some_and(|&keep| keep));
        moved
    }
}

//! What fast code keeps in registers, and where.
//!
//! The arguments stay where the call put them: r1 context, r2 data, r3 data_end, r4
//! state, r5 meta. The other registers hold values that later blocks may want again.

use crate::ir::ValueId;

use super::super::insn::{R0, R6, R7, R8, R9, Reg};

/// Registers for values.
pub(crate) const POOL: [Reg; 5] = [R0, R6, R7, R8, R9];

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A value; in network order where `raw` says so of it.
    Value(ValueId),
    /// `data + base`, with so many bytes from there on known to be linear.
    Pointer { base: ValueId, reached: u32 },
}

impl Content {
    /// The value whose use makes it worth keeping.
    pub(crate) fn value(self) -> ValueId {
        match self {
            Self::Value(id) | Self::Pointer { base: id, .. } => id,
        }
    }
}

/// What is known at one place of the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Contents of [`POOL`].
    pub(crate) contents: [Option<Content>; POOL.len()],
    /// Bytes of the frame known to be linear.
    pub(crate) reached: u32,
}

impl State {
    pub(crate) fn find(&self, wanted: impl Fn(Content) -> bool) -> Option<usize> {
        self.contents.iter().position(|content| content.is_some_and(&wanted))
    }

    /// Keeps what holds on both ways.
    pub(crate) fn meet(&mut self, other: &Self) {
        self.reached = self.reached.min(other.reached);
        for (mine, theirs) in self.contents.iter_mut().zip(other.contents) {
            *mine = match (*mine, theirs) {
                (
                    Some(Content::Pointer { base, reached }),
                    Some(Content::Pointer { base: other, reached: other_reached }),
                ) if base == other => {
                    Some(Content::Pointer { base, reached: reached.min(other_reached) })
                }
                (mine, theirs) if mine == theirs => mine,
                _ => None,
            };
        }
    }
}

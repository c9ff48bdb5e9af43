//! Where things lie on the stack. The caller shares the kernel's 512 bytes with
//! the function, so it stays below [`MAX_STACK`].

use super::{Error, StateLayout};

/// Bytes of stack the function takes at most.
pub(crate) const MAX_STACK: u32 = 256;

/// Start of the network header during a walk along a header chain.
pub(crate) const CHAIN_BASE: i16 = -8;
/// The next protocol of such a walk.
pub(crate) const CHAIN_NEXT: i16 = -16;

const FIRST_FREE: i16 = CHAIN_NEXT;
const SLOTS: u32 = (MAX_STACK as i16 + FIRST_FREE) as u32 / 8;
/// Slots for variables; further ones lie in the state's scratch memory.
const VAR_SLOTS: u32 = 12;

/// Words of scratch memory that are not for variables, at its end.
pub(crate) const RESERVED_WORDS: u32 = 3;

/// What careful code keeps in scratch memory rather than on the stack. The verifier
/// (since 6.18) computes the liveness of stack slots anew whenever it meets another
/// instruction that touches them, over the whole function each time; and it follows
/// the ranges of values on the stack, where a loop had better have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// The fifth argument: length and direction.
    Meta = 1,
    /// What the load-bytes helpers read.
    Buffer = 2,
    /// Offset of the header at hand in a walk along a header chain.
    ChainOffset = 3,
}

impl Word {
    /// Bytes from the start of the state.
    pub(crate) const fn offset(self, layout: &StateLayout) -> i16 {
        (layout.scratch + 8 * (layout.scratch_len - self as u32)) as i16
    }
}

/// Where a variable lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Offset from the frame pointer.
    Stack(i16),
    /// Index of the 64-bit word of scratch memory.
    Scratch(u32),
}

/// Where variable number `var` lies.
pub(crate) const fn variable(var: u32) -> Place {
    if var < VAR_SLOTS { Place::Stack(slot(var)) } else { Place::Scratch(var - VAR_SLOTS) }
}

/// Whether so many variables can be held.
pub(crate) const fn holds_variables(vars: u32, scratch_len: u32) -> bool {
    vars <= VAR_SLOTS + scratch_len - RESERVED_WORDS
}

/// Where an intermediate result lies, by nesting depth.
pub(crate) fn intermediate(depth: u32, rule: usize) -> Result<i16, Error> {
    if VAR_SLOTS + depth < SLOTS {
        Ok(slot(VAR_SLOTS + depth))
    } else {
        Err(Error::TooDeep { rule })
    }
}

const fn slot(index: u32) -> i16 {
    FIRST_FREE - 8 * (index as i16 + 1)
}

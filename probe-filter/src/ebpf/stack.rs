//! Where things lie on the stack. The caller shares the kernel's 512 bytes with
//! the function, so it stays below [`MAX_STACK`].

use super::insn::FP;
use super::{Error, Reg, StateLayout};

/// Bytes of stack the function takes at most.
pub(crate) const MAX_STACK: u32 = 256;

/// Start of the network header during a walk along a header chain.
pub(crate) const CHAIN_BASE: i16 = -8;
/// The next protocol of such a walk.
pub(crate) const CHAIN_NEXT: i16 = -16;

const FIRST_FREE: i16 = CHAIN_NEXT;
const SLOTS: u32 = (MAX_STACK as i16 + FIRST_FREE) as u32 / 8;

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

/// Where variable number `var` lies: 32 bits in scratch memory, in bytes from the start of
/// the state. On the stack or in a register the verifier would follow the ranges that a walk
/// over headers gives it, and each path through one rule's walk would begin the next rule in
/// a state of its own.
pub(crate) const fn variable(var: u32, layout: &StateLayout) -> i16 {
    (layout.scratch + 8 * var) as i16
}

/// Whether so many variables can be held.
pub(crate) const fn holds_variables(vars: u32, scratch_len: u32) -> bool {
    vars + RESERVED_WORDS <= scratch_len
}

/// Where an intermediate result lies, by nesting depth: in scratch memory behind so many
/// variables, and on the stack where that is full. Returns the register it is counted from.
pub(crate) fn intermediate(
    depth: u32,
    vars: u32,
    layout: &StateLayout,
    state: Reg,
    rule: usize,
) -> Result<(Reg, i16), Error> {
    let words = layout.scratch_len.saturating_sub(RESERVED_WORDS + vars);
    if depth < words {
        let word = layout.scratch_len - RESERVED_WORDS - 1 - depth;
        return Ok((state, (layout.scratch + 8 * word) as i16));
    }
    let slot = depth - words;
    if slot < SLOTS { Ok((FP, slot_offset(slot))) } else { Err(Error::TooDeep { rule }) }
}

const fn slot_offset(index: u32) -> i16 {
    FIRST_FREE - 8 * (index as i16 + 1)
}

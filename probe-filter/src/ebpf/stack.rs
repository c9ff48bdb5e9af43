//! Where things lie on the stack. The caller shares the kernel's 512 bytes with
//! the function, so it stays below [`MAX_STACK`].

use super::Error;

/// Bytes of stack the function takes at most.
pub(crate) const MAX_STACK: u32 = 256;

/// The fifth argument: length and direction.
pub(crate) const META: i16 = -8;
/// Where the load-bytes helpers put what they read.
pub(crate) const BUFFER: i16 = -16;
/// State of a walk along a header chain: start of the network header,
pub(crate) const CHAIN_BASE: i16 = -24;
/// and the next protocol. The offset of its header lies in the last word of scratch
/// memory: on the stack the verifier would follow its range from step to step and
/// never see the same state twice.
pub(crate) const CHAIN_NEXT: i16 = -32;

const FIRST_FREE: i16 = CHAIN_NEXT;
const SLOTS: u32 = (MAX_STACK as i16 + FIRST_FREE) as u32 / 8;
/// Slots for variables; further ones lie in the state's scratch memory.
const VAR_SLOTS: u32 = 12;

/// Words of scratch memory that walks along header chains use.
pub(crate) const CHAIN_WORDS: u32 = 1;

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
    vars <= VAR_SLOTS + scratch_len - CHAIN_WORDS
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

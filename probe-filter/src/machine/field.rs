//! Bits of the frame, and the question of most filters: whether they lie in a range.

use crate::eval::{Trap, load};
use crate::ir::{Alu, Width};

use super::Branches;

/// Bits of the frame: those of the mask out of a load's, moved to the left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) width: Width,
    pub(super) at: u32,
    /// What is beside the field, and to its right, where four bytes are read in its place.
    right: u8,
    mask: u32,
    left: u8,
}

impl Field {
    pub(super) fn new(width: Width, at: u32) -> Self {
        let right = (32 - 8 * width.bytes()) as u8;
        Self { width, at, right, mask: u32::MAX, left: 0 }
    }

    /// What arithmetic with a constant makes of it, where that is a field again.
    pub(super) fn then(self, op: Alu, constant: u32) -> Option<Self> {
        match op {
            Alu::And if self.left == 0 => Some(Self { mask: self.mask & constant, ..self }),
            Alu::Shl if self.left == 0 && constant < 32 => {
                Some(Self { left: constant as u8, ..self })
            }
            Alu::Shr if self.left == 0 && constant < 32 - u32::from(self.right) => {
                let right = self.right + constant as u8;
                Some(Self { right, mask: self.mask >> constant, ..self })
            }
            _ => None,
        }
    }

    #[inline(always)]
    pub(super) fn read(self, frame: &[u8], base: u32) -> Result<u32, Trap> {
        let start = (base as usize).checked_add(self.at as usize).ok_or(Trap)?;
        let word = match frame.get(start..).and_then(|bytes| bytes.first_chunk()) {
            // Four bytes are there nearly always.
            Some(&word) => u32::from_be_bytes(word),
            None => load_less(frame, self.width, base, self.at)?,
        };
        Ok((word >> self.right & self.mask) << self.left)
    }
}

/// A comparison with a constant, whatever the comparison: so many numbers from the lowest on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) low: u32,
    pub(super) span: u32,
}

impl Range {
    #[inline(always)]
    pub(super) fn has(self, value: u32) -> bool {
        value.wrapping_sub(self.low) <= self.span
    }
}

/// Whether a field lies in a range. Four bytes are read there, whatever its width; mask and
/// range are those of these four.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldTest {
    at: u32,
    mask: u32,
    range: Range,
    pub(super) branches: Branches,
    /// Where four bytes are too many.
    width: Width,
}

impl FieldTest {
    /// None where the field is moved to the left.
    pub(super) fn new(field: Field, range: Range, branches: Branches) -> Option<Self> {
        let Field { width, at, right, mask, left: 0 } = field else { return None };
        let most = u32::MAX >> right;
        let mask = (mask & most) << right;
        let range = match most.checked_sub(range.low) {
            Some(left) => Range { low: range.low << right, span: range.span.min(left) << right },
            // No value of this width gets there, and nothing is no 1.
            None => {
                return Some(Self {
                    at,
                    mask: 0,
                    range: Range { low: 1, span: 0 },
                    branches,
                    width,
                });
            }
        };
        Some(Self { at, mask, range, branches, width })
    }

    /// The answer for the field counted from `base`.
    #[inline(always)]
    pub(super) fn passes(&self, frame: &[u8], base: u32) -> Result<bool, Trap> {
        let start = (base as usize).checked_add(self.at as usize).ok_or(Trap)?;
        let word = match frame.get(start..).and_then(|bytes| bytes.first_chunk()) {
            Some(&word) => u32::from_be_bytes(word),
            None => load_less(frame, self.width, base, self.at)?,
        };
        Ok(self.range.has(word & self.mask))
    }
}

/// The field alone as the first of four bytes, where the frame ends behind it.
#[cold]
fn load_less(frame: &[u8], width: Width, base: u32, at: u32) -> Result<u32, Trap> {
    Ok(load(frame, width, base, at)? << (32 - 8 * width.bytes()))
}

//! Fast code: guards, and loads from packet memory.

use crate::ir::{Alu, Value, ValueId, Width};

use super::super::insn::{Cond, Insn, Op, Operand, R2, R3, Reg, Size};
use super::registers::{Content, POOL};
use super::value::place_of;
use super::{Fast, Unsupported};

/// Loads end at most here: so far a 16-bit offset and the verifier both reach.
const MAX_END: u32 = 0x7000;
/// Bases go up to here without a gate: with [`MAX_END`] still 16 bits.
const MAX_BASE: u32 = 0x7fff;
/// The verifier (since 6.11, `sync_linked_regs`) remembers of `y = x + constant` the constant, and
/// refuses to add such a `y` to a packet pointer if the constant is so large
/// (`check_reg_sane_offset`, BPF_MAX_VAR_OFF), however small it has seen `y` to be.
const MAX_LINK: u32 = 1 << 29;

impl Fast<'_> {
    /// Proves linear what the values load at fixed offsets.
    pub(super) fn guard_fixed(
        &mut self,
        operands: impl Iterator<Item = ValueId>,
    ) -> Result<(), Unsupported> {
        let need = operands.map(|operand| self.fixed_end(operand)).max().unwrap_or(0);
        if need <= self.state.reached {
            return Ok(());
        }
        if need > MAX_END {
            return Err(Unsupported);
        }
        let end = self.extents.fixed(self.block.0 as usize, need);
        self.guard(R2, end)?;
        self.state.reached = end;
        Ok(())
    }

    /// Goes on only if so many bytes from the pointer on are linear.
    fn guard(&mut self, pointer: Reg, end: u32) -> Result<(), Unsupported> {
        let place = self.take()?;
        let probe = POOL[place];
        self.asm.emit(Insn::alu64(Op::Mov, probe, Operand::Reg(pointer)));
        self.asm.emit(Insn::alu64(Op::Add, probe, Operand::Imm(end as i32)));
        let gate = self.gate();
        self.asm.emit_jump(Insn::jump64(Cond::Gt, probe, Operand::Reg(R3)), gate);
        self.pinned[place] -= 1;
        Ok(())
    }

    /// How far the loads at fixed offsets reach that computing a value needs.
    fn fixed_end(&self, id: ValueId) -> u32 {
        if self.state.find(|content| content == Content::Value(id)).is_some() {
            return 0;
        }
        let value = self.flow.get(id);
        let mut end = match value {
            Value::Load { width, base: None, displacement } => {
                displacement.saturating_add(width.bytes())
            }
            _ => 0,
        };
        value.map(|operand| {
            end = end.max(self.fixed_end(operand));
            operand
        });
        end
    }

    /// Loads into a register, which stays pinned.
    pub(super) fn load(
        &mut self,
        id: ValueId,
        width: Width,
        base: Option<ValueId>,
        displacement: u32,
    ) -> Result<usize, Unsupported> {
        let end = displacement.saturating_add(width.bytes());
        if end > MAX_END {
            return Err(Unsupported);
        }
        let pointer = base.map(|base| self.pointer(base, end)).transpose()?;
        let from = pointer.map_or(R2, |place| POOL[place]);
        if let Some(place) = pointer {
            // The load may well end in the pointer's own register.
            self.pinned[place] -= 1;
        }
        let place = self.take()?;
        let (size, bits) = match width {
            Width::Byte => (Size::Byte, None),
            Width::Half => (Size::Half, Some(16)),
            Width::Word => (Size::Word, Some(32)),
        };
        self.asm.emit(Insn::load(size, POOL[place], from, displacement as i16));
        if let (Some(bits), None) = (bits, self.raw[id.0 as usize]) {
            self.asm.emit(Insn::big_endian(POOL[place], bits));
        }
        Ok(place)
    }

    /// A register with `data + base`, from which `end` bytes are linear. Stays pinned.
    fn pointer(&mut self, base: ValueId, end: u32) -> Result<usize, Unsupported> {
        let is_pointer =
            |content| matches!(content, Content::Pointer { base: other, .. } if other == base);
        let place = match self.state.find(is_pointer) {
            Some(place) => {
                self.pinned[place] += 1;
                self.use_up(base);
                place
            }
            None => self.make_pointer(base)?,
        };
        if let Some(Content::Pointer { reached, .. }) = self.state.contents[place]
            && reached < end
        {
            let end = self.extents.based(base, end);
            self.guard(POOL[place], end)?;
            self.state.contents[place] = Some(Content::Pointer { base, reached: end });
        }
        Ok(place)
    }

    fn make_pointer(&mut self, base: ValueId) -> Result<usize, Unsupported> {
        let from = self.compute(base)?;
        if !self.verifier_knows(base) {
            let limit = Operand::Imm(MAX_BASE as i32);
            let gate = self.gate();
            self.asm.emit_jump(Insn::jump64(Cond::Gt, from, limit), gate);
            if self.is_far_sum(base) {
                // Changes nothing, but makes the verifier forget which sum it was.
                self.asm.emit(Insn::alu64(Op::And, from, limit));
            }
        }
        // As a pointer it is there from here on; is it wanted as a number, too?
        let own = place_of(from);
        self.state.contents[own] = Some(Content::Pointer { base, reached: 0 });
        let place = self.reuse_or_take(base, from)?;
        if place != own {
            self.asm.emit(Insn::alu64(Op::Mov, POOL[place], Operand::Reg(from)));
            self.state.contents[own] = Some(Content::Value(base));
        }
        self.asm.emit(Insn::alu64(Op::Add, POOL[place], Operand::Reg(R2)));
        self.state.contents[place] = Some(Content::Pointer { base, reached: 0 });
        Ok(place)
    }

    /// Whether a base is a sum that the verifier does not let near a pointer (see [`MAX_LINK`]).
    /// It may wrap and so be an offset that frames have. The verifier may know of a constant
    /// where this code sees none.
    fn is_far_sum(&self, base: ValueId) -> bool {
        let Value::Alu(Alu::Add | Alu::Sub, _, right) = self.flow.get(base) else { return false };
        match self.flow.values.constant(right) {
            // Newer verifiers take it as signed.
            Some(constant) => (constant as i32).unsigned_abs() >= MAX_LINK,
            None => self.flow.values.limit(right) >= MAX_LINK,
        }
    }

    /// Whether the verifier sees by itself that a value is small. It forgets what it
    /// knows of a value that is swapped, and of one that comes from memory.
    fn verifier_knows(&self, id: ValueId) -> bool {
        use Alu::{Add, And, Shl, Shr};
        let constant = |id| self.flow.values.constant(id);
        if self.flow.values.limit(id) > MAX_BASE {
            return false;
        }
        match self.flow.get(id) {
            Value::Const(_) => true,
            Value::Load { width, .. } => width == Width::Byte,
            Value::Alu(And, _, right) => constant(right).is_some(),
            Value::Alu(Shl | Shr, left, right) => {
                constant(right).is_some() && self.verifier_knows(left)
            }
            Value::Alu(Add, left, right) => self.verifier_knows(left) && self.verifier_knows(right),
            _ => false,
        }
    }
}

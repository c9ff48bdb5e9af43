//! Careful code: values, computed from nothing into r0.

use crate::ir::{Alu, Meta, Value, ValueId, Var, Width};

use super::Error;
use super::careful::{CONTEXT, Careful, STATE};
use super::insn::{Cond, Insn, Op, Operand, R0, R1, R2, Size};
use super::stack::{self, Word};
use super::target::context;

/// Offsets from here on are past the end of every frame, and out of the helpers' range.
const MAX_OFFSET: i32 = 0x7fff_0000;
/// The bit of `meta` that says that the frame is being sent.
const OUTBOUND_BIT: i32 = 32;

impl Careful<'_> {
    /// Computes a value into r0, zero-extended. `depth` counts the results that wait
    /// on the stack.
    pub(crate) fn value(&mut self, id: ValueId, depth: u32) -> Result<(), Error> {
        match self.flow.get(id) {
            Value::Const(constant) => self.asm.constant(R0, constant),
            Value::Var(var) => self.load_variable(var),
            Value::Meta(meta) => self.meta(meta),
            Value::Neg(operand) => {
                self.value(operand, depth)?;
                self.asm.emit(Insn::alu32(Op::Neg, R0, Operand::Imm(0)));
            }
            Value::Load { width, base, displacement } => {
                self.offset(base, displacement, depth)?;
                self.load_at_r2(size(width));
            }
            Value::Alu(op, left, right) => {
                let right = self.pair(left, right, depth)?;
                self.alu(op, right);
            }
        }
        Ok(())
    }

    /// Computes the first value into r0 and makes the second one an operand: a
    /// constant, or r1.
    pub(crate) fn pair(
        &mut self,
        left: ValueId,
        right: ValueId,
        depth: u32,
    ) -> Result<Operand, Error> {
        if let Value::Const(constant) = self.flow.get(right) {
            self.value(left, depth)?;
            return Ok(Operand::Imm(constant as i32));
        }
        // The deeper side first: its partner then waits for less, so that even a
        // long chain of operators needs few slots. Both sides are computed in any case,
        // and a trap is a trap in either order.
        let left_first = self.slots(left) >= self.slots(right);
        let (first, second) = if left_first { (left, right) } else { (right, left) };
        self.value(first, depth)?;
        let layout = &self.target.layout;
        let (base, slot) = stack::intermediate(depth, self.flow.vars(), layout, STATE, self.rule)?;
        self.asm.emit(Insn::store(Size::Double, base, slot, R0));
        self.value(second, depth + 1)?;
        if left_first {
            self.asm.emit(Insn::alu64(Op::Mov, R1, Operand::Reg(R0)));
            self.asm.emit(Insn::load(Size::Double, R0, base, slot));
        } else {
            self.asm.emit(Insn::load(Size::Double, R1, base, slot));
        }
        Ok(Operand::Reg(R1))
    }

    /// Stack slots that computing a value takes (Sethi and Ullman's number).
    fn slots(&self, id: ValueId) -> u32 {
        match self.flow.get(id) {
            Value::Const(_) | Value::Var(_) | Value::Meta(_) => 0,
            Value::Neg(operand) => self.slots(operand),
            Value::Load { base, .. } => base.map_or(0, |base| self.slots(base)),
            Value::Alu(_, left, right) => {
                if let Value::Const(_) = self.flow.get(right) {
                    return self.slots(left);
                }
                let (left, right) = (self.slots(left), self.slots(right));
                left.max(right).max(left.min(right) + 1)
            }
        }
    }

    /// Computes `base + displacement` into r2, 64 bits wide, or traps where no
    /// frame reaches.
    pub(crate) fn offset(
        &mut self,
        base: Option<ValueId>,
        displacement: u32,
        depth: u32,
    ) -> Result<(), Error> {
        let Some(base) = base else {
            if displacement >= MAX_OFFSET as u32 {
                self.asm.jump(self.trap);
            }
            self.asm.constant(R2, displacement);
            return Ok(());
        };
        self.value(base, depth)?;
        self.asm.emit(Insn::alu64(Op::Mov, R2, Operand::Reg(R0)));
        self.add_displacement(displacement);
        Ok(())
    }

    /// Adds to the offset in r2 without wrapping.
    pub(crate) fn add_displacement(&mut self, displacement: u32) {
        if let Ok(displacement) = i32::try_from(displacement) {
            self.asm.emit(Insn::alu64(Op::Add, R2, Operand::Imm(displacement)));
        } else {
            self.asm.constant(R1, displacement);
            self.asm.emit(Insn::alu64(Op::Add, R2, Operand::Reg(R1)));
        }
        let past = Insn::jump64(Cond::Gt, R2, Operand::Imm(MAX_OFFSET));
        self.asm.emit_jump(past, self.trap);
    }

    /// `r0 = r0 op right`.
    fn alu(&mut self, op: Alu, right: Operand) {
        let op = match op {
            Alu::Add => Op::Add,
            Alu::Sub => Op::Sub,
            Alu::Mul => Op::Mul,
            Alu::And => Op::And,
            Alu::Or => Op::Or,
            Alu::Xor => Op::Xor,
            Alu::Div | Alu::Mod => return self.divide(op, right),
            Alu::Shl | Alu::Shr => return self.shift(op, right),
        };
        self.asm.emit(Insn::alu32(op, R0, right));
    }

    /// The machine's division by zero gives 0; ours traps.
    fn divide(&mut self, op: Alu, right: Operand) {
        match right {
            Operand::Imm(0) => return self.asm.jump(self.trap),
            Operand::Imm(_) => {}
            Operand::Reg(reg) => {
                let zero = Insn::jump32(Cond::Eq, reg, Operand::Imm(0));
                self.asm.emit_jump(zero, self.trap);
            }
        }
        let op = if op == Alu::Div { Op::Div } else { Op::Mod };
        self.asm.emit(Insn::alu32(op, R0, right));
    }

    /// The machine takes the distance modulo 32; ours shifts everything out.
    fn shift(&mut self, op: Alu, right: Operand) {
        let op = if op == Alu::Shl { Op::Shl } else { Op::Shr };
        match right {
            Operand::Imm(distance @ 0..32) => {
                self.asm.emit(Insn::alu32(op, R0, Operand::Imm(distance)));
            }
            Operand::Imm(_) => self.asm.constant(R0, 0),
            Operand::Reg(reg) => {
                let (far, done) = (self.asm.label(), self.asm.label());
                let beyond = Insn::jump32(Cond::Gt, reg, Operand::Imm(31));
                self.asm.emit_jump(beyond, far);
                self.asm.emit(Insn::alu32(op, R0, right));
                self.asm.jump(done);
                self.asm.bind(far);
                self.asm.constant(R0, 0);
                self.asm.bind(done);
            }
        }
    }

    pub(crate) fn store_variable(&mut self, var: Var) {
        let offset = stack::variable(var.0, &self.target.layout);
        self.asm.emit(Insn::store(Size::Word, STATE, offset, R0));
    }

    fn load_variable(&mut self, var: Var) {
        let offset = stack::variable(var.0, &self.target.layout);
        self.asm.emit(Insn::load(Size::Word, R0, STATE, offset));
    }

    fn meta(&mut self, meta: Meta) {
        let meta_word = Word::Meta.offset(&self.target.layout);
        match meta {
            // The lower half: whole `meta` has the direction in it.
            Meta::WireLength => self.asm.emit(Insn::load(Size::Word, R0, STATE, meta_word)),
            Meta::Outbound => {
                self.asm.emit(Insn::load(Size::Double, R0, STATE, meta_word));
                self.asm.emit(Insn::alu64(Op::Shr, R0, Operand::Imm(OUTBOUND_BIT)));
                self.asm.emit(Insn::alu32(Op::And, R0, Operand::Imm(1)));
            }
            Meta::VlanPresent | Meta::VlanTci | Meta::VlanTpid => {
                self.asm.emit(Insn::load(Size::Word, R0, CONTEXT, context::vlan(meta)));
                if meta == Meta::VlanTpid {
                    self.asm.emit(Insn::big_endian(R0, 16));
                }
            }
        }
    }
}

pub(crate) const fn size(width: Width) -> Size {
    match width {
        Width::Byte => Size::Byte,
        Width::Half => Size::Half,
        Width::Word => Size::Word,
    }
}

//! Values into the accumulator.

use crate::ir::{Alu, Meta, Value, ValueId, Width};

use super::insn::{
    ABS, ADD, ALU, AND, BYTE, DIV, HALF, IMM, IND, JEQ, JGE, JGT, LD, LDX, LEN, LSH, MEM, MOD, MSH,
    MUL, NEG, OR, RSH, ST, SUB, TAX, TXA, WORD, X, XOR, ancillary,
};
use super::translate::Translation;
use super::{Error, MEMORY};

/// The largest offset that the kernel does not give a meaning of its own.
pub(super) const MAX_OFFSET: u32 = 0x7fff_ffff;

impl Translation<'_> {
    /// Computes a value into the accumulator. Memory from `free` on is free.
    pub(super) fn compute(&mut self, id: ValueId, free: u32) -> Result<(), Error> {
        if self.state.accumulator == Some(id) {
            return Ok(());
        }
        if self.state.index == Some(id) {
            self.asm.emit(TXA, 0);
            self.state.accumulator = Some(id);
            return Ok(());
        }
        match self.flow.get(id) {
            Value::Const(constant) => self.asm.emit(LD | IMM, constant),
            Value::Var(var) => self.asm.emit(LD | MEM, var.0),
            Value::Meta(meta) => self.meta(meta),
            Value::Neg(operand) => {
                self.compute(operand, free)?;
                self.asm.emit(ALU | NEG, 0);
            }
            Value::Load { width, base: None, displacement } => {
                self.fixed(width, displacement);
            }
            Value::Load { width, base: Some(base), displacement } => {
                self.based(width, base, displacement, free)?;
            }
            Value::Alu(op, left, right) => self.alu(op, left, right, free)?,
        }
        self.state.accumulator = Some(id);
        Ok(())
    }

    fn fixed(&mut self, width: Width, displacement: u32) {
        if displacement > MAX_OFFSET {
            self.asm.jump(self.trap);
        }
        self.asm.emit(LD | ABS | size(width), displacement);
    }

    fn based(
        &mut self,
        width: Width,
        base: ValueId,
        displacement: u32,
        free: u32,
    ) -> Result<(), Error> {
        let bounded = self.flow.values.limit(base).checked_add(displacement);
        let checked = bounded.is_some_and(|end| end <= MAX_OFFSET);
        if !checked || self.state.index != Some(base) {
            if let (true, Some(at)) = (checked, self.header_length(base)) {
                self.asm.emit(LDX | MSH | BYTE, at);
            } else {
                self.compute(base, free)?;
                if !checked {
                    match MAX_OFFSET.checked_sub(displacement) {
                        Some(most) => self.asm.leave_if(JGT, most, self.trap),
                        None => self.asm.jump(self.trap),
                    }
                }
                self.asm.emit(TAX, 0);
            }
            self.state.index = Some(base);
        }
        self.asm.emit(LD | IND | size(width), displacement);
        Ok(())
    }

    /// `4 * (byte & 0xf)` has an instruction of its own: the position of the byte.
    fn header_length(&self, id: ValueId) -> Option<u32> {
        let constant = |id| self.flow.values.constant(id);
        let Value::Alu(op, masked, factor) = self.flow.get(id) else { return None };
        let four_times =
            matches!((op, constant(factor)), (Alu::Shl, Some(2)) | (Alu::Mul, Some(4)));
        let Value::Alu(Alu::And, byte, mask) = self.flow.get(masked) else { return None };
        match self.flow.get(byte) {
            Value::Load { width: Width::Byte, base: None, displacement }
                if four_times && constant(mask) == Some(0xf) && displacement <= MAX_OFFSET =>
            {
                Some(displacement)
            }
            _ => None,
        }
    }

    /// Computes `left` into the accumulator and `right` into the index register.
    pub(super) fn pair(&mut self, left: ValueId, right: ValueId, free: u32) -> Result<(), Error> {
        if let Some(at) = self.header_length(right) {
            self.compute(left, free)?;
            if self.state.index != Some(right) {
                self.asm.emit(LDX | MSH | BYTE, at);
                self.state.index = Some(right);
            }
            return Ok(());
        }
        if self.keeps_index(left) {
            if self.state.index != Some(right) {
                self.compute(right, free)?;
                self.asm.emit(TAX, 0);
                self.state.index = Some(right);
            }
            return self.compute(left, free);
        }
        let slot = self.slot(free)?;
        self.compute(right, free)?;
        self.asm.emit(ST, slot);
        self.compute(left, free + 1)?;
        self.asm.emit(LDX | MEM, slot);
        self.state.index = Some(right);
        Ok(())
    }

    /// Whether computing a value leaves the index register alone.
    fn keeps_index(&self, id: ValueId) -> bool {
        match self.flow.get(id) {
            Value::Load { base, .. } => base.is_none(),
            Value::Alu(op, left, right) => {
                let shifts = matches!(op, Alu::Shl | Alu::Shr);
                self.flow.values.constant(right).is_some() && !shifts && self.keeps_index(left)
                    || shifts
                        && matches!(self.flow.values.constant(right), Some(0..32))
                        && self.keeps_index(left)
            }
            Value::Neg(operand) => self.keeps_index(operand),
            Value::Const(_) | Value::Var(_) | Value::Meta(_) => true,
        }
    }

    fn slot(&self, slot: u32) -> Result<u32, Error> {
        if slot < MEMORY { Ok(slot) } else { Err(Error::TooMuchMemory) }
    }

    fn alu(&mut self, op: Alu, left: ValueId, right: ValueId, free: u32) -> Result<(), Error> {
        let code = match op {
            Alu::Add => ADD,
            Alu::Sub => SUB,
            Alu::Mul => MUL,
            Alu::Div => DIV,
            Alu::Mod => MOD,
            Alu::And => AND,
            Alu::Or => OR,
            Alu::Xor => XOR,
            Alu::Shl => LSH,
            Alu::Shr => RSH,
        };
        let shifts = matches!(op, Alu::Shl | Alu::Shr);
        match self.flow.values.constant(right) {
            // The kernel refuses a division by a constant zero, and far shifts.
            Some(0) if matches!(op, Alu::Div | Alu::Mod) => {
                self.asm.jump(self.trap);
                self.asm.emit(LD | IMM, 0);
            }
            Some(32..) if shifts => {
                self.compute(left, free)?;
                self.asm.emit(LD | IMM, 0);
            }
            Some(constant) => {
                self.compute(left, free)?;
                self.asm.emit(ALU | code, constant);
            }
            None if shifts => self.shift(code, left, right, free)?,
            None if matches!(op, Alu::Add | Alu::Mul | Alu::And | Alu::Or | Alu::Xor)
                && self.header_length(left).is_some() =>
            {
                // The header's length comes into the index register by itself, and is
                // often there already.
                self.compute(right, free)?;
                if self.state.index != Some(left)
                    && let Some(at) = self.header_length(left)
                {
                    self.asm.emit(LDX | MSH | BYTE, at);
                    self.state.index = Some(left);
                }
                self.asm.emit(ALU | code | X, 0);
            }
            None => {
                self.pair(left, right, free)?;
                if matches!(op, Alu::Div | Alu::Mod) {
                    // Most machines' kernels end the program by themselves; not all do.
                    self.asm.emit(ST, self.slot(free)?);
                    self.asm.emit(TXA, 0);
                    self.asm.leave_if(JEQ, 0, self.trap);
                    self.asm.emit(LD | MEM, free);
                }
                self.asm.emit(ALU | code | X, 0);
            }
        }
        Ok(())
    }

    /// A distance of 32 or more shifts everything out; the machine would take it
    /// modulo 32.
    fn shift(&mut self, code: u16, left: ValueId, right: ValueId, free: u32) -> Result<(), Error> {
        let slot = self.slot(free)?;
        // The left side first: its loads trap whatever the distance.
        self.compute(left, free)?;
        self.asm.emit(ST, slot);
        self.compute(right, free + 1)?;
        let (far, near, done) = (self.asm.label(), self.asm.label(), self.asm.label());
        self.asm.test(JGE, 32, far, near);
        self.asm.bind(far);
        self.asm.emit(LD | IMM, 0);
        self.asm.jump(done);
        self.asm.bind(near);
        self.asm.emit(TAX, 0);
        self.asm.emit(LD | MEM, slot);
        self.asm.emit(ALU | code | X, 0);
        self.asm.bind(done);
        self.state.index = None;
        Ok(())
    }

    fn meta(&mut self, meta: Meta) {
        let field = |at| (LD | ABS | WORD, ancillary::OFFSET + at);
        let (code, k) = match meta {
            Meta::WireLength => (LD | LEN, 0),
            Meta::VlanPresent => field(ancillary::VLAN_PRESENT),
            Meta::VlanTci => field(ancillary::VLAN_TCI),
            Meta::VlanTpid => field(ancillary::VLAN_TPID),
            Meta::Outbound => field(ancillary::PACKET_TYPE),
        };
        self.asm.emit(code, k);
        if meta == Meta::Outbound {
            let (yes, no, done) = (self.asm.label(), self.asm.label(), self.asm.label());
            self.asm.test(JEQ, ancillary::PACKET_OUTGOING, yes, no);
            self.asm.bind(yes);
            self.asm.emit(LD | IMM, 1);
            self.asm.jump(done);
            self.asm.bind(no);
            self.asm.emit(LD | IMM, 0);
            self.asm.bind(done);
        }
    }
}

const fn size(width: Width) -> u16 {
    match width {
        Width::Byte => BYTE,
        Width::Half => HALF,
        Width::Word => WORD,
    }
}

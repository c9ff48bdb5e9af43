//! Fast code: values into registers, and which register that is.

use crate::ir::{Alu, Meta, Value, ValueId, Var};

use super::super::insn::{Insn, Op, Operand, R1, R4, R5, Reg, Size};
use super::super::stack;
use super::super::target::context;
use super::registers::{Content, POOL};
use super::{Fast, Unsupported, raw};

/// The bit of `meta` that says that the frame is being sent.
const OUTBOUND_BIT: i32 = 32;

impl Fast<'_> {
    /// Counts what computing a value will want.
    pub(super) fn want(&mut self, id: ValueId) {
        let wanted = self.wanted.entry(id).or_insert(0);
        *wanted += 1;
        if *wanted > 1 || self.state.find(|content| content == Content::Value(id)).is_some() {
            return;
        }
        self.flow.get(id).map(|operand| {
            self.want(operand);
            operand
        });
    }

    /// One want of a value is met.
    pub(super) fn use_up(&mut self, id: ValueId) {
        if let Some(wanted) = self.wanted.get_mut(&id) {
            *wanted = wanted.saturating_sub(1);
        }
    }

    /// Whether something is worth a register: the block wants it again, or one after it.
    fn is_wanted(&self, content: Content) -> bool {
        let id = content.value();
        if self.wanted.get(&id).is_some_and(|&wanted| wanted > 0) {
            return true;
        }
        let pointer = |content| matches!(content, Content::Pointer { base, .. } if base == id);
        let mut ahead = false;
        self.flow.for_each_successor(self.flow.at(self.block), |to| {
            ahead |= match content {
                Content::Pointer { .. } => self.live.pointer(to, id),
                // Good for itself, or for a pointer that is still to be made.
                Content::Value(_) => {
                    self.live.value(to, id)
                        || self.live.pointer(to, id) && self.state.find(pointer).is_none()
                }
            };
        });
        ahead
    }

    /// The place in the pool that is best given up; pinned ones are not.
    pub(super) fn least_wanted(&self) -> Option<usize> {
        let cost = |place: &usize| match self.state.contents[*place] {
            None => 0,
            Some(content) if !self.is_wanted(content) => 1,
            Some(Content::Value(id)) if matches!(self.flow.get(id), Value::Load { .. }) => 2,
            Some(Content::Value(_)) => 3,
            Some(Content::Pointer { .. }) => 4,
        };
        (0..POOL.len()).filter(|&place| self.pinned[place] == 0).min_by_key(cost)
    }

    /// A register for something new; it is pinned.
    pub(super) fn take(&mut self) -> Result<usize, Unsupported> {
        let place = self.least_wanted().ok_or(Unsupported)?;
        self.state.contents[place] = None;
        self.pinned[place] += 1;
        Ok(place)
    }

    /// The register of a value that has just been used, if nobody wants it again, or
    /// else another one. The result is pinned, the value's own register no more.
    pub(super) fn reuse_or_take(
        &mut self,
        id: ValueId,
        register: Reg,
    ) -> Result<usize, Unsupported> {
        let own = place_of(register);
        // An operand that waits for its partner may be in the same register.
        if self.pinned[own] == 1 && !self.is_wanted(Content::Value(id)) {
            self.state.contents[own] = None;
            return Ok(own);
        }
        let place = self.take()?;
        self.pinned[own] -= 1;
        Ok(place)
    }

    /// The value in its register is not needed for the moment.
    pub(super) fn release(&mut self, register: Reg) {
        self.pinned[place_of(register)] -= 1;
    }

    /// Computes a value, in network order if `raw` says so. Its register is pinned.
    pub(super) fn compute(&mut self, id: ValueId) -> Result<Reg, Unsupported> {
        if let Some(place) = self.state.find(|content| content == Content::Value(id)) {
            self.pinned[place] += 1;
            self.use_up(id);
            return Ok(POOL[place]);
        }
        let place = match self.flow.get(id) {
            Value::Const(constant) => {
                let place = self.take()?;
                self.asm.constant(POOL[place], constant);
                place
            }
            Value::Load { width, base, displacement } => {
                self.load(id, width, base, displacement)?
            }
            Value::Meta(meta) => self.meta(meta)?,
            Value::Var(var) => {
                let place = self.take()?;
                let offset = stack::variable(var.0, &self.target.layout);
                self.asm.emit(Insn::load(Size::Word, POOL[place], R4, offset));
                place
            }
            Value::Neg(operand) => {
                let place = self.operand_in_place(operand)?;
                self.asm.emit(Insn::alu32(Op::Neg, POOL[place], Operand::Imm(0)));
                place
            }
            Value::Alu(op, left, right) => self.alu(op, left, right)?,
        };
        self.state.contents[place] = Some(Content::Value(id));
        self.use_up(id);
        Ok(POOL[place])
    }

    /// Computes a value into a register that may be overwritten.
    fn operand_in_place(&mut self, id: ValueId) -> Result<usize, Unsupported> {
        let from = self.compute(id)?;
        let place = self.reuse_or_take(id, from)?;
        if POOL[place] != from {
            self.asm.emit(Insn::alu32(Op::Mov, POOL[place], Operand::Reg(from)));
        }
        Ok(place)
    }

    fn alu(&mut self, op: Alu, left: ValueId, right: ValueId) -> Result<usize, Unsupported> {
        let constant = self.flow.values.constant(right);
        let machine = match (op, constant) {
            (Alu::Add, _) => Op::Add,
            (Alu::Sub, _) => Op::Sub,
            (Alu::Mul, _) => Op::Mul,
            (Alu::And, _) => Op::And,
            (Alu::Or, _) => Op::Or,
            (Alu::Xor, _) => Op::Xor,
            (Alu::Shl, Some(0..32)) => Op::Shl,
            (Alu::Shr, Some(0..32)) => Op::Shr,
            (Alu::Div, Some(1..)) => Op::Div,
            (Alu::Mod, Some(1..)) => Op::Mod,
            // Traps and far shifts, decided at run time: seldom, and careful code has them.
            (Alu::Shl | Alu::Shr | Alu::Div | Alu::Mod, _) => return Err(Unsupported),
        };
        if let Some(constant) = constant {
            let width = self.raw[left.0 as usize].filter(|_| op == Alu::And);
            let place = self.operand_in_place(left)?;
            let constant = raw::constant(width, constant);
            self.asm.emit(Insn::alu32(machine, POOL[place], Operand::Imm(constant as i32)));
            return Ok(place);
        }
        let left_register = self.compute(left)?;
        let right_register = self.compute(right)?;
        let place = self.reuse_or_take(left, left_register)?;
        if POOL[place] != left_register {
            self.asm.emit(Insn::alu32(Op::Mov, POOL[place], Operand::Reg(left_register)));
        }
        self.asm.emit(Insn::alu32(machine, POOL[place], Operand::Reg(right_register)));
        self.release(right_register);
        Ok(place)
    }

    fn meta(&mut self, meta: Meta) -> Result<usize, Unsupported> {
        let place = self.take()?;
        let register = POOL[place];
        match meta {
            Meta::WireLength => {
                self.asm.emit(Insn::alu32(Op::Mov, register, Operand::Reg(R5)));
            }
            Meta::Outbound => {
                self.asm.emit(Insn::alu64(Op::Mov, register, Operand::Reg(R5)));
                self.asm.emit(Insn::alu64(Op::Shr, register, Operand::Imm(OUTBOUND_BIT)));
                self.asm.emit(Insn::alu32(Op::And, register, Operand::Imm(1)));
            }
            Meta::VlanPresent | Meta::VlanTci | Meta::VlanTpid => {
                let offset = context::vlan(meta);
                self.asm.emit(Insn::load(Size::Word, register, R1, offset));
                if meta == Meta::VlanTpid {
                    self.asm.emit(Insn::big_endian(register, 16));
                }
            }
        }
        Ok(place)
    }

    pub(super) fn store_variable(&mut self, var: Var, register: Reg) {
        let offset = stack::variable(var.0, &self.target.layout);
        self.asm.emit(Insn::store(Size::Word, R4, offset, register));
    }

    /// The register that a variable was stored from holds the variable, for what reads it next, unless the
    /// value is wanted again by its own name: memory would give it some five cycles later.
    pub(super) fn keep_variable(&mut self, var: Var, value: ValueId, register: Reg) {
        let Some(id) = self.flow.values.find(Value::Var(var)) else { return };
        if !self.is_wanted(Content::Value(value)) {
            self.state.contents[place_of(register)] = Some(Content::Value(id));
        }
    }

    /// What depends on a variable holds no more.
    pub(super) fn overwritten(&mut self, var: Var) {
        let bit = crate::flow::var_bit(var.0);
        for content in &mut self.state.contents {
            if content.is_some_and(|content| self.flow.values.depends(content.value(), bit)) {
                *content = None;
            }
        }
    }
}

/// The place of a register in the pool.
pub(super) fn place_of(register: Reg) -> usize {
    POOL.iter().position(|&other| other == register).unwrap_or(0)
}

//! Careful code: every block translated by itself, every load through the kernel's
//! load-bytes helper, which finds bytes wherever they lie (skb fragments, XDP
//! multi-buffer frames) and fails past the frame's end. Nothing is kept in registers
//! from block to block but the arguments, so careful code can be entered at any block
//! where fast code gives up. At the next boundary it hands back to fast code.
//!
//! Registers: r6 context, r7 data, r8 data_end, r9 state; `meta` lies in scratch memory.

use crate::flow::{Action, Block, BlockId, END, Flow};
use crate::ir::{Compare, ValueId};

use super::asm::{Assembler, Label};
use super::count::{self, OnMatch};
use super::insn::{Cond, Insn, Op, Operand, R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, Reg, Size};
use super::stack::Word;
use super::{Error, StateLayout, Target};

pub(crate) const CONTEXT: Reg = R6;
pub(crate) const DATA: Reg = R7;
pub(crate) const DATA_END: Reg = R8;
pub(crate) const STATE: Reg = R9;

/// Offsets that packet pointers go up to: the verifier follows 16 bits (MAX_PACKET_OFF).
const MAX_LINEAR_OFFSET: i32 = 0xffff - 8;

/// Careful code under construction.
pub(crate) struct Careful<'a> {
    pub(crate) flow: &'a Flow,
    pub(crate) target: &'a Target,
    pub(crate) asm: &'a mut Assembler,
    on_match: OnMatch<'a>,
    labels: Vec<Label>,
    /// Where fast code goes on, by block.
    fast: &'a [Label],
    /// The rules of the program, for errors.
    pub(crate) rule: usize,
    /// Where a trap in the block at hand leads.
    pub(crate) trap: Label,
}

/// Translates the blocks with gates and all that they lead to, up to boundaries.
pub(crate) fn translate(
    flow: &Flow,
    on_match: OnMatch<'_>,
    target: &Target,
    asm: &mut Assembler,
    gates: &[Option<Label>],
    fast: &[Label],
) -> Result<(), Error> {
    let mut needed: Vec<bool> = gates.iter().map(Option::is_some).collect();
    for id in (0..needed.len()).rev() {
        let block = &flow.blocks()[id];
        if needed[id] && !matches!(block.action, Action::Boundary { .. }) {
            flow.for_each_successor(block, |to| needed[to.0 as usize] = true);
        }
    }
    let labels: Vec<Label> = flow.blocks().iter().map(|_| asm.label()).collect();
    let trap = labels[0];
    let mut careful = Careful { flow, target, asm, on_match, labels, fast, rule: 0, trap };
    for id in (0..needed.len()).rev().filter(|&id| needed[id]) {
        if careful.asm.is_too_long() {
            break;
        }
        if let Some(gate) = gates[id] {
            careful.asm.bind(gate);
            careful.keep_arguments();
        }
        careful.block(BlockId(id as u32))?;
    }
    Ok(())
}

impl Careful<'_> {
    fn label(&self, id: BlockId) -> Label {
        self.labels[id.0 as usize]
    }

    /// From fast code: the arguments move to where calls leave them alone.
    fn keep_arguments(&mut self) {
        keep_arguments(self.asm, &self.target.layout);
    }

    fn block(&mut self, id: BlockId) -> Result<(), Error> {
        let flow = self.flow;
        let Block { action, trap } = flow.at(id);
        self.asm.bind(self.label(id));
        self.trap = self.label(*trap);
        match action {
            &Action::Set { var, value, next } => {
                self.value(value, 0)?;
                self.store_variable(var);
                self.go(next);
            }
            &Action::Compare { compare, left, right, yes, no } => {
                self.compare(compare, left, right, yes, no)?;
            }
            &Action::Chain(ref chain, yes, no) => {
                let (yes, no) = (self.label(yes), self.label(no));
                self.chain(chain, yes, no)?;
            }
            Action::Switch { value, cases, default } => {
                self.value(*value, 0)?;
                self.search(cases, *default);
            }
            &Action::Store { rule, what, value, next } => {
                self.value(value, 0)?;
                let layout = &self.target.layout;
                if let Some(offset) = self.on_match.place_of(layout, rule, what) {
                    self.asm.emit(Insn::store(Size::Word, STATE, offset, R0));
                }
                self.go(next);
            }
            &Action::Count { rule, next } => {
                let OnMatch::Count(all) = self.on_match else {
                    self.asm.return_one();
                    return Ok(());
                };
                let meta = Word::Meta.offset(&self.target.layout);
                self.asm.emit(Insn::load(Size::Double, R2, STATE, meta));
                let registers = count::Registers { state: STATE, meta: R2, scratch: [R0, R1] };
                count::count(self.asm, &self.target.layout, rule, all, &registers);
                self.go(next);
            }
            Action::Boundary { .. } => {
                // The block itself reads the data pointer anew.
                restore_arguments(self.asm, &self.target.layout);
                self.asm.jump(self.fast[id.0 as usize]);
            }
            Action::End => self.asm.return_zero(),
        }
        Ok(())
    }

    fn go(&mut self, to: BlockId) {
        if to == END {
            self.asm.return_zero();
        } else {
            self.asm.jump(self.label(to));
        }
    }

    /// Binary search for r0; the cases are in ascending order.
    fn search(&mut self, cases: &[(u32, BlockId)], default: BlockId) {
        const ROW: usize = 3;
        if cases.len() <= ROW {
            for &(case, to) in cases {
                let test = Insn::jump32(Cond::Eq, R0, Operand::Imm(case as i32));
                self.asm.emit_jump(test, self.label(to));
            }
            return self.go(default);
        }
        let (low, high) = cases.split_at(cases.len() / 2);
        let upper = self.asm.label();
        let middle = Operand::Imm(high[0].0 as i32);
        self.asm.emit_jump(Insn::jump32(Cond::Ge, R0, middle), upper);
        self.search(low, default);
        self.asm.bind(upper);
        self.search(high, default);
    }

    fn compare(
        &mut self,
        compare: Compare,
        left: ValueId,
        right: ValueId,
        yes: BlockId,
        no: BlockId,
    ) -> Result<(), Error> {
        let right = self.pair(left, right, 0)?;
        if yes != no {
            let cond = match compare {
                Compare::Eq => Cond::Eq,
                Compare::Gt => Cond::Gt,
                Compare::Ge => Cond::Ge,
                Compare::Set => Cond::Set,
            };
            self.asm.emit_jump(Insn::jump32(cond, R0, right), self.label(yes));
        }
        self.go(no);
        Ok(())
    }

    /// Reads bytes at the offset in r2 (64 bits wide) into r0, or traps.
    pub(crate) fn load_at_r2(&mut self, size: Size) {
        let bytes = match size {
            Size::Byte => 1,
            Size::Half => 2,
            Size::Word => 4,
            Size::Double => 8,
        };
        if let Some(helper) = self.target.load_bytes() {
            self.asm.emit(Insn::alu64(Op::Mov, R1, Operand::Reg(CONTEXT)));
            let buffer = Word::Buffer.offset(&self.target.layout);
            self.asm.emit(Insn::alu64(Op::Mov, R3, Operand::Reg(STATE)));
            self.asm.emit(Insn::alu64(Op::Add, R3, Operand::Imm(buffer.into())));
            self.asm.constant(R4, bytes);
            self.asm.emit(Insn::call(helper));
            self.asm.emit_jump(Insn::jump64(Cond::Ne, R0, Operand::Imm(0)), self.trap);
            self.asm.emit(Insn::load(size, R0, STATE, buffer));
        } else {
            // No helper, no fragments: the packet pointers see all of the frame.
            let limit = Operand::Imm(MAX_LINEAR_OFFSET);
            self.asm.emit_jump(Insn::jump64(Cond::Gt, R2, limit), self.trap);
            // Changes nothing, but newer verifiers forget which sum the offset was: they
            // refuse some sums beside a pointer (MAX_LINK in fast/load.rs).
            self.asm.emit(Insn::alu64(Op::And, R2, Operand::Imm(0xffff)));
            self.asm.emit(Insn::alu64(Op::Mov, R1, Operand::Reg(DATA)));
            self.asm.emit(Insn::alu64(Op::Add, R1, Operand::Reg(R2)));
            self.asm.emit(Insn::alu64(Op::Mov, R3, Operand::Reg(R1)));
            self.asm.emit(Insn::alu64(Op::Add, R3, Operand::Imm(bytes as i32)));
            let past = Insn::jump64(Cond::Gt, R3, Operand::Reg(DATA_END));
            self.asm.emit_jump(past, self.trap);
            self.asm.emit(Insn::load(size, R0, R1, 0));
        }
        match size {
            Size::Half => self.asm.emit(Insn::big_endian(R0, 16)),
            Size::Word => self.asm.emit(Insn::big_endian(R0, 32)),
            Size::Byte | Size::Double => {}
        }
    }
}

/// Moves the arguments to where calls leave them alone.
pub(crate) fn keep_arguments(asm: &mut Assembler, layout: &StateLayout) {
    for (kept, argument) in [(CONTEXT, R1), (DATA, R2), (DATA_END, R3), (STATE, R4)] {
        asm.emit(Insn::alu64(Op::Mov, kept, Operand::Reg(argument)));
    }
    asm.emit(Insn::store(Size::Double, STATE, Word::Meta.offset(layout), R5));
}

/// Moves the arguments back, the data pointer too.
pub(crate) fn restore_arguments(asm: &mut Assembler, layout: &StateLayout) {
    for (kept, argument) in [(CONTEXT, R1), (DATA, R2), (DATA_END, R3), (STATE, R4)] {
        asm.emit(Insn::alu64(Op::Mov, argument, Operand::Reg(kept)));
    }
    asm.emit(Insn::load(Size::Double, R5, STATE, Word::Meta.offset(layout)));
}

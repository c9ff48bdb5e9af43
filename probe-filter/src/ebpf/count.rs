//! A rule matches: its counter goes up, and its bit is set if it samples.

use super::Part;
use super::asm::Assembler;
use super::insn::{Insn, Op, Operand, Reg, Size};
use super::target::StateLayout;

/// What code does where a rule matches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OnMatch<'a> {
    /// It counts, and goes on. For each rule its bit in the mask of pending rules, if it samples.
    Count(&'a [Option<u8>]),
    /// It ends with 1.
    Return,
}

/// Bytes behind the packets of a counter.
const BYTES: i16 = 8;

/// Registers of the place that counts. The frame's length is the lower half of `meta`.
pub(crate) struct Registers {
    pub(crate) state: Reg,
    pub(crate) meta: Reg,
    pub(crate) scratch: [Reg; 2],
}

/// Counts one match. Not atomic: the state belongs to this CPU.
pub(crate) fn count(
    asm: &mut Assembler,
    layout: &StateLayout,
    rule: u32,
    pending_bit: Option<u8>,
    registers: &Registers,
) {
    asm.mark(Part::Count(rule));
    let Registers { state, meta, scratch: [value, length] } = *registers;
    let packets = (layout.rules + rule * layout.rule_size) as i16;
    asm.emit(Insn::load(Size::Double, value, state, packets));
    asm.emit(Insn::alu64(Op::Add, value, Operand::Imm(1)));
    asm.emit(Insn::store(Size::Double, state, packets, value));
    asm.emit(Insn::load(Size::Double, value, state, packets + BYTES));
    asm.emit(Insn::alu32(Op::Mov, length, Operand::Reg(meta)));
    asm.emit(Insn::alu64(Op::Add, value, Operand::Reg(length)));
    asm.emit(Insn::store(Size::Double, state, packets + BYTES, value));
    if let Some(bit) = pending_bit {
        let pending = layout.pending as i16;
        asm.emit(Insn::load(Size::Double, value, state, pending));
        // An immediate operand is sign-extended: only 31 bits of it are free of that.
        if bit < 31 {
            asm.emit(Insn::alu64(Op::Or, value, Operand::Imm(1 << bit)));
        } else {
            Insn::wide(length, 1 << bit).into_iter().for_each(|insn| asm.emit(insn));
            asm.emit(Insn::alu64(Op::Or, value, Operand::Reg(length)));
        }
        asm.emit(Insn::store(Size::Double, state, pending, value));
    }
}

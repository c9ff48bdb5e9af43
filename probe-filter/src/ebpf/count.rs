//! A rule matches: its counter goes up, and its bit is set if it samples.

use super::Part;
use super::asm::Assembler;
use super::insn::{Insn, Op, Operand, Reg, Size};
use super::target::StateLayout;
use crate::flow::Left;
use crate::key::KEY_WORDS;

/// What code does where a rule matches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OnMatch<'a> {
    /// It counts, and goes on.
    Count(&'a AllMarks),
    /// It ends with 1.
    Return,
}

/// What a rule that matches leaves beside its counter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    /// Its bit in the mask of pending rules, if it samples.
    pub(crate) pending: Option<u8>,
    /// Its place among the keys, and its bit in the mask of keys, if it has one.
    pub(crate) key: Option<u8>,
}

/// The marks of all rules.
#[derive(Clone, Debug)]
pub(crate) struct AllMarks {
    rules: Vec<Marks>,
    /// Whether one rule at most samples: then its bit is all of the mask.
    one_pending: bool,
    /// Whether one at most has a key.
    one_key: bool,
}

impl AllMarks {
    pub(crate) fn new(rules: Vec<Marks>) -> Self {
        let one_pending = rules.iter().filter(|marks| marks.pending.is_some()).count() <= 1;
        let one_key = rules.iter().filter(|marks| marks.key.is_some()).count() <= 1;
        Self { rules, one_pending, one_key }
    }

    fn of(&self, rule: u32) -> Marks {
        self.rules.get(rule as usize).copied().unwrap_or_default()
    }
}

impl OnMatch<'_> {
    /// Where what a rule leaves lies in the state, if it is wanted.
    pub(crate) fn place_of(&self, layout: &StateLayout, rule: u32, what: Left) -> Option<i16> {
        let Self::Count(all) = self else { return None };
        let Marks { pending, key } = all.of(rule);
        let (start, place) = match what {
            Left::Key(word) => (layout.keys, u32::from(key?) * KEY_WORDS as u32 + u32::from(word)),
            Left::Flow => (layout.flows, pending?.into()),
        };
        Some((start + 4 * place) as i16)
    }
}

/// Bytes behind the packets of a counter.
const BYTES: i16 = 8;

/// Registers of the place that counts. The frame's length is the lower half of `meta`.
pub(crate) struct Registers {
    pub(crate) state: Reg,
    pub(crate) meta: Reg,
    pub(crate) scratch: [Reg; 2],
}

/// Counts one match. Not atomic: the state belongs to this CPU. Of a rule with a key the packets alone: the bytes
/// are those of its lists.
pub(crate) fn count(
    asm: &mut Assembler,
    layout: &StateLayout,
    rule: u32,
    all: &AllMarks,
    registers: &Registers,
) {
    asm.mark(Part::Count(rule));
    let Registers { state, meta, scratch: [value, length] } = *registers;
    let packets = (layout.rules + rule * layout.rule_size) as i16;
    asm.emit(Insn::load(Size::Double, value, state, packets));
    asm.emit(Insn::alu64(Op::Add, value, Operand::Imm(1)));
    asm.emit(Insn::store(Size::Double, state, packets, value));
    let Marks { pending, key } = all.of(rule);
    if key.is_none() {
        asm.emit(Insn::load(Size::Double, value, state, packets + BYTES));
        asm.emit(Insn::alu32(Op::Mov, length, Operand::Reg(meta)));
        asm.emit(Insn::alu64(Op::Add, value, Operand::Reg(length)));
        asm.emit(Insn::store(Size::Double, state, packets + BYTES, value));
    }
    for (mask, bit, is_all) in
        [(layout.pending, pending, all.one_pending), (layout.keyed, key, all.one_key)]
    {
        let Some(bit) = bit else { continue };
        let mask = mask as i16;
        if !is_all {
            asm.emit(Insn::load(Size::Double, value, state, mask));
        }
        let op = if is_all { Op::Mov } else { Op::Or };
        // An immediate operand is sign-extended: only 31 bits of it are free of that.
        if bit < 31 {
            asm.emit(Insn::alu64(op, value, Operand::Imm(1 << bit)));
        } else {
            Insn::wide(length, 1 << bit).into_iter().for_each(|insn| asm.emit(insn));
            asm.emit(Insn::alu64(op, value, Operand::Reg(length)));
        }
        asm.emit(Insn::store(Size::Double, state, mask, value));
    }
}

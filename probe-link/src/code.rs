//! The instructions of a section, and all that names places among them: jumps, relocations,
//! symbols, folded constants. They follow when instructions are put in.

use std::ops::Range;

use object::build::elf::{Relocation, SectionId, SymbolId};
use probe_filter::ebpf::Insn;

use crate::opcode::{CALL, CLASS, EXIT, JMP, JMP32, JUMP_LONG, LOCAL_CALL};

/// Bytes of an instruction.
pub(crate) const INSN: usize = 8;

/// The code of one section. All places are numbers of instructions; one with a 64-bit constant
/// counts as two.
pub(crate) struct Code {
    /// Where it comes from.
    pub section: SectionId,
    pub insns: Vec<Insn>,
    /// Instructions that a loader completes, in their order.
    pub relocations: Vec<(usize, Relocation)>,
    /// The functions.
    pub symbols: Vec<(SymbolId, Range<usize>)>,
    /// Constants that stand in the code by now.
    pub folded: Vec<Folded>,
}

/// A constant in the code: the instruction that has it now, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    pub at: usize,
    pub value: u64,
}

impl Folded {
    /// The instruction behind it: its two slots, and one left of its load.
    pub fn behind(&self) -> usize {
        self.at + 3
    }
}

impl Code {
    /// Puts a body of at least one instruction in the place of the one at `at`, a call. Jumps to
    /// it lead to the body's first instruction. `None`, and no change, where a jump across the
    /// body would get too long.
    pub fn splice(&mut self, at: usize, body: &[Insn]) -> Option<()> {
        let growth = body.len() - 1;
        let moved = |place: usize| if place > at { place + growth } else { place };
        let mut insns = Vec::with_capacity(self.insns.len() + growth);
        for (index, &insn) in self.insns.iter().enumerate() {
            if index == at {
                insns.extend(body);
                continue;
            }
            // A call that a loader completes has no distance yet.
            let complete = insn.code != CALL || !self.is_relocated(index);
            insns.push(match target(index, insn).filter(|_| complete) {
                Some(target) => aimed(insn, moved(index), moved(target))?,
                None => insn,
            });
        }
        self.insns = insns;
        self.relocations.retain(|(place, _)| *place != at);
        self.relocations.iter_mut().for_each(|(place, _)| *place = moved(*place));
        for (_, places) in &mut self.symbols {
            *places = moved(places.start)..moved(places.end);
        }
        self.folded.iter_mut().for_each(|one| one.at = moved(one.at));
        Some(())
    }

    fn is_relocated(&self, place: usize) -> bool {
        self.relocations.binary_search_by_key(&place, |(place, _)| *place).is_ok()
    }
}

/// Where the instruction at `at` jumps to, or may jump to, or which function of the program's
/// own it calls. `None`: nowhere, or out of the code.
pub(crate) fn target(at: usize, insn: Insn) -> Option<usize> {
    at.checked_add(1)?.checked_add_signed(distance(insn)? as isize)
}

/// The same instruction at `at`, with its distance to `target`.
fn aimed(insn: Insn, at: usize, target: usize) -> Option<Insn> {
    let distance = target as isize - (at as isize + 1);
    Some(match insn.code {
        CALL | JUMP_LONG => Insn { imm: i32::try_from(distance).ok()?, ..insn },
        _ => Insn { offset: i16::try_from(distance).ok()?, ..insn },
    })
}

/// Instructions between the one behind this jump or call and its target.
fn distance(insn: Insn) -> Option<i32> {
    match (insn.code, insn.code & CLASS) {
        (EXIT, _) => None,
        (CALL, _) => (insn.src().0 == LOCAL_CALL).then_some(insn.imm),
        (JUMP_LONG, _) => Some(insn.imm),
        (_, JMP | JMP32) => Some(insn.offset.into()),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use object::build::elf::Builder;
    use probe_filter::ebpf::Reg;

    use super::*;
    use crate::opcode::JUMP;

    /// Code that nothing refers to.
    pub(crate) fn code(insns: &[Insn]) -> Code {
        let section = Builder::new(object::Endianness::Little, true).sections.add().id();
        Code {
            section,
            insns: insns.to_vec(),
            relocations: Vec::new(),
            symbols: Vec::new(),
            folded: Vec::new(),
        }
    }

    fn insn(code: u8, src: u8, offset: i16, imm: i32) -> Insn {
        Insn::new(code, Reg(0), Reg(src), offset, imm)
    }

    #[test]
    fn all_that_names_a_place_follows() {
        const HELPER: u8 = 0;

        let mut elf = Builder::new(object::Endianness::Little, true);
        let symbol = elf.symbols.add().id();
        let relocation =
            |place| (place, Relocation { r_offset: 0, symbol: None, r_type: 10, r_addend: 0 });
        let mut code = Code {
            relocations: vec![relocation(1), relocation(3), relocation(4)],
            symbols: vec![(symbol, 0..4), (symbol, 3..6), (symbol, 4..6)],
            folded: vec![Folded { at: 2, value: 7 }, Folded { at: 4, value: 8 }],
            ..code(&[
                insn(JUMP_LONG, 0, 0, 4),
                insn(CALL, LOCAL_CALL, 0, -1), // not complete
                insn(JUMP, 0, 0, 0),
                insn(CALL, LOCAL_CALL, 0, -1), // the one that is replaced
                insn(CALL, HELPER, 0, 26),
                insn(CALL, LOCAL_CALL, 0, -6),
            ])
        };
        code.splice(3, &[insn(EXIT, 0, 0, 0); 3]).unwrap();
        let distances = code.insns.iter().map(|one| one.imm).collect::<Vec<_>>();
        // The local call from behind the body goes two further back, the long jump two ahead.
        assert_eq!(distances, [6, -1, 0, 0, 0, 0, 26, -8]);
        assert_eq!(code.insns[2], insn(JUMP, 0, 0, 0));
        assert_eq!(code.relocations.iter().map(|one| one.0).collect::<Vec<_>>(), [1, 6]);
        let symbols: Vec<_> = code.symbols.iter().map(|(_, places)| places.clone()).collect();
        assert_eq!(symbols, [0..6, 3..8, 6..8]);
        assert_eq!(code.folded.iter().map(|one| one.at).collect::<Vec<_>>(), [2, 6]);
    }
}

//! Load-time constants put into the code, in the place of their loads. aya sets them in the
//! object's data too, and the kernel then leaves out what they rule out; but the loads it
//! leaves in, and whoever puts a filter in the place of its call had to keep registers for
//! code that never runs.

use super::inline::{INSN, Insn, LOAD_MEMORY, WIDE};

/// A constant in the code: the instruction that has it now, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// Byte offset of the instruction.
    pub(super) at: usize,
    pub(super) value: u64,
}

/// Makes `r = value` of `r = &constant; r = *r` at a byte offset. Those are three slots
/// before, and three after: the last one is `goto +0`, which the kernel takes out. `None`
/// where the code is another one.
pub(super) fn settle(code: &mut [u8], at: usize, value: u64) -> Option<Settled> {
    const NOTHING: Insn = Insn { opcode: super::inline::JUMP, registers: 0, off: 0, imm: 0 };

    let place = at..at.checked_add(3 * INSN)?;
    let old = code.get(place.clone())?;
    let address = Insn::read(old.get(..INSN)?);
    let load = Insn::read(old.get(2 * INSN..)?);
    let register = address.dst();
    let loads = load.opcode & !Insn::SIZE == LOAD_MEMORY
        && (load.dst(), load.src(), load.off) == (register, register, 0);
    let upper = Insn::read(old.get(INSN..2 * INSN)?);
    // Not of a place behind the constant's begin, and not a part of it.
    let whole = (address.imm, upper.imm) == (0, 0) && load.holds(value);
    let load_slot = (at / INSN + 2) as i32;
    let jumps_in =
        code.chunks_exact(INSN).map(Insn::read).enumerate().any(|(index, insn)| {
            insn.is_jump() && index as i32 + 1 + i32::from(insn.off) == load_slot
        });
    if address.opcode != WIDE || !loads || !whole || jumps_in {
        return None;
    }
    let low = Insn { imm: value as i32, off: 0, ..address.without_source() };
    let high = Insn { opcode: 0, registers: 0, off: 0, imm: (value >> 32) as i32 };
    let new = [low, high, NOTHING].map(Insn::bytes).concat();
    code.get_mut(place)?.copy_from_slice(&new);
    Some(Settled { at, value })
}

#[cfg(test)]
mod tests {
    use super::super::inline::memory;
    use super::*;

    fn wide(dst: u8) -> Vec<u8> {
        let mut code = memory(WIDE, dst, 0, 0).to_vec();
        code.extend([0; INSN]);
        code
    }

    #[test]
    fn a_load_becomes_its_value() {
        let mut code = wide(3);
        code.extend(memory(0x79, 3, 3, 0));
        let value = 0x1234_5678_9abc_def0;
        assert_eq!(settle(&mut code, 0, value), Some(Settled { at: 0, value }));
        let insns: Vec<Insn> = code.chunks(INSN).map(Insn::read).collect();
        assert_eq!((insns[0].opcode, insns[0].dst(), insns[0].src()), (WIDE, 3, 0));
        assert_eq!((insns[0].imm, insns[1].imm), (0x9abc_def0_u32 as i32, 0x1234_5678));
        assert_eq!((insns[2].opcode, insns[2].off), (super::super::inline::JUMP, 0));
    }

    #[test]
    fn other_code_stays() {
        for load in [
            memory(0x79, 4, 3, 0), // the address is kept
            memory(0x79, 3, 4, 0),
            memory(0x79, 3, 3, 8),
            memory(0x7b, 3, 3, 0), // a store
            memory(0xdb, 3, 3, 0), // an atomic
        ] {
            let mut code = wide(3);
            code.extend(load);
            let before = code.clone();
            assert_eq!(settle(&mut code, 0, 1), None);
            assert_eq!(code, before);
        }
        let mut code = wide(3);
        code.extend(memory(0x79, 3, 3, 0));
        code.extend(memory(super::super::inline::JUMP, 0, 0, -2));
        assert_eq!(settle(&mut code, 0, 1), None);
        assert_eq!(settle(&mut code, 2 * INSN, 1), None);
        assert_eq!(settle(&mut code, 3 * INSN, 1), None);
    }
}

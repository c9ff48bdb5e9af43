//! Load-time constants put into the code, in the place of their loads. They stand in the
//! object's data too, and the kernel leaves out what they rule out; but the loads it leaves in,
//! and whoever puts a function in the place of its call would have to keep registers for code
//! that never runs.

use object::build::elf::SymbolId;
use probe_filter::ebpf::{Insn, Reg};

use crate::{
    code::{Code, Folded, target},
    opcode::{JUMP, LOAD, SIZE, WIDE},
};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Constant {
    symbol: SymbolId,
    /// `None` for one longer than a register.
    value: Option<u64>,
}

impl Constant {
    pub fn new(symbol: SymbolId, value: &[u8]) -> Self {
        let mut bytes = [0; 8];
        let place = bytes.get_mut(..value.len());
        let value = place.map(|place| place.copy_from_slice(value));
        Self { symbol, value: value.map(|()| u64::from_le_bytes(bytes)) }
    }
}

/// Puts constants in the place of their loads, and says how many loads those were. Where that
/// cannot be done, they stay to be loaded.
pub(crate) fn constants(code: &mut Code, constants: &[Constant]) -> usize {
    let value_of = |symbol: SymbolId| constants.iter().find(|one| one.symbol == symbol)?.value;
    let Code { insns, relocations, folded, .. } = code;
    relocations.retain(|&(at, relocation)| {
        let value = relocation.symbol.and_then(value_of);
        let done = value.and_then(|value| fold(insns, at, value));
        folded.extend(done);
        done.is_none()
    });
    folded.len()
}

/// Makes `r = value` of `r = &constant; r = *r` at a place, or `s = value` where the load is into `s` and
/// `r` gets something else at once. Those are three slots before, and three after: the last one is
/// `goto +0`, which the kernel takes out. `None` where the code is another one.
fn fold(insns: &mut [Insn], at: usize, value: u64) -> Option<Folded> {
    const NOTHING: Insn = Insn::new(JUMP, Reg(0), Reg(0), 0, 0);

    let &[address, upper, load] = insns.get(at..)?.first_chunk()?;
    let register = address.dst();
    let loads = load.code & !SIZE == LOAD & !SIZE && (load.src(), load.offset) == (register, 0);
    let is_kept = load.dst() != register
        && insns.get(at + 3).is_none_or(|next| (next.code, next.dst()) != (WIDE, register));
    // Not of a place behind the constant's begin, and not a part of it.
    let whole = (address.imm, upper.imm) == (0, 0) && holds(load, value);
    let is_entered =
        insns.iter().enumerate().any(|(index, &insn)| target(index, insn) == Some(at + 2));
    if address.code != WIDE || !loads || is_kept || !whole || is_entered {
        return None;
    }
    let low = Insn::new(WIDE, load.dst(), Reg(0), 0, value as i32);
    let high = Insn::new(0, Reg(0), Reg(0), 0, (value >> 32) as i32);
    insns.get_mut(at..)?.first_chunk_mut().map(|place| *place = [low, high, NOTHING])?;
    Some(Folded { at, value })
}

/// Whether the bytes of a load have room for a number.
const fn holds(load: Insn, number: u64) -> bool {
    match load.code & SIZE {
        0x00 => number <= u32::MAX as u64,
        0x08 => number <= u16::MAX as u64,
        0x10 => number <= u8::MAX as u64,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcode::STORE;

    fn insn(code: u8, dst: u8, src: u8, offset: i16) -> Insn {
        Insn::new(code, Reg(dst), Reg(src), offset, 0)
    }

    /// The address of a constant in r3, and what follows it.
    fn code(then: &[Insn]) -> Vec<Insn> {
        [&[insn(WIDE, 3, 0, 0), insn(0, 0, 0, 0)], then].concat()
    }

    #[test]
    fn a_load_becomes_its_value() {
        let mut insns = code(&[insn(LOAD, 3, 3, 0)]);
        let value = 0x1234_5678_9abc_def0;
        assert_eq!(fold(&mut insns, 0, value), Some(Folded { at: 0, value }));
        let wide = Insn { imm: 0x9abc_def0_u32 as i32, ..insn(WIDE, 3, 0, 0) };
        let upper = Insn { imm: 0x1234_5678, ..insn(0, 0, 0, 0) };
        assert_eq!(insns, [wide, upper, insn(JUMP, 0, 0, 0)]);
    }

    #[test]
    fn a_load_into_another_register_becomes_its_value_where_the_address_is_done_with() {
        let other = |register| [insn(LOAD, 4, 3, 0), insn(WIDE, register, 0, 0)];
        let mut insns = code(&other(3));
        assert_eq!(fold(&mut insns, 0, 7), Some(Folded { at: 0, value: 7 }));
        let wide = Insn { imm: 7, ..insn(WIDE, 4, 0, 0) };
        assert_eq!(insns, [wide, insn(0, 0, 0, 0), insn(JUMP, 0, 0, 0), insn(WIDE, 3, 0, 0)]);
        let mut insns = code(&other(5));
        assert_eq!(fold(&mut insns, 0, 7), None);
        assert_eq!(insns, code(&other(5)));
    }

    #[test]
    fn other_code_stays() {
        const ATOMIC: u8 = 0xdb;

        for load in [
            insn(LOAD, 4, 3, 0), // the address is kept
            insn(LOAD, 3, 4, 0),
            insn(LOAD, 3, 3, 8),
            insn(STORE, 3, 3, 0),
            insn(ATOMIC, 3, 3, 0),
        ] {
            let mut insns = code(&[load]);
            assert_eq!(fold(&mut insns, 0, 1), None);
            assert_eq!(insns, code(&[load]));
        }
        // Somebody jumps past the address.
        let mut insns = code(&[insn(LOAD, 3, 3, 0), insn(JUMP, 0, 0, -2)]);
        assert_eq!(fold(&mut insns, 0, 1), None);
        for at in [2, 3, 4, usize::MAX] {
            assert_eq!(fold(&mut insns, at, 1), None);
        }
    }

    #[test]
    fn a_part_of_a_constant_is_no_constant() {
        for (size, most) in [(0x10, u64::from(u8::MAX)), (0x08, 0xffff), (0x00, 0xffff_ffff)] {
            let load = insn(LOAD & !SIZE | size, 3, 3, 0);
            assert_eq!(fold(&mut code(&[load]), 0, most + 1), None);
            assert_eq!(fold(&mut code(&[load]), 0, most).map(|one| one.value), Some(most));
        }
    }
}

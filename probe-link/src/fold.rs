//! Load-time constants put into the code, in the place of their loads. They stand in the
//! object's data too, and the kernel leaves out what they rule out; but the loads it leaves in,
//! and whoever puts a function in the place of its call would have to keep registers for code
//! that never runs.

use object::build::elf::SymbolId;
use probe_filter::ebpf::{Insn, Reg};

use crate::{
    code::{Code, Folded, target},
    liveness::{decided, overwrites},
    opcode::{JUMP, LOAD, SIZE, WIDE},
    reach,
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
    let starts = reach::starts(insns);
    folded.iter().for_each(|constant| decide(insns, constant, &starts));
    folded.len()
}

/// `goto +0`, which the kernel takes out.
const NOTHING: Insn = Insn::new(JUMP, Reg(0), Reg(0), 0, 0);

/// Takes out the branch behind a constant that decides it, where nobody else comes to it. What nobody comes to
/// any more the kernel would refuse: there the branch stays, and the kernel takes it out, with that side of it.
fn decide(insns: &mut [Insn], constant: &Folded, starts: &[usize]) {
    let at = constant.behind();
    let Some(to) = decided(insns, constant).filter(|_| !is_entered(insns, at)) else { return };
    let Some(test) = insns.get_mut(at) else { return };
    let offset = if to == at + 1 { 0 } else { test.offset };
    let before = std::mem::replace(test, Insn { offset, ..NOTHING });
    if !reach::is_whole(insns, starts)
        && let Some(test) = insns.get_mut(at)
    {
        *test = before;
    }
}

/// Whether an instruction jumps to a place: not from right before it, as what is left of loads does.
fn is_entered(insns: &[Insn], place: usize) -> bool {
    let jumps =
        |(index, &insn): (usize, &Insn)| insn != NOTHING && target(index, insn) == Some(place);
    insns.iter().enumerate().any(jumps)
}

/// Makes `r = value` of `r = &constant; r = *r` at a place, or `s = value` where the load is into `s` and
/// `r` gets something else at once. Those are three slots before, and three after: the last one is
/// `goto +0`, which the kernel takes out. `None` where the code is another one.
fn fold(insns: &mut [Insn], at: usize, value: u64) -> Option<Folded> {
    let &[address, upper, load] = insns.get(at..)?.first_chunk()?;
    let register = address.dst();
    let loads = load.code & !SIZE == LOAD & !SIZE && (load.src(), load.offset) == (register, 0);
    let is_kept =
        load.dst() != register && insns.get(at + 3).is_none_or(|&next| !overwrites(next, register));
    // Not of a place behind the constant's begin, and not a part of it.
    let whole = (address.imm, upper.imm) == (0, 0) && holds(load, value);
    if address.code != WIDE || !loads || is_kept || !whole || is_entered(insns, at + 2) {
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
    use crate::opcode::{
        ADD_IMMEDIATE, CALL, EQ, EQ_32, EXIT, FROM_REGISTER, IF_SET_32, MOVE, MOVE_IMMEDIATE, NE,
        NE_32, STORE,
    };

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
        let add = ADD_IMMEDIATE | FROM_REGISTER;
        for then in [
            insn(WIDE, 3, 0, 0),
            insn(MOVE_IMMEDIATE, 3, 0, 0),
            insn(MOVE, 3, 5, 0),
            insn(LOAD, 3, 5, 8),
        ] {
            let mut insns = code(&[insn(LOAD, 4, 3, 0), then]);
            assert_eq!(fold(&mut insns, 0, 7), Some(Folded { at: 0, value: 7 }));
            let wide = Insn { imm: 7, ..insn(WIDE, 4, 0, 0) };
            assert_eq!(insns, [wide, insn(0, 0, 0, 0), insn(JUMP, 0, 0, 0), then]);
        }
        for then in [
            insn(WIDE, 5, 0, 0),
            insn(MOVE, 3, 3, 0),
            insn(MOVE, 5, 3, 0),
            insn(LOAD, 3, 3, 8),
            insn(add, 3, 5, 0),
            insn(STORE, 3, 5, 0),
            insn(CALL, 0, 0, 0),
        ] {
            let before = code(&[insn(LOAD, 4, 3, 0), then]);
            let mut insns = before.clone();
            assert_eq!(fold(&mut insns, 0, 7), None);
            assert_eq!(insns, before);
        }
    }

    #[test]
    fn a_branch_that_a_constant_decides_goes_where_both_its_sides_stay() {
        // r3 = 2, of which one slot is left; the test; r4 = r5, r4 = r5, exit
        let code = |test: Insn, first: Insn| {
            let constant = [Insn { imm: 2, ..insn(WIDE, 3, 0, 0) }, insn(0, 0, 0, 0), NOTHING];
            let then = [insn(MOVE, 4, 5, 0), insn(MOVE, 4, 5, 0), insn(EXIT, 0, 0, 0)];
            [&[first], &constant[..], &[test], &then].concat()
        };
        let with = |test: u8, imm: i32, first: Insn| {
            let mut insns = code(Insn { imm, ..insn(test, 3, 0, 1) }, first);
            let starts = reach::starts(&insns);
            decide(&mut insns, &Folded { at: 1, value: 2 }, &starts);
            insns[4]
        };
        let kept = |test, imm| Insn { imm, ..insn(test, 3, 0, 1) };
        let taken = Insn { offset: 1, ..NOTHING };
        // Nobody else comes to the first move: the kernel has to take it out.
        let nobody = insn(MOVE, 4, 5, 0);
        assert_eq!(with(EQ, 2, nobody), kept(EQ, 2));
        // Behind a branch that is not taken all is reached, as it is where somebody comes to the first move.
        assert_eq!(with(EQ, 1, nobody), NOTHING);
        let to_first = insn(EQ, 5, 0, 4);
        for (test, imm, expected) in [
            (EQ, 2, taken),
            (EQ, 1, NOTHING),
            (EQ_32, 2, taken),
            (EQ_32, 0, NOTHING),
            (NE, 2, NOTHING),
            (NE, 0, taken),
            (NE_32, 2, NOTHING),
            (NE_32, -1, taken),
            (IF_SET_32, 2, kept(IF_SET_32, 2)),
        ] {
            assert_eq!(with(test, imm, to_first), expected, "{test:#x}, {imm}");
        }
        // Somebody comes to the test with something else.
        let to_test = insn(EQ, 5, 0, 3);
        assert_eq!(with(EQ, 1, to_test), kept(EQ, 1));
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

//! A function put in the place of its call. A call costs a frame its entry, its return, which
//! processors with a return-address mitigation make dear, and four registers saved and restored.
//! Here only those are that the caller reads again: where it only counts, none. The verifier
//! would not let one be saved that has never been written.

use object::build::elf::SymbolId;
use probe_filter::ebpf::{Insn, Reg};

use crate::{
    code::{Code, INSN},
    fold::Folded,
    liveness::is_read,
    opcode::{ADD_IMMEDIATE, CLASS, EXIT, JUMP, LDX, LOAD, ST, STORE, STX, SUB_IMMEDIATE},
};

/// Longer functions stay functions: a jump reaches 32,767 instructions.
const MOST: usize = 16_000;

/// Bytes of stack that a program may use (`MAX_BPF_STACK`, include/linux/filter.h).
const MAX_STACK: i16 = 512;

/// The frame pointer.
const FP: Reg = Reg(10);

/// The registers that a function preserves.
const PRESERVED: [Reg; 4] = [Reg(6), Reg(7), Reg(8), Reg(9)];

/// What was put in place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inlined {
    /// Calls that are no more.
    pub calls: usize,
    /// Registers saved around the function, over all these.
    pub saved: usize,
}

/// Puts a function in the place of its calls. One that is too long stays a function.
pub(crate) fn calls(code: &mut Code, function: SymbolId, callee: &[Insn]) -> Inlined {
    let calls = code.relocations.iter().filter(|(_, one)| one.symbol == Some(function));
    let calls: Vec<usize> = calls.map(|&(at, _)| at).collect();
    let mut inlined = Inlined::default();
    // From the last to the first: those before it stay where they are.
    for at in calls.into_iter().rev() {
        let Some((body, saved)) = body(&code.insns, at, callee, &code.folded) else { break };
        if code.splice(at, &body).is_none() {
            break;
        }
        inlined.calls += 1;
        inlined.saved += saved;
    }
    inlined
}

/// What to put in the place of the call at `at`, and how many registers it saves. The function
/// uses the stack by loads and stores only. `None` where it is too long or the stack too small.
fn body(
    caller: &[Insn],
    at: usize,
    callee: &[Insn],
    folded: &[Folded],
) -> Option<(Vec<Insn>, usize)> {
    if callee.len() > MOST {
        return None;
    }
    let is_kept = |&register: &Reg| is_read(caller, at + 1, register, folded);
    let kept: Vec<Reg> = PRESERVED.into_iter().filter(is_kept).collect();
    let frame = stack(caller);
    let saved = frame - (8 * kept.len()) as i16;
    if i32::from(saved) + i32::from(stack(callee)) < -i32::from(MAX_STACK) {
        return None;
    }
    let slots = || kept.iter().copied().zip((saved..frame).step_by(INSN));
    let mut body = Vec::with_capacity(callee.len() + 2 * kept.len());
    body.extend(slots().map(|(register, slot)| Insn::new(STORE, FP, register, slot, 0)));
    let end = body.len() + callee.len();
    for &insn in callee {
        body.push(if insn.code == EXIT {
            Insn::new(JUMP, Reg(0), Reg(0), (end - body.len() - 1) as i16, 0)
        } else if is_memory_at(insn, FP) {
            Insn { offset: insn.offset + saved, ..insn }
        } else {
            insn
        });
    }
    body.extend(slots().map(|(register, slot)| Insn::new(LOAD, register, FP, slot, 0)));
    Some((body, kept.len()))
}

/// The lowest stack offset that the code may use, a multiple of eight. Any small number
/// subtracted may make an address on the stack.
fn stack(insns: &[Insn]) -> i16 {
    const DEEPEST: i32 = -(MAX_STACK as i32);

    let offsets = insns.iter().map(|insn| match insn.code {
        ADD_IMMEDIATE if (DEEPEST..0).contains(&insn.imm) => insn.imm as i16,
        SUB_IMMEDIATE if (1..=-DEEPEST).contains(&insn.imm) => -(insn.imm as i16),
        _ if is_memory_at(*insn, FP) => insn.offset,
        _ => 0,
    });
    offsets.min().unwrap_or(0) & !7
}

/// A load from, or a store to, memory that `register` points to.
fn is_memory_at(insn: Insn, register: Reg) -> bool {
    match insn.code & CLASS {
        LDX => insn.src() == register,
        ST | STX => insn.dst() == register,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        code::{self, target},
        opcode::{CALL, EQ, MOVE},
    };

    fn insn(code: u8, dst: u8, src: u8, offset: i16) -> Insn {
        Insn::new(code, Reg(dst), Reg(src), offset, 0)
    }

    /// A caller with the function in the place of the call at `at`.
    fn inlined(caller: &[Insn], at: usize, callee: &[Insn]) -> Option<Vec<Insn>> {
        let mut code = code::tests::code(caller);
        let (body, _) = body(&code.insns, at, callee, &[])?;
        code.splice(at, &body)?;
        Some(code.insns)
    }

    #[test]
    fn jumps_stack_and_ends_follow() {
        let caller = [
            insn(STORE, 10, 7, -16),
            insn(EQ, 9, 0, 2), // over the call
            insn(CALL, 0, 1, 0),
            insn(JUMP, 0, 0, -4), // back over the call
            insn(MOVE, 8, 9, 0),
            insn(MOVE, 0, 8, 0),
            insn(EXIT, 0, 0, 0),
        ];
        let callee =
            [insn(STORE, 10, 1, -8), insn(EQ, 1, 0, 1), insn(EXIT, 0, 0, 0), insn(EXIT, 0, 0, 0)];
        let code = inlined(&caller, 2, &callee).unwrap();
        // Of the registers 7 and 9 are read behind the call; 8 is written first.
        assert_eq!(code.len(), 6 + 2 + 4 + 2);
        let targets: Vec<_> =
            (0..code.len()).filter_map(|at| Some((at, target(at, code[at])?))).collect();
        // Over the body; inside of it; both its ends; back.
        assert_eq!(targets, [(1, 11), (5, 7), (6, 8), (7, 8), (10, 0)]);
        // Saved below the caller's 16 bytes, the callee's own below that.
        let stores: Vec<_> =
            code.iter().filter(|one| one.code == STORE).map(|one| one.offset).collect();
        assert_eq!(stores, [-16, -32, -24, -40]);
    }

    #[test]
    fn what_is_too_long_stays_a_call() {
        let call = [insn(CALL, 0, 1, 0)];
        let long = vec![insn(EXIT, 0, 0, 0); MOST + 1];
        assert!(inlined(&call, 0, &long).is_none());
        assert!(inlined(&call, 0, &long[1..]).is_some());
        // A jump back over the body that reached just so far.
        let mut around = vec![insn(CALL, 0, 1, 0); i16::MAX as usize];
        around.push(insn(JUMP, 0, 0, i16::MIN));
        assert!(inlined(&around, 5, &[insn(EXIT, 0, 0, 0)]).is_some());
        assert!(inlined(&around, 5, &[insn(EXIT, 0, 0, 0); 2]).is_none());
    }

    #[test]
    fn what_needs_too_much_stack_stays_a_call() {
        let caller = |deepest| [insn(STORE, 10, 0, deepest), insn(CALL, 0, 1, 0)];
        let callee = [insn(STORE, 10, 1, -16), insn(EXIT, 0, 0, 0)];
        assert!(inlined(&caller(16 - 512), 1, &callee).is_some());
        assert!(inlined(&caller(8 - 512), 1, &callee).is_none());
    }
}

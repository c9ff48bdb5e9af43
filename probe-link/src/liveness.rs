//! Whether a register is read again: what decides which registers are saved around a function
//! that is put in the place of its call.

use probe_filter::ebpf::{Insn, Reg};

use crate::{
    code::{Folded, target},
    opcode::{
        ALU32, ALU64, CALL, CLASS, EQ, EQ_32, EXIT, FROM_REGISTER, JUMP, JUMP_LONG, LD, LDX, MOV,
        NE, NE_32, OPERATION, ST, STX, WIDE,
    },
};

/// Whether a register's value is read by the instruction at `start` or by one that can run after
/// it. The register is one that calls preserve. What `folded` constants rule out does not run.
pub(crate) fn is_read(insns: &[Insn], start: usize, register: Reg, folded: &[Folded]) -> bool {
    let mut seen = vec![false; insns.len()];
    let mut pending = vec![start];
    while let Some(at) = pending.pop() {
        let (Some(&insn), Some(seen)) = (insns.get(at), seen.get_mut(at)) else { continue };
        if std::mem::replace(seen, true) {
            continue;
        }
        if reads(insn, register) {
            return true;
        }
        if insn.code != CALL {
            pending.extend(target(at, insn));
        }
        if writes(insn, register) || matches!(insn.code, EXIT | JUMP | JUMP_LONG) {
            continue;
        }
        let constant = folded.iter().find(|one| one.at == at);
        pending.push(match constant.and_then(|constant| decided(insns, constant)) {
            Some(to) => to,
            None if insn.code == WIDE => at + 2,
            None => at + 1,
        });
    }
    false
}

/// Where a constant leads that is compared with a number as soon as it is there. Others may come to
/// the comparison with something else in the register.
pub(crate) fn decided(insns: &[Insn], constant: &Folded) -> Option<usize> {
    let at = constant.behind();
    let &test = insns.get(at)?;
    if test.dst() != insns.get(constant.at)?.dst() {
        return None;
    }
    let (is, is_low) =
        (constant.value == i64::from(test.imm) as u64, constant.value as u32 == test.imm as u32);
    let jumps = match test.code {
        EQ => is,
        EQ_32 => is_low,
        NE => !is,
        NE_32 => !is_low,
        _ => return None,
    };
    if jumps { target(at, test) } else { Some(at + 1) }
}

/// Whether an instruction reads one of the registers that calls preserve (RFC 9669, sections 4
/// and 5).
fn reads(insn: Insn, register: Reg) -> bool {
    let (dst, src) = (insn.dst() == register, insn.src() == register);
    let with_source = src && insn.code & FROM_REGISTER != 0;
    match insn.code & CLASS {
        // The other loads of this class, of packet bytes, read the context from r6. The second
        // half of a wide one has the code 0, and names no register.
        LD => insn.code != WIDE && insn.code != 0,
        LDX => src,
        ST => dst,
        STX => dst || src,
        ALU32 | ALU64 => with_source || dst && insn.code & OPERATION != MOV,
        _ => !matches!(insn.code, JUMP | JUMP_LONG | CALL | EXIT) && (dst || with_source),
    }
}

/// Whether a register, of those that are no arguments, has another value behind an instruction, whatever it had
/// before.
pub(crate) fn overwrites(insn: Insn, register: Reg) -> bool {
    writes(insn, register) && !reads(insn, register)
}

/// Whether it writes one of them.
fn writes(insn: Insn, register: Reg) -> bool {
    matches!(insn.code & CLASS, LD | LDX | ALU32 | ALU64) && insn.dst() == register
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcode::MOVE;

    fn insn(code: u8, dst: u8, src: u8, offset: i16) -> Insn {
        Insn::new(code, Reg(dst), Reg(src), offset, 0)
    }

    #[test]
    fn constants_decide_what_is_read() {
        // r1 = constant; if r1 == 0 goto the end; r0 = r8; exit; the end: exit
        let caller = |code| {
            [
                insn(CALL, 0, 1, 0),
                insn(WIDE, 1, 0, 0),
                insn(0, 0, 0, 0),
                insn(JUMP, 0, 0, 0),
                insn(code, 1, 0, 2),
                insn(MOVE, 0, 8, 0),
                insn(EXIT, 0, 0, 0),
                insn(EXIT, 0, 0, 0),
            ]
        };
        let reads = |code, folded: &[u64]| {
            let folded: Vec<_> = folded.iter().map(|&value| Folded { at: 1, value }).collect();
            is_read(&caller(code), 1, Reg(8), &folded)
        };
        let greater = 0x25;
        assert!([EQ, EQ_32, NE, NE_32, greater].iter().all(|&code| reads(code, &[])));
        assert!(!reads(EQ, &[0]) && !reads(EQ_32, &[0]) && reads(NE, &[0]) && reads(NE_32, &[0]));
        assert!(reads(EQ, &[1]) && reads(EQ_32, &[1]) && !reads(NE, &[1]) && !reads(NE_32, &[1]));
        // Of 64 bits the lower half alone is nothing.
        assert!(reads(EQ, &[1 << 32]) && !reads(EQ_32, &[1 << 32]));
        assert!(reads(greater, &[0]));
    }

    #[test]
    fn packet_loads_read_the_context() {
        const LOAD_ABSOLUTE: u8 = 0x20;

        let code = [insn(LOAD_ABSOLUTE, 0, 0, 0), insn(EXIT, 0, 0, 0)];
        assert!(is_read(&code, 0, Reg(6), &[]));
    }
}

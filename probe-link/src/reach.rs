//! Which instructions can run at all: the kernel refuses code with others (`check_cfg`,
//! kernel/bpf/verifier.c).

use probe_filter::ebpf::Insn;

use crate::{
    code::target,
    opcode::{EXIT, JUMP, JUMP_LONG, WIDE},
};

/// Where the functions of a section start: at its beginning, and wherever nothing before leads to.
pub(crate) fn starts(insns: &[Insn]) -> Vec<usize> {
    let (mut starts, mut reached) = (Vec::new(), vec![false; insns.len()]);
    while let Some(start) = reached.iter().position(|reached| !reached) {
        starts.push(start);
        walk(insns, start, &mut reached);
    }
    starts
}

/// Whether every instruction is reached from one of these.
pub(crate) fn is_whole(insns: &[Insn], starts: &[usize]) -> bool {
    let mut reached = vec![false; insns.len()];
    starts.iter().for_each(|&start| walk(insns, start, &mut reached));
    reached.iter().all(|reached| *reached)
}

fn walk(insns: &[Insn], start: usize, reached: &mut [bool]) {
    let mut pending = vec![start];
    while let Some(at) = pending.pop() {
        let (Some(&insn), Some(seen)) = (insns.get(at), reached.get_mut(at)) else { continue };
        if std::mem::replace(seen, true) {
            continue;
        }
        pending.extend(target(at, insn));
        // Both slots of a wide one are one instruction: the second leads on.
        if insn.code == WIDE || !matches!(insn.code, EXIT | JUMP | JUMP_LONG) {
            pending.push(at + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use probe_filter::ebpf::Reg;

    use super::*;
    use crate::opcode::{EQ, MOVE};

    fn insn(code: u8, offset: i16) -> Insn {
        Insn::new(code, Reg(0), Reg(0), offset, 0)
    }

    #[test]
    fn functions_start_where_nothing_leads_to() {
        // if r0 == 0 goto the exit; r0 = r0; exit; and a function that goes round in circles.
        let two =
            [insn(EQ, 1), insn(MOVE, 0), insn(EXIT, 0), insn(WIDE, 0), insn(0, 0), insn(JUMP, -3)];
        assert_eq!(starts(&two), [0, 3]);
        assert!(is_whole(&two, &[0, 3]) && !is_whole(&two, &[0]));
        // Nobody comes to the move any more; to the exit somebody does in any case.
        let mut jumps = two;
        jumps[0] = insn(JUMP, 1);
        assert!(!is_whole(&jumps, &[0, 3]));
        jumps[0] = insn(JUMP, 0);
        assert!(is_whole(&jumps, &[0, 3]));
    }
}

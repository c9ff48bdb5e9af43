//! How long an XDP frame is, asked without a call. `bpf_xdp_get_buff_len` costs more than all
//! else that counting does, on processors with a return-address mitigation, and few frames
//! need it: without fragments the packet pointers tell. Whether there are any stands in the
//! kernel's own `struct xdp_buff`, and `bpf_cast_to_kern_ctx` (6.2), of which the verifier
//! makes a move, leads there. Where its fields lie only the kernel's types tell.

use std::io::{self, BufRead, Seek};

use probe_filter::ebpf::{Insn, Reg};

use crate::{
    btf,
    code::{Code, target},
    opcode::{CALL, EXIT, IF_SET_32, JUMP, KERNEL_CALL, LOAD_WORD, MOVE, MOVE_IMMEDIATE, SUB},
};

/// `bpf_xdp_get_buff_len` (enum bpf_func_id, include/uapi/linux/bpf.h).
const GET_BUFF_LEN: i32 = 188;
/// Offsets in `struct xdp_md`.
const DATA: i16 = 0;
const DATA_END: i16 = 4;

/// What a kernel's types say about `struct xdp_buff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpBuff {
    /// The number of `bpf_cast_to_kern_ctx`.
    pub(crate) cast: i32,
    /// Where `flags` lies in `struct xdp_buff`, in bytes.
    pub(crate) flags: i16,
    /// `XDP_FLAGS_HAS_FRAGS`.
    pub(crate) has_fragments: i32,
}

impl XdpBuff {
    /// Looks it up in a kernel's types, `/sys/kernel/btf/vmlinux`. `None` where they lack a part
    /// of it: kernels before 6.2.
    ///
    /// # Errors
    /// If the types cannot be read, or end too early.
    pub fn find(types: &mut (impl BufRead + Seek)) -> io::Result<Option<Self>> {
        btf::find(types)
    }

    /// An XDP program for frames with fragments that asks for the length in this way and
    /// passes the frame. Where the kernel does not load it, it does not load programs linked with
    /// this either: the cast needs a compiler to machine code, for one.
    pub fn trial_program(self) -> Vec<Insn> {
        const CONTEXT: Reg = Reg(7);
        const XDP_PASS: i32 = 2;

        let mut insns = vec![Insn::new(MOVE, CONTEXT, Reg(1), 0, 0)];
        insns.extend(self.length(CONTEXT));
        insns.push(Insn::new(MOVE_IMMEDIATE, Reg(0), Reg(0), 0, XDP_PASS));
        insns.push(Insn::new(EXIT, Reg(0), Reg(0), 0, 0));
        insns
    }

    /// Replaces the calls of the helper, and says how many those were. Where the code is another
    /// one than what this knows, it stays.
    pub(crate) fn replace_calls(self, code: &mut Code) -> usize {
        let asks = |at: &usize| code.insns.get(*at).is_some_and(|insn| is_call(*insn));
        let calls: Vec<usize> = (0..code.insns.len()).filter(asks).collect();
        // From the last to the first: those before it stay where they are.
        let replaced = calls.into_iter().rev().filter_map(|at| {
            let context = context(&code.insns, at)?;
            code.splice(at, &self.length(context))
        });
        replaced.count()
    }

    /// `r0 = ` the frame's length, from r1 and `context`, which both hold the context. r1 to
    /// r5 are lost, as in a call.
    fn length(self, context: Reg) -> [Insn; 9] {
        let [r0, r1] = [Reg(0), Reg(1)];
        [
            Insn::new(CALL, r0, Reg(KERNEL_CALL), 0, self.cast),
            Insn::new(LOAD_WORD, r0, r0, self.flags, 0),
            Insn::new(IF_SET_32, r0, r0, 4, self.has_fragments),
            Insn::new(LOAD_WORD, r0, context, DATA_END, 0),
            Insn::new(LOAD_WORD, r1, context, DATA, 0),
            Insn::new(SUB, r0, r1, 0, 0),
            Insn::new(JUMP, r0, r0, 2, 0),
            Insn::new(MOVE, r1, context, 0, 0),
            Insn::new(CALL, r0, r0, 0, GET_BUFF_LEN),
        ]
    }
}

fn is_call(insn: Insn) -> bool {
    insn == Insn::new(CALL, Reg(0), Reg(0), 0, GET_BUFF_LEN)
}

/// The register that has the context at the call at `at`, and still has it behind the call:
/// `rN = r1` or `r1 = rN` stands right before it, and no jump leads in between.
fn context(insns: &[Insn], at: usize) -> Option<Reg> {
    let &before = insns.get(at.checked_sub(1)?)?;
    let kept = match (before.dst(), before.src()) {
        (kept, Reg(1)) | (Reg(1), kept) => kept,
        _ => return None,
    };
    let is_kept = before.code == MOVE && (6..=9).contains(&kept.0);
    let is_entered = insns.iter().enumerate().any(|(index, &insn)| target(index, insn) == Some(at));
    (is_kept && !is_entered).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::tests::code;

    const BUFF: XdpBuff = XdpBuff { cast: 5, flags: 52, has_fragments: 1 };

    fn insn(code: u8, dst: u8, src: u8, offset: i16) -> Insn {
        Insn::new(code, Reg(dst), Reg(src), offset, 0)
    }

    #[test]
    fn only_the_known_call_is_replaced() {
        let call = Insn::new(CALL, Reg(0), Reg(0), 0, GET_BUFF_LEN);
        let keep = insn(MOVE, 7, 1, 0);
        let exit = insn(EXIT, 0, 0, 0);
        let mut replaced = code(&[keep, call, exit]);
        assert_eq!(BUFF.replace_calls(&mut replaced), 1);
        assert_eq!(replaced.insns, [&[keep][..], &BUFF.length(Reg(7)), &[exit]].concat());
        let loads = replaced.insns.iter().filter(|one| one.code == LOAD_WORD);
        let loads: Vec<_> = loads.map(|one| (one.dst().0, one.src().0, one.offset)).collect();
        assert_eq!(loads, [(0, 0, 52), (0, 7, DATA_END), (1, 7, DATA)]);

        let back = insn(MOVE, 1, 7, 0);
        let mut replaced = code(&[back, call, exit]);
        assert_eq!(BUFF.replace_calls(&mut replaced), 1);
        assert_eq!(replaced.insns, [&[back][..], &BUFF.length(Reg(7)), &[exit]].concat());

        let stays = |insns: &[Insn]| {
            let mut code = code(insns);
            BUFF.replace_calls(&mut code) == 0 && code.insns == insns
        };
        assert!(stays(&[call, exit]));
        // Not the context, or not where a call leaves it alone.
        assert!(stays(&[insn(MOVE, 7, 2, 0), call, exit]));
        assert!(stays(&[insn(MOVE, 2, 1, 0), call, exit]));
        assert!(stays(&[insn(MOVE, 1, 2, 0), call, exit]));
        // Somebody jumps to the call past the move.
        assert!(stays(&[insn(JUMP, 0, 0, 1), keep, call, exit]));
        assert!(stays(&[keep, exit]));
    }

    /// In an interpreter, in which the cast is the move that the verifier makes of it.
    #[test]
    fn the_length_is_that_of_the_pointers_or_of_the_helper() {
        const FRAGMENTED: u64 = 70_000;

        let cast = Insn::new(CALL, Reg(0), Reg(KERNEL_CALL), 0, BUFF.cast);
        let mut insns = vec![insn(MOVE, 7, 1, 0)];
        let length = BUFF.length(Reg(7)).into_iter();
        insns.extend(length.map(|one| if one == cast { insn(MOVE, 0, 1, 0) } else { one }));
        insns.push(insn(EXIT, 0, 0, 0));
        let code: Vec<u8> = insns.iter().flat_map(|insn| insn.to_bytes()).collect();
        let mut machine = rbpf::EbpfVmRaw::new(Some(&code)).unwrap();
        machine.register_helper(GET_BUFF_LEN as u32, |_, _, _, _, _| FRAGMENTED).unwrap();
        for (flags, expected) in [(0u32, 1514), (2, 1514), (1, FRAGMENTED), (3, FRAGMENTED)] {
            let mut context = [0; 64];
            context[DATA as usize..][..4].copy_from_slice(&1000u32.to_le_bytes());
            context[DATA_END as usize..][..4].copy_from_slice(&2514u32.to_le_bytes());
            context[BUFF.flags as usize..][..4].copy_from_slice(&flags.to_le_bytes());
            assert_eq!(machine.execute_program(&mut context).unwrap(), expected, "{flags}");
        }
    }

    #[test]
    fn the_trial_program_asks_as_a_linked_one_does() {
        let trial = BUFF.trial_program();
        assert_eq!(trial[0], insn(MOVE, 7, 1, 0));
        assert_eq!(trial[1..10], BUFF.length(Reg(7)));
        assert_eq!(trial.len(), 12);
    }
}

//! The generated filter put in the place of its call. A call costs a frame its entry, its
//! return, which processors with a return-address mitigation make dear, and four registers
//! saved and restored. Here only those are that the caller reads again: where it only counts,
//! none. The verifier would not let one be saved that has never been written.

use super::settle::Settled;

/// Bytes of an instruction.
pub(super) const INSN: usize = 8;

/// Longer functions stay functions: a jump reaches 32,767 instructions.
const MOST: usize = 16_000 * INSN;

/// The frame pointer.
const FP: u8 = 10;

/// The registers that a function preserves.
const PRESERVED: std::ops::RangeInclusive<u8> = 6..=9;

/// `dst = *(u64 *)(src + off)`, `*(u64 *)(dst + off) = src`, `goto +off`, `exit`
/// (RFC 9669, sections 5.1 and 4.3).
const LOAD: u8 = 0x79;
const STORE: u8 = 0x7b;
pub(super) const JUMP: u8 = 0x05;
pub(super) const EXIT: u8 = 0x95;
pub(super) const CALL: u8 = 0x85;
/// `dst = imm64`, in two slots.
pub(super) const WIDE: u8 = 0x18;
/// A load of any [size](Insn::SIZE) from memory.
pub(super) const LOAD_MEMORY: u8 = LOAD & !Insn::SIZE;
/// `goto +imm`, 32 bits: from the fourth revision of the instruction set, which is not asked of
/// the compiler.
const LONG_JUMP: u8 = 0x06;

/// `caller` with the instruction at byte `at`, a call, replaced by the function `callee`,
/// which uses the stack by loads and stores only. `settled` are constants of the caller's
/// that decide what of it runs. `None` where it is too long.
pub(super) fn inline(
    caller: &[u8],
    at: usize,
    callee: &[u8],
    settled: &[Settled],
) -> Option<Vec<u8>> {
    let long = |code: &[u8]| code.chunks_exact(INSN).any(|insn| insn.first() == Some(&LONG_JUMP));
    if callee.len() > MOST || long(callee) || long(caller) {
        return None;
    }
    let kept: Vec<u8> =
        PRESERVED.filter(|&register| is_read(caller, at / INSN + 1, register, settled)).collect();
    let frame = stack(caller);
    let saved = frame - 8 * kept.len() as i16;
    let mut body = Vec::with_capacity(callee.len() + 8 * INSN);
    let slots = || kept.iter().copied().zip((saved..frame).step_by(8));
    body.extend(slots().flat_map(|(register, slot)| memory(STORE, FP, register, slot)));
    let end = body.len() / INSN + callee.len() / INSN;
    for insn in callee.chunks_exact(INSN) {
        let mut insn = Insn::read(insn);
        if insn.opcode == EXIT {
            insn = Insn { opcode: JUMP, off: (end - body.len() / INSN - 1) as i16, ..insn };
        } else if insn.is_memory_at(FP) {
            insn.off += saved;
        }
        body.extend(insn.bytes());
    }
    body.extend(slots().flat_map(|(register, slot)| memory(LOAD, register, FP, slot)));

    replace(caller, at, &body)
}

/// `code` with other instructions in the place of the one at byte `at`; jumps over it follow.
/// `None` where one gets too long.
pub(super) fn replace(code: &[u8], at: usize, body: &[u8]) -> Option<Vec<u8>> {
    let (place, growth) = ((at / INSN) as i32, (body.len() / INSN) as i32 - 1);
    let mut longer = Vec::with_capacity(code.len() + body.len());
    for (index, bytes) in (0i32..).zip(code.chunks_exact(INSN)) {
        if index == place {
            longer.extend(body);
            continue;
        }
        let mut insn = Insn::read(bytes);
        if insn.is_jump() {
            let target = index + 1 + i32::from(insn.off);
            let across = i32::from(target > place) - i32::from(index > place);
            insn.off = i16::try_from(i32::from(insn.off) + across * growth).ok()?;
        }
        longer.extend(insn.bytes());
    }
    Some(longer)
}

/// The lowest stack offset that the code may use, a multiple of eight. Any small number
/// subtracted may make an address on the stack.
fn stack(code: &[u8]) -> i16 {
    const ADD: u8 = 0x07;
    const DEEPEST: i32 = -512;

    let insns = code.chunks_exact(INSN).map(Insn::read);
    let offsets = insns.map(|insn| match insn.opcode {
        ADD if (DEEPEST..0).contains(&insn.imm) => insn.imm as i16,
        _ if insn.is_memory_at(FP) => insn.off,
        _ => 0,
    });
    offsets.min().unwrap_or(0) & !7
}

/// Whether a register's value is read by the instruction at `start` or a later one.
fn is_read(code: &[u8], start: usize, register: u8, settled: &[Settled]) -> bool {
    let insns: Vec<Insn> = code.chunks_exact(INSN).map(Insn::read).collect();
    let mut seen = vec![false; insns.len()];
    let mut pending = vec![start];
    while let Some(at) = pending.pop() {
        let Some(insn) = insns.get(at) else { continue };
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        if insn.reads(register) {
            return true;
        }
        if insn.is_jump() {
            pending.push((at as i32 + 1 + i32::from(insn.off)) as usize);
        }
        if insn.writes(register) || insn.opcode == EXIT || insn.opcode == JUMP {
            continue;
        }
        let constant = settled.iter().find(|one| one.at == at * INSN);
        pending.push(match constant.and_then(|constant| decided(&insns, constant)) {
            Some(to) => to,
            None if insn.opcode == WIDE => at + 2,
            None => at + 1,
        });
    }
    false
}

/// Where a constant leads that is compared with 0 as soon as it is there. Others may come to
/// the comparison with something else in the register.
fn decided(insns: &[Insn], constant: &Settled) -> Option<usize> {
    /// `if dst == imm`, `if dst != imm`, with 64 and with 32 bits (RFC 9669, section 4.3).
    const EQ: [u8; 2] = [0x15, 0x16];
    const NE: [u8; 2] = [0x55, 0x56];
    /// The constant's two slots, and one left of its load.
    const SLOTS: usize = 3;

    let at = constant.at / INSN;
    let test = insns.get(at + SLOTS)?;
    if test.dst() != insns.get(at)?.dst() || test.imm != 0 {
        return None;
    }
    let is_zero = match test.opcode & 0x07 {
        6 => constant.value as u32 == 0,
        _ => constant.value == 0,
    };
    let jumps = match test.opcode {
        opcode if EQ.contains(&opcode) => is_zero,
        opcode if NE.contains(&opcode) => !is_zero,
        _ => return None,
    };
    let next = at + SLOTS + 1;
    Some(if jumps { (next as i32 + i32::from(test.off)) as usize } else { next })
}

#[derive(Clone, Copy)]
pub(super) struct Insn {
    pub(super) opcode: u8,
    pub(super) registers: u8,
    pub(super) off: i16,
    pub(super) imm: i32,
}

impl Insn {
    /// The bits of a load's or a store's opcode that say how many bytes.
    pub(super) const SIZE: u8 = 0x18;

    /// Whether the bytes of this load or store have room for a number.
    pub(super) const fn holds(self, number: u64) -> bool {
        match self.opcode & Self::SIZE {
            0x00 => number <= u32::MAX as u64,
            0x08 => number <= u16::MAX as u64,
            0x10 => number <= u8::MAX as u64,
            _ => true,
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut insn = [0; INSN];
        insn.copy_from_slice(bytes);
        let [opcode, registers, off @ .., _, _, _, _] = insn;
        let [.., a, b, c, d] = insn;
        let [low, high] = off;
        let (off, imm) = (i16::from_ne_bytes([low, high]), i32::from_ne_bytes([a, b, c, d]));
        Self { opcode, registers, off, imm }
    }

    pub(super) fn bytes(self) -> [u8; INSN] {
        let ([low, high], [a, b, c, d]) = (self.off.to_ne_bytes(), self.imm.to_ne_bytes());
        [self.opcode, self.registers, low, high, a, b, c, d]
    }

    pub(super) const fn dst(self) -> u8 {
        if cfg!(target_endian = "little") { self.registers & 0xf } else { self.registers >> 4 }
    }

    pub(super) const fn src(self) -> u8 {
        if cfg!(target_endian = "little") { self.registers >> 4 } else { self.registers & 0xf }
    }

    /// The same with no source register.
    pub(super) const fn without_source(self) -> Self {
        let dst = if cfg!(target_endian = "little") { 0x0f } else { 0xf0 };
        Self { registers: self.registers & dst, ..self }
    }

    /// A load from, or a store to, memory that `register` points to.
    fn is_memory_at(self, register: u8) -> bool {
        match self.opcode & 0x07 {
            1 => self.src() == register,
            2 | 3 => self.dst() == register,
            _ => false,
        }
    }

    /// Whether one of the [`PRESERVED`] registers is read (RFC 9669, sections 4 and 5).
    fn reads(self, register: u8) -> bool {
        const FROM_REGISTER: u8 = 0x08;
        const MOVE: u8 = 0xb0;

        let (dst, src) = (self.dst() == register, self.src() == register);
        let with_source = src && self.opcode & FROM_REGISTER != 0;
        match self.opcode & 0x07 {
            0 => false,
            1 => src,
            2 => dst,
            3 => dst || src,
            4 | 7 => with_source || dst && self.opcode & 0xf0 != MOVE,
            _ => !matches!(self.opcode, JUMP | CALL | EXIT) && (dst || with_source),
        }
    }

    /// Whether one of them is written.
    fn writes(self, register: u8) -> bool {
        matches!(self.opcode & 0x07, 0 | 1 | 4 | 7) && self.dst() == register
    }

    pub(super) fn is_jump(self) -> bool {
        matches!(self.opcode & 0x07, 5 | 6) && self.opcode != CALL && self.opcode != EXIT
    }
}

pub(super) fn memory(opcode: u8, dst: u8, src: u8, off: i16) -> [u8; INSN] {
    let registers = if cfg!(target_endian = "little") { src << 4 | dst } else { dst << 4 | src };
    Insn { opcode, registers, off, imm: 0 }.bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> Vec<u8> {
        let mut bytes = memory(opcode, dst, src, off);
        bytes[4..].copy_from_slice(&imm.to_ne_bytes());
        bytes.to_vec()
    }

    #[test]
    fn jumps_stack_and_ends_follow() {
        let caller = [
            insn(STORE, FP, 7, -16, 0),
            insn(0x15, 9, 0, 2, 0), // over the call
            insn(CALL, 0, 1, 0, -1),
            insn(JUMP, 0, 0, -4, 0), // back over the call
            insn(0xbf, 8, 9, 0, 0),
            insn(0xbf, 0, 8, 0, 0),
            insn(EXIT, 0, 0, 0, 0),
        ];
        let callee = [
            insn(STORE, FP, 1, -8, 0),
            insn(0x15, 1, 0, 1, 0),
            insn(EXIT, 0, 0, 0, 0),
            insn(EXIT, 0, 0, 0, 0),
        ];
        let code = inline(&caller.concat(), 2 * INSN, &callee.concat(), &[]).unwrap();
        let code: Vec<_> = code.chunks(INSN).map(Insn::read).collect();
        // Of the registers 7 and 9 are read behind the call; 8 is written first.
        assert_eq!(code.len(), 6 + 2 + 4 + 2);
        let jumps = code.iter().enumerate().filter(|(_, insn)| insn.is_jump());
        let targets: Vec<_> =
            jumps.map(|(at, insn)| (at, at as i32 + 1 + insn.off as i32)).collect();
        // Over the body; inside of it; both its ends; back.
        assert_eq!(targets, [(1, 11), (5, 7), (6, 8), (7, 8), (10, 0)]);
        // Saved below the caller's 16 bytes, the callee's own below that.
        let stores: Vec<_> =
            code.iter().filter(|one| one.opcode == STORE).map(|one| one.off).collect();
        assert_eq!(stores, [-16, -32, -24, -40]);
    }

    #[test]
    fn constants_decide_what_is_read() {
        // r1 = constant; if r1 == 0 goto the end; r0 = r8; exit; the end: exit
        let caller = |opcode| {
            [
                insn(CALL, 0, 1, 0, -1),
                insn(WIDE, 1, 0, 0, 0),
                insn(0, 0, 0, 0, 0),
                insn(JUMP, 0, 0, 0, 0),
                insn(opcode, 1, 0, 2, 0),
                insn(0xbf, 0, 8, 0, 0),
                insn(EXIT, 0, 0, 0, 0),
                insn(EXIT, 0, 0, 0, 0),
            ]
            .concat()
        };
        let reads = |opcode, settled: &[u64]| {
            let settled: Vec<_> =
                settled.iter().map(|&value| Settled { at: INSN, value }).collect();
            is_read(&caller(opcode), 1, 8, &settled)
        };
        let [eq, eq_32, ne, ne_32, greater] = [0x15, 0x16, 0x55, 0x56, 0x25];
        assert!([eq, eq_32, ne, ne_32, greater].iter().all(|&opcode| reads(opcode, &[])));
        assert!(!reads(eq, &[0]) && !reads(eq_32, &[0]) && reads(ne, &[0]) && reads(ne_32, &[0]));
        assert!(reads(eq, &[1]) && reads(eq_32, &[1]) && !reads(ne, &[1]) && !reads(ne_32, &[1]));
        // Of 64 bits the lower half alone is nothing.
        assert!(reads(eq, &[1 << 32]) && !reads(eq_32, &[1 << 32]));
        assert!(reads(greater, &[0]));
    }

    #[test]
    fn what_is_too_long_stays_a_call() {
        let call = insn(CALL, 0, 1, 0, -1);
        let long = insn(EXIT, 0, 0, 0, 0).repeat(MOST / INSN + 1);
        assert!(inline(&call, 0, &long, &[]).is_none());
        assert!(inline(&call, 0, &long[INSN..], &[]).is_some());
    }
}

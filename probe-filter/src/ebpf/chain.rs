//! Careful code: the walk along a header chain (libpcap's protochain).
//!
//! With `may_goto` (kernel 6.9) the walk is a loop that the verifier accepts by
//! itself, and exact for every chain that a frame can hold: a header has at least
//! eight bytes, so a frame of 64 KiB ends the walk after 8,192 steps, and the kernel's
//! budget is a thousand times that. Older kernels get the loop unrolled
//! [`UNROLLED_STEPS`] times; a longer chain does not match there.

use crate::chain::{
    AUTHENTICATION, IPV4_HEADER_LENGTH, IPV4_PROTOCOL, IPV6_EXTENSIONS, IPV6_HEADER_BYTES,
    IPV6_NEXT_HEADER, NO_NEXT_HEADER,
};
use crate::flow::Chain;
use crate::ir::ChainKind;

use super::asm::Label;
use super::careful::{Careful, STATE};
use super::insn::{Cond, FP, Insn, Op, Operand, R0, R2, Reg, Size};
use super::stack::Word;
use super::{Error, stack};

/// Headers walked over where the kernel has no loop that the verifier accepts.
pub(crate) const UNROLLED_STEPS: u32 = 32;

impl Careful<'_> {
    pub(crate) fn chain(&mut self, chain: &Chain, yes: Label, no: Label) -> Result<(), Error> {
        match chain.network_base {
            Some(base) => self.value(base, 0)?,
            None => self.asm.constant(R0, 0),
        }
        self.asm.emit(Insn::store(Size::Double, FP, stack::CHAIN_BASE, R0));
        match chain.kind {
            ChainKind::Ipv4 => {
                self.network_byte(chain, IPV4_HEADER_LENGTH);
                self.asm.emit(Insn::alu32(Op::And, R0, Operand::Imm(0xf)));
                self.asm.emit(Insn::alu32(Op::Shl, R0, Operand::Imm(2)));
                self.store_offset(R0);
                self.network_byte(chain, IPV4_PROTOCOL);
            }
            ChainKind::Ipv6 => {
                let header = Operand::Imm(IPV6_HEADER_BYTES as i32);
                self.asm.emit(Insn::alu32(Op::Mov, R0, header));
                self.store_offset(R0);
                self.network_byte(chain, IPV6_NEXT_HEADER);
            }
        }
        self.asm.emit(Insn::store(Size::Double, FP, stack::CHAIN_NEXT, R0));
        if self.target.kernel.may_goto {
            let head = self.asm.label();
            self.asm.bind(head);
            self.asm.emit_jump(Insn::may_goto(), no);
            self.step(chain, yes, no);
            self.asm.jump(head);
        } else {
            for _ in 0..UNROLLED_STEPS {
                self.step(chain, yes, no);
            }
            self.asm.jump(no);
        }
        Ok(())
    }

    /// One header: decides, or moves on to the next one.
    fn step(&mut self, chain: &Chain, yes: Label, no: Label) {
        let (extension, authentication, next) =
            (self.asm.label(), self.asm.label(), self.asm.label());
        let test = |value: u32| Insn::jump32(Cond::Eq, R0, Operand::Imm(value as i32));
        self.asm.emit(Insn::load(Size::Double, R0, FP, stack::CHAIN_NEXT));
        self.asm.emit_jump(test(chain.protocol), yes);
        self.asm.emit_jump(test(NO_NEXT_HEADER), no);
        self.asm.emit_jump(test(AUTHENTICATION), authentication);
        if chain.kind == ChainKind::Ipv6 {
            for header in IPV6_EXTENSIONS {
                self.asm.emit_jump(test(header), extension);
            }
        }
        self.asm.jump(no);
        // (length + 1) units of eight bytes, (length + 2) of four.
        if chain.kind == ChainKind::Ipv6 {
            self.asm.bind(extension);
            self.header(chain, 1, 3);
            self.asm.jump(next);
        }
        self.asm.bind(authentication);
        self.header(chain, 2, 2);
        self.asm.bind(next);
    }

    /// Moves over the header at hand, which is `(length + more) << shift` long.
    fn header(&mut self, chain: &Chain, more: i32, shift: i32) {
        self.header_byte(chain, 0);
        self.asm.emit(Insn::store(Size::Double, FP, stack::CHAIN_NEXT, R0));
        self.header_byte(chain, 1);
        self.asm.emit(Insn::alu32(Op::Add, R0, Operand::Imm(more)));
        self.asm.emit(Insn::alu32(Op::Shl, R0, Operand::Imm(shift)));
        self.load_offset();
        self.asm.emit(Insn::alu32(Op::Add, R2, Operand::Reg(R0)));
        self.store_offset(R2);
    }

    fn store_offset(&mut self, src: Reg) {
        self.asm.emit(Insn::store(Size::Word, STATE, self.offset_word(), src));
    }

    fn load_offset(&mut self) {
        self.asm.emit(Insn::load(Size::Word, R2, STATE, self.offset_word()));
    }

    fn offset_word(&self) -> i16 {
        Word::ChainOffset.offset(&self.target.layout)
    }

    /// The byte at an offset from the network header.
    fn network_byte(&mut self, chain: &Chain, offset: u32) {
        self.asm.emit(Insn::load(Size::Double, R2, FP, stack::CHAIN_BASE));
        self.asm.emit(Insn::alu32(Op::Add, R2, Operand::Imm(offset as i32)));
        self.add_displacement(chain.network);
        self.load_at_r2(Size::Byte);
    }

    /// The byte at an offset from the header at hand. The first sum wraps, as the
    /// evaluator's does.
    fn header_byte(&mut self, chain: &Chain, offset: i32) {
        self.load_offset();
        self.asm.emit(Insn::alu32(Op::Add, R2, Operand::Imm(offset)));
        self.asm.emit(Insn::load(Size::Double, R0, FP, stack::CHAIN_BASE));
        self.asm.emit(Insn::alu32(Op::Add, R2, Operand::Reg(R0)));
        self.add_displacement(chain.network);
        self.load_at_r2(Size::Byte);
    }
}

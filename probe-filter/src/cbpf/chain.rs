//! The walk along a header chain, unrolled: classic BPF jumps forward only.

use crate::chain::{
    AUTHENTICATION, IPV4_HEADER_LENGTH, IPV4_PROTOCOL, IPV6_EXTENSIONS, IPV6_HEADER_BYTES,
    IPV6_NEXT_HEADER, NO_NEXT_HEADER,
};
use crate::flow::Chain;
use crate::ir::ChainKind;

use super::asm::Label;
use super::insn::{ADD, ALU, AND, BYTE, IMM, IND, JEQ, JGT, LD, LDX, LSH, MEM, ST, TAX, X};
use super::translate::Translation;
use super::value::MAX_OFFSET;
use super::{Error, MEMORY};

/// Headers walked over; a longer chain does not match.
pub(super) const UNROLLED_STEPS: u32 = 16;

/// Where the walk keeps its state.
struct Slots {
    base: Option<u32>,
    next: u32,
    offset: u32,
}

impl Translation<'_> {
    pub(super) fn chain(&mut self, chain: &Chain, yes: Label, no: Label) -> Result<(), Error> {
        let free = self.flow.vars();
        if free + 3 > MEMORY {
            return Err(Error::TooMuchMemory);
        }
        let slots =
            Slots { base: chain.network_base.map(|_| free), next: free + 1, offset: free + 2 };
        if let Some(base) = chain.network_base {
            self.compute(base, free)?;
            self.asm.emit(ST, free);
        }
        // Offset 0 first, to read the network header by the same steps.
        self.asm.emit(LD | IMM, 0);
        self.asm.emit(ST, slots.offset);
        match chain.kind {
            ChainKind::Ipv4 => {
                self.byte(chain, &slots, IPV4_PROTOCOL);
                self.asm.emit(ST, slots.next);
                self.byte(chain, &slots, IPV4_HEADER_LENGTH);
                self.asm.emit(ALU | AND, 0xf);
                self.asm.emit(ALU | LSH, 2);
            }
            ChainKind::Ipv6 => {
                self.byte(chain, &slots, IPV6_NEXT_HEADER);
                self.asm.emit(ST, slots.next);
                self.asm.emit(LD | IMM, IPV6_HEADER_BYTES);
            }
        }
        self.asm.emit(ST, slots.offset);
        for _ in 0..UNROLLED_STEPS {
            self.step(chain, &slots, yes, no);
        }
        self.asm.jump(no);
        Ok(())
    }

    fn step(&mut self, chain: &Chain, slots: &Slots, yes: Label, no: Label) {
        let (extension, authentication, next) =
            (self.asm.label(), self.asm.label(), self.asm.label());
        self.asm.emit(LD | MEM, slots.next);
        self.asm.leave_if(JEQ, chain.protocol, yes);
        self.asm.leave_if(JEQ, NO_NEXT_HEADER, no);
        self.asm.leave_if(JEQ, AUTHENTICATION, authentication);
        if chain.kind == ChainKind::Ipv6 {
            for header in IPV6_EXTENSIONS {
                self.asm.leave_if(JEQ, header, extension);
            }
        }
        self.asm.jump(no);
        if chain.kind == ChainKind::Ipv6 {
            self.asm.bind(extension);
            self.header(chain, slots, 1, 3);
            self.asm.jump(next);
        }
        self.asm.bind(authentication);
        self.header(chain, slots, 2, 2);
        self.asm.bind(next);
    }

    /// Moves over the header at hand, which is `(length + more) << shift` long.
    fn header(&mut self, chain: &Chain, slots: &Slots, more: u32, shift: u32) {
        self.byte(chain, slots, 0);
        self.asm.emit(ST, slots.next);
        self.byte(chain, slots, 1);
        self.asm.emit(ALU | ADD, more);
        self.asm.emit(ALU | LSH, shift);
        self.asm.emit(LDX | MEM, slots.offset);
        self.asm.emit(ALU | ADD | X, 0);
        self.asm.emit(ST, slots.offset);
    }

    /// The byte at an offset from the header at hand. The sum wraps, as in the
    /// evaluator; the network header's constant place is added without wrapping.
    fn byte(&mut self, chain: &Chain, slots: &Slots, at: u32) {
        self.asm.emit(LD | MEM, slots.offset);
        if at != 0 {
            self.asm.emit(ALU | ADD, at);
        }
        if let Some(base) = slots.base {
            self.asm.emit(LDX | MEM, base);
            self.asm.emit(ALU | ADD | X, 0);
        }
        match MAX_OFFSET.checked_sub(chain.network) {
            Some(most) => self.asm.leave_if(JGT, most, self.trap),
            None => self.asm.jump(self.trap),
        }
        self.asm.emit(TAX, 0);
        self.asm.emit(LD | IND | BYTE, chain.network);
    }
}

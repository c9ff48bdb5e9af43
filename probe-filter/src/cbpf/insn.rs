//! One classic BPF instruction (include/uapi/linux/filter.h).

/// One instruction: `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// Operation code.
    pub code: u16,
    /// Instructions skipped if the answer is yes.
    pub jt: u8,
    /// Instructions skipped if the answer is no.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

pub(crate) const LD: u16 = 0x00;
pub(crate) const LDX: u16 = 0x01;
pub(crate) const ST: u16 = 0x02;
pub(crate) const ALU: u16 = 0x04;
pub(crate) const JMP: u16 = 0x05;
pub(crate) const RET: u16 = 0x06;
pub(crate) const TAX: u16 = 0x07;
pub(crate) const TXA: u16 = 0x87;

pub(crate) const IMM: u16 = 0x00;
pub(crate) const ABS: u16 = 0x20;
pub(crate) const IND: u16 = 0x40;
pub(crate) const MEM: u16 = 0x60;
pub(crate) const LEN: u16 = 0x80;
pub(crate) const MSH: u16 = 0xa0;

pub(crate) const WORD: u16 = 0x00;
pub(crate) const HALF: u16 = 0x08;
pub(crate) const BYTE: u16 = 0x10;

pub(crate) const ADD: u16 = 0x00;
pub(crate) const SUB: u16 = 0x10;
pub(crate) const MUL: u16 = 0x20;
pub(crate) const DIV: u16 = 0x30;
pub(crate) const OR: u16 = 0x40;
pub(crate) const AND: u16 = 0x50;
pub(crate) const LSH: u16 = 0x60;
pub(crate) const RSH: u16 = 0x70;
pub(crate) const NEG: u16 = 0x80;
pub(crate) const MOD: u16 = 0x90;
pub(crate) const XOR: u16 = 0xa0;

pub(crate) const JA: u16 = 0x00;
pub(crate) const JEQ: u16 = 0x10;
pub(crate) const JGT: u16 = 0x20;
pub(crate) const JGE: u16 = 0x30;
pub(crate) const JSET: u16 = 0x40;

/// The operand is the index register.
pub(crate) const X: u16 = 0x08;

/// Where the kernel keeps what it knows of a frame (SKF_AD_OFF), and what is there.
pub(crate) mod ancillary {
    pub(crate) const OFFSET: u32 = 0xffff_f000;
    pub(crate) const PACKET_TYPE: u32 = 4;
    pub(crate) const VLAN_TCI: u32 = 44;
    pub(crate) const VLAN_PRESENT: u32 = 48;
    pub(crate) const VLAN_TPID: u32 = 60;
    /// The packet type of a frame being sent (include/uapi/linux/if_packet.h).
    pub(crate) const PACKET_OUTGOING: u32 = 4;
}

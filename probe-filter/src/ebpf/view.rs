//! Which view of the frame the code at hand is for: decided once at the start of the
//! function, by the tag that the frame has or has not; from there on each view has
//! code of its own.

use crate::ir::{LinkType, VlanView};
use crate::passes::{TAG_TYPES, View};

use super::asm::{Assembler, Label};
use super::careful::{STATE, keep_arguments, restore_arguments};
use super::insn::{Cond, Insn, Op, Operand, R0, R1, R2, R3, R4, Size};
use super::stack::Word;
use super::target::{Flavour, Target, context};

/// Offset of the EtherType, and of a tag.
pub(crate) const ETHERTYPE: i16 = 12;
/// A tag is taken off only where an EtherType follows it (skb_vlan_untag in
/// net/core/skbuff.c drops shorter frames): so long has the frame to be.
const TAGGED_BYTES: u32 = 12 + 4 + 2;

/// The views of a target: without a tag, and with one if that makes a difference. Only on Ethernet
/// is there a place for the tag among the bytes.
pub(crate) fn views(target: &Target) -> (View, Option<View>) {
    if target.link != LinkType::Ethernet {
        return (View::Plain, None);
    }
    match (target.vlan, target.flavour) {
        (VlanView::AsFrame, Flavour::Xdp) => (View::Plain, None),
        (VlanView::Live, Flavour::Skb) => (View::Outside, None),
        (VlanView::Live, Flavour::Xdp) => (View::Plain, Some(View::Hidden)),
        (VlanView::AsFrame, Flavour::Skb) => (View::Plain, Some(View::PutBack)),
    }
}

/// Where one view's code is entered: with its bytes known to be linear, or not.
pub(crate) struct Entry {
    pub(crate) fast: Label,
    pub(crate) careful: Label,
}

/// What is known where the code of a view begins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chosen {
    /// Bytes of the frame that are linear.
    pub(crate) reached: u32,
    /// Whether r0 holds the bytes at [`ETHERTYPE`], in network order.
    pub(crate) ethertype: bool,
}

/// Decides for a view. `wanted` bytes of the frame had best be linear behind it.
pub(crate) fn choose(
    asm: &mut Assembler,
    target: &Target,
    plain: &Entry,
    tagged: &Entry,
    wanted: u32,
) -> Chosen {
    if target.flavour == Flavour::Skb {
        asm.emit(Insn::load(Size::Word, R0, R1, context::SKB_VLAN_PRESENT));
        asm.emit_jump(Insn::jump32(Cond::Ne, R0, Operand::Imm(0)), tagged.fast);
        asm.jump(plain.fast);
        return Chosen::default();
    }
    // Without the helper shorter frames are taken for plain ones, which they are up to here.
    let reached = match target.load_bytes() {
        Some(_) => wanted.max(TAGGED_BYTES),
        None => TAGGED_BYTES,
    };
    let short = asm.label();
    asm.emit(Insn::alu64(Op::Mov, R0, Operand::Reg(R2)));
    asm.emit(Insn::alu64(Op::Add, R0, Operand::Imm(reached as i32)));
    asm.emit_jump(Insn::jump64(Cond::Gt, R0, Operand::Reg(R3)), short);
    asm.emit(Insn::load(Size::Half, R0, R2, ETHERTYPE));
    by_ethertype(asm, plain.fast, tagged.fast);
    asm.bind(short);
    if let Some(helper) = target.load_bytes() {
        // The first buffer may be shorter than the frame.
        keep_arguments(asm, &target.layout);
        asm.constant(R2, ETHERTYPE as u32);
        let buffer = Word::Buffer.offset(&target.layout);
        asm.emit(Insn::alu64(Op::Mov, R3, Operand::Reg(R4)));
        asm.emit(Insn::alu64(Op::Add, R3, Operand::Imm(buffer.into())));
        asm.constant(R4, TAGGED_BYTES - ETHERTYPE as u32);
        asm.emit(Insn::call(helper));
        restore_arguments(asm, &target.layout);
        asm.emit_jump(Insn::jump64(Cond::Ne, R0, Operand::Imm(0)), plain.careful);
        asm.emit(Insn::load(Size::Half, R0, STATE, buffer));
        by_ethertype(asm, plain.careful, tagged.careful);
    } else {
        asm.jump(plain.careful);
    }
    Chosen { reached, ethertype: true }
}

fn by_ethertype(asm: &mut Assembler, plain: Label, tagged: Label) {
    for tag_type in TAG_TYPES {
        // In network order, as it was loaded.
        let test = Operand::Imm(tag_type.swap_bytes().into());
        asm.emit_jump(Insn::jump32(Cond::Eq, R0, test), tagged);
    }
    asm.jump(plain);
}

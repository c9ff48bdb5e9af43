//! Presentation: where the bytes of the frame that filters speak of really lie.
//!
//! Filters see a frame with its outermost VLAN tag among the bytes or outside of them
//! (see [`VlanView`](crate::ir::VlanView)); the hook may have it the other way round.
//! After this pass loads and [`Meta`] mean the hook's own bytes and fields.

use rustc_hash::FxHashMap;

use crate::eval::constant_compare;
use crate::flow::{Action, BlockId, Chain, Flow};
use crate::ir::{Alu, Compare, Meta, Value, ValueId, Var, Width};

use super::ranges::{Known, Ranges, range};

/// How the hook's frame differs from the one that filters see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Not at all: bytes and kernel's metadata are those of the graph.
    Same,
    /// Not at all, and there is no tag outside the bytes.
    Plain,
    /// Not at all; the hook's fields hold the outermost tag, if there is one, and the
    /// hook's length counts it.
    Outside,
    /// The outermost tag is among the hook's bytes, and filters see it outside.
    Hidden,
    /// The outermost tag is in the hook's fields, and filters see it among the bytes.
    PutBack,
}

/// Where the EtherType lies, and so a tag (IEEE 802.3, 802.1Q).
const TAG: u32 = 12;
/// Bytes of a tag.
const TAG_BYTES: u32 = 4;
/// What follows the tag.
const BEHIND: u32 = TAG + TAG_BYTES;

/// The EtherTypes of tags that the kernel takes off and puts on: 802.1Q and 802.1ad
/// (eth_type_vlan in include/linux/if_vlan.h). It holds no others outside a frame.
pub(crate) const TAG_TYPES: [u16; 2] = [0x8100, 0x88a8];

/// Rewrites loads and kernel metadata for one view.
pub(crate) fn run(flow: Flow, view: View) -> Flow {
    let mut known = FxHashMap::default();
    let first_var = flow.vars();
    let ranges = Ranges::of(&flow);
    flow.rebuild(|flow, id, block, target| {
        let (known, ranges, moving) = (&mut known, ranges.at(id), Vec::new());
        let mut placing = Placing { flow, view, known, first_var, ranges, moving };
        let action = block.action.map(|value| placing.place(value), target);
        let moving = placing.moving;
        let trap = target(block.trap);
        let block = match action {
            Action::Chain(chain, yes, no) => place_chain(flow, view, chain, yes, no, trap),
            Action::Compare { compare, left, right, yes, no } if view == View::PutBack => {
                match of_tag_type(flow, compare, left, right) {
                    Some(true) => yes,
                    Some(false) => no,
                    None => flow.act(action, trap),
                }
            }
            action => flow.act(action, trap),
        };
        // Loads that may lie on either side of the tag are done before, innermost first.
        moving.iter().rev().fold(block, |next, moving| choose_side(flow, view, moving, next, trap))
    })
}

/// The answer of a comparison with the EtherType of a tag that the kernel holds outside the
/// frame, where all that it can be give the same one. So for a frame with such a tag
/// nothing is left of a filter that does not ask for tags.
fn of_tag_type(flow: &Flow, compare: Compare, left: ValueId, right: ValueId) -> Option<bool> {
    if flow.get(left) != Value::Meta(Meta::VlanTpid) {
        return None;
    }
    let right = flow.values.constant(right)?;
    let [customer, service] =
        TAG_TYPES.map(|tag_type| constant_compare(compare, u32::from(tag_type), right));
    (customer == service).then_some(customer)
}

/// A load at a position that may lie before, in or behind the tag, into a variable.
struct Moving {
    var: Var,
    width: Width,
    base: ValueId,
    displacement: u32,
}

struct Placing<'a> {
    flow: &'a mut Flow,
    view: View,
    /// Values that need no variables, placed.
    known: &'a mut FxHashMap<ValueId, ValueId>,
    first_var: u32,
    /// What variables can hold where the block begins.
    ranges: &'a Known,
    moving: Vec<Moving>,
}

impl Placing<'_> {
    fn place(&mut self, id: ValueId) -> ValueId {
        if let Some(&known) = self.known.get(&id) {
            return known;
        }
        let before = self.moving.len();
        let old = self.flow.get(id);
        let value = old.map(|operand| self.place(operand));
        let placed = match value {
            Value::Meta(meta) => self.meta(meta),
            Value::Load { width, base: None, displacement } => self.fixed(width, displacement),
            Value::Load { width, base: Some(base), displacement } => {
                // Asked of the position that filters see: placing it changes what it is
                // made of, never what it is.
                let seen = match old {
                    Value::Load { base: Some(seen), .. } => seen,
                    _ => base,
                };
                let least = range(self.flow, self.ranges, seen).least.saturating_add(displacement);
                self.variable(width, base, displacement, least)
            }
            value => self.flow.value(value),
        };
        // A load in a variable holds for the block at hand only.
        if before == self.moving.len() && !self.flow.values.depends(placed, u64::MAX) {
            self.known.insert(id, placed);
        }
        placed
    }

    fn meta(&mut self, meta: Meta) -> ValueId {
        let flow = &mut *self.flow;
        let hooks_own = flow.value(Value::Meta(meta));
        match (self.view, meta) {
            (View::Same, _) | (_, Meta::Outbound) => hooks_own,
            (View::Plain | View::PutBack, Meta::WireLength) => hooks_own,
            (View::Plain | View::PutBack, _) => flow.constant(0),
            (View::Outside, Meta::VlanPresent) => hooks_own,
            (View::Outside, Meta::WireLength) => {
                let present = flow.value(Value::Meta(Meta::VlanPresent));
                let two = flow.constant(2);
                let bytes = flow.value(Value::Alu(Alu::Shl, present, two));
                flow.value(Value::Alu(Alu::Sub, hooks_own, bytes))
            }
            // Without a tag the fields keep what the last one left.
            (View::Outside, Meta::VlanTci | Meta::VlanTpid) => {
                let present = flow.value(Value::Meta(Meta::VlanPresent));
                flow.value(Value::Alu(Alu::Mul, hooks_own, present))
            }
            (View::Hidden, Meta::WireLength) => {
                let bytes = flow.constant(TAG_BYTES);
                flow.value(Value::Alu(Alu::Sub, hooks_own, bytes))
            }
            (View::Hidden, Meta::VlanPresent) => flow.constant(1),
            (View::Hidden, Meta::VlanTpid) => load(flow, Width::Half, None, TAG),
            (View::Hidden, Meta::VlanTci) => load(flow, Width::Half, None, TAG + 2),
        }
    }

    fn fixed(&mut self, width: Width, at: u32) -> ValueId {
        let flow = &mut *self.flow;
        let bytes = width.bytes();
        let ends_before = at.saturating_add(bytes) <= TAG;
        match self.view {
            View::Same | View::Plain | View::Outside => load(flow, width, None, at),
            View::Hidden | View::PutBack if ends_before => load(flow, width, None, at),
            View::Hidden if at >= TAG => load(flow, width, None, at.saturating_add(TAG_BYTES)),
            View::PutBack if at >= BEHIND => load(flow, width, None, at - TAG_BYTES),
            View::PutBack if (at, bytes) == (TAG, 2) => flow.value(Value::Meta(Meta::VlanTpid)),
            View::PutBack if (at, bytes) == (TAG + 2, 2) => flow.value(Value::Meta(Meta::VlanTci)),
            View::Hidden | View::PutBack => {
                let first = self.byte(at);
                (at + 1..at + bytes).fold(first, |high, at| {
                    let low = self.byte(at);
                    append(self.flow, high, low)
                })
            }
        }
    }

    /// One byte at a known position of the frame that filters see.
    fn byte(&mut self, at: u32) -> ValueId {
        if self.view != View::PutBack || !(TAG..BEHIND).contains(&at) {
            return self.fixed(Width::Byte, at);
        }
        let tag = tag_word(self.flow);
        let distance = self.flow.constant(8 * (BEHIND - 1 - at));
        let shifted = self.flow.value(Value::Alu(Alu::Shr, tag, distance));
        low_byte(self.flow, shifted)
    }

    /// A load that begins at position `least` at least.
    fn variable(&mut self, width: Width, base: ValueId, displacement: u32, least: u32) -> ValueId {
        let flow = &mut *self.flow;
        match self.view {
            View::Same | View::Plain | View::Outside => load(flow, width, Some(base), displacement),
            View::Hidden if least >= TAG => {
                load(flow, width, Some(base), displacement.saturating_add(TAG_BYTES))
            }
            View::PutBack if least >= BEHIND => load_shifted(flow, width, base, displacement),
            View::Hidden | View::PutBack => {
                let var = Var(self.first_var + self.moving.len() as u32);
                flow.need_vars(var.0 + 1);
                self.moving.push(Moving { var, width, base, displacement });
                flow.value(Value::Var(var))
            }
        }
    }
}

/// Blocks that read one value byte by byte, each from its side of the tag.
fn choose_side(
    flow: &mut Flow,
    view: View,
    moving: &Moving,
    next: BlockId,
    trap: BlockId,
) -> BlockId {
    let &Moving { var, width, base, displacement } = moving;
    let sum = flow.value(Value::Var(var));
    let bytes = (0..width.bytes()).rev().fold(next, |next, byte| {
        let at = displacement.saturating_add(byte);
        let keep = |flow: &mut Flow, byte: ValueId| {
            let value = append(flow, sum, byte);
            flow.act(Action::Set { var, value, next }, trap)
        };
        let before = load(flow, Width::Byte, Some(base), at);
        let before = keep(flow, before);
        if view == View::Hidden {
            let behind = load(flow, Width::Byte, Some(base), at.saturating_add(TAG_BYTES));
            let behind = keep(flow, behind);
            return from(flow, base, TAG.saturating_sub(at), behind, before, trap);
        }
        let behind = load_shifted(flow, Width::Byte, base, at);
        let behind = keep(flow, behind);
        // Bit distance of the byte in the tag: 8 * (15 - (base + at)).
        let (last, eight) = (flow.constant((BEHIND - 1).wrapping_sub(at)), flow.constant(8));
        let left = flow.value(Value::Alu(Alu::Sub, last, base));
        let distance = flow.value(Value::Alu(Alu::Mul, left, eight));
        let tag = tag_word(flow);
        let inside = flow.value(Value::Alu(Alu::Shr, tag, distance));
        let inside = low_byte(flow, inside);
        let inside = keep(flow, inside);
        let late = from(flow, base, BEHIND.saturating_sub(at), behind, inside, trap);
        from(flow, base, TAG.saturating_sub(at), late, before, trap)
    });
    let zero = flow.constant(0);
    flow.act(Action::Set { var, value: zero, next: bytes }, trap)
}

/// `base >= least`.
fn from(
    flow: &mut Flow,
    base: ValueId,
    least: u32,
    yes: BlockId,
    no: BlockId,
    trap: BlockId,
) -> BlockId {
    let right = flow.constant(least);
    flow.act(Action::Compare { compare: Compare::Ge, left: base, right, yes, no }, trap)
}

/// The bytes of the hook's frame at `base + at - 4`, for positions behind the tag.
fn load_shifted(flow: &mut Flow, width: Width, base: ValueId, at: u32) -> ValueId {
    if at >= TAG_BYTES {
        return load(flow, width, Some(base), at - TAG_BYTES);
    }
    let back = flow.constant(TAG_BYTES - at);
    let base = flow.value(Value::Alu(Alu::Sub, base, back));
    load(flow, width, Some(base), 0)
}

/// A header chain begins behind the tag: its EtherType has to be somewhere. One that
/// would begin before or in the tag, which no expression can ask for, traps.
fn place_chain(
    flow: &mut Flow,
    view: View,
    chain: Chain,
    yes: BlockId,
    no: BlockId,
    trap: BlockId,
) -> BlockId {
    let network = chain.network;
    let (least, moved) = match view {
        View::Same | View::Plain | View::Outside => (0, network),
        View::Hidden => (TAG, network.saturating_add(TAG_BYTES)),
        View::PutBack => (BEHIND, network.wrapping_sub(TAG_BYTES)),
    };
    if network >= least {
        return flow.act(Action::Chain(Chain { network: moved, ..chain }, yes, no), trap);
    }
    let Some(base) = chain.network_base else { return trap };
    let chain = if view == View::PutBack && network < TAG_BYTES {
        let back = flow.constant(TAG_BYTES - network);
        let base = flow.value(Value::Alu(Alu::Sub, base, back));
        Chain { network_base: Some(base), network: 0, ..chain }
    } else {
        Chain { network: moved, ..chain }
    };
    let walk = flow.act(Action::Chain(chain, yes, no), trap);
    from(flow, base, least - network, walk, trap, trap)
}

fn load(flow: &mut Flow, width: Width, base: Option<ValueId>, displacement: u32) -> ValueId {
    flow.value(Value::Load { width, base, displacement })
}

/// The tag as it would stand in the frame.
fn tag_word(flow: &mut Flow) -> ValueId {
    let tpid = flow.value(Value::Meta(Meta::VlanTpid));
    let tci = flow.value(Value::Meta(Meta::VlanTci));
    let distance = flow.constant(16);
    let high = flow.value(Value::Alu(Alu::Shl, tpid, distance));
    flow.value(Value::Alu(Alu::Or, high, tci))
}

fn low_byte(flow: &mut Flow, value: ValueId) -> ValueId {
    let mask = flow.constant(0xff);
    flow.value(Value::Alu(Alu::And, value, mask))
}

/// `high << 8 | low`.
fn append(flow: &mut Flow, high: ValueId, low: ValueId) -> ValueId {
    let distance = flow.constant(8);
    let high = flow.value(Value::Alu(Alu::Shl, high, distance));
    flow.value(Value::Alu(Alu::Or, high, low))
}

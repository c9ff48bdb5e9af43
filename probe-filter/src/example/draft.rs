//! A frame under construction: its bytes, and which bits of them are decided.

use std::cell::Cell;
use std::rc::Rc;

use super::{Example, templates::Usual};
use crate::eval;
use crate::ir::{
    Alu, ChainKind, Compare, Graph, Meta, Test, Value, ValueId, Var, VlanTag, VlanView, Width,
};

/// Longest frame that is made.
const LONGEST: usize = 9_000;
/// The longest that the wire may have had: what a capture file can say (MAXIMUM_SNAPLEN).
const LONGEST_ON_WIRE: u32 = 262_144;
/// Values that are made on the way from one usual frame on at most: each operation has two sides that
/// may be changed, so that deep arithmetic without an answer has more ways than anybody waits for.
const FUEL: u32 = 50_000;
/// What a tag that comes to the frame is unless the filter asks for another: 802.1Q, VLAN 1.
const USUAL_TAG: VlanTag = VlanTag { tpid: 0x8100, tci: 1 };
/// Protocol number for experiments (RFC 3692): no header is behind it.
const NO_HEADER: u32 = 253;

/// A number that no frame may change any more once it is decided.
#[derive(Clone, Copy, Debug)]
struct Known {
    value: u32,
    decided: bool,
}

impl Known {
    fn new(value: u32) -> Self {
        Self { value, decided: false }
    }

    /// Decides it, if it is not decided to be another.
    fn decide(&mut self, value: u32) -> bool {
        let agrees = !self.decided || self.value == value;
        if agrees {
            *self = Self { value, decided: true };
        }
        agrees
    }
}

/// The frame.
#[derive(Clone, Debug)]
pub struct Draft<'g> {
    graph: &'g Graph,
    bytes: Vec<u8>,
    /// For each byte the bits that are decided.
    decided: Vec<u8>,
    /// Bytes that are looked at, from the first one on.
    used: usize,
    /// Length of the frame that it was made of.
    natural: usize,
    wire_len: Known,
    tagged: Known,
    tci: Known,
    tpid: Known,
    outbound: Known,
    has_direction: bool,
    view: VlanView,
    vars: Vec<u32>,
    fuel: Rc<Cell<u32>>,
}

impl<'g> Draft<'g> {
    pub fn new(graph: &'g Graph, usual: &Usual, view: VlanView) -> Self {
        let length = usual.bytes.len();
        let tag = usual.vlan.unwrap_or(USUAL_TAG);
        Self {
            graph,
            bytes: usual.bytes.clone(),
            decided: vec![0; length],
            used: 0,
            natural: length,
            wire_len: Known::new(length as u32),
            tagged: Known::new(usual.vlan.is_some().into()),
            tci: Known::new(tag.tci.into()),
            tpid: Known::new(tag.tpid.into()),
            outbound: Known::new(0),
            has_direction: false,
            view,
            vars: vec![0; graph.vars() as usize],
            fuel: Rc::new(Cell::new(FUEL)),
        }
    }

    /// The frame as it is now, as long as its wire length allows.
    pub fn finish(&self) -> Example {
        let wire_len = if self.wire_len.decided {
            self.wire_len.value
        } else {
            self.used.max(self.natural) as u32
        };
        let mut bytes = self.bytes.clone();
        bytes.resize((wire_len as usize).min(LONGEST.max(self.used)), 0);
        let tag = VlanTag { tci: self.tci.value as u16, tpid: self.tpid.value as u16 };
        Example {
            bytes,
            wire_len,
            vlan: (self.tagged.value == 1).then_some(tag),
            outbound: self.has_direction.then_some(self.outbound.value == 1),
        }
    }

    /// How many bits, and other things, differ from the frame that it was made of.
    pub fn changed(&self, usual: &Usual) -> u32 {
        let bits: u32 =
            self.bytes.iter().zip(&usual.bytes).map(|(a, b)| (a ^ b).count_ones()).sum();
        let longer = self.used.saturating_sub(usual.bytes.len()) as u32;
        let was = usual.vlan.unwrap_or(USUAL_TAG);
        let tag = (self.tagged.value ^ u32::from(usual.vlan.is_some()))
            + (self.tci.value ^ u32::from(was.tci)).count_ones()
            + (self.tpid.value ^ u32::from(was.tpid)).count_ones();
        bits + longer + tag + u32::from(self.wire_len.decided)
    }

    /// Gives a variable the value that the frame has now, and decides the bits that it comes from.
    pub fn assign(&mut self, var: Var, value: ValueId) -> bool {
        let Some(now) = self.value(value) else { return false };
        self.make(value, u32::MAX, now) && {
            self.vars[var.0 as usize] = now;
            true
        }
    }

    /// How the frame answers a test now; none where it traps.
    pub fn answer(&mut self, test: Test) -> Option<bool> {
        match test {
            Test::Compare(compare, left, right) => {
                let left = self.value(left)?;
                Some(eval::constant_compare(compare, left, self.value(right)?))
            }
            Test::Chain { kind, network_base, network, protocol } => {
                let base = network_base.map_or(Some(0), |base| self.value(base))?;
                eval::chain(&self.bytes, kind, base, network, protocol).ok()
            }
        }
    }

    /// Makes a test be answered so.
    pub fn require(&mut self, test: Test, answer: bool) -> bool {
        match test {
            Test::Compare(compare, left, right) => self.compare(compare, left, right, answer),
            Test::Chain { kind, network_base, network, protocol } => {
                self.chain(kind, network_base, network, protocol, answer)
            }
        }
    }

    fn compare(&mut self, compare: Compare, left: ValueId, right: ValueId, answer: bool) -> bool {
        let (Some(l), Some(r)) = (self.value(left), self.value(right)) else { return false };
        if eval::constant_compare(compare, l, r) == answer {
            // An equation has to stay true. Of all else many values are right: the end will show.
            return (compare, answer) != (Compare::Eq, true)
                || self.make(left, u32::MAX, l) && self.make(right, u32::MAX, r);
        }
        match (compare, answer) {
            (Compare::Eq, true) => self.one_of(left, &[r]) || self.one_of(right, &[l]),
            (Compare::Eq, false) => {
                let others: Vec<u32> = (0..32).map(|bit| l ^ 1 << bit).collect();
                self.one_of(left, &others) || self.one_of(right, &others)
            }
            (Compare::Gt, true) => {
                let more: Vec<u32> = higher(r).collect();
                self.one_of(left, &more) || self.one_of(right, &[l.saturating_sub(1), 0])
            }
            (Compare::Ge, true) => {
                let more: Vec<u32> = std::iter::once(r).chain(higher(r)).collect();
                self.one_of(left, &more) || self.one_of(right, &[l, 0])
            }
            (Compare::Gt, false) => self.one_of(left, &[r, 0]) || self.one_of(right, &[l]),
            (Compare::Ge, false) => {
                self.one_of(left, &[r.saturating_sub(1), 0])
                    || l.checked_add(1).is_some_and(|more| self.one_of(right, &[more]))
            }
            (Compare::Set, true) => {
                let bits =
                    |of: u32| (0..32).map(|bit| 1_u32 << bit).filter(move |bit| of & bit != 0);
                bits(r).any(|bit| self.attempt(left, bit, bit))
                    || bits(l).any(|bit| self.attempt(right, bit, bit))
            }
            (Compare::Set, false) => self.attempt(left, r, 0) || self.attempt(right, l, 0),
        }
    }

    /// Makes a value be one of these.
    fn one_of(&mut self, id: ValueId, values: &[u32]) -> bool {
        values.iter().any(|&value| self.attempt(id, u32::MAX, value))
    }

    /// [`make`](Self::make), which changes nothing where it fails.
    fn attempt(&mut self, id: ValueId, mask: u32, wanted: u32) -> bool {
        let mut changed = self.clone();
        let made = changed.make(id, mask, wanted);
        if made {
            *self = changed;
        }
        made
    }

    /// Makes the bits of a value under a mask be those wanted, and decides what they come from. Where
    /// it fails the draft is of no use any more.
    ///
    /// Operands have smaller ids than what is made of them, so that this ends; a value of a filter nests
    /// as deep as its arithmetic, which [`value`](Self::value) bounds.
    fn make(&mut self, id: ValueId, mask: u32, wanted: u32) -> bool {
        let wanted = wanted & mask;
        if mask == 0 {
            return true;
        }
        let Some(fuel) = self.fuel.get().checked_sub(1) else { return false };
        self.fuel.set(fuel);
        match self.graph.get(id) {
            Value::Const(number) => number & mask == wanted,
            Value::Var(var) => self.vars[var.0 as usize] & mask == wanted,
            Value::Meta(meta) => self.make_known(meta, mask, wanted),
            Value::Load { width, base, displacement } => {
                let start = base.map_or(Some(0), |base| {
                    let at = self.value(base)?;
                    self.make(base, u32::MAX, at).then_some(at)
                });
                start.is_some_and(|start| self.write(start, displacement, width, mask, wanted))
            }
            Value::Neg(of) => {
                mask == u32::MAX && self.attempt(of, mask, wanted.wrapping_neg())
                    || self.keep(id, mask, wanted)
            }
            Value::Alu(op, left, right) => {
                let (Some(l), Some(r)) = (self.value(left), self.value(right)) else {
                    return false;
                };
                let is_constant = |id| matches!(self.graph.get(id), Value::Const(_));
                let (left_is, right_is) = (is_constant(left), is_constant(right));
                let by_left = |draft: &mut Self| {
                    draft.make(right, u32::MAX, r) && draft.make_left(op, left, r, mask, wanted)
                };
                let by_right = |draft: &mut Self| {
                    draft.make(left, u32::MAX, l) && draft.make_right(op, l, right, mask, wanted)
                };
                !left_is && self.transaction(by_left)
                    || !right_is && self.transaction(by_right)
                    || self.keep(id, mask, wanted)
            }
        }
    }

    /// Does something that changes nothing where it fails.
    fn transaction(&mut self, does: impl FnOnce(&mut Self) -> bool) -> bool {
        let mut changed = self.clone();
        let done = does(&mut changed);
        if done {
            *self = changed;
        }
        done
    }

    /// Where a value is already as wanted, but cannot be turned around: decides all that it comes
    /// from.
    fn keep(&mut self, id: ValueId, mask: u32, wanted: u32) -> bool {
        self.value(id).is_some_and(|now| now & mask == wanted)
            && match self.graph.get(id) {
                Value::Neg(of) => self.decide(of),
                Value::Alu(_, left, right) => self.decide(left) && self.decide(right),
                _ => true,
            }
    }

    /// Decides all that a value comes from as it is.
    fn decide(&mut self, id: ValueId) -> bool {
        self.value(id).is_some_and(|now| self.make(id, u32::MAX, now))
    }

    /// Turns `left op number` around.
    fn make_left(&mut self, op: Alu, left: ValueId, number: u32, mask: u32, wanted: u32) -> bool {
        match op {
            Alu::And => wanted & !number == 0 && self.make(left, mask & number, wanted),
            Alu::Or => {
                number & mask & !wanted == 0 && self.make(left, mask & !number, wanted & !number)
            }
            Alu::Xor => self.make(left, mask, wanted ^ number),
            Alu::Add => self.make(left, carried(mask), wanted.wrapping_sub(number)),
            Alu::Sub => self.make(left, carried(mask), wanted.wrapping_add(number)),
            Alu::Shl if number < 32 => {
                (wanted >> number) << number == wanted
                    && self.make(left, mask >> number, wanted >> number)
            }
            Alu::Shr if number < 32 => {
                (wanted << number) >> number == wanted
                    && self.make(left, mask << number, wanted << number)
            }
            // Wider than 32 bits it is 0, whatever is on the left.
            Alu::Shl | Alu::Shr => wanted == 0,
            // Bits below the mask are free: the least number that is large enough has to do.
            Alu::Mul => {
                let least = wanted.checked_next_multiple_of(number.max(1)).unwrap_or_default();
                number != 0 && least & mask == wanted && self.make(left, u32::MAX, least / number)
            }
            Alu::Div => {
                mask == u32::MAX
                    && wanted.checked_mul(number).is_some_and(|all| self.make(left, mask, all))
            }
            Alu::Mod => {
                let now = self.value(left).unwrap_or_default();
                let near =
                    now.checked_rem(number).and_then(|rest| (now - rest).checked_add(wanted));
                mask == u32::MAX
                    && wanted < number
                    && (near.is_some_and(|near| self.attempt(left, mask, near))
                        || self.make(left, mask, wanted))
            }
        }
    }

    /// Turns `number op right` around.
    fn make_right(&mut self, op: Alu, number: u32, right: ValueId, mask: u32, wanted: u32) -> bool {
        match op {
            Alu::And | Alu::Or | Alu::Xor | Alu::Add | Alu::Mul => {
                self.make_left(op, right, number, mask, wanted)
            }
            Alu::Sub => self.make(right, carried(mask), number.wrapping_sub(wanted)),
            Alu::Shl | Alu::Shr => (0..=32).any(|distance| {
                eval::constant_alu(op, number, distance).is_some_and(|n| n & mask == wanted)
                    && self.attempt(right, u32::MAX, distance)
            }),
            Alu::Div | Alu::Mod => (1..=255).any(|divisor| {
                eval::constant_alu(op, number, divisor).is_some_and(|n| n & mask == wanted)
                    && self.attempt(right, u32::MAX, divisor)
            }),
        }
    }

    /// Writes bits of the frame, unless they are decided to be others.
    fn write(
        &mut self,
        base: u32,
        displacement: u32,
        width: Width,
        mask: u32,
        wanted: u32,
    ) -> bool {
        let Some(start) = self.reach(base, displacement, width) else { return false };
        let (mask, wanted) = match width {
            Width::Byte | Width::Half if wanted >> (8 * width.bytes()) != 0 => return false,
            _ => (mask.to_be_bytes(), wanted.to_be_bytes()),
        };
        let skipped = 4 - width.bytes() as usize;
        let places = self.bytes[start..].iter_mut().zip(&mut self.decided[start..]);
        for ((byte, decided), (mask, wanted)) in
            places.zip(mask.into_iter().zip(wanted).skip(skipped))
        {
            if (*byte ^ wanted) & *decided & mask != 0 {
                return false;
            }
            *byte = *byte & !mask | wanted;
            *decided |= mask;
        }
        true
    }

    /// Where a load starts, with the frame made long enough for it.
    fn reach(&mut self, base: u32, displacement: u32, width: Width) -> Option<usize> {
        let start = (base as usize).checked_add(displacement as usize)?;
        let end = start.checked_add(width.bytes() as usize)?;
        let on_wire = self.wire_len.value as usize;
        if end > LONGEST || self.wire_len.decided && end > on_wire {
            return None;
        }
        self.used = self.used.max(end);
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
            self.decided.resize(end, 0);
        }
        if end > on_wire {
            self.wire_len.value = end as u32;
        }
        Some(start)
    }

    fn make_known(&mut self, meta: Meta, mask: u32, wanted: u32) -> bool {
        let merged = |now: u32| now & !mask | wanted;
        match meta {
            Meta::WireLength => {
                let length = merged(self.wire_len.value);
                length as usize >= self.used.max(1)
                    && length <= LONGEST_ON_WIRE
                    && self.wire_len.decide(length)
            }
            Meta::VlanPresent => {
                let tagged = merged(self.tagged.value);
                tagged <= u32::from(self.view == VlanView::Live) && self.tagged.decide(tagged)
            }
            // Without a tag they are 0.
            Meta::VlanTci if self.tagged.value == 0 => wanted == 0,
            Meta::VlanTpid if self.tagged.value == 0 => wanted == 0,
            Meta::VlanTci => {
                let tci = merged(self.tci.value);
                tci <= u32::from(u16::MAX) && {
                    // Of a tag's bits the filter may ask for some, and later for others.
                    self.tci.value = tci;
                    true
                }
            }
            Meta::VlanTpid => {
                let tpid = merged(self.tpid.value);
                tpid <= u32::from(u16::MAX) && self.tpid.decide(tpid)
            }
            Meta::Outbound => {
                self.has_direction = true;
                let outbound = merged(self.outbound.value);
                outbound <= 1 && self.outbound.decide(outbound)
            }
        }
    }

    fn chain(
        &mut self,
        kind: ChainKind,
        base: Option<ValueId>,
        network: u32,
        protocol: u32,
        answer: bool,
    ) -> bool {
        let Some(base) = base.map_or(Some(0), |base| self.value(base)) else { return false };
        let (at, header) = match kind {
            ChainKind::Ipv4 => (crate::chain::IPV4_PROTOCOL, 20),
            ChainKind::Ipv6 => (crate::chain::IPV6_NEXT_HEADER, crate::chain::IPV6_HEADER_BYTES),
        };
        if self.reach(base, network + header - 1, Width::Byte).is_none() {
            return false;
        }
        if eval::chain(&self.bytes, kind, base, network, protocol)
            .is_ok_and(|leads| leads == answer)
        {
            return true;
        }
        let next = if answer { protocol } else { NO_HEADER };
        next <= 255 && self.write(base, network + at, Width::Byte, 0xff, next)
    }

    /// What a value is on the frame as it is now; none where it traps.
    fn value(&mut self, id: ValueId) -> Option<u32> {
        match self.graph.get(id) {
            Value::Const(number) => Some(number),
            Value::Var(var) => self.vars.get(var.0 as usize).copied(),
            Value::Meta(meta) => Some(self.known(meta)),
            Value::Load { width, base, displacement } => {
                let base = base.map_or(Some(0), |base| self.value(base))?;
                self.reach(base, displacement, width)?;
                eval::load(&self.bytes, width, base, displacement).ok()
            }
            Value::Neg(of) => Some(self.value(of)?.wrapping_neg()),
            Value::Alu(op, left, right) => {
                let left = self.value(left)?;
                eval::constant_alu(op, left, self.value(right)?)
            }
        }
    }

    fn known(&mut self, meta: Meta) -> u32 {
        let tagged = self.tagged.value == 1;
        match meta {
            Meta::WireLength => self.wire_len.value,
            Meta::VlanPresent => self.tagged.value,
            Meta::VlanTci => {
                if tagged {
                    self.tci.value
                } else {
                    0
                }
            }
            Meta::VlanTpid => {
                if tagged {
                    self.tpid.value
                } else {
                    0
                }
            }
            Meta::Outbound => {
                self.has_direction = true;
                self.outbound.value
            }
        }
    }
}

/// The bits of an operand that a sum's bits under a mask come from: those of a mask without a gap from
/// the lowest bit on; else a carry comes from below, and all of them have to be as they are.
fn carried(mask: u32) -> u32 {
    if mask & mask.wrapping_add(1) == 0 { mask } else { u32::MAX }
}

/// Numbers larger than one: the least of each length of common beginning in bits, so that one of them has
/// only bits that a mask leaves, where any larger number has; then those that are large enough for more.
fn higher(number: u32) -> impl Iterator<Item = u32> {
    let free = (0..u32::BITS).filter(move |bit| number >> bit & 1 == 0);
    let least = free.map(move |bit| (number >> bit | 1) << bit);
    least.chain([0xff, 0xffff, u32::MAX].into_iter().filter(move |&more| more > number))
}

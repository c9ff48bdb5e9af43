//! The vocabulary of the lowering: values, fields of headers, comparisons.

use super::predicate::PredicateId;
use super::{Lowering, Position};
use crate::ir::{Alu, Compare, Meta, Test, Value, ValueId, Var, Width};

/// What an offset is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Link,
    /// The EtherType or its like.
    LinkType,
    Llc,
    Network,
    /// The network header after an LLC header without SNAP.
    NetworkAfterLlc,
    /// What follows an IPv4 header, options included.
    Transport4,
    /// What follows an IPv6 header; extension headers are not looked for.
    Transport6,
}

/// Bytes of an IPv6 header.
pub const IPV6_HEADER: u32 = 40;
/// Bits of the IPv4 header length in its first byte.
const IHL: u32 = 0x0f;

impl Lowering<'_> {
    pub fn constant(&mut self, constant: u32) -> ValueId {
        self.graph.value(Value::Const(constant))
    }

    pub fn variable(&mut self, var: Var) -> ValueId {
        self.graph.value(Value::Var(var))
    }

    pub fn meta(&mut self, meta: Meta) -> ValueId {
        self.graph.value(Value::Meta(meta))
    }

    pub fn constant_of(&self, id: ValueId) -> Option<u32> {
        match self.graph.get(id) {
            Value::Const(constant) => Some(constant),
            _ => None,
        }
    }

    /// Arithmetic; done here where both sides are constant and nothing can trap.
    pub fn alu(&mut self, op: Alu, left: ValueId, right: ValueId) -> ValueId {
        let (a, b) = (self.constant_of(left), self.constant_of(right));
        let folded = match (op, a, b) {
            (Alu::Add | Alu::Sub | Alu::Or | Alu::Xor | Alu::Shl | Alu::Shr, _, Some(0)) => {
                return left;
            }
            (Alu::Add, Some(0), _) => return right,
            (_, Some(a), Some(b)) => match op {
                Alu::Add => Some(a.wrapping_add(b)),
                Alu::Sub => Some(a.wrapping_sub(b)),
                Alu::Mul => Some(a.wrapping_mul(b)),
                Alu::Div => a.checked_div(b),
                Alu::Mod => a.checked_rem(b),
                Alu::And => Some(a & b),
                Alu::Or => Some(a | b),
                Alu::Xor => Some(a ^ b),
                Alu::Shl => Some(a.checked_shl(b).unwrap_or(0)),
                Alu::Shr => Some(a.checked_shr(b).unwrap_or(0)),
            },
            _ => None,
        };
        match folded {
            Some(constant) => self.constant(constant),
            None => self.graph.value(Value::Alu(op, left, right)),
        }
    }

    pub fn alu_constant(&mut self, op: Alu, left: ValueId, right: u32) -> ValueId {
        let right = self.constant(right);
        self.alu(op, left, right)
    }

    pub fn negated(&mut self, of: ValueId) -> ValueId {
        match self.constant_of(of) {
            Some(constant) => self.constant(constant.wrapping_neg()),
            None => self.graph.value(Value::Neg(of)),
        }
    }

    /// Bytes at `base + displacement`. A constant base joins the displacement unless
    /// the sum does not fit, where the load traps and has to stay as it is.
    pub fn load(&mut self, width: Width, base: Option<ValueId>, displacement: u32) -> ValueId {
        let (base, displacement) = match base.map(|base| (base, self.constant_of(base))) {
            Some((base, Some(constant))) => match constant.checked_add(displacement) {
                Some(sum) => (None, sum),
                None => (Some(base), displacement),
            },
            _ => (base, displacement),
        };
        self.graph.value(Value::Load { width, base, displacement })
    }

    pub fn load_at(&mut self, width: Width, position: Position) -> ValueId {
        let base = position.variable.map(|var| self.variable(var));
        self.load(width, base, position.constant)
    }

    /// Length of the IPv4 header, plus the variable part of where it starts.
    pub fn ipv4_header_end(&mut self) -> ValueId {
        let header = self.layers.network_header();
        let first = self.load_at(Width::Byte, header);
        let words = self.alu_constant(Alu::And, first, IHL);
        let length = self.alu_constant(Alu::Shl, words, 2);
        match header.variable {
            Some(var) => {
                let start = self.variable(var);
                self.alu(Alu::Add, length, start)
            }
            None => length,
        }
    }

    /// A field of a header.
    pub fn field(&mut self, from: From, offset: u32, width: Width) -> ValueId {
        let layers = self.layers;
        let position = match from {
            From::Link => layers.link_header,
            From::LinkType => layers.link_type.unwrap_or(layers.link_header),
            From::Llc => layers.payload,
            From::Network => layers.network_header(),
            From::NetworkAfterLlc => layers.payload.plus(layers.network_after_llc),
            From::Transport6 => layers.network_header().plus(IPV6_HEADER),
            From::Transport4 => {
                let end = self.ipv4_header_end();
                let displacement = layers.network_header().constant.wrapping_add(offset);
                return self.load(width, Some(end), displacement);
            }
        };
        self.load_at(width, position.plus(offset))
    }

    pub fn compare(&mut self, compare: Compare, left: ValueId, right: ValueId) -> PredicateId {
        self.predicates.test(Vec::new(), Test::Compare(compare, left, right))
    }

    pub fn compare_constant(&mut self, compare: Compare, left: ValueId, right: u32) -> PredicateId {
        let right = self.constant(right);
        self.compare(compare, left, right)
    }

    pub fn equals(&mut self, from: From, offset: u32, width: Width, value: u32) -> PredicateId {
        let field = self.field(from, offset, width);
        self.compare_constant(Compare::Eq, field, value)
    }

    /// Whether the field, masked, equals the value.
    pub fn masked(
        &mut self,
        from: From,
        offset: u32,
        width: Width,
        value: u32,
        mask: u32,
    ) -> PredicateId {
        let field = self.field(from, offset, width);
        let field = match mask {
            u32::MAX => field,
            mask => self.alu_constant(Alu::And, field, mask),
        };
        self.compare_constant(Compare::Eq, field, value)
    }

    /// Whether the bytes at the offset are these, the last ones first, as libpcap
    /// compares them: of two comparisons the one that traps decides.
    pub fn equals_bytes(&mut self, from: From, offset: u32, bytes: &[u8]) -> PredicateId {
        let mut result = None;
        let mut rest = bytes;
        while !rest.is_empty() {
            let width = match rest.len() {
                4.. => Width::Word,
                2.. => Width::Half,
                _ => Width::Byte,
            };
            let (front, last) = rest.split_at(rest.len() - width.bytes() as usize);
            let value = last.iter().fold(0, |value, &byte| value << 8 | u32::from(byte));
            let test = self.equals(from, offset.wrapping_add(front.len() as u32), width, value);
            result = Some(match result {
                Some(result) => self.and(result, test),
                None => test,
            });
            rest = front;
        }
        result.unwrap_or_else(|| self.predicates.constant(true))
    }

    pub fn not(&mut self, of: PredicateId) -> PredicateId {
        self.predicates.not(of)
    }

    pub fn and(&mut self, left: PredicateId, right: PredicateId) -> PredicateId {
        self.predicates.and(left, right)
    }

    pub fn or(&mut self, left: PredicateId, right: PredicateId) -> PredicateId {
        self.predicates.or(left, right)
    }

    /// All of them, in order.
    pub fn all(&mut self, first: PredicateId, rest: &[PredicateId]) -> PredicateId {
        rest.iter().fold(first, |all, &next| self.and(all, next))
    }

    /// Any of them, in order.
    pub fn any(&mut self, first: PredicateId, rest: &[PredicateId]) -> PredicateId {
        rest.iter().fold(first, |any, &next| self.or(any, next))
    }
}

//! `@unreachable`: ICMP errors, and the packet that they quote.
//!
//! Like `vlan` and the tunnels it moves the offsets of what follows in the text, here behind the
//! ICMP header. Those move everything up to the end, also after `or`, because libpcap does. This
//! one moves no more than the conjunction that it stands in: [`Scopes`] knows where that ends.

use super::ip::number;
use super::predicate::PredicateId;
use super::walk::IPV4_WORDS;
use super::{Layers, Link, Lowering, Position, Whole};
use crate::ast::{Expression, Tree};
use crate::ir::{Alu, Compare, Var, Width};

/// Types of ICMP messages that quote a packet: destination unreachable, source quench, redirect,
/// time exceeded and parameter problem (RFC 792).
const ERRORS: [u32; 5] = [3, 4, 5, 11, 12];
/// The same of ICMPv6, from destination unreachable to parameter problem (RFC 4443, section 3).
const FIRST_ERROR6: u32 = 1;
const LAST_ERROR6: u32 = 4;
/// Bytes before the quoted packet, of either protocol.
pub const ICMP_HEADER: u32 = 8;

impl Lowering<'_> {
    /// An ICMP error about a packet. The words behind it look into that packet.
    pub fn unreachable(&mut self) -> Whole {
        let quoted = self.graph.var();
        let v4 = self.quotes_ipv4();
        let v6 = self.quotes_ipv6();
        let either = self.or(v4, v6);
        let start = self.transport_start();
        let start = self.alu_constant(Alu::Add, start, ICMP_HEADER);
        let set = self.assign(&[(quoted, start)]);
        let question = self.and(either, set);
        let whole = self.after_walk(question);
        self.around.push(std::mem::replace(&mut self.layers, Layers::quoted(quoted)));
        whole
    }

    /// Whether the walk came to an ICMP error that quotes an IPv4 packet.
    pub fn quotes_ipv4(&mut self) -> PredicateId {
        let icmp = self.protocol_is(number::ICMP);
        let ipv4 = self.version_is(4);
        let kind = self.transport_field(0, Width::Byte);
        let errors = ERRORS.map(|error| self.compare_constant(Compare::Eq, kind, error));
        let error = self.any(errors[0], &errors[1..]);
        let first = self.transport_field(ICMP_HEADER, Width::Byte);
        let version = self.alu_constant(Alu::And, first, 0xf0);
        let version = self.compare_constant(Compare::Eq, version, 0x40);
        let words = self.alu_constant(Alu::And, first, 0x0f);
        let long_enough = self.compare_constant(Compare::Ge, words, IPV4_WORDS);
        self.all(icmp, &[ipv4, error, version, long_enough])
    }

    /// The same of ICMPv6 and IPv6.
    pub fn quotes_ipv6(&mut self) -> PredicateId {
        let icmp = self.protocol_is(number::ICMPV6);
        let ipv6 = self.version_is(6);
        let kind = self.transport_field(0, Width::Byte);
        let least = self.compare_constant(Compare::Ge, kind, FIRST_ERROR6);
        let above = self.compare_constant(Compare::Gt, kind, LAST_ERROR6);
        let most = self.not(above);
        let first = self.transport_field(ICMP_HEADER, Width::Byte);
        let version = self.alu_constant(Alu::And, first, 0xf0);
        let version = self.compare_constant(Compare::Eq, version, 0x60);
        self.all(icmp, &[ipv6, least, most, version])
    }
}

impl Layers {
    /// An IP packet without anything around it, which starts where the variable says.
    fn quoted(at: Var) -> Self {
        let start = Position { constant: 0, variable: Some(at) };
        Self {
            link: Link::Raw,
            link_header: start,
            link_type: None,
            payload: start,
            network: 0,
            network_after_llc: 0,
            vlan_tags: 0,
            mpls_labels: 0,
            inside_geneve: false,
            outermost: false,
        }
    }
}

/// How far a quoted packet is looked into: the right side of an `or` looks where its left side
/// began to, and so does what follows an `or` or a `not`.
pub struct Scopes {
    /// The first primitive of each expression.
    first: Vec<usize>,
    /// Of the first primitive on the right of an `or`, the first one on its left.
    left_of: Vec<Option<usize>>,
    /// How many quoted packets each primitive is in, one in the other.
    depth: Vec<usize>,
}

impl Scopes {
    pub fn of(tree: &Tree) -> Self {
        let count = tree.expressions.len();
        let (mut first, mut left_of) = (Vec::with_capacity(count), vec![None; count]);
        for (at, expression) in tree.expressions.iter().enumerate() {
            first.push(match expression {
                Expression::Primitive(..) => at,
                Expression::Not(of) => first[of.0],
                Expression::And(left, _) => first[left.0],
                Expression::Or(left, right) => {
                    left_of[first[right.0]] = Some(first[left.0]);
                    first[left.0]
                }
            });
        }
        Self { first, left_of, depth: vec![0; count] }
    }

    /// Before an expression is lowered.
    pub fn enter(&mut self, lowering: &mut Lowering<'_>, at: usize) {
        if let Some(left) = self.left_of[at] {
            lowering.look_around(self.depth[left]);
        }
        self.depth[at] = lowering.around.len();
    }

    /// After it.
    pub fn leave(&self, lowering: &mut Lowering<'_>, at: usize) {
        if let Expression::Or(..) | Expression::Not(_) = lowering.tree.expressions[at] {
            lowering.look_around(self.depth[self.first[at]]);
        }
    }
}

impl Lowering<'_> {
    /// Back to where only so many quoted packets are looked into, one in the other.
    fn look_around(&mut self, depth: usize) {
        if depth < self.around.len() {
            self.layers = self.around[depth];
            self.around.truncate(depth);
        }
    }
}

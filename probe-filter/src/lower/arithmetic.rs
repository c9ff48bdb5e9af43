//! Arithmetic and comparisons.

use super::build::{From, IPV6_HEADER};
use super::ip::number;
use super::predicate::PredicateId;
use super::{Lowering, Whole};
use crate::ast::{Protocol, Relation, TermId, TermKind};
use crate::error::Error;
use crate::ir::{Alu, Compare, ValueId, Width};

/// Bytes of the smallest headers of IPv4 and TCP (RFC 791, RFC 9293).
const IPV4_HEADER: u32 = 20;
const TCP_HEADER: u32 = 20;
const BEHIND_TCP: &str = "that is the payload only where TCP has no options, which most segments have: \
                          payload[0:2] counts from where the payload starts, and @get, @http and the \
                          like know how it starts";
const BEHIND_IPV4: &str = "that is behind the IPv4 header only where it has no options: tcp[...], \
                           udp[...] and their like count from where their own header starts";

/// Values nest no deeper than this: beyond it, a part is put into a variable first. Text
/// of any length then costs whoever walks a value neither stack nor registers.
const MAX_DEPTH: u32 = 32;

/// A term that has been lowered.
#[derive(Clone, Copy, Debug)]
pub struct Lowered {
    value: ValueId,
    /// What has to hold for the value to mean anything: that the frame is of the
    /// protocol whose bytes are asked for.
    check: Option<PredicateId>,
    /// The payload is among what has to be found before.
    payload: bool,
    /// The checks that the bytes of the payload asked for are there.
    in_payload: Option<PredicateId>,
    /// The constant that libpcap's code for the term starts with, if it does.
    starts_with: Option<u32>,
    /// Steps from the value down to its deepest part.
    depth: u32,
}

impl Lowering<'_> {
    /// `left < right`. Terms stand in the tree in the order in which libpcap's parser
    /// finishes them, so all up to the right one are lowered in turn.
    pub fn relation(
        &mut self,
        relation: Relation,
        left: TermId,
        right: TermId,
    ) -> Result<Whole, Error> {
        let mut first = right.0;
        while first > 0 && self.terms[first - 1].is_none() {
            first -= 1;
        }
        for term in first..=right.0 {
            let span = self.tree.terms[term].span.clone();
            let outer = std::mem::replace(&mut self.span, span);
            let lowered = self.term(self.tree.terms[term].kind)?;
            self.terms[term] = Some(self.not_too_deep(lowered));
            self.span = outer;
        }
        let (left, right) = (self.lowered(left)?, self.lowered(right)?);
        self.free_register();
        self.free_register();

        let (compare, negated) = match relation {
            Relation::Equal => (Compare::Eq, false),
            Relation::NotEqual => (Compare::Eq, true),
            Relation::Greater => (Compare::Gt, false),
            Relation::LessEqual => (Compare::Gt, true),
            Relation::GreaterEqual => (Compare::Ge, false),
            Relation::Less => (Compare::Ge, true),
        };
        let mut result = self.compare(compare, left.value, right.value);
        if negated {
            result = self.not(result);
        }
        for check in [right.in_payload, left.in_payload].into_iter().flatten() {
            result = self.and(check, result);
        }
        if !self.parts.is_empty() {
            let parts = std::mem::take(&mut self.parts);
            let assign = self.assign(&parts);
            result = self.and(assign, result);
        }
        for check in [right.check, left.check].into_iter().flatten() {
            result = self.and(check, result);
        }
        if left.payload || right.payload {
            let payload = self.any_payload();
            let question = self.and(payload, result);
            return Ok(self.after_walk(question));
        }
        Ok(Whole::Plain(result))
    }

    /// The value itself, or a variable that holds it where it nests too deep.
    fn not_too_deep(&mut self, term: Lowered) -> Lowered {
        if term.depth < MAX_DEPTH {
            return term;
        }
        let part = self.parts.len();
        if part == self.part_vars.len() {
            let var = self.graph.var();
            self.part_vars.push(var);
        }
        let var = self.part_vars[part];
        self.parts.push((var, term.value));
        Lowered { value: self.variable(var), depth: 0, ..term }
    }

    fn lowered(&self, id: TermId) -> Result<Lowered, Error> {
        self.terms[id.0].ok_or_else(|| self.error("arithmetic out of order"))
    }

    fn term(&mut self, kind: TermKind) -> Result<Lowered, Error> {
        let plain = |value, starts_with| Lowered {
            value,
            check: None,
            payload: false,
            in_payload: None,
            starts_with,
            depth: 0,
        };
        match kind {
            TermKind::Number(number) => {
                self.take_register()?;
                Ok(plain(self.constant(number), Some(number)))
            }
            TermKind::Length => {
                self.take_register()?;
                Ok(plain(self.meta(crate::ir::Meta::WireLength), None))
            }
            TermKind::Negated(of) => {
                let of = self.lowered(of)?;
                Ok(Lowered { value: self.negated(of.value), depth: of.depth + 1, ..of })
            }
            TermKind::Operation(op, left, right) => {
                let (left, right) = (self.lowered(left)?, self.lowered(right)?);
                self.operation(op, left, right)
            }
            TermKind::Bytes(protocol, index, size) => {
                let index = self.lowered(index)?;
                let index = Lowered { depth: index.depth + 1, ..index };
                // The index's register is given back only after one is taken.
                self.take_register()?;
                self.free_register();
                self.bytes(protocol, index, size)
            }
            TermKind::Payload(index, size) => {
                let index = self.lowered(index)?;
                let index = Lowered { depth: index.depth + 1, ..index };
                self.payload_bytes(index, size)
            }
        }
    }

    fn operation(&mut self, op: Alu, left: Lowered, right: Lowered) -> Result<Lowered, Error> {
        // libpcap looks at the first instruction of the right side alone, so it refuses
        // `1 / tcp[0]` and `1 / (0 + 1)` too.
        match (op, right.starts_with) {
            (Alu::Div | Alu::Mod, Some(0)) => {
                return Err(
                    self.error("the right side starts with 0, so it counts as division by zero")
                );
            }
            (Alu::Shl | Alu::Shr, Some(32..)) => {
                return Err(self.error(
                    "the right side starts with more than 31, so it counts as a shift by more than 31 bits",
                ));
            }
            _ => {}
        }
        self.free_register();
        if right.check.is_some() {
            self.note(
                "libpcap forgets to check the protocol of what stands to the right of an \
                 operator, so this compares bytes of frames of any protocol",
            );
        }
        let in_payload = match (left.in_payload, right.in_payload) {
            (Some(left), Some(right)) => Some(self.and(left, right)),
            (left, right) => left.or(right),
        };
        Ok(Lowered {
            value: self.alu(op, left.value, right.value),
            payload: left.payload || right.payload,
            in_payload,
            depth: left.depth.max(right.depth) + 1,
            ..left
        })
    }

    fn width(&self, size: u32) -> Result<Width, Error> {
        match size {
            1 => Ok(Width::Byte),
            2 => Ok(Width::Half),
            4 => Ok(Width::Word),
            _ => Err(self.error("bytes come by one, two or four").expected("1, 2 or 4 after ':'")),
        }
    }

    fn bytes(&mut self, protocol: Protocol, index: Lowered, size: u32) -> Result<Lowered, Error> {
        use Protocol as P;
        let width = self.width(size)?;
        match protocol {
            P::Link => {
                let header = self.layers.link_header;
                let base = self.plus_variable(index.value, header.variable);
                let value = self.load(width, Some(base), header.constant);
                Ok(Lowered { value, ..index })
            }
            P::Ip
            | P::Ip6
            | P::Arp
            | P::Rarp
            | P::Atalk
            | P::Decnet
            | P::Sca
            | P::Lat
            | P::Moprc
            | P::Mopdl => {
                if protocol == P::Ip && self.begins_behind(index.value, IPV4_HEADER) {
                    self.note(BEHIND_IPV4);
                }
                let header = self.layers.network_header();
                let base = self.plus_variable(index.value, header.variable);
                let value = self.load(width, Some(base), header.constant);
                let protocol = self.protocol(protocol)?;
                let check = Some(self.after(index.check, protocol));
                Ok(Lowered { value, check, ..index })
            }
            P::Icmp6 => {
                let header = self.layers.network_header().plus(IPV6_HEADER);
                let base = self.plus_variable(index.value, header.variable);
                let value = self.load(width, Some(base), header.constant);
                let ip6 = self.protocol(P::Ip6)?;
                let check = self.after(index.check, ip6);
                let next = self.equals(From::Network, 6, Width::Byte, number::ICMPV6);
                let check = Some(self.and(check, next));
                self.note("icmp6[...] looks right behind the IPv6 header: it never matches where extension headers follow");
                Ok(Lowered { value, check, ..index })
            }
            P::Tcp
            | P::Udp
            | P::Sctp
            | P::Icmp
            | P::Igmp
            | P::Igrp
            | P::Pim
            | P::Vrrp
            | P::Carp => {
                let end = self.ipv4_header_end();
                let displacement = self.layers.network_header().constant;
                let value = self.transport_load(width, end, index.value, displacement);
                let ip = self.protocol(P::Ip)?;
                let check = match index.check {
                    Some(check) => self.and(ip, check),
                    None => ip,
                };
                let carried = self.protocol(protocol)?;
                let first = self.first_fragment();
                let check = Some(self.all(check, &[carried, first]));
                if protocol == P::Tcp && self.begins_behind(index.value, TCP_HEADER) {
                    self.note(BEHIND_TCP);
                }
                if matches!(protocol, P::Tcp | P::Udp | P::Sctp | P::Pim) {
                    self.note("tcp[...], udp[...] and their like never match IPv6; @syn, @get, payload[...] and the like do");
                }
                Ok(Lowered { value, check, ..index })
            }
            P::Ah
            | P::Esp
            | P::Aarp
            | P::Iso
            | P::Esis
            | P::Isis
            | P::IsisL1
            | P::IsisL2
            | P::IsisIih
            | P::IsisLsp
            | P::IsisSnp
            | P::IsisCsnp
            | P::IsisPsnp
            | P::Clnp
            | P::Stp
            | P::Ipx
            | P::Netbeui
            | P::Radio => {
                let message = format!("bytes of '{}' cannot be read", protocol.name());
                Err(self.error(message).expected("ether, ip, ip6, arp, tcp, udp, icmp or icmp6"))
            }
        }
    }

    /// Whether an index is a constant from this one on.
    fn begins_behind(&self, index: ValueId, header: u32) -> bool {
        self.constant_of(index).is_some_and(|index| index >= header)
    }

    fn after(&mut self, before: Option<PredicateId>, check: PredicateId) -> PredicateId {
        match before {
            Some(before) => self.and(before, check),
            None => check,
        }
    }

    fn plus_variable(&mut self, index: ValueId, variable: Option<crate::ir::Var>) -> ValueId {
        match variable {
            Some(var) => {
                let start = self.variable(var);
                self.alu(Alu::Add, index, start)
            }
            None => index,
        }
    }

    /// A load behind an IPv4 header. A constant index joins the displacement where no
    /// sum can wrap.
    fn transport_load(
        &mut self,
        width: Width,
        end: ValueId,
        index: ValueId,
        displacement: u32,
    ) -> ValueId {
        const SAFE: u32 = 0xffff;
        match self.constant_of(index) {
            Some(index) if index <= SAFE && displacement <= SAFE => {
                self.load(width, Some(end), displacement + index)
            }
            _ => {
                let base = self.alu(Alu::Add, index, end);
                self.load(width, Some(base), displacement)
            }
        }
    }

    /// `payload[index:size]`
    fn payload_bytes(&mut self, index: Lowered, size: u32) -> Result<Lowered, Error> {
        let width = self.width(size)?;
        let (value, in_payload) = self.payload_load(width, index.value);
        let in_payload = Some(self.after(index.in_payload, in_payload));
        Ok(Lowered { value, in_payload, payload: true, ..index })
    }
}

//! One question, by its word.

use super::build::From;
use super::predicate::PredicateId;
use super::{Link, Lowering, Whole};
use crate::ast::{ByteTest, Primitive};
use crate::error::Error;
use crate::ir::{Alu, Compare, Meta, Width};

impl Lowering<'_> {
    pub fn primitive(&mut self, primitive: &Primitive) -> Result<Whole, Error> {
        let plain = match primitive {
            Primitive::Macro(name) => return Ok(self.expand(*name)),
            Primitive::PayloadStart(text) => {
                let question = self.payload_start(text);
                return Ok(self.after_walk(question));
            }
            Primitive::Relation { compare, left, right } => {
                return self.relation(*compare, *left, *right);
            }
            Primitive::Protocol(protocol) => self.protocol(*protocol)?,
            Primitive::Address(qualifiers, address) => self.address(*qualifiers, address)?,
            Primitive::Broadcast(protocol) => self.broadcast(*protocol)?,
            Primitive::Multicast(protocol) => self.multicast(*protocol)?,
            Primitive::Less(length) => {
                let frame = self.meta(Meta::WireLength);
                let longer = self.compare_constant(Compare::Gt, frame, *length);
                self.not(longer)
            }
            Primitive::Greater(length) => {
                let frame = self.meta(Meta::WireLength);
                self.compare_constant(Compare::Ge, frame, *length)
            }
            Primitive::Byte(index, test, value) => self.byte(*index, *test, *value),
            Primitive::Inbound => {
                let outbound = self.outbound()?;
                self.not(outbound)
            }
            Primitive::Outbound => self.outbound()?,
            Primitive::Ifindex(index) => self.of_interface(*index)?,
            Primitive::Vlan(id) => self.vlan(*id)?,
            Primitive::Mpls(label) => self.mpls(*label)?,
            Primitive::Pppoed => self.pppoe_discovery()?,
            Primitive::Pppoes(session) => self.pppoe_session(*session)?,
            Primitive::Geneve(vni) => self.geneve(*vni)?,
            Primitive::Llc(frame) => self.llc(*frame)?,
        };
        Ok(Whole::Plain(plain))
    }

    /// Cooked headers say which way a frame went; of others somebody else has to know.
    fn outbound(&mut self) -> Result<PredicateId, Error> {
        /// `PACKET_OUTGOING` in linux/if_packet.h.
        const OUTGOING: u32 = 4;
        match self.frames_link() {
            Link::Cooked => Ok(self.in_cooked_header(0, Width::Half, OUTGOING)),
            Link::Cooked2 => Ok(self.in_cooked_header(10, Width::Byte, OUTGOING)),
            _ if self.options.direction => {
                let outbound = self.meta(Meta::Outbound);
                Ok(self.compare_constant(Compare::Eq, outbound, 1))
            }
            _ => Err(self.error("the direction of frames is not known here")),
        }
    }

    /// What the link header is for questions about the frame, also from inside a quoted packet.
    fn frames_link(&self) -> Link {
        self.around.first().unwrap_or(&self.layers).link
    }

    /// Nothing comes before a cooked header.
    fn in_cooked_header(&mut self, at: u32, width: Width, value: u32) -> PredicateId {
        let field = self.load(width, None, at);
        self.compare_constant(Compare::Eq, field, value)
    }

    /// The second cooked header has the interface's number.
    fn of_interface(&mut self, index: u32) -> Result<PredicateId, Error> {
        match (self.frames_link(), self.options.ifindex) {
            (Link::Cooked2, _) => Ok(self.in_cooked_header(4, Width::Word, index)),
            (_, Some(known)) => Ok(self.predicates.constant(known == index)),
            (_, None) => Err(self.error("the interface that frames came from is not known here")),
        }
    }

    fn byte(&mut self, index: u32, test: ByteTest, value: u32) -> PredicateId {
        let byte = self.field(From::Link, index, Width::Byte);
        let op = match test {
            ByteTest::Equal => return self.compare_constant(Compare::Eq, byte, value),
            ByteTest::Greater => return self.compare_constant(Compare::Gt, byte, value),
            ByteTest::Less => {
                let at_least = self.compare_constant(Compare::Ge, byte, value);
                return self.not(at_least);
            }
            ByteTest::And => Alu::And,
            ByteTest::Or => Alu::Or,
        };
        let result = self.alu_constant(op, byte, value);
        let zero = self.compare_constant(Compare::Eq, result, 0);
        self.not(zero)
    }
}

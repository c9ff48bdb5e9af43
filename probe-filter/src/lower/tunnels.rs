//! What wraps another packet: VLAN tags, MPLS, PPPoE and Geneve. Each moves the offsets
//! of everything that follows it in the text.

use super::build::{From, IPV6_HEADER};
use super::ethernet::ethertype;
use super::ip::number;
use super::ports::Ports;
use super::predicate::PredicateId;
use super::{Link, Lowering, Position};
use crate::ast::Direction;
use crate::error::Error;
use crate::ir::{Alu, Compare, Meta, Test, ValueId, Var, VlanView, Width};

/// Bytes of a VLAN tag, and of an MPLS label.
const TAG: u32 = 4;
const MAX_VLAN: u32 = 0xfff;
const MAX_LABEL: u32 = 0xf_ffff;
const MAX_SESSION: u32 = 0xffff;
const MAX_VNI: u32 = 0xff_ffff;
/// Bytes of a PPPoE header, and of PPP's protocol field after it (RFC 2516).
const PPPOE_HEADER: u32 = 6;
const PPP_PROTOCOL: u32 = 2;
/// PPP's number for MPLS (RFC 3032).
const PPP_MPLS: u32 = 0x0281;
/// RFC 8926.
const GENEVE_PORT: u32 = 6081;
const GENEVE_HEADER: u32 = 8;
const UDP_HEADER: u32 = 8;

impl Lowering<'_> {
    fn at_most(&self, what: &str, value: Option<u32>, most: u32) -> Result<(), Error> {
        match value {
            Some(value) if value > most => {
                Err(self.error(format!("{what} {value} is greater than {most}")))
            }
            _ => Ok(()),
        }
    }

    /// `vlan`, `vlan N`
    pub fn vlan(&mut self, id: Option<u32>) -> Result<PredicateId, Error> {
        if self.layers.mpls_labels > 0 {
            return Err(self.error("inside MPLS there are no VLAN tags"));
        }
        if self.layers.link != Link::Ethernet {
            return Err(self.error("this link has no VLAN tags"));
        }
        self.at_most("VLAN", id, MAX_VLAN)?;
        let header = self.layers.link_header;
        let outermost =
            self.layers.vlan_tags == 0 && header.variable.is_none() && header.constant == 0;
        let tag = match self.options.vlan {
            VlanView::Live if outermost => self.vlan_live(id)?,
            VlanView::Live | VlanView::AsFrame => self.vlan_in_frame(id)?,
        };
        self.layers.vlan_tags += 1;
        Ok(tag)
    }

    /// The tag at the current place in the frame.
    fn vlan_in_frame(&mut self, id: Option<u32>) -> Result<PredicateId, Error> {
        let mut tag = self.vlan_ethertype()?;
        if let Some(id) = id {
            let id = self.masked(From::Network, 0, Width::Half, id, MAX_VLAN);
            tag = self.and(tag, id);
        }
        self.layers.payload = self.layers.payload.plus(TAG);
        self.layers.link_type = self.layers.link_type.map(|position| position.plus(TAG));
        Ok(tag)
    }

    pub fn vlan_ethertype(&mut self) -> Result<PredicateId, Error> {
        let customer = self.link_type(ethertype::VLAN)?;
        let service = self.link_type(ethertype::SERVICE_VLAN)?;
        let old = self.link_type(ethertype::OLD_QINQ)?;
        Ok(self.any(customer, &[service, old]))
    }

    /// The tag that the kernel took off the frame, else the tag in the frame, which
    /// then moves what follows by its length.
    fn vlan_live(&mut self, id: Option<u32>) -> Result<PredicateId, Error> {
        let in_frame = self.vlan_ethertype()?;
        let id_in_frame = id.map(|id| self.masked(From::Network, 0, Width::Half, id, MAX_VLAN));
        let mut moves = Vec::new();
        self.layers.payload = self.made_variable(self.layers.payload, &mut moves)?;
        if let Some(link_type) = self.layers.link_type {
            self.layers.link_type = Some(self.made_variable(link_type, &mut moves)?);
        }
        self.predicates.assign_first(in_frame, &moves);
        let taken_off = self.taken_off();
        let tagged = self.or(taken_off, in_frame);
        let (Some(id), Some(in_frame)) = (id, id_in_frame) else { return Ok(tagged) };
        let taken_off = self.taken_off();
        let tci = self.meta(Meta::VlanTci);
        let tci = self.alu_constant(Alu::And, tci, MAX_VLAN);
        let of_taken_off = self.compare_constant(Compare::Eq, tci, id);
        let id = self.predicates.choose(taken_off, of_taken_off, in_frame);
        Ok(self.and(tagged, id))
    }

    fn taken_off(&mut self) -> PredicateId {
        let present = self.meta(Meta::VlanPresent);
        self.compare_constant(Compare::Eq, present, 1)
    }

    /// The position with a variable part, and the assignment that adds a tag to it.
    fn made_variable(
        &mut self,
        position: Position,
        moves: &mut Vec<(Var, ValueId)>,
    ) -> Result<Position, Error> {
        let var = match position.variable {
            Some(var) => var,
            None => {
                self.take_register()?;
                self.graph.var()
            }
        };
        let before = self.variable(var);
        moves.push((var, self.alu_constant(Alu::Add, before, TAG)));
        Ok(Position { variable: Some(var), ..position })
    }

    /// `mpls`, `mpls N`
    pub fn mpls(&mut self, label: Option<u32>) -> Result<PredicateId, Error> {
        let mut mpls = if self.layers.mpls_labels > 0 {
            // Another label follows where the last one is not the bottom of the stack.
            const BOTTOM_OF_STACK: u32 = 2_u32.wrapping_sub(TAG);
            self.masked(From::Network, BOTTOM_OF_STACK, Width::Byte, 0, 1)
        } else {
            match self.layers.link {
                Link::Ethernet => self.link_type(ethertype::MPLS)?,
                Link::Ppp => self.link_type(PPP_MPLS)?,
                _ => return Err(self.error("this link carries no MPLS")),
            }
        };
        self.at_most("MPLS label", label, MAX_LABEL)?;
        if let Some(label) = label {
            let label = self.masked(From::Network, 0, Width::Word, label << 12, 0xffff_f000);
            mpls = self.and(mpls, label);
        }
        self.layers.network = self.layers.network.wrapping_add(TAG);
        self.layers.network_after_llc = self.layers.network_after_llc.wrapping_add(TAG);
        self.layers.mpls_labels += 1;
        self.layers.outermost = false;
        Ok(mpls)
    }

    /// `pppoed`
    pub fn pppoe_discovery(&mut self) -> Result<PredicateId, Error> {
        self.link_type(ethertype::PPPOE_DISCOVERY)
    }

    /// `pppoes`, `pppoes N`
    pub fn pppoe_session(&mut self, session: Option<u32>) -> Result<PredicateId, Error> {
        let mut pppoe = self.link_type(ethertype::PPPOE_SESSION)?;
        self.at_most("PPPoE session", session, MAX_SESSION)?;
        if let Some(session) = session {
            let session = self.masked(From::Network, 0, Width::Word, session, MAX_SESSION);
            pppoe = self.and(pppoe, session);
        }
        let ppp = self.layers.network_header().plus(PPPOE_HEADER);
        let layers = &mut self.layers;
        layers.link = Link::Ppp;
        layers.link_header = ppp;
        layers.link_type = Some(ppp);
        layers.payload = ppp.plus(PPP_PROTOCOL);
        layers.network = 0;
        layers.network_after_llc = 0;
        layers.inside_geneve = false;
        layers.outermost = false;
        Ok(pppoe)
    }

    /// `geneve`, `geneve N`
    pub fn geneve(&mut self, vni: Option<u32>) -> Result<PredicateId, Error> {
        self.at_most("Geneve VNI", vni, MAX_VNI)?;
        // The length of the IP header, and the variable part of where it starts.
        let end = self.graph.var();
        let v4 = self.ports4(Ports::One(GENEVE_PORT), number::UDP, Direction::Destination)?;
        let v4 = self.geneve_header(v4, From::Transport4, vni);
        let end4 = self.ipv4_header_end();
        let v4 = self.and_assign(v4, &[(end, end4)]);
        let v6 = self.ports6(Ports::One(GENEVE_PORT), number::UDP, Direction::Destination)?;
        let v6 = self.geneve_header(v6, From::Transport6, vni);
        let end6 = match self.layers.payload.variable {
            Some(var) => {
                let start = self.variable(var);
                self.alu_constant(Alu::Add, start, IPV6_HEADER)
            }
            None => self.constant(IPV6_HEADER),
        };
        let v6 = self.and_assign(v6, &[(end, end6)]);
        let geneve = self.or(v4, v6);
        let inner = self.geneve_inner(end)?;
        Ok(self.and(geneve, inner))
    }

    /// Version 0, and the network identifier if one was asked for.
    fn geneve_header(&mut self, udp: PredicateId, from: From, vni: Option<u32>) -> PredicateId {
        let version = self.masked(from, UDP_HEADER, Width::Byte, 0, 0xc0);
        let geneve = self.and(udp, version);
        match vni {
            Some(vni) => {
                let vni = self.masked(from, UDP_HEADER + 4, Width::Word, vni << 8, 0xffff_ff00);
                self.and(geneve, vni)
            }
            None => geneve,
        }
    }

    /// Moves the offsets behind the Geneve header, and behind the Ethernet header that
    /// follows it where its protocol field says that one does.
    fn geneve_inner(&mut self, end: Var) -> Result<PredicateId, Error> {
        const PROTOCOL: u32 = 2;
        const OPTION_WORDS: u32 = 0x3f;
        let fixed = self.layers.network_header().constant.wrapping_add(UDP_HEADER);
        for _ in 0..3 {
            self.take_register()?;
        }
        let [link_type, link_header, payload] = [0; 3].map(|_| self.graph.var());

        let end = self.variable(end);
        let geneve = self.alu_constant(Alu::Add, end, fixed);
        let first = self.load(Width::Byte, Some(geneve), 0);
        let options = self.alu_constant(Alu::And, first, OPTION_WORDS);
        let options = self.alu_constant(Alu::Mul, options, 4);
        let length = self.alu_constant(Alu::Add, options, GENEVE_HEADER);
        let inner = self.alu(Alu::Add, length, geneve);
        let protocol_at = self.alu_constant(Alu::Add, geneve, PROTOCOL);
        let sets = vec![(link_type, protocol_at), (link_header, inner), (payload, inner)];
        let protocol = self.load(Width::Half, Some(geneve), PROTOCOL);
        let bridging = self.constant(ethertype::BRIDGING);
        let is_ethernet =
            self.predicates.test(sets, Test::Compare(Compare::Eq, protocol, bridging));

        let start = self.variable(link_header);
        let inner_type = self.alu_constant(Alu::Add, start, 12);
        let inner_payload = self.alu_constant(Alu::Add, start, 14);
        let ethernet = self.assign(&[(link_type, inner_type), (payload, inner_payload)]);
        let other = self.predicates.constant(true);
        let moved = self.predicates.choose(is_ethernet, ethernet, other);

        let at = |var| Position { constant: 0, variable: Some(var) };
        let layers = &mut self.layers;
        layers.link = Link::Ethernet;
        layers.link_header = at(link_header);
        layers.link_type = Some(at(link_type));
        layers.payload = at(payload);
        layers.network = 0;
        layers.inside_geneve = true;
        layers.outermost = false;
        Ok(moved)
    }

    /// Inside Geneve there may be no link header: then it and the payload start together.
    pub fn geneve_has_link_header(&mut self) -> Option<PredicateId> {
        if !self.layers.inside_geneve {
            return None;
        }
        let header = self.variable(self.layers.link_header.variable?);
        let payload = self.variable(self.layers.payload.variable?);
        let same = self.compare(Compare::Eq, header, payload);
        Some(self.not(same))
    }

    /// Always true, with assignments.
    pub fn assign(&mut self, sets: &[(Var, ValueId)]) -> PredicateId {
        let zero = self.constant(0);
        self.predicates.test(sets.to_vec(), Test::Compare(Compare::Eq, zero, zero))
    }

    fn and_assign(&mut self, first: PredicateId, sets: &[(Var, ValueId)]) -> PredicateId {
        let assign = self.assign(sets);
        self.and(first, assign)
    }
}

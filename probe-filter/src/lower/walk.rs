//! The walk from the start of a frame to its TCP, UDP or ICMP header, on which the macros and
//! `payload` stand. Every use emits the same nodes over the same variables, so that a
//! later pass can share one walk among many.
//!
//! Unlike libpcap's own tests it steps over VLAN tags, IPv4 options and IPv6 extension
//! headers, and it ends without a match where a header contradicts itself.

use super::ethernet::ethertype;
use super::ip::number;
use super::predicate::PredicateId;
use super::{Layers, Lowering, Whole};
use crate::error::Error;
use crate::ir::{Alu, Compare, LinkType, Test, ValueId, Var, VlanView, Width};

/// VLAN tags that are stepped over, the one that the kernel took off included.
const MAX_TAGS: usize = 2;
/// IPv6 extension headers that are stepped over.
pub const MAX_EXTENSION_HEADERS: usize = 8;
const TAG: u32 = 4;
/// Bytes of an IPv6 header, and of a fragment header (RFC 8200).
const IPV6_HEADER: u32 = 40;
const FRAGMENT_HEADER: u32 = 8;
/// Bytes of the smallest TCP header, and of a UDP header (RFC 9293, RFC 768).
const TCP_WORDS: u32 = 5;
const UDP_HEADER: u32 = 8;
/// Smallest length of an IPv4 header in 32-bit words (RFC 791).
pub const IPV4_WORDS: u32 = 5;
/// A packet's length behind its fixed header is a 16-bit field, and 65,536 where that is 0.
const MAX_PACKET: u32 = 0x1_0000;
/// Extension headers whose second byte is a length in units of eight bytes.
const EXTENSIONS: [u32; 6] = [0, 43, 60, 135, 139, 140];

/// The variables of the walk.
#[derive(Clone, Copy, Debug)]
pub struct Vars {
    ethertype: Var,
    network: Var,
    protocol: Var,
    transport: Var,
    /// Where the IP packet ends, by its own account.
    end: Var,
    payload: Var,
}

impl Lowering<'_> {
    fn vars(&mut self) -> Vars {
        if let Some(vars) = self.walk {
            return vars;
        }
        let [ethertype, network, protocol, transport, end, payload] =
            [0; 6].map(|_| self.graph.var());
        let vars = Vars { ethertype, network, protocol, transport, end, payload };
        self.walk = Some(vars);
        self.graph.set_findings(vec![ethertype, network, protocol, transport, end, payload]);
        vars
    }

    /// A question about what the walk finds, asked of the headers where they are now.
    pub fn after_walk(&self, question: PredicateId) -> Whole {
        // VLAN tags are stepped over, wherever `vlan` has moved the offsets.
        let layers =
            if self.layers.outermost { Layers::new(self.options.link) } else { self.layers };
        Whole::AfterWalk(layers, question)
    }

    /// The walk and the question after it.
    pub fn walked(&mut self, layers: Layers, question: PredicateId) -> Result<PredicateId, Error> {
        let now = std::mem::replace(&mut self.layers, layers);
        let found = self.find_transport();
        self.layers = now;
        let found = self.predicates.region(found?);
        Ok(self.and(found, question))
    }

    /// Whether there is an IP packet whose first fragment this is, and where its last
    /// header starts.
    pub fn find_transport(&mut self) -> Result<PredicateId, Error> {
        let (ip, ip6) = self.find_network()?;
        let ipv4 = self.ipv4_packet();
        let ipv4 = self.and(ip, ipv4);
        let ipv6 = self.ipv6_packet();
        let ipv6 = self.and(ip6, ipv6);
        Ok(self.or(ipv4, ipv6))
    }

    /// Two tests, for IPv4 and for IPv6. The first, which is always evaluated, sets
    /// where the network header starts.
    pub fn find_network(&mut self) -> Result<(PredicateId, PredicateId), Error> {
        let vars = self.vars();
        let Some((type_at, start)) = self.ethertype_place() else {
            let header = self.layers.network_header();
            let start = match header.variable {
                Some(var) => {
                    let start = self.variable(var);
                    self.alu_constant(Alu::Add, start, header.constant)
                }
                None => self.constant(header.constant),
            };
            let ip = self.link_type(ethertype::IPV4)?;
            let set = self.assign(&[(vars.network, start)]);
            let ip = self.and(set, ip);
            let ip6 = self.link_type(ethertype::IPV6)?;
            return Ok((ip, ip6));
        };
        let kind = self.load(Width::Half, None, type_at);
        let start = self.constant(start);
        let first = [(vars.ethertype, kind), (vars.network, start)];
        let tags = match self.options.vlan {
            VlanView::AsFrame => MAX_TAGS,
            VlanView::Live => MAX_TAGS - 1,
        };
        let mut before = self.skip_tag();
        self.predicates.assign_first(before, &first);
        for _ in 1..tags {
            let next = self.skip_tag();
            before = self.and(before, next);
        }
        let ip = self.ethertype_is(ethertype::IPV4);
        let ip = self.and(before, ip);
        let ip6 = self.ethertype_is(ethertype::IPV6);
        Ok((ip, ip6))
    }

    /// Where the EtherType is, and what it is of, if VLAN tags can follow: not inside a tunnel, and
    /// not where the link header names IP in another way.
    fn ethertype_place(&self) -> Option<(u32, u32)> {
        match self.options.link {
            _ if !self.layers.outermost => None,
            LinkType::Ethernet => Some((12, 14)),
            LinkType::LinuxSll => Some((14, 16)),
            LinkType::LinuxSll2 => Some((0, 20)),
            LinkType::Raw
            | LinkType::Ipv4
            | LinkType::Ipv6
            | LinkType::Null
            | LinkType::Loop
            | LinkType::Ppp
            | LinkType::PppSerial
            | LinkType::PppEther => None,
        }
    }

    fn ethertype_is(&mut self, value: u32) -> PredicateId {
        let kind = self.vars().ethertype;
        let kind = self.variable(kind);
        self.compare_constant(Compare::Eq, kind, value)
    }

    /// Always true: steps over a VLAN tag where there is one.
    fn skip_tag(&mut self) -> PredicateId {
        let vars = self.vars();
        let customer = self.ethertype_is(ethertype::VLAN);
        let service = self.ethertype_is(ethertype::SERVICE_VLAN);
        let old = self.ethertype_is(ethertype::OLD_QINQ);
        let tag = self.any(customer, &[service, old]);
        let at = self.variable(vars.network);
        let kind = self.load(Width::Half, Some(at), TAG - 2);
        let next = self.alu_constant(Alu::Add, at, TAG);
        let step = self.assign(&[(vars.ethertype, kind), (vars.network, next)]);
        let stay = self.predicates.constant(true);
        self.predicates.choose(tag, step, stay)
    }

    fn ipv4_packet(&mut self) -> PredicateId {
        let vars = self.vars();
        let at = self.variable(vars.network);
        let first = self.load(Width::Byte, Some(at), 0);
        let version = self.alu_constant(Alu::And, first, 0xf0);
        let version = self.compare_constant(Compare::Eq, version, 0x40);
        let words = self.alu_constant(Alu::And, first, 0x0f);
        let long_enough = self.compare_constant(Compare::Ge, words, IPV4_WORDS);
        let fragment = self.load(Width::Half, Some(at), 6);
        let later = self.compare_constant(Compare::Set, fragment, 0x1fff);
        let whole = self.not(later);
        let protocol = self.load(Width::Byte, Some(at), 9);
        let header = self.alu_constant(Alu::Shl, words, 2);
        let transport = self.alu(Alu::Add, at, header);
        let length = self.load(Width::Half, Some(at), 2);
        let end = self.packet_end(at, length);
        let sets = [(vars.protocol, protocol), (vars.transport, transport), (vars.end, end)];
        let set = self.assign(&sets);
        self.all(version, &[long_enough, whole, set])
    }

    /// `start + length`, with 65,536 for a length of 0, which segmentation offload and
    /// jumbograms write where the length does not fit.
    fn packet_end(&mut self, start: ValueId, length: ValueId) -> ValueId {
        let less = self.alu_constant(Alu::Sub, length, 1);
        let less = self.alu_constant(Alu::And, less, 0xffff);
        let length = self.alu_constant(Alu::Add, less, 1);
        self.alu(Alu::Add, start, length)
    }

    fn ipv6_packet(&mut self) -> PredicateId {
        let vars = self.vars();
        let at = self.variable(vars.network);
        let first = self.load(Width::Byte, Some(at), 0);
        let version = self.alu_constant(Alu::And, first, 0xf0);
        let version = self.compare_constant(Compare::Eq, version, 0x60);
        let next = self.load(Width::Byte, Some(at), 6);
        let transport = self.alu_constant(Alu::Add, at, IPV6_HEADER);
        let length = self.load(Width::Half, Some(at), 4);
        let end = self.packet_end(transport, length);
        let sets = [(vars.protocol, next), (vars.transport, transport), (vars.end, end)];
        let set = self.assign(&sets);
        let mut steps = self.predicates.constant(true);
        for _ in 0..MAX_EXTENSION_HEADERS {
            steps = self.skip_extension(steps);
        }
        self.all(version, &[set, steps])
    }

    /// Steps over one extension header where there is one, and goes on with the rest.
    fn skip_extension(&mut self, rest: PredicateId) -> PredicateId {
        let vars = self.vars();
        let tcp = self.protocol_is(number::TCP);
        let udp = self.protocol_is(number::UDP);
        let icmp6 = self.protocol_is(number::ICMPV6);
        let done = self.any(tcp, &[udp, icmp6]);

        let at = self.variable(vars.transport);
        let next = self.load(Width::Byte, Some(at), 0);
        let units = self.load(Width::Byte, Some(at), 1);
        let mut step = |unit, extra| {
            let length = self.alu_constant(Alu::Add, units, extra);
            let length = self.alu_constant(Alu::Mul, length, unit);
            let after = self.alu(Alu::Add, at, length);
            self.assign(&[(vars.protocol, next), (vars.transport, after)])
        };
        let eights = step(8, 1);
        let fours = step(4, 2);
        let after = self.alu_constant(Alu::Add, at, FRAGMENT_HEADER);
        let past_fragment = self.assign(&[(vars.protocol, next), (vars.transport, after)]);

        let offset = self.load(Width::Half, Some(at), 2);
        let later = self.compare_constant(Compare::Set, offset, 0xfff8);
        let first = self.not(later);
        let past_fragment = self.and(first, past_fragment);

        let options = EXTENSIONS.map(|extension| self.protocol_is(extension));
        let options = self.any(options[0], &options[1..]);
        let fragment = self.protocol_is(number::FRAGMENT);
        let authentication = self.protocol_is(number::AH);
        let none = self.predicates.constant(false);
        let stepped = self.predicates.choose(authentication, fours, none);
        let stepped = self.predicates.choose(fragment, past_fragment, stepped);
        let stepped = self.predicates.choose(options, eights, stepped);
        let stepped = self.and(stepped, rest);
        self.or(done, stepped)
    }

    /// Whether the last header that the walk came to is of this protocol.
    pub fn protocol_is(&mut self, number: u32) -> PredicateId {
        let protocol = self.found_protocol();
        self.compare_constant(Compare::Eq, protocol, number)
    }

    /// Whether the packet that the walk is in is of this version of IP.
    pub fn version_is(&mut self, version: u32) -> PredicateId {
        let at = self.network_start();
        self.version_at(at, version)
    }

    /// Whether an IP header starts there that is of this version.
    pub fn version_at(&mut self, at: ValueId, version: u32) -> PredicateId {
        let first = self.load(Width::Byte, Some(at), 0);
        let found = self.alu_constant(Alu::Shr, first, 4);
        self.compare_constant(Compare::Eq, found, version)
    }

    /// Where the IP header starts that the walk is in.
    pub fn network_start(&mut self) -> ValueId {
        let at = self.vars().network;
        self.variable(at)
    }

    /// The protocol of the last header that the walk came to.
    pub fn found_protocol(&mut self) -> ValueId {
        let protocol = self.vars().protocol;
        self.variable(protocol)
    }

    /// Where the last header that the walk came to starts.
    pub fn transport_start(&mut self) -> ValueId {
        let at = self.vars().transport;
        self.variable(at)
    }

    /// A field of the TCP, UDP or ICMP header.
    pub fn transport_field(&mut self, offset: u32, width: Width) -> ValueId {
        let at = self.transport_start();
        self.load(width, Some(at), offset)
    }

    /// TCP with a header of at least its smallest length.
    pub fn is_tcp(&mut self) -> PredicateId {
        let tcp = self.protocol_is(number::TCP);
        let words = self.transport_field(12, Width::Byte);
        let long_enough = self.compare_constant(Compare::Ge, words, TCP_WORDS << 4);
        self.and(tcp, long_enough)
    }

    /// TCP, and where its payload starts.
    pub fn tcp_payload(&mut self) -> PredicateId {
        let found = self.find_tcp_payload();
        self.predicates.region(found)
    }

    fn find_tcp_payload(&mut self) -> PredicateId {
        let vars = self.vars();
        let tcp = self.is_tcp();
        let at = self.variable(vars.transport);
        let offset = self.transport_field(12, Width::Byte);
        let offset = self.alu_constant(Alu::Shr, offset, 2);
        let length = self.alu_constant(Alu::And, offset, 0x3c);
        let payload = self.alu(Alu::Add, at, length);
        let set = self.assign(&[(vars.payload, payload)]);
        self.and(tcp, set)
    }

    /// TCP or UDP, and where the payload starts.
    pub fn any_payload(&mut self) -> PredicateId {
        let vars = self.vars();
        let tcp = self.find_tcp_payload();
        let at = self.variable(vars.transport);
        let payload = self.alu_constant(Alu::Add, at, UDP_HEADER);
        let udp = self.protocol_is(number::UDP);
        let set = self.assign(&[(vars.payload, payload)]);
        let udp = self.and(udp, set);
        let found = self.or(tcp, udp);
        self.predicates.region(found)
    }

    /// Bytes of the payload, and the checks that the packet has them. Padding behind
    /// the end of the packet is no payload.
    pub fn payload_load(&mut self, width: Width, index: ValueId) -> (ValueId, PredicateId) {
        let payload = self.vars().payload;
        let start = self.variable(payload);
        match self.constant_of(index) {
            // No packet has so many bytes of payload (`packet_end`).
            Some(MAX_PACKET..) => (self.constant(0), self.predicates.constant(false)),
            Some(index) => {
                let there = self.payload_has(index + width.bytes());
                (self.load(width, Some(start), index), there)
            }
            None => {
                let there = self.payload_has(width.bytes());
                let end = self.vars().end;
                let end = self.variable(end);
                let room = self.alu(Alu::Sub, end, start);
                let room = self.alu_constant(Alu::Sub, room, width.bytes());
                let inside = self.compare(Compare::Ge, room, index);
                let base = self.alu(Alu::Add, start, index);
                (self.load(width, Some(base), 0), self.and(there, inside))
            }
        }
    }

    fn payload_has(&mut self, bytes: u32) -> PredicateId {
        let vars = self.vars();
        let start = self.variable(vars.payload);
        let last = self.alu_constant(Alu::Add, start, bytes);
        let end = self.variable(vars.end);
        self.compare(Compare::Ge, end, last)
    }

    /// Whether the payload has these bytes at the offset, where the mask has bits.
    pub fn payload_is(&mut self, offset: u32, bytes: &[u8], fold_case: bool) -> PredicateId {
        let payload = self.vars().payload;
        let start = self.variable(payload);
        let mut all = self.payload_has(offset + bytes.len() as u32);
        let mut at = 0;
        while at < bytes.len() {
            let width = match bytes.len() - at {
                4.. => Width::Word,
                2.. => Width::Half,
                _ => Width::Byte,
            };
            let part = &bytes[at..at + width.bytes() as usize];
            let number = |part: &mut dyn Iterator<Item = u8>| {
                part.fold(0, |value, byte| value << 8 | u32::from(byte))
            };
            let value = number(&mut part.iter().copied());
            // Letters differ from their capitals in this bit alone.
            const CASE: u8 = 0x20;
            let mask =
                number(&mut part.iter().map(|byte| {
                    if fold_case && byte.is_ascii_alphabetic() { !CASE } else { 0xff }
                }));
            let mut field = self.load(width, Some(start), offset + at as u32);
            let ones = number(&mut part.iter().map(|_| 0xff));
            if mask != ones {
                field = self.alu_constant(Alu::And, field, mask);
            }
            let value = self.constant(value & mask);
            let test = Test::Compare(Compare::Eq, field, value);
            let test = self.predicates.test(Vec::new(), test);
            all = self.and(all, test);
            at += part.len();
        }
        all
    }
}

//! The hash of a frame's connection, behind a filter: [`FlowSeed::hash`] as values and nodes.
//!
//! The two addresses and ports are looked for by the walk of the macros: behind VLAN tags, IPv4 options and
//! IPv6 extension headers, and inside of the tunnel that the filter's last word names. Of an ICMP error they
//! are those of the packet that it quotes. All fragments of a packet, the first one too, have its
//! addresses alone, as in the kernel's `skb_get_hash`: only so they stay together.

use super::ip::number;
use super::predicate::PredicateId;
use super::quotation::ICMP_HEADER;
use super::{Layers, Lowering};
use crate::error::Error;
use crate::flow_hash::{END_SHIFTS, FINISH, FlowSeed, LAST_SHIFT};
use crate::ir::{Alu, Compare, ValueId, Var, Width};

/// Fields of the IPv4 header (RFC 791).
const FRAGMENT4: u32 = 6;
const PROTOCOL4: u32 = 9;
const SOURCE4: u32 = 12;
const DESTINATION4: u32 = 16;
/// More fragments follow, or this is a later one.
const IS_FRAGMENT: u32 = 0x3fff;
/// Fields of the IPv6 header (RFC 8200).
const NEXT_HEADER6: u32 = 6;
const SOURCE6: u32 = 8;
const DESTINATION6: u32 = 24;
const HEADER6: u32 = 40;

/// Where the addresses and ports are, and what has become of them.
struct Vars {
    /// Where the IP header starts.
    network: Var,
    /// The protocol behind it, and where its header starts.
    protocol: Var,
    transport: Var,
    /// The hash of each end.
    source: Var,
    destination: Var,
    hash: Var,
}

impl Lowering<'_> {
    /// Whether the frame has addresses, and the variable that holds the hash then.
    pub fn flow(&mut self, seed: &FlowSeed) -> Result<(PredicateId, Var), Error> {
        let [network, protocol, transport, source, destination, hash] =
            [(); 6].map(|()| self.graph.var());
        let vars = Vars { network, protocol, transport, source, destination, hash };
        if self.layers.outermost {
            self.layers = Layers::new(self.options.link);
        }
        let found = self.find_flow(&vars)?;
        let v4 = self.ends4(&vars, seed);
        let v6 = self.ends6(&vars, seed);
        let ends = self.or(v4, v6);
        let mixed = self.mixed(&vars, seed);
        Ok((self.all(found, &[ends, mixed]), hash))
    }

    /// Finds the headers that name the connection.
    fn find_flow(&mut self, vars: &Vars) -> Result<PredicateId, Error> {
        let found = self.find_transport()?;
        let found = self.predicates.region(found);
        let quotes4 = self.quotes_ipv4();
        let quotes6 = self.quotes_ipv6();
        let (at, protocol) = (self.network_start(), self.found_protocol());
        let transport = self.transport_start();
        let own = self.place(vars, at, protocol, transport);

        let quoted = self.alu_constant(Alu::Add, transport, ICMP_HEADER);
        let protocol4 = self.load(Width::Byte, Some(quoted), PROTOCOL4);
        let first = self.load(Width::Byte, Some(quoted), 0);
        let words = self.alu_constant(Alu::And, first, 0x0f);
        let length = self.alu_constant(Alu::Shl, words, 2);
        let behind4 = self.alu(Alu::Add, quoted, length);
        let quoted4 = self.place(vars, quoted, protocol4, behind4);
        let protocol6 = self.load(Width::Byte, Some(quoted), NEXT_HEADER6);
        let behind6 = self.alu_constant(Alu::Add, quoted, HEADER6);
        let quoted6 = self.place(vars, quoted, protocol6, behind6);
        let inner = self.predicates.choose(quotes6, quoted6, own);
        let inner = self.predicates.choose(quotes4, quoted4, inner);

        // Where the walk ended before: a later fragment, or a header that contradicts itself.
        let (ip, ip6) = self.find_network()?;
        let (v4, v6) = (self.version_at(at, 4), self.version_at(at, 6));
        let (ip, ip6) = (self.and(ip, v4), self.and(ip6, v6));
        let ip = self.or(ip, ip6);
        let none = self.constant(0);
        let without = self.place(vars, at, none, at);
        let without = self.and(ip, without);
        Ok(self.predicates.choose(found, inner, without))
    }

    fn place(
        &mut self,
        vars: &Vars,
        network: ValueId,
        protocol: ValueId,
        transport: ValueId,
    ) -> PredicateId {
        let sets =
            [(vars.network, network), (vars.protocol, protocol), (vars.transport, transport)];
        self.assign(&sets)
    }

    /// Whether it is IPv4, and what its ends sum up to.
    fn ends4(&mut self, vars: &Vars, seed: &FlowSeed) -> PredicateId {
        let at = self.variable(vars.network);
        let version = self.version_at(at, 4);
        let [.., factor] = seed.address;
        let mut end = |offset| {
            let address = self.load(Width::Word, Some(at), offset);
            self.alu_constant(Alu::Mul, address, factor)
        };
        let (source, destination) = (end(SOURCE4), end(DESTINATION4));
        let addresses = self.set_ends(vars, source, destination);
        let fragment = self.load(Width::Half, Some(at), FRAGMENT4);
        let fragment = self.compare_constant(Compare::Set, fragment, IS_FRAGMENT);
        let ports = self.ports_unless(fragment, vars, seed);
        self.all(version, &[addresses, ports])
    }

    /// The same of IPv6.
    fn ends6(&mut self, vars: &Vars, seed: &FlowSeed) -> PredicateId {
        let at = self.variable(vars.network);
        let version = self.version_at(at, 6);
        let mut end = |offset| {
            let words = (0..).zip(seed.address).map(|(word, factor)| {
                let word = self.load(Width::Word, Some(at), offset + 4 * word);
                self.alu_constant(Alu::Mul, word, factor)
            });
            let words: Vec<ValueId> = words.collect();
            words.into_iter().reduce(|sum, word| self.alu(Alu::Add, sum, word))
        };
        let (Some(source), Some(destination)) = (end(SOURCE6), end(DESTINATION6)) else {
            return self.predicates.constant(false);
        };
        let addresses = self.set_ends(vars, source, destination);
        let next = self.load(Width::Byte, Some(at), NEXT_HEADER6);
        let fragment = self.compare_constant(Compare::Eq, next, number::FRAGMENT);
        let ports = self.ports_unless(fragment, vars, seed);
        self.all(version, &[addresses, ports])
    }

    fn set_ends(&mut self, vars: &Vars, source: ValueId, destination: ValueId) -> PredicateId {
        let none = self.constant(0);
        self.assign(&[(vars.source, source), (vars.destination, destination), (vars.hash, none)])
    }

    /// Always true: adds the ports, where there are any, and the protocol that they are of.
    fn ports_unless(&mut self, not: PredicateId, vars: &Vars, seed: &FlowSeed) -> PredicateId {
        let protocol = self.variable(vars.protocol);
        let [tcp, udp, sctp] = [number::TCP, number::UDP, number::SCTP]
            .map(|number| self.compare_constant(Compare::Eq, protocol, number));
        let has_ports = self.any(tcp, &[udp, sctp]);
        let at = self.variable(vars.transport);
        let mut with_port = |end: Var, offset| {
            let port = self.load(Width::Half, Some(at), offset);
            let port = self.alu_constant(Alu::Mul, port, seed.port);
            let before = self.variable(end);
            (end, self.alu(Alu::Add, before, port))
        };
        let sets = [with_port(vars.source, 0), with_port(vars.destination, 2)];
        let number = self.alu_constant(Alu::Mul, protocol, seed.protocol);
        let add = self.assign(&[sets[0], sets[1], (vars.hash, number)]);
        let stay = self.predicates.constant(true);
        let ports = self.predicates.choose(has_ports, add, stay);
        let stay = self.predicates.constant(true);
        self.predicates.choose(not, stay, ports)
    }

    /// Always true: mixes the ends, adds them, and mixes the sum.
    ///
    /// Each step goes into its variable: as one value, which names itself twice in each step, it would be
    /// computed as often as there are ways down.
    fn mixed(&mut self, vars: &Vars, seed: &FlowSeed) -> PredicateId {
        let mut sets = Vec::new();
        for end in [vars.source, vars.destination] {
            sets.push(self.mix(end, END_SHIFTS[0], Some(seed.mix)));
            sets.push(self.mix(end, END_SHIFTS[1], None));
        }
        let [hash, source, destination] =
            [vars.hash, vars.source, vars.destination].map(|var| self.variable(var));
        let ends = self.alu(Alu::Add, source, destination);
        sets.push((vars.hash, self.alu(Alu::Add, ends, hash)));
        for (shift, factor) in FINISH {
            sets.push(self.mix(vars.hash, shift, Some(factor)));
        }
        sets.push(self.mix(vars.hash, LAST_SHIFT, None));
        self.assign(&sets)
    }

    /// A step of mixing: the variable, and what it becomes.
    fn mix(&mut self, var: Var, shift: u32, factor: Option<u32>) -> (Var, ValueId) {
        let before = self.variable(var);
        let shifted = self.alu_constant(Alu::Shr, before, shift);
        let mixed = self.alu(Alu::Xor, before, shifted);
        (var, factor.map_or(mixed, |factor| self.alu_constant(Alu::Mul, mixed, factor)))
    }
}

//! Keys behind a filter: the frame matches, has the key, and leaves it in variables.

use super::build::From;
use super::ethernet::ethertype;
use super::ip::number;
use super::predicate::PredicateId;
use super::{Link, Lowering};
use crate::error::Error;
use crate::ir::{Alu, Compare, Meta, ValueId, Var, VlanView, Width};
use crate::key::{KEY_WORDS, Key, Prefix};

/// Where addresses are in the IPv4 header (RFC 791) and in the IPv6 header (RFC 8200).
const SOURCE4: u32 = 12;
const DESTINATION4: u32 = 16;
const SOURCE6: u32 = 8;
const DESTINATION6: u32 = 24;
/// Where the protocol is.
const PROTOCOL4: u32 = 9;
const PROTOCOL6: u32 = 6;
/// Where ports are in the headers of TCP, UDP and SCTP.
const SOURCE_PORT: u32 = 0;
const DESTINATION_PORT: u32 = 2;
/// The upper half of `::ffff:0:0`, where IPv4 addresses have their place among those of IPv6
/// (RFC 4291, section 2.5.5.2).
const MAPPED: u32 = 0xffff;
const VLAN_ID: u32 = 0xfff;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Lowering<'_> {
    /// Whether the frame has the key, and the variables that hold it then.
    pub fn key(&mut self, key: Key) -> Result<(PredicateId, Vec<Var>), Error> {
        let words: Vec<Var> = (0..KEY_WORDS).map(|_| self.graph.var()).collect();
        let of = |this: &mut Self, family| this.key_in(family, key, &words);
        let has = match key {
            Key::Vlan => self.vlan_key(&words)?,
            Key::Mac => self.mac_key(&words)?,
            _ => {
                let v4 = of(self, Family::V4)?;
                let v6 = of(self, Family::V6)?;
                self.or(v4, v6)
            }
        };
        Ok((has, words))
    }

    /// A key of the IP header or of what follows it.
    fn key_in(&mut self, family: Family, key: Key, words: &[Var]) -> Result<PredicateId, Error> {
        let ip = self.link_type(match family {
            Family::V4 => ethertype::IPV4,
            Family::V6 => ethertype::IPV6,
        })?;
        let (source, destination, protocol) = match family {
            Family::V4 => (SOURCE4, DESTINATION4, PROTOCOL4),
            Family::V6 => (SOURCE6, DESTINATION6, PROTOCOL6),
        };
        Ok(match key {
            Key::Source(prefix) => {
                let address = self.address_words(family, source, prefix);
                let set = self.set_key(words, &address);
                self.and(ip, set)
            }
            Key::Destination(prefix) => {
                let address = self.address_words(family, destination, prefix);
                let set = self.set_key(words, &address);
                self.and(ip, set)
            }
            Key::Protocol => {
                let protocol = self.field(From::Network, protocol, Width::Byte);
                let set = self.set_key(words, &[protocol]);
                self.and(ip, set)
            }
            Key::SourcePort | Key::DestinationPort | Key::SourceAndPort => {
                let has_ports = self.has_ports(family, protocol);
                let from = match family {
                    Family::V4 => From::Transport4,
                    Family::V6 => From::Transport6,
                };
                let offset = if key == Key::SourcePort { SOURCE_PORT } else { DESTINATION_PORT };
                let port = self.field(from, offset, Width::Half);
                let mut values = Vec::new();
                if key == Key::SourceAndPort {
                    values = self.address_words(family, source, Prefix::WHOLE);
                }
                values.push(port);
                let set = self.set_key(words, &values);
                self.all(ip, &[has_ports, set])
            }
            Key::Vlan | Key::Mac => self.predicates.constant(false),
        })
    }

    fn has_ports(&mut self, family: Family, protocol: u32) -> PredicateId {
        let mut is = |number| self.equals(From::Network, protocol, Width::Byte, number);
        let (tcp, udp, sctp) = (is(number::TCP), is(number::UDP), is(number::SCTP));
        let any = self.any(tcp, &[udp, sctp]);
        match family {
            Family::V4 => {
                let first = self.first_fragment();
                self.and(any, first)
            }
            Family::V6 => any,
        }
    }

    /// Four words.
    fn address_words(&mut self, family: Family, offset: u32, prefix: Prefix) -> Vec<ValueId> {
        match family {
            Family::V4 => {
                let address = self.prefix_word(offset, prefix.v4.into());
                let (zero, mapped) = (self.constant(0), self.constant(MAPPED));
                vec![zero, zero, mapped, address]
            }
            Family::V6 => (0..4u32)
                .map(|word| {
                    let bits = u32::from(prefix.v6).saturating_sub(32 * word).min(32);
                    self.prefix_word(offset + 4 * word, bits)
                })
                .collect(),
        }
    }

    /// The first bits of a word; the others are 0. Where there are none, it is not looked at.
    fn prefix_word(&mut self, offset: u32, bits: u32) -> ValueId {
        let word = self.field(From::Network, offset, Width::Word);
        match u32::MAX.checked_shl(32 - bits).unwrap_or(0) {
            u32::MAX => word,
            0 => self.constant(0),
            mask => self.alu_constant(Alu::And, word, mask),
        }
    }

    fn vlan_key(&mut self, words: &[Var]) -> Result<PredicateId, Error> {
        if self.options.vlan == VlanView::Live {
            let present = self.meta(Meta::VlanPresent);
            let present = self.compare_constant(Compare::Ge, present, 1);
            let tci = self.meta(Meta::VlanTci);
            let id = self.alu_constant(Alu::And, tci, VLAN_ID);
            let set = self.set_key(words, &[id]);
            return Ok(self.and(present, set));
        }
        self.layers = super::Layers::new(self.options.link);
        if self.layers.link != Link::Ethernet {
            return Err(self.error("this link has no VLAN tags"));
        }
        let tagged = self.vlan_ethertype()?;
        let tci = self.field(From::Network, 0, Width::Half);
        let id = self.alu_constant(Alu::And, tci, VLAN_ID);
        let set = self.set_key(words, &[id]);
        Ok(self.and(tagged, set))
    }

    fn mac_key(&mut self, words: &[Var]) -> Result<PredicateId, Error> {
        const SOURCE: u32 = 6;
        if self.layers.link != Link::Ethernet {
            return Err(self.error("there are no Ethernet addresses here"));
        }
        let high = self.field(From::Link, SOURCE, Width::Half);
        let low = self.field(From::Link, SOURCE + 2, Width::Word);
        Ok(self.set_key(words, &[high, low]))
    }

    /// True, and the first words of the key are these, in the order of the values, the others 0.
    fn set_key(&mut self, words: &[Var], values: &[ValueId]) -> PredicateId {
        self.graph.set_key_len(values.len());
        let zero = self.constant(0);
        let values = values.iter().copied().chain(std::iter::repeat(zero));
        let sets: Vec<(Var, ValueId)> = words.iter().copied().zip(values).collect();
        self.assign(&sets)
    }
}

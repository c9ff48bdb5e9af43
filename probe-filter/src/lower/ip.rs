//! Hosts and networks by IPv4 and IPv6 address, protocols by number, header chains.

use std::net::Ipv6Addr;

use super::Lowering;
use super::build::From;
use super::ethernet::{ethertype, sap};
use super::predicate::PredicateId;
use crate::ast::{Direction, Kind, Protocol};
use crate::error::Error;
use crate::ir::{ChainKind, Compare, Test, Width};

/// Protocol numbers (IANA).
pub mod number {
    pub const ICMP: u32 = 1;
    pub const IGMP: u32 = 2;
    pub const TCP: u32 = 6;
    pub const IGRP: u32 = 9;
    pub const UDP: u32 = 17;
    pub const FRAGMENT: u32 = 44;
    pub const ESP: u32 = 50;
    pub const AH: u32 = 51;
    pub const ICMPV6: u32 = 58;
    pub const PIM: u32 = 103;
    pub const VRRP: u32 = 112;
    pub const SCTP: u32 = 132;
}

/// Network layer protocol identifiers (ISO/IEC 9577).
mod nlpid {
    pub const CLNP: u32 = 0x81;
    pub const ESIS: u32 = 0x82;
    pub const ISIS: u32 = 0x83;
}

/// PDU types of IS-IS (ISO 10589).
mod isis {
    pub const L1_LAN_HELLO: u32 = 15;
    pub const L2_LAN_HELLO: u32 = 16;
    pub const PTP_HELLO: u32 = 17;
    pub const L1_LSP: u32 = 18;
    pub const L2_LSP: u32 = 20;
    pub const L1_CSNP: u32 = 24;
    pub const L2_CSNP: u32 = 25;
    pub const L1_PSNP: u32 = 26;
    pub const L2_PSNP: u32 = 27;
}

impl Lowering<'_> {
    /// `tcp`, `arp`, `isis` and so on, alone.
    pub fn protocol(&mut self, protocol: Protocol) -> Result<PredicateId, Error> {
        use Protocol as P;
        let over = |number, carrier| (number, Some(carrier));
        let (number, carrier) = match protocol {
            P::Ip => return self.link_type(ethertype::IPV4),
            P::Ip6 => return self.link_type(ethertype::IPV6),
            P::Arp => return self.link_type(ethertype::ARP),
            P::Rarp => return self.link_type(ethertype::RARP),
            P::Atalk => return self.link_type(ethertype::ATALK),
            P::Aarp => return self.link_type(ethertype::AARP),
            P::Decnet => return self.link_type(ethertype::DECNET),
            P::Lat => return self.link_type(ethertype::LAT),
            P::Sca => return self.link_type(ethertype::SCA),
            P::Moprc => return self.link_type(ethertype::MOPRC),
            P::Mopdl => return self.link_type(ethertype::MOPDL),
            P::Iso => return self.link_type(sap::ISO),
            P::Stp => return self.link_type(sap::STP),
            P::Ipx => return self.link_type(sap::IPX),
            P::Netbeui => return self.link_type(sap::NETBEUI),
            P::Tcp => (number::TCP, None),
            P::Udp => (number::UDP, None),
            P::Sctp => (number::SCTP, None),
            P::Pim => (number::PIM, None),
            P::Ah => (number::AH, None),
            P::Esp => (number::ESP, None),
            P::Icmp => over(number::ICMP, P::Ip),
            P::Igmp => over(number::IGMP, P::Ip),
            P::Igrp => over(number::IGRP, P::Ip),
            P::Vrrp | P::Carp => over(number::VRRP, P::Ip),
            P::Icmp6 => over(number::ICMPV6, P::Ip6),
            P::Clnp => over(nlpid::CLNP, P::Iso),
            P::Esis => over(nlpid::ESIS, P::Iso),
            P::Isis => over(nlpid::ISIS, P::Iso),
            P::IsisL1
            | P::IsisL2
            | P::IsisIih
            | P::IsisLsp
            | P::IsisSnp
            | P::IsisCsnp
            | P::IsisPsnp => return self.isis(protocol),
            P::Link => {
                return Err(self
                    .error("'ether' alone asks nothing")
                    .expected("host, src, dst, proto, broadcast, multicast or [ after it"));
            }
            P::Radio => return Err(self.error("this link has no radio header")),
        };
        self.carried(number, carrier)
    }

    /// The PDUs of IS-IS, in the order in which libpcap looks for them.
    fn isis(&mut self, protocol: Protocol) -> Result<PredicateId, Error> {
        use isis::*;
        let types: &[u32] = match protocol {
            Protocol::IsisL1 => &[L1_PSNP, L1_CSNP, L1_LSP, L1_LAN_HELLO, PTP_HELLO],
            Protocol::IsisL2 => &[L2_PSNP, L2_CSNP, L2_LSP, L2_LAN_HELLO, PTP_HELLO],
            Protocol::IsisIih => &[PTP_HELLO, L1_LAN_HELLO, L2_LAN_HELLO],
            Protocol::IsisLsp => &[L1_LSP, L2_LSP],
            Protocol::IsisSnp => &[L2_PSNP, L1_PSNP, L1_CSNP, L2_CSNP],
            Protocol::IsisCsnp => &[L1_CSNP, L2_CSNP],
            _ => &[L1_PSNP, L2_PSNP],
        };
        let mut any = None;
        for &pdu in types {
            let next = self.carried(pdu, Some(Protocol::Isis))?;
            any = Some(match any {
                Some(any) => self.or(any, next),
                None => next,
            });
        }
        Ok(any.unwrap_or_else(|| self.predicates.constant(false)))
    }

    /// Whether the carrier's header says that this protocol follows it. `None` stands
    /// for IPv4 and IPv6.
    pub fn carried(
        &mut self,
        number: u32,
        carrier: Option<Protocol>,
    ) -> Result<PredicateId, Error> {
        match carrier {
            None => {
                let ip = self.carried(number, Some(Protocol::Ip))?;
                let ip6 = self.carried(number, Some(Protocol::Ip6))?;
                Ok(self.or(ip, ip6))
            }
            Some(Protocol::Link) => self.link_type(number),
            Some(Protocol::Ip) => {
                let ip = self.link_type(ethertype::IPV4)?;
                let protocol = self.equals(From::Network, 9, Width::Byte, number);
                Ok(self.and(ip, protocol))
            }
            Some(Protocol::Ip6) => {
                let ip6 = self.link_type(ethertype::IPV6)?;
                let next = self.equals(From::Network, 6, Width::Byte, number);
                let fragment = self.equals(From::Network, 6, Width::Byte, number::FRAGMENT);
                let after = self.equals(From::Transport6, 0, Width::Byte, number);
                let after = self.and(fragment, after);
                let either = self.or(next, after);
                Ok(self.and(ip6, either))
            }
            Some(Protocol::Iso) => {
                let iso = self.link_type(sap::ISO)?;
                let protocol = self.equals(From::NetworkAfterLlc, 0, Width::Byte, number);
                Ok(self.and(iso, protocol))
            }
            Some(Protocol::Isis) => {
                let isis = self.carried(nlpid::ISIS, Some(Protocol::Iso))?;
                let pdu = self.equals(From::NetworkAfterLlc, 4, Width::Byte, number);
                Ok(self.and(isis, pdu))
            }
            Some(other) => {
                let message = format!("'{}' carries no protocols by number", other.name());
                Err(self.error(message).expected("ip, ip6, ether, iso or isis before proto"))
            }
        }
    }

    /// `protochain`
    pub fn chain(
        &mut self,
        protocol: u32,
        carrier: Option<Protocol>,
    ) -> Result<PredicateId, Error> {
        self.take_register()?;
        let (kind, ethertype) = match carrier {
            None => {
                // libpcap never gives this register back.
                let ip = self.chain(protocol, Some(Protocol::Ip))?;
                let ip6 = self.chain(protocol, Some(Protocol::Ip6))?;
                return Ok(self.or(ip, ip6));
            }
            Some(Protocol::Ip) => (ChainKind::Ipv4, ethertype::IPV4),
            Some(Protocol::Ip6) => (ChainKind::Ipv6, ethertype::IPV6),
            Some(other) => {
                let message = format!("'{}' has no chain of headers", other.name());
                return Err(self
                    .error(message)
                    .expected("ip or ip6 before protochain, or nothing"));
            }
        };
        let header = self.layers.network_header();
        if header.variable.is_some() {
            return Err(self.error(
                "'protochain' cannot follow geneve, vlan or @unreachable, whose headers move with the frame",
            ));
        }
        let ip = self.link_type(ethertype)?;
        let test = Test::Chain { kind, network_base: None, network: header.constant, protocol };
        let chain = self.predicates.test(Vec::new(), test);
        self.free_register();
        Ok(self.and(ip, chain))
    }

    /// A host or network by IPv4 address; ARP and RARP too where nothing else is said.
    pub fn host(
        &mut self,
        address: u32,
        mask: u32,
        protocol: Option<Protocol>,
        direction: Option<Direction>,
        kind: Kind,
    ) -> Result<PredicateId, Error> {
        match protocol {
            None => {
                let ip = self.host_in(address, mask, direction, ethertype::IPV4, 12, 16)?;
                if self.layers.mpls_labels > 0 {
                    return Ok(ip);
                }
                let arp = self.host_in(address, mask, direction, ethertype::ARP, 14, 24)?;
                let rarp = self.host_in(address, mask, direction, ethertype::RARP, 14, 24)?;
                Ok(self.any(ip, &[arp, rarp]))
            }
            Some(Protocol::Ip) => self.host_in(address, mask, direction, ethertype::IPV4, 12, 16),
            Some(Protocol::Arp) => self.host_in(address, mask, direction, ethertype::ARP, 14, 24),
            Some(Protocol::Rarp) => self.host_in(address, mask, direction, ethertype::RARP, 14, 24),
            Some(Protocol::Decnet) => self.decnet_host(address, direction),
            Some(other) => Err(self.no_address(other, kind, "IPv4", "ip, arp or rarp")),
        }
    }

    fn no_address(&self, protocol: Protocol, kind: Kind, family: &str, expected: &str) -> Error {
        let message =
            format!("'{}' has no {} with an {family} address", protocol.name(), kind.name());
        let mut expected = format!("{expected} before it");
        if matches!(protocol, Protocol::Tcp | Protocol::Udp | Protocol::Sctp | Protocol::Icmp) {
            expected = format!("'{} and {} ...'", protocol.name(), kind.name());
        }
        self.error(message).expected(expected)
    }

    fn host_in(
        &mut self,
        address: u32,
        mask: u32,
        direction: Option<Direction>,
        ethertype: u32,
        source: u32,
        destination: u32,
    ) -> Result<PredicateId, Error> {
        let mut one = |offset| {
            let link = self.link_type(ethertype)?;
            let field = self.masked(From::Network, offset, Width::Word, address, mask);
            Ok(self.and(link, field))
        };
        match direction {
            Some(Direction::Source) => one(source),
            Some(Direction::Destination) => one(destination),
            Some(Direction::Both) => {
                let (source, destination) = (one(source)?, one(destination)?);
                Ok(self.and(source, destination))
            }
            None | Some(Direction::Either) => {
                let (source, destination) = (one(source)?, one(destination)?);
                Ok(self.or(source, destination))
            }
            Some(_) => Err(self.only_802_11()),
        }
    }

    /// A host or network by IPv6 address.
    pub fn host6(
        &mut self,
        address: Ipv6Addr,
        prefix: u32,
        protocol: Option<Protocol>,
        direction: Option<Direction>,
        kind: Kind,
    ) -> Result<PredicateId, Error> {
        if let Some(other) = protocol.filter(|&protocol| protocol != Protocol::Ip6) {
            return Err(self.no_address(other, kind, "IPv6", "ip6, or nothing,"));
        }
        let mut one = |offset| {
            let ip6 = self.link_type(ethertype::IPV6)?;
            let mask = prefix_mask(prefix);
            let words = [0, 32, 64, 96].map(|bits: u32| {
                let shift = 96 - bits;
                let value = (address.to_bits() >> shift) as u32;
                let mask = (mask >> shift) as u32;
                self.masked(From::Network, offset + bits / 8, Width::Word, value, mask)
            });
            Ok(self.all(ip6, &words))
        };
        const SOURCE: u32 = 8;
        const DESTINATION: u32 = 24;
        match direction {
            Some(Direction::Source) => one(SOURCE),
            Some(Direction::Destination) => one(DESTINATION),
            Some(Direction::Both) => {
                let (source, destination) = (one(SOURCE)?, one(DESTINATION)?);
                Ok(self.and(source, destination))
            }
            None | Some(Direction::Either) => {
                let (source, destination) = (one(SOURCE)?, one(DESTINATION)?);
                Ok(self.or(source, destination))
            }
            Some(_) => Err(self.only_802_11()),
        }
    }

    /// Not a later fragment of an IPv4 packet.
    pub fn first_fragment(&mut self) -> PredicateId {
        const FRAGMENT_OFFSET: u32 = 0x1fff;
        let field = self.field(From::Network, 6, Width::Half);
        let later = self.compare_constant(Compare::Set, field, FRAGMENT_OFFSET);
        self.not(later)
    }

    /// Inside MPLS only IP can be told, by the version in its first four bits.
    pub fn mpls_payload(&mut self, protocol: u32) -> Result<PredicateId, Error> {
        let version = match protocol {
            ethertype::IPV4 => 0x40,
            ethertype::IPV6 => 0x60,
            _ => {
                return Err(self
                    .error("inside MPLS only IPv4 and IPv6 can be told apart")
                    .expected("ip, ip6 or what they carry"));
            }
        };
        const BOTTOM_OF_STACK: u32 = 2_u32.wrapping_neg();
        let bottom = self.masked(From::Network, BOTTOM_OF_STACK, Width::Byte, 1, 1);
        let version = self.masked(From::Network, 0, Width::Byte, version, 0xf0);
        Ok(self.and(bottom, version))
    }
}

/// The first `bits` bits set.
pub fn prefix_mask(bits: u32) -> u128 {
    match bits {
        0 => 0,
        bits => u128::MAX << (128 - bits),
    }
}

//! Addresses with their qualifiers: which question is asked of which header.

use std::io;
use std::net::{IpAddr, Ipv6Addr};

use super::Lowering;
use super::ethernet::{ethertype, sap};
use super::ip::{number, prefix_mask};
use super::ports::Ports;
use super::predicate::PredicateId;
use crate::ast::{Address, Kind, Protocol, Qualifiers};
use crate::error::{Error, quoted};
use crate::names::{Port, parse_int, port_number};

const MAX_PORT: u32 = 65_535;

impl Lowering<'_> {
    pub fn address(
        &mut self,
        qualifiers: Option<Qualifiers>,
        address: &Address,
    ) -> Result<PredicateId, Error> {
        match address {
            Address::Mac(mac) => return self.mac(qualifiers, *mac),
            Address::Arcnet => return Err(self.error("this is an address of ARCnet links")),
            _ => {}
        }
        let Some(qualifiers) = qualifiers else {
            return Err(self
                .error("the kind of address is missing")
                .expected("host, net, port or the like before it"));
        };
        match address {
            Address::Name(name) => self.name(qualifiers, name),
            Address::Number(number) => self.number(qualifiers, *number),
            Address::Dotted(dotted) => self.dotted(qualifiers, dotted),
            Address::DottedPrefix(dotted, length) => {
                let (address, _) = self.parse_dotted(dotted)?;
                if *length > 32 {
                    return Err(self.error("an IPv4 prefix has at most 32 bits"));
                }
                let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
                self.network(qualifiers, address, mask)
            }
            Address::DottedMask(dotted, mask) => {
                let (address, _) = self.parse_dotted(dotted)?;
                let (mask, _) = self.parse_dotted(mask)?;
                self.network(qualifiers, address, mask)
            }
            Address::Ipv6(address, length) => self.ipv6(qualifiers, *address, *length),
            Address::Mac(_) | Address::Arcnet => Err(self.error("this is not a network address")),
        }
    }

    fn mac(&mut self, qualifiers: Option<Qualifiers>, mac: [u8; 6]) -> Result<PredicateId, Error> {
        let Some(Qualifiers {
            protocol: Some(Protocol::Link),
            direction,
            kind: None | Some(Kind::Host),
        }) = qualifiers
        else {
            return Err(self
                .error("this is a link-layer address")
                .expected("ether host, ether src or ether dst before it"));
        };
        self.link_host(mac, direction)
    }

    fn link_host(
        &mut self,
        mac: [u8; 6],
        direction: Option<crate::ast::Direction>,
    ) -> Result<PredicateId, Error> {
        if self.layers.link != super::Link::Ethernet {
            return Err(self.error("this link has no Ethernet addresses"));
        }
        self.ethernet_host(mac, direction)
    }

    fn parse_dotted(&self, dotted: &str) -> Result<(u32, u32), Error> {
        dotted_address(dotted).ok_or_else(|| {
            self.error(format!("{} is not an IPv4 address", quoted(dotted)))
                .expected("decimal numbers from 0 to 255")
        })
    }

    fn network(
        &mut self,
        qualifiers: Qualifiers,
        address: u32,
        mask: u32,
    ) -> Result<PredicateId, Error> {
        if address & !mask != 0 {
            return Err(self.error("the address has bits beyond its mask").expected(format!(
                "{}, or a longer mask",
                std::net::Ipv4Addr::from_bits(address & mask)
            )));
        }
        match qualifiers.kind {
            Some(Kind::Net) => {
                self.host(address, mask, qualifiers.protocol, qualifiers.direction, Kind::Net)
            }
            _ => Err(self.error("only a network has a mask").expected("net before it")),
        }
    }

    fn dotted(&mut self, qualifiers: Qualifiers, dotted: &str) -> Result<PredicateId, Error> {
        let Qualifiers { protocol, direction, kind } = qualifiers;
        let kind = match kind {
            None | Some(Kind::Host) => Kind::Host,
            Some(Kind::Net) => Kind::Net,
            Some(Kind::Gateway) => return Err(self.no_gateway()),
            Some(other) => {
                let message = format!("'{}' does not go with an IP address", other.name());
                return Err(self.error(message).expected("host or net before it"));
            }
        };
        if protocol == Some(Protocol::Decnet) {
            let address = decnet_address(dotted)
                .ok_or_else(|| self.error(format!("{} is not a DECnet address", quoted(dotted))))?;
            return self.host(address, 0, protocol, direction, kind);
        }
        let (address, bits) = self.parse_dotted(dotted)?;
        if protocol == Some(Protocol::Link) {
            return Err(self.no_link_address());
        }
        self.host(address, u32::MAX << (32 - bits), protocol, direction, kind)
    }

    fn no_link_address(&self) -> Error {
        self.error("this is not a link-layer address").expected("six bytes, as 00:11:22:33:44:55")
    }

    fn no_gateway(&self) -> Error {
        self.error("'gateway' is not supported (nor is it by a libpcap with IPv6)")
            .expected("'ether host MAC and not host ADDRESS'")
    }

    fn number(&mut self, qualifiers: Qualifiers, value: u32) -> Result<PredicateId, Error> {
        let Qualifiers { protocol, direction, kind } = qualifiers;
        match kind {
            None | Some(Kind::Host | Kind::Net) => {
                let kind = kind.unwrap_or(Kind::Host);
                match protocol {
                    Some(Protocol::Decnet) => self.host(value, 0, protocol, direction, kind),
                    Some(Protocol::Link) => Err(self.no_link_address()),
                    _ => {
                        let (mut address, mut mask) = (value, u32::MAX);
                        if kind == Kind::Net {
                            (address, mask) = left_justified(address);
                        }
                        self.host(address, mask, protocol, direction, kind)
                    }
                }
            }
            Some(kind @ (Kind::Port | Kind::PortRange)) => {
                let transport = self.transport(protocol, kind)?;
                self.port_number(value.into())?;
                let ports = match kind {
                    Kind::Port => Ports::One(value),
                    _ => Ports::Range(value, value),
                };
                self.ports(ports, transport, direction)
            }
            Some(Kind::Gateway) => Err(self.no_gateway()),
            Some(Kind::Protocol) => self.proto(value, protocol, direction),
            Some(Kind::ProtocolChain) => self.chain(value, protocol),
        }
    }

    fn proto(
        &mut self,
        value: u32,
        protocol: Option<Protocol>,
        direction: Option<crate::ast::Direction>,
    ) -> Result<PredicateId, Error> {
        if direction.is_some() {
            return Err(self.error("a protocol has no direction"));
        }
        self.carried(value, protocol)
    }

    fn port_number(&self, port: i64) -> Result<u32, Error> {
        u32::try_from(port).ok().filter(|&port| port <= MAX_PORT).ok_or_else(|| {
            self.error(format!("{port} is not a port")).expected(format!("0 to {MAX_PORT}"))
        })
    }

    /// The transport that a protocol before `port` names; `None` for any.
    fn transport(&self, protocol: Option<Protocol>, kind: Kind) -> Result<Option<u32>, Error> {
        Ok(Some(match protocol {
            None => return Ok(None),
            Some(Protocol::Tcp) => number::TCP,
            Some(Protocol::Udp) => number::UDP,
            Some(Protocol::Sctp) => number::SCTP,
            Some(other) => {
                let message = format!("'{}' has no '{}'", other.name(), kind.name());
                return Err(self.error(message).expected("tcp, udp, sctp or nothing before it"));
            }
        }))
    }

    fn ipv6(
        &mut self,
        qualifiers: Qualifiers,
        address: Ipv6Addr,
        length: Option<u32>,
    ) -> Result<PredicateId, Error> {
        let prefix = length.unwrap_or(128);
        if prefix > 128 {
            return Err(self.error("an IPv6 prefix has at most 128 bits"));
        }
        if address.to_bits() & !prefix_mask(prefix) != 0 {
            let network = Ipv6Addr::from_bits(address.to_bits() & prefix_mask(prefix));
            return Err(self
                .error("the address has bits beyond its prefix")
                .expected(format!("{network}/{prefix}, or a longer prefix")));
        }
        let Qualifiers { protocol, direction, kind } = qualifiers;
        match kind {
            None | Some(Kind::Host) if prefix != 128 => {
                Err(self.error("only a network has a prefix length").expected("net before it"))
            }
            None | Some(Kind::Host) => self.host6(address, prefix, protocol, direction, Kind::Host),
            Some(Kind::Net) => self.host6(address, prefix, protocol, direction, Kind::Net),
            Some(other) => {
                let message = format!("'{}' does not go with an IPv6 address", other.name());
                Err(self.error(message).expected("host or net before it"))
            }
        }
    }

    fn name(&mut self, qualifiers: Qualifiers, name: &str) -> Result<PredicateId, Error> {
        let Qualifiers { protocol, direction, kind } = qualifiers;
        match kind {
            None | Some(Kind::Host) => match protocol {
                Some(Protocol::Link) => {
                    let mac = self.options.resolver.ether(name);
                    let mac = self.known("Ethernet host", name, mac)?;
                    self.link_host(mac, direction)
                }
                Some(Protocol::Decnet) => {
                    Err(self.error("names of DECnet hosts are not known").expected("AREA.NODE"))
                }
                _ => self.host_name(name, protocol, direction),
            },
            Some(Kind::Net) => {
                let network = self.options.resolver.network(name);
                let network = network.map(|number| number.filter(|&number| number != 0));
                let network = self.known("network", name, network)?;
                let (address, mask) = left_justified(network);
                self.host(address, mask, protocol, direction, Kind::Net)
            }
            Some(Kind::Port) => {
                let named = self.transport(protocol, Kind::Port)?;
                let (port, transport) = self.port_name(name)?;
                let transport = self.agreeing(name, named, transport)?;
                let port = self.port_number(port)?;
                self.ports(Ports::One(port), transport, direction)
            }
            Some(Kind::PortRange) => {
                let named = self.transport(protocol, Kind::PortRange)?;
                let (first, last, transport) = self.port_range(name)?;
                let transport = self.agreeing(name, named, transport)?;
                let (first, last) = (self.port_number(first)?, self.port_number(last)?);
                self.ports(Ports::Range(first, last), transport, direction)
            }
            Some(Kind::Gateway) => Err(self.no_gateway()),
            Some(Kind::Protocol) => {
                let value = self.protocol_name(name, protocol)?;
                self.proto(value, protocol, direction)
            }
            Some(Kind::ProtocolChain) => {
                let value = self.protocol_name(name, protocol)?;
                self.chain(value, protocol)
            }
        }
    }

    fn unknown(&self, what: &str, name: &str) -> Error {
        self.error(format!("{what} {} is not known", quoted(name)))
    }

    /// What the resolver said, where it knows the name.
    fn known<T>(&self, what: &str, name: &str, answer: io::Result<Option<T>>) -> Result<T, Error> {
        self.answer(what, name, answer)?.ok_or_else(|| self.unknown(what, name))
    }

    /// What the resolver said, where it could say something.
    fn answer<T>(&self, what: &str, name: &str, answer: io::Result<T>) -> Result<T, Error> {
        answer.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                self.error(format!("{what} {} is not known: {error}", quoted(name)))
            }
            _ => self.error(format!("{what} {}: {error}", quoted(name))).of_resolver(),
        })
    }

    /// All addresses of a host that the protocol allows.
    fn host_name(
        &mut self,
        name: &str,
        protocol: Option<Protocol>,
        direction: Option<crate::ast::Direction>,
    ) -> Result<PredicateId, Error> {
        let addresses = self.answer("host", name, self.options.resolver.host(name))?;
        let plain = protocol.is_none() && self.layers.link_type.is_none();
        let mut any = None;
        for address in addresses {
            let one = match address {
                IpAddr::V4(_) if protocol == Some(Protocol::Ip6) => continue,
                IpAddr::V6(_) if protocol == Some(Protocol::Ip) => continue,
                IpAddr::V4(address) => {
                    let protocol = if plain { Some(Protocol::Ip) } else { protocol };
                    self.host(address.to_bits(), u32::MAX, protocol, direction, Kind::Host)?
                }
                IpAddr::V6(address) => {
                    let protocol = if plain { Some(Protocol::Ip6) } else { protocol };
                    self.host6(address, 128, protocol, direction, Kind::Host)?
                }
            };
            any = Some(match any {
                Some(any) => self.or(any, one),
                None => one,
            });
        }
        any.ok_or_else(|| self.unknown("host", name))
    }

    /// A port by name, with the one transport that has it; `None` for both.
    fn port_name(&self, name: &str) -> Result<(i64, Option<u32>), Error> {
        if let Some(port) = port_number(name) {
            return Ok((port.into(), None));
        }
        let Port { tcp, udp } = self.answer("port", name, self.options.resolver.port(name))?;
        match (tcp, udp) {
            (Some(tcp), Some(udp)) if tcp == udp => Ok((tcp.into(), None)),
            (Some(tcp), _) => Ok((tcp.into(), Some(number::TCP))),
            (None, Some(udp)) => Ok((udp.into(), Some(number::UDP))),
            (None, None) => Err(self.unknown("port", name)),
        }
    }

    /// `80-90`, `http-https`
    fn port_range(&self, name: &str) -> Result<(i64, i64, Option<u32>), Error> {
        if let Some((first, rest)) = parse_int(name)
            && let Some((last, _)) = rest.strip_prefix('-').and_then(parse_int)
        {
            return Ok((first.into(), last.into(), None));
        }
        let Some((first, last)) = name.split_once('-') else {
            return Err(self
                .error(format!("{} is not a range of ports", quoted(name)))
                .expected("two ports with '-' between them"));
        };
        let (first, transport) = self.port_name(first)?;
        let (last, other) = self.port_name(last)?;
        Ok((first, last, transport.filter(|_| transport == other)))
    }

    /// The transport that the text names and the one that the name of the port has.
    fn agreeing(
        &self,
        name: &str,
        named: Option<u32>,
        of_name: Option<u32>,
    ) -> Result<Option<u32>, Error> {
        match (named, of_name) {
            (None, of_name) => Ok(of_name),
            (Some(named), Some(of_name)) if named != of_name => {
                let transport = if of_name == number::TCP { "TCP" } else { "UDP" };
                Err(self.error(format!("{} is a port of {transport} only", quoted(name))))
            }
            (named, _) => Ok(named),
        }
    }

    fn protocol_name(&self, name: &str, carrier: Option<Protocol>) -> Result<u32, Error> {
        let number = match carrier {
            None | Some(Protocol::Ip | Protocol::Ip6) => {
                return self.known("protocol", name, self.options.resolver.protocol(name));
            }
            Some(Protocol::Link) => link_protocol(name),
            Some(Protocol::Iso) => osi_protocol(name),
            Some(_) => None,
        };
        number.ok_or_else(|| self.unknown("protocol", name))
    }
}

/// What libpcap calls the protocols that a link header names.
pub fn link_protocol(name: &str) -> Option<u32> {
    Some(match name {
        "aarp" => ethertype::AARP,
        "arp" => ethertype::ARP,
        "atalk" => ethertype::ATALK,
        "decnet" => ethertype::DECNET,
        "ip" => ethertype::IPV4,
        "ip6" => ethertype::IPV6,
        "lat" => ethertype::LAT,
        "loopback" => ethertype::LOOPBACK,
        "mopdl" => ethertype::MOPDL,
        "moprc" => ethertype::MOPRC,
        "rarp" => ethertype::RARP,
        "sca" => ethertype::SCA,
        "iso" => sap::ISO,
        "stp" => sap::STP,
        "ipx" => sap::IPX,
        "netbeui" => sap::NETBEUI,
        _ => return None,
    })
}

/// The protocols of OSI that have a name.
pub fn osi_protocol(name: &str) -> Option<u32> {
    match name {
        "clnp" => Some(0x81),
        "esis" => Some(0x82),
        "isis" => Some(0x83),
        _ => None,
    }
}

/// Two to four numbers, the first eight bits first: the address they start, and
/// how many bits of it they are.
pub fn dotted_address(dotted: &str) -> Option<(u32, u32)> {
    let (mut address, mut bits) = (0_u32, 0);
    for part in dotted.split('.') {
        let part: u32 = match part.trim_start_matches('0') {
            "" => 0,
            digits => digits.parse().ok()?,
        };
        if part > 255 {
            return None;
        }
        address = address << 8 | part;
        bits += 8;
    }
    Some((address << (32 - bits), bits))
}

/// A short network number, moved to the front of the address, and its mask.
pub fn left_justified(network: u32) -> (u32, u32) {
    let (mut address, mut mask) = (network, u32::MAX);
    while address != 0 && address & 0xff00_0000 == 0 {
        address <<= 8;
        mask <<= 8;
    }
    (address, mask)
}

/// `AREA.NODE`
pub fn decnet_address(dotted: &str) -> Option<u32> {
    let (area, rest) = parse_int(dotted)?;
    let (node, _) = parse_int(rest.strip_prefix('.')?)?;
    Some(((area as u32) << 10) & 0xfc00 | (node as u32) & 0x03ff)
}

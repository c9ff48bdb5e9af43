//! Addresses, ports and protocol numbers in words. The filter has been compiled: what stands here is
//! known to go together.

use std::net::{IpAddr, Ipv4Addr};

use super::{Teller, protocol};
use crate::ast::{Address, Direction, Kind, Protocol, Qualifiers};
use crate::ir::LinkType;
use crate::lower::{decnet_address, dotted_address, left_justified, link_protocol};
use crate::names::{parse_int, port_number};

/// EtherTypes begin here; below are lengths and LLC's access points.
const LEAST_ETHERTYPE: u32 = 1501;

impl Teller<'_> {
    pub fn address(&self, qualifiers: Option<Qualifiers>, address: &Address) -> Option<String> {
        if let Address::Mac(mac) = address {
            return Some(ethernet(qualifiers?.direction, *mac));
        }
        let Qualifiers { protocol, direction, kind } = qualifiers?;
        match kind {
            None | Some(Kind::Host | Kind::Net) => self.host(protocol, direction, kind, address),
            Some(Kind::Port | Kind::PortRange) => self.ports(protocol, direction, address),
            Some(Kind::Protocol) => self.carried(protocol, address),
            Some(Kind::ProtocolChain) => {
                let number = self.number(protocol, address)?;
                let carrier = versions(protocol);
                Some(format!("{carrier} whose chain of headers leads to protocol {number}"))
            }
            Some(Kind::Gateway) => None,
        }
    }

    fn host(
        &self,
        protocol: Option<Protocol>,
        direction: Option<Direction>,
        kind: Option<Kind>,
        address: &Address,
    ) -> Option<String> {
        if protocol == Some(Protocol::Decnet) {
            let number = match address {
                Address::Number(number) => *number,
                Address::Dotted(dotted) => decnet_address(dotted)?,
                _ => return None,
            };
            let node = format!("{}.{}", number >> 10, number & 0x3ff);
            return Some(format!("{} {node} (DECnet)", subject("node", direction)?));
        }
        let is_in = |network: String| format!("in {network}");
        let (place, family) = match address {
            Address::Name(name) if protocol == Some(Protocol::Link) => {
                let mac = self.options.resolver.ether(name).ok()??;
                return Some(format!("{}, that of {name}", ethernet(direction, mac)));
            }
            Address::Name(name) if kind == Some(Kind::Net) => {
                let number = self.options.resolver.network(name).ok()??;
                let (address, mask) = left_justified(number);
                (format!("in {}, the network {name}", network(address, mask)), 4)
            }
            Address::Name(name) => return self.named_host(protocol, direction, name),
            Address::Number(number) => {
                let number = *number;
                let (address, mask) = if kind == Some(Kind::Net) {
                    left_justified(number)
                } else {
                    (number, u32::MAX)
                };
                (one_or_network(address, mask), 4)
            }
            Address::Dotted(dotted) => {
                let (address, bits) = dotted_address(dotted)?;
                (one_or_network(address, u32::MAX << (32 - bits)), 4)
            }
            Address::DottedPrefix(dotted, length) => {
                let (address, _) = dotted_address(dotted)?;
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(*length)?).unwrap_or(0);
                (is_in(network(address, mask)), 4)
            }
            Address::DottedMask(dotted, mask) => {
                let (address, mask) = (dotted_address(dotted)?.0, dotted_address(mask)?.0);
                (is_in(network(address, mask)), 4)
            }
            Address::Ipv6(address, None) => (address.to_string(), 6),
            Address::Ipv6(address, Some(length)) => (is_in(format!("{address}/{length}")), 6),
            Address::Mac(_) | Address::Arcnet => return None,
        };
        let carrier = self.carriers(protocol, family);
        Some(format!("{} {place} ({carrier})", subject("address", direction)?))
    }

    /// All addresses of a name.
    fn named_host(
        &self,
        protocol: Option<Protocol>,
        direction: Option<Direction>,
        name: &str,
    ) -> Option<String> {
        let addresses: Vec<String> = self
            .options
            .resolver
            .host(name)
            .ok()?
            .into_iter()
            .filter(|address| match protocol {
                Some(Protocol::Ip) => address.is_ipv4(),
                Some(Protocol::Ip6) => address.is_ipv6(),
                _ => true,
            })
            .map(|address: IpAddr| address.to_string())
            .collect();
        let subject = subject("address", direction)?;
        let of = match protocol {
            None => String::new(),
            Some(protocol) => format!(" ({})", protocol::name(protocol)),
        };
        Some(format!("{subject} that of {name}: {}{of}", addresses.join(" or ")))
    }

    /// What may carry an address where the text says no protocol, or one.
    fn carriers(&self, protocol: Option<Protocol>, family: u8) -> &'static str {
        let has_arp = !matches!(
            self.options.link,
            LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 | LinkType::Null | LinkType::Loop
        );
        match protocol {
            None if family == 6 => "IPv6",
            None if has_arp => "IPv4, ARP or RARP",
            None => "IPv4",
            Some(protocol) => protocol::name(protocol),
        }
    }

    fn ports(
        &self,
        protocol: Option<Protocol>,
        direction: Option<Direction>,
        address: &Address,
    ) -> Option<String> {
        let (place, of_name) = match address {
            Address::Number(number) => (number.to_string(), None),
            Address::Name(name) => self.port_name(name).or_else(|| self.port_range(name))?,
            _ => return None,
        };
        let transport = match protocol.or(of_name) {
            Some(Protocol::Tcp) => "TCP",
            Some(Protocol::Udp) => "UDP",
            Some(Protocol::Sctp) => "SCTP",
            _ => "TCP, UDP or SCTP",
        };
        Some(format!("{} {place} ({transport})", subject("port", direction)?))
    }

    /// A service's port, and the transport that alone has it.
    fn port_name(&self, name: &str) -> Option<(String, Option<Protocol>)> {
        if let Some(port) = port_number(name) {
            return Some((port.to_string(), None));
        }
        let port = self.options.resolver.port(name).ok()?;
        let (number, transport) = match (port.tcp, port.udp) {
            (Some(tcp), Some(udp)) if tcp == udp => (tcp, None),
            (Some(tcp), _) => (tcp, Some(Protocol::Tcp)),
            (None, Some(udp)) => (udp, Some(Protocol::Udp)),
            (None, None) => return None,
        };
        Some((format!("{number} ({name})"), transport))
    }

    fn port_range(&self, name: &str) -> Option<(String, Option<Protocol>)> {
        if let Some((first, rest)) = parse_int(name)
            && let Some((last, _)) = rest.strip_prefix('-').and_then(parse_int)
        {
            return Some((format!("from {} to {}", first.min(last), first.max(last)), None));
        }
        let (first, last) = name.split_once('-')?;
        let ((first, transport), (last, other)) = (self.port_name(first)?, self.port_name(last)?);
        Some((format!("from {first} to {last}"), transport.filter(|_| transport == other)))
    }

    /// What follows a header, by number.
    fn carried(&self, carrier: Option<Protocol>, address: &Address) -> Option<String> {
        let number = self.number(carrier, address)?;
        Some(match carrier {
            Some(Protocol::Link) if self.value(carrier, address)? < LEAST_ETHERTYPE => {
                format!("an LLC frame, access point {number}")
            }
            Some(Protocol::Link) => format!("EtherType is {number}"),
            Some(Protocol::Iso) => format!("an OSI protocol, number {number}"),
            Some(Protocol::Isis) => format!("IS-IS, PDU type {number}"),
            _ => format!("{} that carries protocol {number}", versions(carrier)),
        })
    }

    /// The number of a protocol.
    fn value(&self, carrier: Option<Protocol>, address: &Address) -> Option<u32> {
        match address {
            Address::Number(number) => Some(*number),
            Address::Name(name) => match carrier {
                Some(Protocol::Link) => link_protocol(name),
                Some(Protocol::Iso) => crate::lower::osi_protocol(name),
                _ => self.options.resolver.protocol(name).ok()?,
            },
            _ => None,
        }
    }

    /// The number of a protocol, with its name.
    fn number(&self, carrier: Option<Protocol>, address: &Address) -> Option<String> {
        let value = self.value(carrier, address)?;
        Some(match carrier {
            Some(Protocol::Link) if value < LEAST_ETHERTYPE => format!("{value:#04x}"),
            Some(Protocol::Link) => protocol::ethertype(value),
            Some(Protocol::Iso | Protocol::Isis) => format!("{value:#04x}"),
            _ => protocol::numbered(value),
        })
    }
}

/// Which versions of IP a protocol before `proto` names.
fn versions(carrier: Option<Protocol>) -> &'static str {
    match carrier {
        Some(Protocol::Ip) => "IPv4",
        Some(Protocol::Ip6) => "IPv6",
        _ => "IPv4 or IPv6",
    }
}

/// `source address is`
fn subject(what: &str, direction: Option<Direction>) -> Option<String> {
    Some(match direction {
        Some(Direction::Source) => format!("source {what} is"),
        Some(Direction::Destination) => format!("destination {what} is"),
        None | Some(Direction::Either) => format!("source or destination {what} is"),
        Some(Direction::Both) => format!("source and destination {what} each are"),
        // Those of 802.11, which is refused.
        Some(_) => return None,
    })
}

fn ethernet(direction: Option<Direction>, mac: [u8; 6]) -> String {
    let which = match direction {
        Some(Direction::Source) => "source is",
        Some(Direction::Destination) => "destination is",
        Some(Direction::Both) => "source and destination each are",
        _ => "source or destination is",
    };
    let bytes = mac.map(|byte| format!("{byte:02x}")).join(":");
    format!("Ethernet {which} {bytes}")
}

fn one_or_network(address: u32, mask: u32) -> String {
    if mask == u32::MAX {
        Ipv4Addr::from_bits(address).to_string()
    } else {
        format!("in {}", network(address, mask))
    }
}

/// With the length of its prefix, where the mask has one.
fn network(address: u32, mask: u32) -> String {
    let address = Ipv4Addr::from_bits(address);
    if mask.leading_ones() + mask.trailing_zeros() >= 32 {
        format!("{address}/{}", mask.leading_ones())
    } else {
        format!("{address} mask {}", Ipv4Addr::from_bits(mask))
    }
}

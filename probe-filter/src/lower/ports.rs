//! Ports and port ranges of TCP, UDP and SCTP.

use super::Lowering;
use super::build::From;
use super::ethernet::ethertype;
use super::ip::number;
use super::predicate::PredicateId;
use crate::ast::Direction;
use crate::error::Error;
use crate::ir::{Compare, Width};

/// Ports from the first to the second. A single port is a number to equal, even where
/// that comes to the same as a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    One(u32),
    Range(u32, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Lowering<'_> {
    /// IPv6 first, as libpcap tests it.
    pub fn ports(
        &mut self,
        ports: Ports,
        transport: Option<u32>,
        direction: Option<Direction>,
    ) -> Result<PredicateId, Error> {
        let v6 = self.ports_in(Family::V6, ports, transport, direction)?;
        let v4 = self.ports_in(Family::V4, ports, transport, direction)?;
        Ok(self.or(v6, v4))
    }

    /// Ports where IPv4 carries them.
    pub fn ports4(
        &mut self,
        ports: Ports,
        transport: u32,
        direction: Direction,
    ) -> Result<PredicateId, Error> {
        self.ports_in(Family::V4, ports, Some(transport), Some(direction))
    }

    /// Ports where IPv6 carries them, without extension headers.
    pub fn ports6(
        &mut self,
        ports: Ports,
        transport: u32,
        direction: Direction,
    ) -> Result<PredicateId, Error> {
        self.ports_in(Family::V6, ports, Some(transport), Some(direction))
    }

    fn ports_in(
        &mut self,
        family: Family,
        ports: Ports,
        transport: Option<u32>,
        direction: Option<Direction>,
    ) -> Result<PredicateId, Error> {
        let ethertype = match family {
            Family::V4 => ethertype::IPV4,
            Family::V6 => ethertype::IPV6,
        };
        let ip = self.link_type(ethertype)?;
        let carried = match transport {
            Some(transport) => self.ports_of(family, ports, transport, direction)?,
            None => {
                let sctp = self.ports_of(family, ports, number::SCTP, direction)?;
                let tcp = self.ports_of(family, ports, number::TCP, direction)?;
                let udp = self.ports_of(family, ports, number::UDP, direction)?;
                self.any(sctp, &[tcp, udp])
            }
        };
        Ok(self.and(ip, carried))
    }

    fn ports_of(
        &mut self,
        family: Family,
        ports: Ports,
        transport: u32,
        direction: Option<Direction>,
    ) -> Result<PredicateId, Error> {
        let carried = match family {
            Family::V4 => {
                let protocol = self.equals(From::Network, 9, Width::Byte, transport);
                let first = self.first_fragment();
                self.and(protocol, first)
            }
            Family::V6 => self.equals(From::Network, 6, Width::Byte, transport),
        };
        let from = match family {
            Family::V4 => From::Transport4,
            Family::V6 => From::Transport6,
        };
        const SOURCE: u32 = 0;
        const DESTINATION: u32 = 2;
        let ports = match direction {
            Some(Direction::Source) => self.port_field(from, SOURCE, ports),
            Some(Direction::Destination) => self.port_field(from, DESTINATION, ports),
            Some(Direction::Both) => {
                let source = self.port_field(from, SOURCE, ports);
                let destination = self.port_field(from, DESTINATION, ports);
                self.and(source, destination)
            }
            None | Some(Direction::Either) => {
                let source = self.port_field(from, SOURCE, ports);
                let destination = self.port_field(from, DESTINATION, ports);
                self.or(source, destination)
            }
            Some(_) => return Err(self.only_802_11()),
        };
        Ok(self.and(carried, ports))
    }

    fn port_field(&mut self, from: From, offset: u32, ports: Ports) -> PredicateId {
        let field = self.field(from, offset, Width::Half);
        match ports {
            Ports::One(port) => self.compare_constant(Compare::Eq, field, port),
            Ports::Range(a, b) => {
                let least = self.compare_constant(Compare::Ge, field, a.min(b));
                let above = self.compare_constant(Compare::Gt, field, a.max(b));
                let most = self.not(above);
                self.and(least, most)
            }
        }
    }
}

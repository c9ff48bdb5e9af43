//! Link layer: what follows the header of each link type, LLC and SNAP, Ethernet addresses,
//! broadcast and multicast.

use super::build::From;
use super::predicate::PredicateId;
use super::{FamilyOrder, Link, Lowering};
use crate::ast::{Direction, LlcFrame, Protocol};
use crate::error::Error;
use crate::ir::{Compare, Width};

/// EtherTypes (IEEE 802 numbers).
pub mod ethertype {
    pub const IPV4: u32 = 0x0800;
    pub const ARP: u32 = 0x0806;
    pub const NS: u32 = 0x0600;
    pub const MOPDL: u32 = 0x6001;
    pub const MOPRC: u32 = 0x6002;
    pub const DECNET: u32 = 0x6003;
    pub const LAT: u32 = 0x6004;
    pub const SCA: u32 = 0x6007;
    pub const BRIDGING: u32 = 0x6558;
    pub const RARP: u32 = 0x8035;
    pub const ATALK: u32 = 0x809b;
    pub const AARP: u32 = 0x80f3;
    pub const VLAN: u32 = 0x8100;
    pub const IPX: u32 = 0x8137;
    pub const IPV6: u32 = 0x86dd;
    pub const MPLS: u32 = 0x8847;
    pub const PPPOE_DISCOVERY: u32 = 0x8863;
    pub const PPPOE_SESSION: u32 = 0x8864;
    pub const SERVICE_VLAN: u32 = 0x88a8;
    pub const LOOPBACK: u32 = 0x9000;
    pub const OLD_QINQ: u32 = 0x9100;
}

/// Service access points of LLC (IEEE 802.2).
pub mod sap {
    pub const IP: u32 = 0x06;
    pub const STP: u32 = 0x42;
    pub const SNAP: u32 = 0xaa;
    pub const IPX: u32 = 0xe0;
    pub const NETBEUI: u32 = 0xf0;
    pub const ISO: u32 = 0xfe;
}

/// Greatest value of the type field that is a length instead (IEEE 802.3).
const MAX_LENGTH: u32 = 1500;

/// What Linux's cooked header has in place of an EtherType (linux/if_ether.h).
mod cooked {
    /// Novell's frames without an LLC header (`ETH_P_802_3`).
    pub const NOVELL: u32 = 1;
    /// An LLC header follows (`ETH_P_802_2`).
    pub const LLC: u32 = 4;
}

/// Address families of BSD. Each system has its own for IPv6: the BSDs and Npcap, FreeBSD, macOS.
mod family {
    pub const INET: u32 = 2;
    pub const INET6: [u32; 3] = [24, 28, 30];
}

/// Numbers of PPP's protocol field (RFC 1661) for what they carry.
const PPP_PROTOCOLS: [(u32, u32); 8] = [
    (ethertype::IPV4, 0x0021),
    (ethertype::IPV6, 0x0057),
    (ethertype::DECNET, 0x0027),
    (ethertype::ATALK, 0x0029),
    (ethertype::NS, 0x0025),
    (sap::ISO, 0x0023),
    (sap::STP, 0x0031),
    (sap::IPX, 0x002b),
];

impl Lowering<'_> {
    /// Whether the link header says that this protocol follows: an EtherType, or a
    /// service access point where it is 1500 or less.
    pub fn link_type(&mut self, protocol: u32) -> Result<PredicateId, Error> {
        if self.layers.mpls_labels > 0 {
            return self.mpls_payload(protocol);
        }
        Ok(match self.layers.link {
            Link::Ethernet | Link::Cooked => self.ethernet_type(protocol),
            Link::Cooked2 => self.equals(From::LinkType, 0, Width::Half, protocol),
            Link::Bsd(order) => match protocol {
                ethertype::IPV4 => self.family(order, family::INET),
                ethertype::IPV6 => {
                    let [bsd, others @ ..] = family::INET6.map(|number| self.family(order, number));
                    self.any(bsd, &others)
                }
                _ => self.predicates.constant(false),
            },
            Link::Ipv4 => self.predicates.constant(protocol == ethertype::IPV4),
            Link::Ipv6 => self.predicates.constant(protocol == ethertype::IPV6),
            Link::Ppp | Link::PppWithoutMpls => {
                let known = PPP_PROTOCOLS.iter().find(|(ethertype, _)| *ethertype == protocol);
                let number = known.map_or(protocol, |&(_, number)| number);
                self.equals(From::LinkType, 0, Width::Half, number)
            }
            Link::Raw => match protocol {
                ethertype::IPV4 => self.masked(From::Link, 0, Width::Byte, 0x40, 0xf0),
                ethertype::IPV6 => self.masked(From::Link, 0, Width::Byte, 0x60, 0xf0),
                _ => self.predicates.constant(false),
            },
        })
    }

    fn family(&mut self, order: FamilyOrder, number: u32) -> PredicateId {
        let number = match order {
            FamilyOrder::Little => number.swap_bytes(),
            FamilyOrder::Big => number,
        };
        self.equals(From::Link, 0, Width::Word, number)
    }

    /// Links with an EtherType, or something in its place that says that an LLC header follows
    /// (gen_ether_linktype and gen_linux_sll_linktype).
    fn ethernet_type(&mut self, protocol: u32) -> PredicateId {
        match protocol {
            sap::ISO | sap::IP | sap::NETBEUI => {
                let llc = self.has_llc();
                let saps = self.equals(From::Llc, 0, Width::Half, protocol << 8 | protocol);
                self.and(llc, saps)
            }
            sap::IPX => self.ipx(),
            ethertype::ATALK | ethertype::AARP => {
                let ethernet = self.equals(From::LinkType, 0, Width::Half, protocol);
                let llc = self.has_llc();
                let organisation = if protocol == ethertype::ATALK { 0x08_0007 } else { 0 };
                let snap = self.snap(organisation, protocol);
                let snap = self.and(llc, snap);
                self.or(ethernet, snap)
            }
            ..=MAX_LENGTH => {
                let llc = self.has_llc();
                // Behind the type field, also where no link header follows Geneve's.
                let dsap = self.equals(From::LinkType, 2, Width::Byte, protocol);
                self.and(llc, dsap)
            }
            _ => self.equals(From::LinkType, 0, Width::Half, protocol),
        }
    }

    /// IPX has four framings: Ethernet II, Novell's 802.3, LLC, SNAP.
    fn ipx(&mut self) -> PredicateId {
        let ethernet = self.equals(From::LinkType, 0, Width::Half, ethertype::IPX);
        let llc = self.has_llc();
        let snap = self.snap(0, ethertype::IPX);
        let dsap = self.equals(From::Llc, 0, Width::Byte, sap::IPX);
        if self.layers.link == Link::Cooked {
            let framed = self.or(dsap, snap);
            let framed = self.and(llc, framed);
            let novell = self.equals(From::LinkType, 0, Width::Half, cooked::NOVELL);
            return self.any(ethernet, &[novell, framed]);
        }
        let novell = self.equals(From::Llc, 0, Width::Half, 0xffff);
        let framed = self.any(snap, &[dsap, novell]);
        let framed = self.and(llc, framed);
        self.or(ethernet, framed)
    }

    /// Whether an LLC header follows: Ethernet's type field is a length then.
    fn has_llc(&mut self) -> PredicateId {
        if self.layers.link == Link::Cooked {
            return self.equals(From::LinkType, 0, Width::Half, cooked::LLC);
        }
        let field = self.field(From::LinkType, 0, Width::Half);
        let ethernet = self.compare_constant(Compare::Gt, field, MAX_LENGTH);
        self.not(ethernet)
    }

    fn snap(&mut self, organisation: u32, protocol: u32) -> PredicateId {
        let [_, a, b, c] = organisation.to_be_bytes();
        let [_, _, d, e] = protocol.to_be_bytes();
        let snap = sap::SNAP as u8;
        self.equals_bytes(From::Llc, 0, &[snap, snap, 0x03, a, b, c, d, e])
    }

    /// `llc`, and frames of one type.
    pub fn llc(&mut self, frame: Option<LlcFrame>) -> Result<PredicateId, Error> {
        const CONTROL: u32 = 2;
        if self.layers.link != Link::Ethernet {
            return Err(self.error("this link has no LLC headers"));
        }
        let length = self.has_llc();
        let raw_ipx = self.equals(From::Llc, 0, Width::Half, 0xffff);
        let llc = self.not(raw_ipx);
        let llc = self.and(length, llc);
        let (value, mask) = match frame {
            None => return Ok(llc),
            Some(LlcFrame::Information) => {
                let control = self.field(From::Llc, CONTROL, Width::Byte);
                let other = self.compare_constant(Compare::Set, control, 0x01);
                let information = self.not(other);
                return Ok(self.and(llc, information));
            }
            Some(LlcFrame::Supervisory) => (0x01, 0x03),
            Some(LlcFrame::Unnumbered) => (0x03, 0x03),
            Some(LlcFrame::SupervisoryType(value)) => (value, 0x0f),
            Some(LlcFrame::UnnumberedType(value)) => (value, 0xef),
        };
        let control = self.masked(From::Llc, CONTROL, Width::Byte, value, mask);
        Ok(self.and(llc, control))
    }

    /// `ether src 00:11:22:33:44:55`
    pub fn ethernet_host(
        &mut self,
        address: [u8; 6],
        direction: Option<Direction>,
    ) -> Result<PredicateId, Error> {
        let inner = self.geneve_has_link_header();
        let host = match direction {
            Some(Direction::Source) => self.equals_bytes(From::Link, 6, &address),
            Some(Direction::Destination) => self.equals_bytes(From::Link, 0, &address),
            Some(direction @ (Direction::Both | Direction::Either)) => {
                self.ethernet_either(address, direction)
            }
            None => self.ethernet_either(address, Direction::Either),
            Some(_) => return Err(self.only_802_11()),
        };
        Ok(match inner {
            Some(inner) => self.and(inner, host),
            None => host,
        })
    }

    fn ethernet_either(&mut self, address: [u8; 6], direction: Direction) -> PredicateId {
        let source = self.equals_bytes(From::Link, 6, &address);
        let destination = self.equals_bytes(From::Link, 0, &address);
        match direction {
            Direction::Both => self.and(source, destination),
            _ => self.or(source, destination),
        }
    }

    pub fn only_802_11(&self) -> Error {
        self.error("these directions are those of 802.11 frames").expected("src or dst")
    }

    pub fn broadcast(&mut self, protocol: Option<Protocol>) -> Result<PredicateId, Error> {
        match protocol {
            None | Some(Protocol::Link) => match self.layers.link {
                Link::Ethernet => self.ethernet_host([0xff; 6], Some(Direction::Destination)),
                _ => Err(self.error("this link has no broadcast")),
            },
            Some(Protocol::Ip) => {
                let Some(netmask) = self.options.netmask else {
                    return Err(self.error("the netmask of the network is not known here"));
                };
                let ip = self.link_type(ethertype::IPV4)?;
                let zeros = self.masked(From::Network, 16, Width::Word, 0, !netmask);
                let ones = self.masked(From::Network, 16, Width::Word, !netmask, !netmask);
                let either = self.or(zeros, ones);
                Ok(self.and(ip, either))
            }
            Some(protocol) => Err(self.no_group(protocol, "broadcast", "ether or ip")),
        }
    }

    pub fn multicast(&mut self, protocol: Option<Protocol>) -> Result<PredicateId, Error> {
        match protocol {
            None | Some(Protocol::Link) => match self.layers.link {
                Link::Ethernet => {
                    let inner = self.geneve_has_link_header();
                    let first = self.field(From::Link, 0, Width::Byte);
                    let group = self.compare_constant(Compare::Set, first, 1);
                    Ok(match inner {
                        Some(inner) => self.and(inner, group),
                        None => group,
                    })
                }
                _ => Err(self.error("this link has no multicast")),
            },
            Some(Protocol::Ip) => {
                let ip = self.link_type(ethertype::IPV4)?;
                let first = self.field(From::Network, 16, Width::Byte);
                let group = self.compare_constant(Compare::Ge, first, 224);
                Ok(self.and(ip, group))
            }
            Some(Protocol::Ip6) => {
                let ip6 = self.link_type(ethertype::IPV6)?;
                let group = self.equals(From::Network, 24, Width::Byte, 255);
                Ok(self.and(ip6, group))
            }
            Some(protocol) => Err(self.no_group(protocol, "multicast", "ether, ip or ip6")),
        }
    }

    fn no_group(&self, protocol: Protocol, group: &str, expected: &'static str) -> Error {
        self.error(format!("'{}' has no {group} here", protocol.name())).expected(expected)
    }
}

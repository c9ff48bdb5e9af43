//! ICMP (RFC 792, RFC 1812) and ICMPv6 (RFC 4443) errors, and the packet that they quote.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::{
    Skipped,
    ip::{self, protocol},
    link::Version,
};
use crate::{connection::Protocol, cursor::Cursor};

/// An ICMP or ICMPv6 error, and the packet that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// Who sent the error.
    pub from: IpAddr,
    /// What it says.
    pub reason: Reason,
    /// The protocol of the quoted packet.
    pub protocol: Protocol,
    /// Who had sent the quoted packet.
    pub source: SocketAddr,
    /// Where the quoted packet was going.
    pub destination: SocketAddr,
    /// The quoted packet's sequence number, if it was TCP.
    pub sequence: Option<u32>,
}

/// What an ICMP error says, by its type and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Of ICMP.
    V4 {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
    /// Of ICMPv6.
    V6 {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
}

/// Types of ICMP that quote a packet.
mod v4 {
    pub(super) const UNREACHABLE: u8 = 3;
    pub(super) const QUENCH: u8 = 4;
    pub(super) const REDIRECT: u8 = 5;
    pub(super) const TIME_EXCEEDED: u8 = 11;
    pub(super) const PARAMETER_PROBLEM: u8 = 12;
    /// The code of "unreachable" that asks for smaller packets (RFC 1191).
    pub(super) const FRAGMENTATION_NEEDED: u8 = 4;
}

/// Types of ICMPv6 errors.
mod v6 {
    pub(super) const UNREACHABLE: u8 = 1;
    pub(super) const TOO_BIG: u8 = 2;
    pub(super) const TIME_EXCEEDED: u8 = 3;
    pub(super) const PARAMETER_PROBLEM: u8 = 4;
}

impl Reason {
    /// Whether the quoted packet did not arrive and will not, if it is sent again: it is rejected.
    /// Requests for smaller packets or another way are not.
    pub fn is_rejection(self) -> bool {
        match self {
            Self::V4 { kind: v4::UNREACHABLE, code } => code != v4::FRAGMENTATION_NEEDED,
            Self::V4 { kind, .. } => kind == v4::TIME_EXCEEDED,
            Self::V6 { kind, .. } => matches!(kind, v6::UNREACHABLE | v6::TIME_EXCEEDED),
        }
    }

    /// Whether it says that nobody listens at that port.
    pub fn is_port_unreachable(self) -> bool {
        matches!(
            self,
            Self::V4 { kind: v4::UNREACHABLE, code: 3 }
                | Self::V6 { kind: v6::UNREACHABLE, code: 4 }
        )
    }

    /// Whether it says that a rule forbids it: somebody's firewall.
    pub fn is_prohibition(self) -> bool {
        match self {
            Self::V4 { kind, code } => kind == v4::UNREACHABLE && matches!(code, 9 | 10 | 13),
            Self::V6 { kind, code } => kind == v6::UNREACHABLE && matches!(code, 1 | 5 | 6),
        }
    }

    /// In words, where there are any.
    fn words(self) -> Option<&'static str> {
        Some(match self {
            Self::V4 { kind: v4::UNREACHABLE, code } => match code {
                0 => "net unreachable",
                1 => "host unreachable",
                2 => "protocol unreachable",
                3 => "port unreachable",
                4 => "fragmentation needed",
                5 => "source route failed",
                6 => "net unknown",
                7 => "host unknown",
                8 => "source host isolated",
                9 => "net administratively prohibited",
                10 => "host administratively prohibited",
                11 => "net unreachable for this type of service",
                12 => "host unreachable for this type of service",
                13 => "administratively prohibited",
                14 => "host precedence violation",
                15 => "precedence cutoff",
                _ => return None,
            },
            Self::V4 { kind: v4::TIME_EXCEEDED, code: 0 } => "time exceeded in transit",
            Self::V4 { kind: v4::TIME_EXCEEDED, code: 1 } => "time exceeded in reassembly",
            Self::V4 { kind: v4::QUENCH, .. } => "source quench",
            Self::V4 { kind: v4::REDIRECT, .. } => "redirect",
            Self::V4 { kind: v4::PARAMETER_PROBLEM, .. } => "parameter problem",
            Self::V6 { kind: v6::UNREACHABLE, code } => match code {
                0 => "no route to destination",
                1 => "administratively prohibited",
                2 => "beyond scope of source address",
                3 => "address unreachable",
                4 => "port unreachable",
                5 => "source address failed policy",
                6 => "reject route to destination",
                _ => return None,
            },
            Self::V6 { kind: v6::TOO_BIG, .. } => "packet too big",
            Self::V6 { kind: v6::TIME_EXCEEDED, code: 0 } => "hop limit exceeded in transit",
            Self::V6 { kind: v6::TIME_EXCEEDED, code: 1 } => "time exceeded in reassembly",
            Self::V6 { kind: v6::PARAMETER_PROBLEM, .. } => "parameter problem",
            Self::V4 { .. } | Self::V6 { .. } => return None,
        })
    }
}

/// In words, such as `port unreachable`.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.words(), self) {
            (Some(words), _) => f.write_str(words),
            (None, Self::V4 { kind, code }) => write!(f, "ICMP type {kind} code {code}"),
            (None, Self::V6 { kind, code }) => write!(f, "ICMPv6 type {kind} code {code}"),
        }
    }
}

/// Reads the message behind an IP header. `None`: it is no error, or about no packet that is
/// followed here.
pub(super) fn read(version: Version, from: IpAddr, message: &[u8]) -> Result<IcmpError, Skipped> {
    let mut cursor = Cursor::new(message);
    let [kind, code] = cursor.take().ok_or(Skipped::Cut)?;
    let (is_error, reason) = match version {
        Version::V4 => {
            let is_error = matches!(
                kind,
                v4::UNREACHABLE
                    | v4::QUENCH
                    | v4::REDIRECT
                    | v4::TIME_EXCEEDED
                    | v4::PARAMETER_PROBLEM
            );
            (is_error, Reason::V4 { kind, code })
        }
        // Errors have types below 128 (RFC 4443, section 2.1).
        Version::V6 => (kind < 128, Reason::V6 { kind, code }),
    };
    if !is_error {
        return Err(Skipped::OtherProtocol);
    }
    // Checksum, and four bytes whose meaning depends on the type.
    cursor.take::<6>().ok_or(Skipped::Cut)?;
    // An error quotes the beginning of a packet (RFC 1812, section 4.3.2.3), so that a length in
    // there may be larger than what follows.
    let quoted = ip::read(version, cursor.rest(), usize::from(u16::MAX))?;
    let protocol = match quoted.protocol {
        protocol::TCP => Protocol::Tcp,
        protocol::UDP => Protocol::Udp,
        _ => return Err(Skipped::OtherProtocol),
    };
    let mut transport = Cursor::new(quoted.rest.bytes);
    let source_port = transport.u16().ok_or(Skipped::Cut)?;
    let destination_port = transport.u16().ok_or(Skipped::Cut)?;
    let sequence = match protocol {
        Protocol::Tcp => transport.u32(),
        Protocol::Udp => None,
    };
    Ok(IcmpError {
        from,
        reason,
        protocol,
        source: SocketAddr::new(quoted.source, source_port),
        destination: SocketAddr::new(quoted.destination, destination_port),
        sequence,
    })
}

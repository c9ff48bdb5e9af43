//! What can become of an attempt to reach a server, each with its truth, for tests that loop
//! over them.
//!
//! ```no_run
//! use testbed::scenario::{Routed, Scenario};
//! # fn main() -> anyhow::Result<()> {
//! let network = Routed::new()?;
//! for (scenario, version) in Scenario::cases() {
//!     let answer = network.attempt(scenario, version)?;
//!     println!("{scenario:?} {version:?}: {:?}, the client's kernel says {answer:?}", scenario.truth());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | file | what it gives |
//! | --- | --- |
//! | `network` | a client, a router and a server, and attempts of the client |
//! | `firewall` | the rules of nftables on each of them |
//! | `services` | what listens on the server |

mod firewall;
mod network;
mod services;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use network::Routed;
pub use services::SLOW_ANSWER;

/// The version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Version {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];
}

/// The transport protocol of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];
}

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// Who asks. Its link is [`crate::CLIENT_LINK`].
    Client,
    /// Between the two.
    Router,
    /// Who is asked. Its link is [`crate::SERVER_LINK`].
    Server,
}

impl Host {
    /// Its address; the router's is the one on the client's side.
    pub const fn address(self, version: Version) -> IpAddr {
        let last = match self {
            Self::Client => 1,
            Self::Router => 254,
            Self::Server => return server_side(version, 2),
        };
        client_side(version, last)
    }
}

/// A host on the client's network (TEST-NET-1, RFC 5737; RFC 3849).
const fn client_side(version: Version, last: u8) -> IpAddr {
    match version {
        Version::V4 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)),
        Version::V6 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, last as u16)),
    }
}

/// A host on the server's network (TEST-NET-2).
const fn server_side(version: Version, last: u8) -> IpAddr {
    match version {
        Version::V4 => IpAddr::V4(Ipv4Addr::new(198, 51, 100, last)),
        Version::V6 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, last as u16)),
    }
}

/// A host on a network that nobody is attached to (TEST-NET-3). The client sends packets for
/// the lower half of it to the router, and has no route to the upper half.
const fn nowhere(version: Version, last: u8) -> IpAddr {
    match version {
        Version::V4 => IpAddr::V4(Ipv4Addr::new(203, 0, 113, last)),
        Version::V6 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 3, 0, 0, 0, 0, last as u16)),
    }
}

/// Why a packet is rejected by an ICMP or ICMPv6 error: what nftables can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Network unreachable; in IPv6 no route to the destination.
    NetUnreachable,
    /// Host unreachable; in IPv6 address unreachable.
    HostUnreachable,
    /// Protocol unreachable, IPv4 only.
    ProtocolUnreachable,
    /// Port unreachable.
    PortUnreachable,
    /// Communication with the network administratively prohibited, IPv4 only.
    NetProhibited,
    /// Communication with the host administratively prohibited, IPv4 only.
    HostProhibited,
    /// Communication administratively prohibited.
    AdminProhibited,
    /// The source address failed the ingress or egress policy, IPv6 only.
    PolicyFailed,
    /// Reject route to the destination, IPv6 only.
    RejectRoute,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NetUnreachable,
        Self::HostUnreachable,
        Self::ProtocolUnreachable,
        Self::PortUnreachable,
        Self::NetProhibited,
        Self::HostProhibited,
        Self::AdminProhibited,
        Self::PolicyFailed,
        Self::RejectRoute,
    ];

    /// Type and code of the error (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3.1), where that
    /// version has it.
    pub const fn icmp(self, version: Version) -> Option<(u8, u8)> {
        const UNREACHABLE: u8 = 3;
        const UNREACHABLE_V6: u8 = 1;
        let code = match (self, version) {
            (Self::NetUnreachable, _) => 0,
            (Self::HostUnreachable, Version::V4) => 1,
            (Self::HostUnreachable, Version::V6) => 3,
            (Self::ProtocolUnreachable, Version::V4) => 2,
            (Self::PortUnreachable, Version::V4) => 3,
            (Self::PortUnreachable, Version::V6) => 4,
            (Self::NetProhibited, Version::V4) => 9,
            (Self::HostProhibited, Version::V4) => 10,
            (Self::AdminProhibited, Version::V4) => 13,
            (Self::AdminProhibited, Version::V6) => 1,
            (Self::PolicyFailed, Version::V6) => 5,
            (Self::RejectRoute, Version::V6) => 6,
            (Self::ProtocolUnreachable, Version::V6)
            | (Self::NetProhibited, Version::V6)
            | (Self::HostProhibited, Version::V6)
            | (Self::PolicyFailed, Version::V4)
            | (Self::RejectRoute, Version::V4) => return None,
        };
        match version {
            Version::V4 => Some((UNREACHABLE, code)),
            Version::V6 => Some((UNREACHABLE_V6, code)),
        }
    }
}

/// A way in which an attempt goes. Each has an address and port of its own on a [`Routed`]
/// network, so all of them are there at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// A small HTTP server: the path `/NNN` is answered with that status, others with 200.
    Open,
    /// The same, but each answer takes [`SLOW_ANSWER`].
    Slow,
    /// A service that does not accept, whose listen queue (backlog 1) is full. Its host counts a
    /// ListenOverflow for each SYN.
    FullQueue,
    /// An open port; the client's SYN has another address, and its answer is not completed.
    HalfOpen,
    /// A UDP service that sends back what it gets.
    UdpAnswers,
    /// A UDP service that reads and never answers.
    UdpSilent,
    /// Nobody listens: RST, or port unreachable.
    Closed(Protocol),
    /// The server's firewall drops.
    Dropped(Protocol),
    /// The server's firewall answers with RST.
    Reset,
    /// The firewall of the server or router answers with an ICMP error.
    Rejected(Protocol, Host, Reason),
    /// A firewall on the way drops.
    RouterDrops(Protocol),
    /// The client's own firewall drops.
    ClientDrops(Protocol),
    /// Nobody on the client's own network has the address: ARP and neighbour solicitations
    /// stay without an answer.
    Nobody,
    /// Nobody on the server's network has the address: the router reports it after 3 s.
    NobodyBehind,
    /// The router has no route to the address.
    NoRoute,
    /// The client has no route to the address.
    NoRouteHere,
}

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// The handshake is completed and data are answered.
    Answered,
    /// RST to a SYN; port unreachable, from the server itself, to a UDP datagram.
    Refused,
    /// This host sends this error.
    Rejected(Host, Reason),
    /// What was sent reaches the server or its network, and nothing comes back.
    Unanswered,
    /// The server answers, and the client does not complete it.
    HalfOpen,
    /// Nothing leaves the client, or nothing but ARP requests and neighbour solicitations.
    NotSent,
}

impl Scenario {
    /// All that the versions of IP have, in both.
    pub fn cases() -> impl Iterator<Item = (Self, Version)> {
        let both = Version::ALL.into_iter();
        both.flat_map(|version| {
            let possible = move |scenario: &Self| match scenario {
                Self::Rejected(_, _, reason) => reason.icmp(version).is_some(),
                _ => true,
            };
            Self::all().into_iter().filter(possible).map(move |scenario| (scenario, version))
        })
    }

    fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Open,
            Self::Slow,
            Self::FullQueue,
            Self::HalfOpen,
            Self::UdpAnswers,
            Self::UdpSilent,
            Self::Reset,
            Self::Nobody,
            Self::NobodyBehind,
            Self::NoRoute,
            Self::NoRouteHere,
        ];
        for protocol in Protocol::ALL {
            all.extend([Self::Closed(protocol), Self::Dropped(protocol)]);
            all.extend([Self::RouterDrops(protocol), Self::ClientDrops(protocol)]);
            for host in [Host::Server, Host::Router] {
                all.extend(Reason::ALL.map(|reason| Self::Rejected(protocol, host, reason)));
            }
        }
        all
    }

    /// The protocol of the attempt.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::UdpAnswers | Self::UdpSilent => Protocol::Udp,
            Self::Closed(protocol)
            | Self::Dropped(protocol)
            | Self::Rejected(protocol, ..)
            | Self::RouterDrops(protocol)
            | Self::ClientDrops(protocol) => protocol,
            _ => Protocol::Tcp,
        }
    }

    /// The address that is asked.
    pub const fn address(self, version: Version) -> IpAddr {
        match self {
            Self::Nobody => client_side(version, 99),
            Self::NobodyBehind => server_side(version, 99),
            Self::NoRoute => nowhere(version, 9),
            Self::NoRouteHere => nowhere(version, 200),
            _ => Host::Server.address(version),
        }
    }

    /// The port that is asked; no two scenarios of one protocol on the server share one.
    pub const fn port(self) -> u16 {
        match self {
            Self::Open | Self::Nobody | Self::NobodyBehind | Self::NoRoute | Self::NoRouteHere => {
                80
            }
            Self::Slow => 81,
            Self::FullQueue => 82,
            Self::HalfOpen => 83,
            Self::UdpAnswers => 84,
            Self::UdpSilent => 85,
            Self::Closed(_) => 86,
            Self::Dropped(_) => 87,
            Self::Reset => 88,
            Self::RouterDrops(_) => 89,
            Self::ClientDrops(_) => 90,
            Self::Rejected(_, Host::Router, reason) => 200 + reason as u16,
            Self::Rejected(_, _, reason) => 100 + reason as u16,
        }
    }

    /// What becomes of it.
    pub const fn truth(self) -> Truth {
        match self {
            Self::Open | Self::Slow | Self::UdpAnswers => Truth::Answered,
            // These two send what a port sends on which nobody listens.
            Self::Closed(_)
            | Self::Reset
            | Self::Rejected(Protocol::Udp, Host::Server, Reason::PortUnreachable) => {
                Truth::Refused
            }
            Self::Rejected(_, host, reason) => Truth::Rejected(host, reason),
            Self::NobodyBehind => Truth::Rejected(Host::Router, Reason::HostUnreachable),
            Self::NoRoute => Truth::Rejected(Host::Router, Reason::NetUnreachable),
            Self::FullQueue | Self::UdpSilent | Self::Dropped(_) | Self::RouterDrops(_) => {
                Truth::Unanswered
            }
            Self::HalfOpen => Truth::HalfOpen,
            Self::ClientDrops(_) | Self::Nobody | Self::NoRouteHere => Truth::NotSent,
        }
    }
}

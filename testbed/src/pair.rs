//! The usual rig: a client and a server, each in its namespace, on a silent wire.

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::Result;

use crate::Namespace;
use crate::link::mac_text;

/// The client's end of the wire, in the client's namespace.
pub const CLIENT_LINK: &str = "cli0";
/// The server's end of the wire, in the server's namespace.
pub const SERVER_LINK: &str = "srv0";
/// The client's address (TEST-NET-1, RFC 5737).
pub const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The server's address (TEST-NET-1, RFC 5737).
pub const SERVER_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// The client's address (documentation prefix, RFC 3849).
pub const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// The server's address (documentation prefix, RFC 3849).
pub const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
/// The client's MAC address (locally administered).
pub const CLIENT_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
/// The server's MAC address (locally administered).
pub const SERVER_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];

/// Two namespaces joined by a veth pair. Addresses and neighbours are fixed, so the
/// wire carries nothing but what a test sends.
#[derive(Debug)]
pub struct Pair {
    /// Holds [`CLIENT_LINK`], [`CLIENT_V4`] and [`CLIENT_V6`].
    pub client: Namespace,
    /// Holds [`SERVER_LINK`], [`SERVER_V4`] and [`SERVER_V6`].
    pub server: Namespace,
}

impl Pair {
    /// Makes the rig.
    pub fn new() -> Result<Self> {
        let (client, server) = (Namespace::new()?, Namespace::new()?);
        client.veth((CLIENT_LINK, CLIENT_MAC), &server, (SERVER_LINK, SERVER_MAC))?;
        let end = |link, v4, v6, other_v4, other_v6, other_mac| {
            let mac = mac_text(other_mac);
            [
                format!("address add {v4}/24 dev {link}"),
                format!("address add {v6}/64 dev {link} nodad"),
                format!("neighbour replace {other_v4} lladdr {mac} nud permanent dev {link}"),
                format!("neighbour replace {other_v6} lladdr {mac} nud permanent dev {link}"),
            ]
        };
        client.ip(&end(CLIENT_LINK, CLIENT_V4, CLIENT_V6, SERVER_V4, SERVER_V6, SERVER_MAC))?;
        server.ip(&end(SERVER_LINK, SERVER_V4, SERVER_V6, CLIENT_V4, CLIENT_V6, CLIENT_MAC))?;
        Ok(Self { client, server })
    }

    /// Turns off, at both ends, everything that merges, splits or leaves frames unfinished.
    pub fn offloads_off(&self) -> Result<()> {
        self.client.offloads_off(CLIENT_LINK)?;
        self.server.offloads_off(SERVER_LINK)
    }
}

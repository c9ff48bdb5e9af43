//! A client, a router and a server on veths; attempts of the client.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::socket::{setsockopt, sockopt};

use super::services::Services;
use super::{Host, Protocol, Scenario, Version, client_side, firewall, nowhere, server_side};
use crate::link::mac_text;
use crate::{
    CLIENT_LINK, CLIENT_MAC, Frame, FrameSender, Namespace, SERVER_LINK, SERVER_MAC, Tcp, tcp_flags,
};

/// The router's links: to the client and to the server.
const TO_CLIENT: (&str, [u8; 6]) = ("rtr0", [0x02, 0, 0, 0, 0, 0xf0]);
const TO_SERVER: (&str, [u8; 6]) = ("rtr1", [0x02, 0, 0, 0, 0, 0xf1]);

/// How long an attempt may take. Longer than three ARP requests, one a second.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a UDP datagram waits for its answer. A service in this process takes far less.
const UDP_LIMIT: Duration = Duration::from_millis(500);

/// A client and a server, and a router between them, with all that the [`Scenario`]s need. Each host is
/// a namespace; they, the services and the firewalls are gone when this is dropped or the process ends.
///
/// The three know each other, so ARP and neighbour solicitations are only sent for
/// addresses that nobody has. ICMP errors are not limited in their rate, as they are by default
/// (icmp_ratelimit, icmp_msgs_per_sec): each attempt gets its answer.
#[derive(Debug)]
pub struct Routed {
    /// Holds [`CLIENT_LINK`].
    pub client: Namespace,
    /// Forwards between the two.
    pub router: Namespace,
    /// Holds [`SERVER_LINK`].
    pub server: Namespace,
    _services: Services,
    sender: FrameSender,
    next_port: AtomicU16,
}

impl Routed {
    /// Makes the network, its firewalls and services.
    pub fn new() -> Result<Self> {
        let (client, router, server) = (Namespace::new()?, Namespace::new()?, Namespace::new()?);
        client.veth((CLIENT_LINK, CLIENT_MAC), &router, TO_CLIENT)?;
        router.veth(TO_SERVER, &server, (SERVER_LINK, SERVER_MAC))?;
        client.set(&[("ipv4/ip_forward", "0"), ("ipv6/conf/all/forwarding", "0")])?;
        router.set(&[("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")])?;
        for namespace in [&router, &server] {
            namespace.set(&[("ipv4/icmp_ratelimit", "0"), ("ipv6/icmp/ratelimit", "0")])?;
            // Of all ICMP messages together; with newer kernels each namespace has its own limit.
            if namespace.enter(|| Ok(fs::exists("/proc/sys/net/ipv4/icmp_msgs_per_sec")?))? {
                namespace.set(&[
                    ("ipv4/icmp_msgs_per_sec", "1000000"),
                    ("ipv4/icmp_msgs_burst", "100000"),
                ])?;
            }
        }
        client.ip(&client_lines())?;
        router.ip(&router_lines())?;
        server.ip(&server_lines())?;
        let sender = FrameSender::open(&client, CLIENT_LINK)?;
        let services = Services::start(&server)?;
        // Ports below the kernel's own (ip_local_port_range), so that no connection of its has one.
        let next_port = AtomicU16::new(10_000);
        let made = Self { client, router, server, _services: services, sender, next_port };
        firewall::load(&made)?;
        Ok(made)
    }

    /// Makes one attempt, and returns what the client's kernel says of it: the answer (of HTTP, its
    /// first line; empty where none is expected), or its error.
    ///
    /// # Errors
    /// Where the attempt could not be made.
    pub fn attempt(&self, scenario: Scenario, version: Version) -> Result<io::Result<String>> {
        if scenario == Scenario::HalfOpen {
            self.half_open(version)?;
            return Ok(Ok(String::new()));
        }
        self.client.enter(|| {
            let server = SocketAddr::new(scenario.address(version), scenario.port());
            Ok(match scenario.protocol() {
                Protocol::Tcp => get(server, "/"),
                Protocol::Udp => ask(server),
            })
        })
    }

    /// Asks the server of [`Scenario::Open`] or [`Scenario::Slow`] for a path; the status line.
    pub fn get(&self, scenario: Scenario, version: Version, path: &str) -> Result<String> {
        let server = SocketAddr::new(scenario.address(version), scenario.port());
        self.client.enter(|| get(server, path).with_context(|| format!("GET {path} of {server}")))
    }

    /// Sends a SYN from an address of the client's network that no kernel has as its own, and so
    /// nobody completes or resets what the server answers. Each has another port.
    fn half_open(&self, version: Version) -> Result<()> {
        let source = match self.next_port.fetch_add(1, Ordering::Relaxed) {
            port @ 10_000..30_000 => port,
            port => bail!("port {port} is the kernel's: 20,000 SYNs are sent"),
        };
        let (client, server) = (half_open_client(version), Scenario::HalfOpen.address(version));
        let mut frame = match (client, server) {
            (IpAddr::V4(client), IpAddr::V4(server)) => Frame::ipv4(client, server),
            (IpAddr::V6(client), IpAddr::V6(server)) => Frame::ipv6(client, server),
            _ => bail!("{client} and {server} are of one version"),
        };
        frame.destination = TO_CLIENT.1;
        let syn = Tcp {
            source,
            destination: Scenario::HalfOpen.port(),
            sequence: u32::from(source) << 16,
            flags: tcp_flags::SYN,
            window: 64_240,
            // A maximum segment size of 1,460 bytes (RFC 9293, section 3.7.1).
            options: vec![2, 4, 5, 0xb4],
            ..Tcp::default()
        };
        self.sender.send(&[frame.tcp(syn).build()]).map(drop)
    }
}

/// Who sends SYNs and never completes them.
const fn half_open_client(version: Version) -> IpAddr {
    client_side(version, 66)
}

/// Connects, asks for a path and returns the status line.
fn get(server: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// Sends a datagram and returns what comes back.
fn ask(server: SocketAddr) -> io::Result<String> {
    // All errors of ICMP are wanted, not only port unreachable (udp(7), IP_RECVERR in ip(7)).
    let socket = match server {
        SocketAddr::V4(_) => {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
            socket
        }
        SocketAddr::V6(_) => {
            let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
            socket
        }
    };
    socket.connect(server)?;
    socket.set_read_timeout(Some(UDP_LIMIT))?;
    socket.send(b"probe's testbed")?;
    let mut answer = [0; 64];
    let length = socket.recv(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

/// Makes a link ask for neighbours again, which a veth of the testbed does not, gives it addresses and
/// tells it those neighbours that are there.
fn link_lines(link: &str, own: [IpAddr; 2], neighbours: &[(IpAddr, [u8; 6])]) -> Vec<String> {
    let mut lines = vec![format!("link set {link} arp on")];
    lines.extend(own.map(|address| match address {
        IpAddr::V4(address) => format!("address add {address}/24 dev {link}"),
        IpAddr::V6(address) => format!("address add {address}/64 dev {link} nodad"),
    }));
    lines.extend(neighbours.iter().map(|(address, mac)| {
        format!("neighbour replace {address} lladdr {} nud permanent dev {link}", mac_text(*mac))
    }));
    lines
}

fn client_lines() -> Vec<String> {
    let router = Version::ALL.map(|version| Host::Router.address(version));
    let own = Version::ALL.map(|version| Host::Client.address(version));
    let mut lines = link_lines(CLIENT_LINK, own, &router.map(|address| (address, TO_CLIENT.1)));
    for version in Version::ALL {
        let router = Host::Router.address(version);
        let (server_bits, nowhere_bits) = match version {
            Version::V4 => (24, 25),
            Version::V6 => (64, 121),
        };
        let server = server_side(version, 0);
        let nowhere = nowhere(version, 0);
        lines.push(format!("route add {server}/{server_bits} via {router}"));
        lines.push(format!("route add {nowhere}/{nowhere_bits} via {router}"));
    }
    lines
}

fn router_lines() -> Vec<String> {
    let client = Version::ALL.map(|version| (Host::Client.address(version), CLIENT_MAC));
    let half_open = Version::ALL.map(|version| (half_open_client(version), CLIENT_MAC));
    let server = Version::ALL.map(|version| (Host::Server.address(version), SERVER_MAC));
    let own = Version::ALL.map(|version| Host::Router.address(version));
    let mut lines = link_lines(TO_CLIENT.0, own, &[client, half_open].concat());
    lines.extend(link_lines(TO_SERVER.0, Version::ALL.map(router_at_server), &server));
    lines
}

fn server_lines() -> Vec<String> {
    let router = Version::ALL.map(|version| (router_at_server(version), TO_SERVER.1));
    let own = Version::ALL.map(|version| Host::Server.address(version));
    let mut lines = link_lines(SERVER_LINK, own, &router);
    lines.extend(router.map(|(address, _)| format!("route add default via {address}")));
    lines
}

const fn router_at_server(version: Version) -> IpAddr {
    server_side(version, 254)
}

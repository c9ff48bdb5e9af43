//! Which ports this host listens on, and how many connections wait there: sock_diag(7). The kernel goes
//! through its table of listening sockets alone, where /proc/net/tcp would list all connections.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use netlink_packet_core::{
    NetlinkDeserializable, NetlinkHeader, NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::netlink;

/// A socket that connections or datagrams are taken by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address that it is bound to; unspecified: all.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// TCP: completed connections that the program has not accepted yet.
    pub waiting: u32,
    /// TCP: the backlog, which the program asked listen(2) for and net.core.somaxconn bounds. One more
    /// connection than that may wait (`sk_acceptq_is_full`, include/net/sock.h).
    pub backlog: u32,
}

impl Listener {
    /// Whether no further connection has room.
    pub fn is_full(&self) -> bool {
        self.waiting > self.backlog
    }
}

/// Sockets of TCP that listen, or of UDP that are bound and not connected, in this network namespace.
/// `protocol`: `IPPROTO_TCP` or `IPPROTO_UDP`.
///
/// # Errors
/// What the netlink socket says; `ENOENT` where the kernel has no tcp_diag or udp_diag.
pub fn listeners(protocol: i32) -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let question = Message::Question { family: family as u8, protocol: protocol as u8 };
        netlink::dump(NETLINK_SOCK_DIAG, question, |answer| {
            if let Message::Answer(listener) = answer {
                found.push(listener);
            }
        })?;
    }
    Ok(found)
}

/// `SOCK_DIAG_BY_FAMILY` (include/uapi/linux/sock_diag.h).
const BY_FAMILY: u16 = 20;
/// States of sockets, a bit each (include/net/tcp_states.h): listening, and closed, which is what an
/// unconnected socket of UDP is.
const LISTEN: u32 = 1 << 10;
const CLOSE: u32 = 1 << 7;

/// `struct inet_diag_req_v2`, and what of `struct inet_diag_msg` is read (include/uapi/linux/inet_diag.h),
/// in the host's byte order but for ports and addresses.
mod field {
    pub const QUESTION_LEN: usize = 56;
    pub const STATES: usize = 4;
    pub const SOURCE_PORT: usize = 4;
    pub const SOURCE: usize = 8;
    pub const WAITING: usize = 56;
    pub const BACKLOG: usize = 60;
}

enum Message {
    Question { family: u8, protocol: u8 },
    Answer(Listener),
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        BY_FAMILY
    }

    fn buffer_len(&self) -> usize {
        field::QUESTION_LEN
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let Self::Question { family, protocol } = *self else { return };
        let states = if i32::from(protocol) == libc::IPPROTO_TCP { LISTEN } else { CLOSE };
        buffer.fill(0);
        // Behind family and protocol: no extensions, a pad, the states; all sockets.
        let head = [family, protocol, 0, 0].into_iter().chain(states.to_ne_bytes());
        buffer.iter_mut().zip(head).for_each(|(place, byte)| *place = byte);
        const _: () = assert!(field::STATES == 4);
    }
}

impl NetlinkDeserializable for Message {
    type Error = io::Error;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> io::Result<Self> {
        let listener = read(payload);
        listener.map(Self::Answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl From<Message> for NetlinkPayload<Message> {
    fn from(message: Message) -> Self {
        Self::InnerMessage(message)
    }
}

fn read(message: &[u8]) -> Option<Listener> {
    let word = |at: usize| {
        let bytes = message.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    let port = message.get(field::SOURCE_PORT..field::SOURCE_PORT + 2)?;
    let source = message.get(field::SOURCE..field::SOURCE + 16)?;
    let address = match i32::from(*message.first()?) {
        libc::AF_INET => Ipv4Addr::from(<[u8; 4]>::try_from(source.get(..4)?).ok()?).into(),
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(source).ok()?).into(),
    };
    Some(Listener {
        address,
        port: u16::from_be_bytes(port.try_into().ok()?),
        waiting: word(field::WAITING)?,
        backlog: word(field::BACKLOG)?,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use nix::sys::socket::{Backlog, listen};

    use super::*;

    fn of_port(protocol: i32, port: u16) -> Vec<Listener> {
        let mut found = listeners(protocol).unwrap();
        found.retain(|listener| listener.port == port);
        found
    }

    #[test]
    fn a_listener_with_its_queue() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(host).unwrap();
            listen(&listener, Backlog::new(3).unwrap()).unwrap();
            let address = listener.local_addr().unwrap();
            let _waiting = [0; 2].map(|_| TcpStream::connect(address).unwrap());
            let (address, port) = (address.ip(), address.port());
            let expected = Listener { address, port, waiting: 2, backlog: 3 };
            assert_eq!(of_port(libc::IPPROTO_TCP, port), [expected]);
            drop(listener);
            assert_eq!(of_port(libc::IPPROTO_TCP, port), []);
        }
    }

    #[test]
    fn sockets_of_udp() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(of_port(libc::IPPROTO_UDP, port).len(), 1);
        // A connected one takes nobody else's datagrams.
        socket.connect("127.0.0.1:9").unwrap();
        assert_eq!(of_port(libc::IPPROTO_UDP, port), []);
    }

    #[test]
    fn messages_that_are_cut_are_none() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[libc::AF_INET as u8; 59]), None);
        assert!(read(&[libc::AF_INET as u8; 64]).is_some());
    }
}

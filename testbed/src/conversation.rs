//! Two hosts that talk, frame by frame, at given times: what a capture of it would have.
//!
//! ```
//! use testbed::{Conversation, Speaker::{Client, Server}};
//! let mut talk = Conversation::new("192.0.2.7:40000", "192.0.2.1:80");
//! talk.handshake(0, 100);
//! talk.data(300, Client, b"GET / HTTP/1.0\r\n\r\n");
//! talk.data(400, Server, b"HTTP/1.0 204 No Content\r\n\r\n");
//! talk.fin(500, Server);
//! talk.fin(600, Client);
//! talk.ack(700, Server);
//! assert_eq!(talk.frames.len(), 8);
//! ```

use std::net::{IpAddr, SocketAddr};

use crate::{Frame, Tcp, tcp_flags};

/// Who sends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// Who began.
    Client,
    /// The other one.
    Server,
}

/// Frames with their times, in the order in which they were added.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Nanoseconds since 1970, and the frame from its Ethernet header on.
    pub frames: Vec<(u64, Vec<u8>)>,
    /// What times are relative to, in nanoseconds since 1970.
    pub start: u64,
    ends: [SocketAddr; 2],
    /// The number that a side's next byte gets.
    next: [u32; 2],
}

impl Conversation {
    /// When conversations start unless it is said otherwise: nanoseconds since 1970.
    pub const START: u64 = 1_700_000_000_000_000_000;

    /// Nothing was said yet.
    ///
    /// # Panics
    /// Where these are no addresses with ports, or one is of IPv4 and one of IPv6.
    pub fn new(client: &str, server: &str) -> Self {
        let parse = |text: &str| text.parse::<SocketAddr>().expect("an address with a port");
        Self::between(parse(client), parse(server))
    }

    /// As [`new`](Self::new).
    ///
    /// # Panics
    /// As there.
    pub fn between(client: SocketAddr, server: SocketAddr) -> Self {
        assert_eq!(client.is_ipv4(), server.is_ipv4(), "one kind of address");
        let next =
            [1000 + u32::from(client.port()), 0xffff_f000_u32.wrapping_add(server.port().into())];
        Self { frames: Vec::new(), start: Self::START, ends: [client, server], next }
    }

    /// The number that a side's next byte gets.
    pub fn next(&mut self, from: Speaker) -> &mut u32 {
        &mut self.next[from as usize]
    }

    /// A TCP segment of these flags and numbers, whatever was said before. Microseconds since the start.
    pub fn segment(&mut self, after: u64, from: Speaker, tcp: &Tcp, payload: &[u8]) {
        let [source, destination] = self.ends_from(from);
        let tcp = Tcp {
            source: source.port(),
            destination: destination.port(),
            window: 64_240,
            ..tcp.clone()
        };
        let frame = ip(source, destination).tcp(tcp).payload(payload).build();
        self.push(after, frame);
    }

    /// SYN, SYN-ACK after a round trip, ACK at once. Microseconds.
    pub fn handshake(&mut self, after: u64, round_trip: u64) {
        self.syn(after);
        self.synack(after + round_trip);
        self.ack(after + round_trip + 10, Speaker::Client);
    }

    /// The client's SYN, or the same again.
    pub fn syn(&mut self, after: u64) {
        let sequence = 999 + u32::from(self.ends[0].port());
        self.next[0] = sequence.wrapping_add(1);
        let tcp = Tcp { flags: tcp_flags::SYN, sequence, ..Tcp::default() };
        self.segment(after, Speaker::Client, &tcp, &[]);
    }

    /// The server's answer, or the same again.
    pub fn synack(&mut self, after: u64) {
        let sequence = 0xffff_efff_u32.wrapping_add(u32::from(self.ends[1].port()));
        self.next[1] = sequence.wrapping_add(1);
        let flags = tcp_flags::SYN | tcp_flags::ACK;
        let tcp = Tcp { flags, sequence, acknowledgment: self.next[0], ..Tcp::default() };
        self.segment(after, Speaker::Server, &tcp, &[]);
    }

    /// An ACK of all that the other side has sent.
    pub fn ack(&mut self, after: u64, from: Speaker) {
        self.flags(after, from, tcp_flags::ACK, &[]);
    }

    /// Data in one segment, with an ACK.
    pub fn data(&mut self, after: u64, from: Speaker, payload: &[u8]) {
        self.flags(after, from, tcp_flags::ACK | tcp_flags::PSH, payload);
    }

    /// A FIN, with an ACK.
    pub fn fin(&mut self, after: u64, from: Speaker) {
        self.flags(after, from, tcp_flags::ACK | tcp_flags::FIN, &[]);
    }

    /// A RST, with an ACK.
    pub fn rst(&mut self, after: u64, from: Speaker) {
        self.flags(after, from, tcp_flags::ACK | tcp_flags::RST, &[]);
    }

    /// A segment with these flags that goes on where its sender is.
    pub fn flags(&mut self, after: u64, from: Speaker, flags: u8, payload: &[u8]) {
        let own = from as usize;
        let tcp = Tcp {
            flags,
            sequence: self.next[own],
            acknowledgment: self.next[1 - own],
            ..Tcp::default()
        };
        self.segment(after, from, &tcp, payload);
        let fin = u32::from(flags & tcp_flags::FIN != 0);
        self.next[own] = self.next[own].wrapping_add(payload.len() as u32 + fin);
    }

    /// A UDP datagram.
    pub fn datagram(&mut self, after: u64, from: Speaker, payload: &[u8]) {
        let [source, destination] = self.ends_from(from);
        let frame = ip(source, destination).udp(source.port(), destination.port());
        self.push(after, frame.payload(payload).build());
    }

    /// An ICMP or ICMPv6 error from some router or host to the client about the frame with that number.
    ///
    /// # Panics
    /// Where there is no such frame.
    pub fn error(&mut self, after: u64, by: IpAddr, [kind, code]: [u8; 2], about: usize) {
        /// Bytes of an Ethernet header.
        const LINK: usize = 14;
        let client = self.ends[0];
        let quoted = &self.frames[about].1[LINK..];
        // As many as most routers quote: 28 bytes of IPv4, 48 of IPv6.
        let quoted = &quoted[..quoted.len().min(if client.is_ipv4() { 28 } else { 48 })];
        let frame = ip(SocketAddr::new(by, 0), client).icmp(kind, code, [0; 4]).payload(quoted);
        self.push(after, frame.build());
    }

    /// Adds what others have said, and puts all in the order of time.
    pub fn join(mut self, other: Self) -> Self {
        self.frames.extend(other.frames);
        self.frames.sort_by_key(|frame| frame.0);
        self
    }

    fn ends_from(&self, from: Speaker) -> [SocketAddr; 2] {
        match from {
            Speaker::Client => self.ends,
            Speaker::Server => [self.ends[1], self.ends[0]],
        }
    }

    fn push(&mut self, after: u64, frame: Vec<u8>) {
        self.frames.push((self.start + after * 1000, frame));
    }
}

fn ip(source: SocketAddr, destination: SocketAddr) -> Frame {
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Frame::ipv4(source, destination),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Frame::ipv6(source, destination),
        (source, destination) => panic!("{source} and {destination}: one kind of address"),
    }
}

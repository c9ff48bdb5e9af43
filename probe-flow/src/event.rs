//! What the tracker tells.

use crate::connection::{Connection, ConnectionId, Role};
use crate::packet::{IcmpError, Segment};
use crate::talk::{DnsExchange, HttpExchange, Tls};

/// Something that has become clear.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connection was seen for the first time.
    Started(&'a Connection),
    /// The server has answered: a SYN-ACK, or the first datagram.
    Answered(&'a Connection),
    /// The TCP handshake is complete.
    Opened(&'a Connection),
    /// The first byte of the response came behind the first of the request.
    FirstByte(&'a Connection),
    /// A request of HTTP/1 has its response, or will have none.
    Request(&'a Connection, &'a HttpExchange),
    /// A question to a name server has its answer, or will have none.
    Lookup(&'a Connection, &'a DnsExchange),
    /// The hellos of TLS were seen.
    Hellos(&'a Connection, &'a Tls),
    /// It is over, or nothing more is awaited of it: its facts are as they stay.
    Ended(&'a Connection),
}

/// Takes what the tracker tells, in the order in which it became clear.
pub trait Sink {
    /// Takes one event.
    fn event(&mut self, event: Event<'_>);
}

impl<F: FnMut(Event<'_>)> Sink for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}

/// What a frame was to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The connection; [`Tracker::get`](crate::Tracker::get) has it.
    pub id: ConnectionId,
    /// Who sent the frame; of an ICMP error: who had sent the packet that it quotes.
    pub from: Role,
    /// What it was.
    pub what: What,
}

/// A frame of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A TCP segment.
    Segment(Segment),
    /// A UDP datagram with so many bytes of payload.
    Datagram(u32),
    /// An ICMP error about it.
    Error(IcmpError),
}

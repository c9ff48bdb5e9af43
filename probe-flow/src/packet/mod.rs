//! A frame's headers: link, IP, and TCP, UDP or an ICMP error.
//!
//! Checksums are not looked at: frames that this host sends get theirs from the network card.

mod icmp;
mod ip;
mod link;
mod tcp;

use std::net::SocketAddr;

use probe_frame::Frame;

use crate::cursor::Cursor;
use ip::protocol;
use link::Version;

pub use icmp::{IcmpError, Reason};
pub use tcp::{Flags, Segment};

/// Bytes of which the end may not have been captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Data<'a> {
    /// What was captured; never more than `len`.
    pub(crate) bytes: &'a [u8],
    /// Their length on the wire.
    pub(crate) len: usize,
}

impl<'a> Data<'a> {
    /// Captured bytes, of which only `len` belong to it: behind them there may be padding.
    fn new(captured: &'a [u8], len: usize) -> Self {
        Self { bytes: captured.get(..len).unwrap_or(captured), len }
    }

    /// What follows a header. `None`: it is longer than all there is.
    fn behind(self, header_len: usize) -> Option<Self> {
        let len = self.len.checked_sub(header_len)?;
        Some(Self { bytes: self.bytes.get(header_len..).unwrap_or_default(), len })
    }
}

/// What a frame is, as far as connections go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    Tcp { source: SocketAddr, destination: SocketAddr, segment: Segment, payload: Data<'a> },
    Udp { source: SocketAddr, destination: SocketAddr, payload: Data<'a> },
    Error(IcmpError),
}

/// Why a frame belongs to no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skipped {
    /// It is not IP, TCP, UDP, or an ICMP error about these.
    OtherProtocol,
    /// It is a fragment behind the first, which has no ports.
    Fragment,
    /// What was captured of it ends within a header.
    Cut,
    /// Its lengths cannot be.
    Malformed,
}

/// Reads a frame's headers.
pub(crate) fn read<'a>(frame: &Frame<'a>) -> Result<Packet<'a>, Skipped> {
    let (version, captured) = link::network(frame).ok_or(Skipped::OtherProtocol)?;
    let in_front = frame.bytes.len().saturating_sub(captured.len());
    let wire = (frame.wire_len as usize).max(frame.bytes.len()).saturating_sub(in_front);
    let network = ip::read(version, captured, wire)?;
    let at = |port| SocketAddr::new(network.source, port);
    let to = |port| SocketAddr::new(network.destination, port);
    match (network.protocol, version) {
        (protocol::TCP, _) => {
            let (source, destination, segment, payload) = tcp::read(network.rest)?;
            Ok(Packet::Tcp { source: at(source), destination: to(destination), segment, payload })
        }
        (protocol::UDP, _) => {
            /// Bytes of a UDP header (RFC 768): two ports, length, checksum.
            const HEADER: usize = 8;
            let mut cursor = Cursor::new(network.rest.bytes);
            let source = cursor.u16().ok_or(Skipped::Cut)?;
            let destination = cursor.u16().ok_or(Skipped::Cut)?;
            let payload = network.rest.behind(HEADER).ok_or(Skipped::Malformed)?;
            Ok(Packet::Udp { source: at(source), destination: to(destination), payload })
        }
        (protocol::ICMP, Version::V4) | (protocol::ICMPV6, Version::V6) => {
            icmp::read(version, network.source, network.rest.bytes).map(Packet::Error)
        }
        _ => Err(Skipped::OtherProtocol),
    }
}

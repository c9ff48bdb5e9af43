//! Writes the fields of a protocol, at random where they may differ.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{Frame, Random, Tcp, Transport, frames::checksum, tcp_flags};

/// A frame that is being written. Numbers are big-endian where nothing else is said.
#[derive(Debug)]
pub struct Writer<'r> {
    random: &'r mut Random,
    out: Vec<u8>,
}

impl<'r> Writer<'r> {
    /// Nothing yet.
    pub(super) fn new(random: &'r mut Random) -> Self {
        Self { random, out: Vec::new() }
    }

    /// What was written.
    pub(super) fn done(self) -> Vec<u8> {
        self.out
    }

    /// What `write` writes, apart from this frame.
    pub(super) fn apart(&mut self, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut apart = Writer::new(self.random);
        write(&mut apart);
        apart.out
    }

    /// A number below a bound.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound)
    }

    /// True once in so many times.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.random.one_in(times)
    }

    /// These bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend(bytes);
        self
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.put(&[value])
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    /// So many bytes of any value; zeros and small numbers more often than others.
    pub(super) fn any(&mut self, length: usize) -> &mut Self {
        let style = self.below(4);
        for _ in 0..length {
            let byte = self.random.number() as u8;
            let byte = match (style, byte % 4) {
                (0, _) | (1, 0..=1) => byte,
                (1, _) | (2, 0) => 0,
                (2, _) => byte % 8,
                _ if byte == 0 => 0xff,
                _ => 0,
            };
            self.out.push(byte);
        }
        self
    }

    /// A small number of so many bytes.
    pub(super) fn small(&mut self, size: usize) -> &mut Self {
        let number = match self.below(3) {
            0 => self.below(4),
            1 => self.below(256),
            _ => self.below(70_000),
        } as u64;
        let bytes = number.to_be_bytes();
        self.put(&bytes[8 - size..])
    }

    /// One of these, or seldom another.
    pub(super) fn of(&mut self, values: &[u8]) -> u8 {
        let value =
            if self.one_in(20) { self.random.number() as u8 } else { self.random.pick(values) };
        self.u8(value);
        value
    }

    /// One of these, or seldom another.
    pub(super) fn of16(&mut self, values: &[u16]) -> u16 {
        let value =
            if self.one_in(20) { self.random.number() as u16 } else { self.random.pick(values) };
        self.u16(value);
        value
    }

    /// A byte up to this one, or seldom another.
    pub(super) fn upto(&mut self, most: u8) -> u8 {
        let value = if self.one_in(20) {
            self.random.number() as u8
        } else {
            self.below(usize::from(most) + 1) as u8
        };
        self.u8(value);
        value
    }

    /// Four bits, not written.
    pub(super) fn flags(&mut self) -> u8 {
        self.below(16) as u8
    }

    /// Text of up to so many letters, seldom with others among them.
    pub(super) fn text(&mut self, most: usize) -> &mut Self {
        let length = self.below(most + 1);
        let odd = self.one_in(8);
        for _ in 0..length {
            let letter = if odd && self.one_in(4) {
                self.random.number() as u8
            } else {
                self.random.pick(b"abcxyzABZ019-._ @:/")
            };
            self.out.push(letter);
        }
        self
    }

    pub(super) fn v4(&mut self) -> &mut Self {
        let last = self.random.number() as u8;
        let address = match self.below(6) {
            0 => [224, 0, 0, last],
            1 => [0; 4],
            2 => [255; 4],
            _ => [192, 0, 2, last],
        };
        self.put(&address)
    }

    pub(super) fn v6(&mut self) -> &mut Self {
        let last = self.random.number() as u8;
        let mut address = [0; 16];
        match self.below(6) {
            0 => address[..2].copy_from_slice(&[0xff, 2]),
            1 => address[10..13].copy_from_slice(&[0xff, 0xff, 192]),
            2 => address[..2].copy_from_slice(&[0xfe, 0x80]),
            3 => {}
            _ => address[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]),
        }
        address[15] = last;
        self.put(&address)
    }

    pub(super) fn mac(&mut self) -> &mut Self {
        let first = self.random.pick(&[[2, 0, 0], [1, 0x80, 0xc2], [0, 0x1b, 0x21], [0xff; 3]]);
        self.put(&first).any(3)
    }

    /// A domain name of up to three labels.
    pub(super) fn name(&mut self) -> &mut Self {
        for _ in 0..self.below(4) {
            self.len8(0, |w| w.u8(b'w').text(6).end());
        }
        self.u8(0)
    }

    /// A byte of length and what it counts: so many bytes more than `write` writes.
    pub(super) fn len8(&mut self, more: i32, write: impl FnOnce(&mut Writer)) -> &mut Self {
        let body = self.apart(write);
        let length = self.length(body.len(), more);
        self.u8(length as u8).put(&body)
    }

    /// Two bytes of length and what they count: so many bytes more than `write` writes.
    pub(super) fn len16(&mut self, more: i32, write: impl FnOnce(&mut Writer)) -> &mut Self {
        let body = self.apart(write);
        let length = self.length(body.len(), more);
        self.u16(length as u16).put(&body)
    }

    /// A length, seldom a wrong one.
    pub(super) fn length(&mut self, size: usize, more: i32) -> u32 {
        let right = size as i32 + more;
        let length = match self.below(60) {
            0 => right - 1,
            1 => right + 1,
            2 => 0,
            3 => self.below(300) as i32,
            _ => right,
        };
        length as u32
    }

    /// Zeros up to a multiple of so many bytes of what was written.
    pub(super) fn align(&mut self, unit: usize) -> &mut Self {
        self.out.resize(self.out.len().next_multiple_of(unit), 0);
        self
    }

    /// Zeros up to so many bytes in all.
    pub(super) fn fill(&mut self, length: usize) -> &mut Self {
        self.out.resize(self.out.len().max(length), 0);
        self
    }

    /// None, one, or up to `most` times what `write` writes.
    pub(super) fn many(&mut self, most: usize, mut write: impl FnMut(&mut Writer)) -> &mut Self {
        for _ in 0..self.below(most + 1) {
            write(self);
        }
        self
    }

    /// Puts a right checksum of IP (RFC 1071) at a place; seldom none.
    pub(super) fn sum(&mut self, at: usize) -> &mut Self {
        if !self.one_in(10) && at + 2 <= self.out.len() {
            let sum = checksum(&self.out);
            self.out[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        self
    }

    /// An Ethernet frame of a type.
    pub(super) fn ethernet(&mut self, ethertype: u16, write: impl FnOnce(&mut Writer)) {
        let payload = self.apart(write);
        let mut frame = Frame::other(ethertype).payload(&payload);
        if self.one_in(12) {
            frame = frame.tagged(0x8100, self.random.number() as u16);
        }
        self.put(&frame.build());
    }

    /// A frame of IEEE 802.3, which begins with an LLC header.
    pub(super) fn llc(&mut self, header: &[u8], write: impl FnOnce(&mut Writer)) {
        let payload = self.apart(|w| {
            w.put(header);
            write(w);
        });
        let length = self.length(payload.len(), 0);
        self.put(&Frame::other(length as u16).payload(&payload).build());
    }

    /// A frame with a SNAP header.
    pub(super) fn snap(
        &mut self,
        organization: [u8; 3],
        kind: u16,
        write: impl FnOnce(&mut Writer),
    ) {
        let [a, b, c] = organization;
        let [high, low] = kind.to_be_bytes();
        self.llc(&[0xaa, 0xaa, 3, a, b, c, high, low], write);
    }

    /// IPv4, or seldom IPv6.
    pub(super) fn packet(&mut self) -> Frame {
        let last = 1 + self.below(9) as u8;
        if self.one_in(4) {
            let host = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
            Frame::ipv6(host(last.into()), host(20))
        } else {
            Frame::ipv4(Ipv4Addr::new(192, 0, 2, last), Ipv4Addr::new(192, 0, 2, 20))
        }
    }

    /// A packet of either version of IP.
    pub(super) fn ip(&mut self, protocol: u8, write: impl FnOnce(&mut Writer)) {
        let mut frame = self.packet();
        frame.transport = Transport::Other(protocol);
        let payload = self.apart(write);
        self.put(&frame.payload(&payload).build());
    }

    /// An IPv4 packet.
    pub(super) fn ip4(&mut self, protocol: u8, write: impl FnOnce(&mut Writer)) {
        let mut frame = Frame::ipv4(Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(224, 0, 0, 5));
        frame.transport = Transport::Other(protocol);
        let payload = self.apart(write);
        self.put(&frame.payload(&payload).build());
    }

    /// An IPv6 packet.
    pub(super) fn ip6(&mut self, protocol: u8, write: impl FnOnce(&mut Writer)) {
        let host = |last| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last);
        let mut frame = Frame::ipv6(host(1), host(2));
        frame.transport = Transport::Other(protocol);
        let payload = self.apart(write);
        self.put(&frame.payload(&payload).build());
    }

    /// A datagram from or to one of these ports.
    pub(super) fn udp(&mut self, ports: &[u16], write: impl FnOnce(&mut Writer)) {
        let port = self.random.pick(ports);
        let other = if self.one_in(4) { port } else { 40_000 };
        let (from, to) = if self.one_in(2) { (port, other) } else { (other, port) };
        let frame = self.packet();
        let payload = self.apart(write);
        self.put(&frame.udp(from, to).payload(&payload).build());
    }

    /// A segment from or to one of these ports.
    pub(super) fn tcp(&mut self, ports: &[u16], write: impl FnOnce(&mut Writer)) {
        let port = self.random.pick(ports);
        let other = 40_000 + self.below(20_000) as u16;
        let (source, destination) = if self.one_in(2) { (port, other) } else { (other, port) };
        let frame = self.packet();
        let payload = self.apart(write);
        let tcp = Tcp {
            source,
            destination,
            sequence: 1,
            acknowledgment: 1,
            flags: tcp_flags::ACK | tcp_flags::PSH,
            window: 64_240,
            ..Tcp::default()
        };
        self.put(&frame.tcp(tcp).payload(&payload).build());
    }
}

/// Ends a chain of fields in a closure that gives nothing back.
pub(super) trait End: Sized {
    /// Gives nothing back.
    fn end(self) {}
}

impl End for &mut Writer<'_> {}
impl End for u8 {}
impl End for u16 {}

//! How frames change what is known of a connection.

use std::net::SocketAddr;
use std::time::Duration;

use probe_frame::WallTime;

use super::{
    Attempts, Changes, Connection, ConnectionId, Ending, Offset, Protocol, Rejection, Role, Side,
    between,
};
use crate::{
    limits::Limits,
    packet::{IcmpError, Segment},
    stamp::Stamp,
};

/// How frames change it.
impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        protocol: Protocol,
        [client, server]: [SocketAddr; 2],
        roles_known: bool,
        time: WallTime,
    ) -> Self {
        Self {
            id,
            protocol,
            roles_known,
            client,
            server,
            started: time,
            last: time,
            attempts: Attempts::default(),
            syn: Stamp::NONE,
            synack: Stamp::NONE,
            last_synack: Stamp::NONE,
            ack: Stamp::NONE,
            first_request_byte: Stamp::NONE,
            first_response_byte: Stamp::NONE,
            synacks: 0,
            icmp_errors: 0,
            opening_gap: Duration::ZERO,
            opened: false,
            lost: false,
            first_fin: None,
            reset_by: None,
            rejection: None,
            ending: None,
            client_side: Side::default(),
            server_side: Side::default(),
            talk: None,
            unread: false,
            one_in: 1,
        }
    }

    /// Client and server.
    pub(crate) fn addresses(&self) -> [SocketAddr; 2] {
        [self.client, self.server]
    }

    /// Which side has this address.
    pub(crate) fn role(&self, source: SocketAddr) -> Role {
        if source == self.client { Role::Client } else { Role::Server }
    }

    /// Whether a segment from there begins another connection between the same ports.
    pub(crate) fn is_replaced_by(&self, from: Role, segment: &Segment) -> bool {
        let flags = segment.flags;
        if !flags.syn() || flags.rst() {
            return false;
        }
        let seen_from_middle = !self.client_side.syn && !self.server_side.syn;
        if seen_from_middle {
            return true;
        }
        if self.rejection.is_some() {
            return self.is_revived_by(from, segment);
        }
        if self.ending.is_some() {
            // A SYN-ACK that comes late is no beginning.
            return !flags.ack();
        }
        let begun_by = segment.sequence.wrapping_add(1);
        let another = |side: &Side| side.syn && side.initial_sequence() != Some(segment.sequence);
        match from {
            // The SYN may come behind the SYN-ACK, out of order.
            Role::Client if flags.ack() => false,
            Role::Client if self.client_side.syn => another(&self.client_side),
            Role::Client => self.client_side.offset(begun_by).is_some_and(|offset| offset != 0),
            Role::Server if flags.ack() => false,
            // Both sides may send a SYN at the same time (RFC 9293, figure 8).
            Role::Server => self.opened || another(&self.server_side),
        }
    }

    /// Whether a SYN or SYN-ACK begins another connection behind an ICMP error. A kernel may not take
    /// the error for an answer and send the same SYN again (`tcp_v4_err`, net/ipv4/tcp_ipv4.c: where the
    /// socket is in use at that moment), which belongs to the attempt that was rejected. Only if that
    /// is answered after all, there is a connection.
    fn is_revived_by(&self, from: Role, segment: &Segment) -> bool {
        let sent = self.client_side.initial_sequence();
        match from {
            Role::Client => !segment.flags.ack() && sent != Some(segment.sequence),
            Role::Server if segment.flags.ack() => {
                sent.map(|sent| sent.wrapping_add(1)) == Some(segment.acknowledgment)
            }
            Role::Server => true,
        }
    }

    /// Takes a segment.
    pub(crate) fn segment(
        &mut self,
        from: Role,
        segment: &Segment,
        time: WallTime,
        wire_len: u32,
    ) -> Changes {
        let gap = between(self.last, time);
        self.count(from, time, wire_len);
        let flags = segment.flags;
        let started = self.client_side.packets + self.server_side.packets == 1;
        let mut changes = Changes { started, ..Changes::default() };
        if flags.rst() {
            changes.ended = self.reset(from, segment);
            return changes;
        }
        let (own, peer) = self.sides(from);
        if flags.ack() {
            peer.acknowledge(segment.acknowledgment);
        }
        if flags.syn() {
            // Its payload begins behind it (RFC 7413).
            let data = Segment { sequence: segment.sequence.wrapping_add(1), ..*segment };
            if segment.payload > 0 {
                changes.offset = own.send(&data).0;
            }
            changes.answered = self.take_syn(from, segment, time, gap);
        } else {
            let already = own.fin.is_some();
            changes.offset = own.send(segment).0;
            if flags.fin() && !already {
                own.fin_after_peers = peer.fin_acked();
                self.first_fin.get_or_insert(from);
            }
            changes.opened = self.complete(from, segment, time);
        }
        if segment.payload > 0 {
            changes.first_byte = self.first_bytes(from, changes.offset, time);
        }
        changes.ended = self.client_side.fin_acked() && self.server_side.fin_acked();
        changes
    }

    /// Takes a datagram.
    pub(crate) fn datagram(
        &mut self,
        from: Role,
        payload: u64,
        time: WallTime,
        wire_len: u32,
    ) -> Changes {
        let answered = from == Role::Server && self.server_side.packets == 0;
        let offset = self.side(from).next;
        self.count(from, time, wire_len);
        let (own, _) = self.sides(from);
        own.next = own.next.saturating_add(payload);
        let first_byte = self.first_bytes(from, Some(offset), time);
        let started = self.client_side.packets + self.server_side.packets == 1;
        Changes { started, answered, first_byte, offset: Some(offset), ..Changes::default() }
    }

    /// Takes an ICMP error about a packet that `from` had sent.
    pub(crate) fn error(&mut self, from: Role, error: &IcmpError, time: WallTime) -> Changes {
        self.last = self.last.max(time);
        self.icmp_errors = self.icmp_errors.saturating_add(1);
        let is_about_attempt = match self.protocol {
            // Anybody can send an error: it has to know the number of the SYN (RFC 5927, section 4).
            Protocol::Tcp => {
                let own = self.side(from);
                from == Role::Client
                    && !self.was_answered()
                    && error.sequence.is_some()
                    && own.initial_sequence() == error.sequence
            }
            Protocol::Udp => from == Role::Client,
        };
        let ended = is_about_attempt && error.reason.is_rejection();
        if ended {
            self.rejection = Some(Rejection { reason: error.reason, from: error.from });
        }
        Changes { ended, ..Changes::default() }
    }

    /// Notes that it was chosen as one in so many.
    pub(crate) fn stand_for(&mut self, one_in: u32) {
        self.one_in = self.one_in.max(one_in);
    }

    /// Notes that frames were lost since it began.
    pub(crate) fn note_loss(&mut self) {
        self.lost = true;
    }

    /// Ends it, once.
    pub(crate) fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
    }

    /// How long it may be silent before no more is awaited of it.
    pub(crate) fn patience(&self, limits: &Limits) -> Duration {
        if self.ending.is_some() {
            return limits.linger;
        }
        match self.protocol {
            Protocol::Udp => limits.udp,
            Protocol::Tcp if self.opened && self.first_fin.is_some() => limits.closing,
            Protocol::Tcp if self.opened => limits.idle,
            Protocol::Tcp if self.client_side.syn || self.server_side.syn => {
                // Each time between two attempts is twice the one before (RFC 6298, section 5.5).
                limits.opening.max(self.opening_gap.min(Limits::LONGEST_GAP) * 5 / 2)
            }
            Protocol::Tcp => limits.partial,
        }
    }

    /// Whether it has got so far that no flood of newcomers may have its place.
    pub(crate) fn is_settled(&self) -> bool {
        self.protocol == Protocol::Tcp && self.opened
    }

    fn sides(&mut self, from: Role) -> (&mut Side, &mut Side) {
        match from {
            Role::Client => (&mut self.client_side, &mut self.server_side),
            Role::Server => (&mut self.server_side, &mut self.client_side),
        }
    }

    fn count(&mut self, from: Role, time: WallTime, wire_len: u32) {
        self.started = self.started.min(time);
        self.last = self.last.max(time);
        let (own, _) = self.sides(from);
        own.packets = own.packets.saturating_add(1);
        own.wire_bytes = own.wire_bytes.saturating_add(wire_len.into());
    }

    /// Takes a RST. Says whether it ends the connection.
    fn reset(&mut self, from: Role, segment: &Segment) -> bool {
        let opened = self.opened;
        let (own, peer) = self.sides(from);
        let answers_syn = peer.syn && !own.syn && !opened;
        let acknowledges = segment.flags.ack() && peer.offset(segment.acknowledgment).is_some();
        // What answers a SYN has to acknowledge it (RFC 9293, section 3.10.7.3).
        if answers_syn && !acknowledges {
            return false;
        }
        own.anchor(segment.sequence);
        self.reset_by.get_or_insert(from);
        true
    }

    /// Takes a SYN or SYN-ACK. Says whether it is the first answer.
    fn take_syn(&mut self, from: Role, segment: &Segment, time: WallTime, gap: Duration) -> bool {
        let (own, peer) = self.sides(from);
        if segment.flags.ack() && peer.syn && peer.offset(segment.acknowledgment).is_none() {
            // It answers a SYN that was not sent.
            return false;
        }
        let is_first = !own.syn;
        if is_first {
            own.begin(segment.sequence);
        }
        if self.attempts.count() > 0 {
            self.opening_gap = gap;
        }
        match from {
            Role::Client if segment.flags.ack() => {}
            Role::Client => {
                self.attempts.note(self.started, time);
                if !self.synack.is_known() {
                    self.syn = Stamp::at(time);
                }
            }
            Role::Server => {
                self.synacks = self.synacks.saturating_add(1);
                self.synack.set_first(time);
                if !self.ack.is_known() {
                    self.last_synack = Stamp::at(time);
                }
                return is_first;
            }
        }
        false
    }

    /// Looks whether a segment behind the handshake completes it, or shows that it was completed.
    fn complete(&mut self, from: Role, segment: &Segment, time: WallTime) -> bool {
        if self.opened || !(self.client_side.syn || self.server_side.syn) {
            return false;
        }
        match from {
            Role::Client if segment.flags.ack() => {
                if self.server_side.syn {
                    if self.server_side.offset(segment.acknowledgment).is_none() {
                        return false;
                    }
                    self.ack.set_first(time);
                }
            }
            Role::Client => return false,
            // The server sends nothing else before the handshake is complete.
            Role::Server
                if self.server_side.syn && segment.payload == 0 && !segment.flags.fin() =>
            {
                return false;
            }
            Role::Server => {}
        }
        self.opened = true;
        true
    }

    /// Notes when the streams began. Says whether the response did.
    fn first_bytes(&mut self, from: Role, offset: Option<Offset>, time: WallTime) -> bool {
        let begun = self.roles_known || self.protocol == Protocol::Udp;
        if offset != Some(0) || !begun {
            return false;
        }
        match from {
            Role::Client => {
                self.first_request_byte.set_first(time);
                false
            }
            Role::Server if self.first_response_byte.is_known() => false,
            Role::Server => {
                self.first_response_byte = Stamp::at(time);
                self.first_byte().is_some()
            }
        }
    }
}

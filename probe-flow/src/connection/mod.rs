//! A connection: what was seen of it, and what that says.

mod attempts;
mod conn_state;
mod outcome;
mod side;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use probe_frame::WallTime;

use crate::{
    limits::Limits,
    packet::{Data, IcmpError, Reason, Segment},
    stamp::Stamp,
    talk::{Application, DnsExchange, HttpExchange, Progress, Progresses, Talk, Tls, Told},
};

pub use attempts::Attempts;
pub use conn_state::ConnState;
pub use outcome::{Ending, Outcome, State};
pub(crate) use side::Offset;
pub use side::Side;

/// The number of a connection, which no other one of the tracker has or had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub(crate) u64);

/// What a connection is spoken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP: an exchange between two ports, as long as there is no long silence.
    Udp,
}

impl Protocol {
    /// `tcp` or `udp`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Who sent the SYN. Where that was not seen, see [`Connection::roles_known`].
    Client,
    /// The other one.
    Server,
}

impl Role {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// `client` or `server`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// An ICMP error that ended an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// What it said.
    pub reason: Reason,
    /// Who sent it: the server itself, or something on the way.
    pub from: IpAddr,
}

/// A connection, as far as it was seen.
#[derive(Clone, Debug)]
pub struct Connection {
    id: ConnectionId,
    protocol: Protocol,
    roles_known: bool,
    client: SocketAddr,
    server: SocketAddr,
    started: WallTime,
    last: WallTime,
    attempts: Attempts,
    /// The SYN that was answered, as far as one can tell: the last in front of the first SYN-ACK.
    syn: Stamp,
    synack: Stamp,
    /// The last SYN-ACK in front of the client's ACK.
    last_synack: Stamp,
    ack: Stamp,
    first_request_byte: Stamp,
    first_response_byte: Stamp,
    synacks: u16,
    /// ICMP errors about it.
    icmp_errors: u16,
    /// Time between the last two segments of the handshake.
    opening_gap: Duration,
    opened: bool,
    lost: bool,
    first_fin: Option<Role>,
    reset_by: Option<Role>,
    rejection: Option<Rejection>,
    ending: Option<Ending>,
    client_side: Side,
    server_side: Side,
    talk: Option<Box<Talk>>,
    /// Whether what is said is not read.
    unread: bool,
}

/// What a frame has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// It is its first frame.
    pub(crate) started: bool,
    /// The server has answered for the first time.
    pub(crate) answered: bool,
    /// The handshake is complete.
    pub(crate) opened: bool,
    /// The response has begun.
    pub(crate) first_byte: bool,
    /// It is over.
    pub(crate) ended: bool,
    /// Where the segment's payload lies in its sender's stream.
    pub(crate) offset: Option<Offset>,
}

/// What is to be said when a connection is known.
impl Connection {
    /// Its number.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// TCP or UDP.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Address and port of a side.
    pub fn address(&self, role: Role) -> SocketAddr {
        match role {
            Role::Client => self.client,
            Role::Server => self.server,
        }
    }

    /// What a side has sent.
    pub fn side(&self, role: Role) -> &Side {
        match role {
            Role::Client => &self.client_side,
            Role::Server => &self.server_side,
        }
    }

    /// Whether a SYN or SYN-ACK told who is the client. Otherwise the server is who has the lower port,
    /// and among equals who spoke second. For UDP the client is who spoke first, unless its port alone
    /// is one of the system's (below 1024).
    pub fn roles_known(&self) -> bool {
        self.roles_known
    }

    /// When its first frame was seen.
    pub fn started(&self) -> WallTime {
        self.started
    }

    /// When its last frame was seen.
    pub fn last(&self) -> WallTime {
        self.last
    }

    /// Time from its first frame to its last.
    pub fn duration(&self) -> Duration {
        between(self.started, self.last)
    }

    /// The SYNs: one, or more where the first was not answered soon enough.
    pub fn syns(&self) -> Attempts {
        self.attempts
    }

    /// How many SYN-ACKs were seen.
    pub fn synacks(&self) -> u16 {
        self.synacks
    }

    /// How many ICMP errors about its packets were seen, those among them that ask for smaller ones.
    pub fn icmp_errors(&self) -> u16 {
        self.icmp_errors
    }

    /// From a SYN to its answer: from the last SYN in front of the first SYN-ACK. How long the client
    /// waited in all begins at the first one, [`started`](Self::started).
    pub fn syn_to_synack(&self) -> Option<Duration> {
        Some(between(self.syn.get()?, self.synack.get()?))
    }

    /// From the last SYN-ACK to the ACK that completed the handshake.
    pub fn synack_to_ack(&self) -> Option<Duration> {
        Some(between(self.last_synack.get()?, self.ack.get()?))
    }

    /// From the SYN that was answered to the ACK that completed the handshake: the two times above, and
    /// what lies between two SYN-ACKs where there were several.
    pub fn handshake(&self) -> Option<Duration> {
        Some(between(self.syn.get()?, self.ack.get()?))
    }

    /// From the client's first byte to the first that the server sent behind it. `None` where the
    /// server spoke first, or one of them was not seen.
    pub fn first_byte(&self) -> Option<Duration> {
        let (request, response) = (self.first_request_byte.get()?, self.first_response_byte.get()?);
        response.0.checked_sub(request.0).map(Duration::from_nanos)
    }

    /// When a side's first byte of payload was seen; live that is a frame that the filter lets
    /// through. `None` also where a later one was seen first.
    pub fn first_byte_of(&self, role: Role) -> Option<WallTime> {
        match role {
            Role::Client => self.first_request_byte.get(),
            Role::Server => self.first_response_byte.get(),
        }
    }

    /// Whether the handshake was completed, or must have been, by what followed.
    pub fn was_opened(&self) -> bool {
        self.opened
    }

    /// Whether the server has answered the SYN or the first datagram.
    pub fn was_answered(&self) -> bool {
        match self.protocol {
            Protocol::Tcp => self.opened || self.server_side.syn,
            Protocol::Udp => self.server_side.packets > 0,
        }
    }

    /// Who sent the first FIN.
    pub fn closed_by(&self) -> Option<Role> {
        self.first_fin
    }

    /// Who reset it.
    pub fn reset_by(&self) -> Option<Role> {
        self.reset_by
    }

    /// The ICMP error that ended the attempt.
    pub fn rejection(&self) -> Option<Rejection> {
        self.rejection
    }

    /// Why nothing more is said of it; `None` as long as it is followed.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Whether frames of the capture were lost since it began, of which one may have been its.
    pub fn may_have_lost(&self) -> bool {
        self.lost
    }

    /// How it went; of one that is still followed: how it stands.
    pub fn outcome(&self) -> Outcome {
        if self.reset_by.is_some() {
            let refused = self.client_side.syn && !self.was_answered();
            return match self.reset_by {
                Some(Role::Server) if refused => Outcome::Refused,
                _ => Outcome::Reset,
            };
        }
        if self.rejection.is_some() {
            return Outcome::Rejected;
        }
        match self.protocol {
            Protocol::Udp if self.was_answered() && self.client_side.packets > 0 => Outcome::Open,
            Protocol::Udp if self.lost || self.client_side.packets == 0 => Outcome::Partial,
            Protocol::Udp => Outcome::Unanswered,
            Protocol::Tcp if self.finished() => Outcome::Closed,
            Protocol::Tcp if self.opened => Outcome::Open,
            // What is missing in a handshake may be what was lost.
            Protocol::Tcp if self.lost || !self.client_side.syn => Outcome::Partial,
            Protocol::Tcp if self.server_side.syn => Outcome::HalfOpen,
            Protocol::Tcp => Outcome::Unanswered,
        }
    }

    /// The state that a side is in, by what was seen; of UDP and where it began in the middle, what can
    /// be known.
    pub fn state(&self, role: Role) -> State {
        let (own, peer) = (self.side(role), self.side(role.other()));
        if self.reset_by.is_some() || self.rejection.is_some() {
            return State::Closed;
        }
        match (own.fin.is_some(), peer.fin.is_some()) {
            (true, false) if own.fin_acked() => State::FinWait2,
            (true, false) => State::FinWait1,
            (false, true) => State::CloseWait,
            (true, true) => match (own.fin_after_peers, own.fin_acked()) {
                (true, true) => State::Closed,
                (true, false) => State::LastAck,
                (false, true) => State::TimeWait,
                (false, false) => State::Closing,
            },
            (false, false) if self.opened => State::Established,
            (false, false) => match role {
                Role::Client if self.server_side.syn => State::Established,
                Role::Client if own.syn => State::SynSent,
                Role::Server if own.syn => State::SynReceived,
                Role::Server if peer.syn => State::Listen,
                // Seen from the middle: it must have begun.
                Role::Client | Role::Server => State::Established,
            },
        }
    }

    /// What is spoken, where that is known.
    pub fn application(&self) -> Option<Application> {
        self.talk.as_ref()?.facts.application
    }

    /// Its first sixteen requests of HTTP/1 that are complete.
    pub fn http(&self) -> &[HttpExchange] {
        self.talk.as_ref().map_or(&[], |talk| &talk.facts.http)
    }

    /// Its first sixteen questions to a name server that are answered or given up.
    pub fn dns(&self) -> &[DnsExchange] {
        self.talk.as_ref().map_or(&[], |talk| &talk.facts.dns)
    }

    /// What the hellos of TLS say.
    pub fn tls(&self) -> Option<&Tls> {
        self.talk.as_ref()?.facts.tls.as_ref()
    }

    /// Requests and questions beyond those that are kept.
    pub fn more_exchanges(&self) -> u32 {
        self.talk.as_ref().map_or(0, |talk| talk.facts.more)
    }

    /// What Zeek calls it.
    pub fn conn_state(&self) -> ConnState {
        conn_state::of(self)
    }

    /// Whether both sides have sent a FIN.
    fn finished(&self) -> bool {
        self.client_side.fin.is_some() && self.server_side.fin.is_some()
    }
}

fn between(from: WallTime, to: WallTime) -> Duration {
    Duration::from_nanos(to.0.saturating_sub(from.0))
}

/// What the sides say to each other.
impl Connection {
    /// Memory of what is known of the talk, in bytes.
    pub(crate) fn talk_memory(&self) -> usize {
        self.talk.as_ref().map_or(0, |talk| talk.memory())
    }

    /// Takes a segment's payload, and what it acknowledges. What it makes clear is added to `told`.
    /// Without room for more talks none is begun; the answer says if that was so.
    pub(crate) fn talk_segment(
        &mut self,
        from: Role,
        start: Option<Offset>,
        payload: Data<'_>,
        time: WallTime,
        room: bool,
        told: &mut Vec<Told>,
    ) -> bool {
        if self.unread {
            return true;
        }
        let progress = self.progress();
        let start = start.filter(|_| payload.len > 0);
        if self.talk.is_none() {
            let Some(start) = start else { return true };
            if !room {
                self.stop_reading();
                return false;
            }
            self.talk = self.begin_talk(from, start, payload.bytes).map(Box::new);
        }
        let Some(talk) = self.talk.as_mut() else { return true };
        if let Some(start) = start {
            talk.segment(from, start, payload, time, &progress, told);
        }
        talk.advance(&progress, told);
        talk.keep(told);
        if talk.is_of_no_use() {
            self.stop_reading();
        }
        true
    }

    /// As [`talk_segment`](Self::talk_segment), of a datagram.
    pub(crate) fn talk_datagram(
        &mut self,
        from: Role,
        payload: Data<'_>,
        time: WallTime,
        room: bool,
        told: &mut Vec<Told>,
    ) -> bool {
        if self.unread {
            return true;
        }
        if self.talk.is_none() {
            self.talk = Talk::of_datagrams(self.server.port()).map(Box::new);
            if self.talk.is_some() && !room {
                self.stop_reading();
                return false;
            }
        }
        let Some(talk) = self.talk.as_mut() else {
            self.unread = true;
            return true;
        };
        talk.datagram(from, payload.bytes, time, told);
        talk.keep(told);
        true
    }

    /// Gives up what waits for an answer, at the end.
    pub(crate) fn finish_talk(&mut self, told: &mut Vec<Told>) {
        let progress = self.progress();
        if let Some(talk) = self.talk.as_mut() {
            talk.finish(&progress, told);
            talk.keep(told);
        }
    }

    /// Reads no more of it, and forgets what was read.
    pub(crate) fn stop_reading(&mut self) {
        self.talk = None;
        self.unread = true;
    }

    fn begin_talk(&self, from: Role, start: Offset, first: &[u8]) -> Option<Talk> {
        if self.roles_known {
            return Some(Talk::new());
        }
        match from {
            Role::Client => Talk::from_middle(first, start, self.server_side.next),
            Role::Server => None,
        }
    }

    fn progress(&self) -> Progresses {
        [&self.client_side, &self.server_side].map(|side| Progress {
            seen: side.next,
            acked: side.acked,
            fin: side.fin,
        })
    }
}

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
        if self.ending.is_some() || seen_from_middle {
            // A SYN-ACK that comes late is no beginning.
            return !flags.ack() || seen_from_middle;
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
        let (own, peer) = self.sides(from);
        let answers_syn = peer.syn && !own.syn && !self.opened;
        // What answers a SYN has to acknowledge it (RFC 9293, section 3.10.7.3).
        if answers_syn {
            let (_, peer) = self.sides(from);
            let acknowledges = segment.flags.ack() && peer.offset(segment.acknowledgment).is_some();
            if !acknowledges {
                return false;
            }
        }
        let (own, _) = self.sides(from);
        own.rst = true;
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

//! A connection: what was seen of it, and what that says.

mod attempts;
mod change;
mod conn_state;
mod outcome;
mod side;
mod talk;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use probe_frame::WallTime;

use crate::{
    packet::Reason,
    stamp::Stamp,
    talk::{Application, DnsExchange, HttpExchange, Talk, Tls},
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
    /// How many connections it stands for.
    one_in: u32,
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
    /// How many connections it stands for, itself among them: it was chosen as one in so many at some time, and
    /// never as one in more.
    pub fn one_in(&self) -> u32 {
        self.one_in
    }

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

    /// Whether its beginning was seen: the SYN, or the first datagram.
    pub fn began(&self) -> bool {
        match self.protocol {
            Protocol::Tcp => self.side(Role::Client).syn_seen(),
            Protocol::Udp => self.side(Role::Client).packets() > 0,
        }
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

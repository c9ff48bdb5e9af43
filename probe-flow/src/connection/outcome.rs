//! How a connection went, in a word.

use std::fmt;

/// How a connection went, or how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// TCP: the handshake was completed, and nothing has ended it. UDP: it was answered.
    Open,
    /// Both sides have sent their FIN.
    Closed,
    /// A side has reset it.
    Reset,
    /// The server answered the SYN by a RST: nobody listens.
    Refused,
    /// An ICMP error came back.
    Rejected,
    /// Nothing came back.
    Unanswered,
    /// The server answered the SYN, and the client never completed the handshake.
    HalfOpen,
    /// Its beginning was not seen, or records of it were lost: nobody can tell.
    Partial,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Closed,
        Self::Reset,
        Self::Refused,
        Self::Rejected,
        Self::Unanswered,
        Self::HalfOpen,
        Self::Partial,
    ];

    /// The word for it, in JSON too.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Unanswered => "unanswered",
            Self::HalfOpen => "half-open",
            Self::Partial => "partial",
        }
    }
}

/// Its [word](Self::word).
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why nothing more is said of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Its segments ended it: two FINs, a RST, an ICMP error.
    Itself,
    /// Nothing was heard of it for as long as its [limit](crate::Limits) says.
    Silence,
    /// Another connection began between the same two ports.
    Replaced,
    /// It made room for another, at the limit of connections.
    ThrownOut,
    /// The capture ended.
    CaptureEnd,
}

/// Where a side of a TCP connection is (RFC 9293, section 3.3.2), by what was seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for a SYN; what a server is before it has answered.
    Listen,
    /// Has sent a SYN.
    SynSent,
    /// Has answered a SYN.
    SynReceived,
    /// Data may go both ways.
    Established,
    /// Has sent its FIN.
    FinWait1,
    /// Its FIN was acknowledged.
    FinWait2,
    /// Got the other side's FIN first.
    CloseWait,
    /// Both have sent a FIN at the same time, and its own was not acknowledged.
    Closing,
    /// Has sent its FIN behind the other side's.
    LastAck,
    /// Waits for what is still on its way.
    TimeWait,
    /// There is no connection.
    Closed,
}

/// As RFC 9293 writes it: `SYN-SENT`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
            Self::Closed => "CLOSED",
        })
    }
}

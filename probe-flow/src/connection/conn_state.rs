//! Zeek's word for how a connection went, after the documentation of its connection log
//! (docs.zeek.org, `Conn::Info`, field `conn_state`).

use super::{Connection, Protocol, Role, Side};

/// The values of Zeek's `conn_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnState {
    /// Connection attempt seen, no reply.
    S0,
    /// Connection established, not terminated.
    S1,
    /// Normal establishment and termination.
    Sf,
    /// Connection attempt rejected.
    Rej,
    /// Established, and the originator closed it; no reply of the responder.
    S2,
    /// Established, and the responder closed it; no reply of the originator.
    S3,
    /// Established, and the originator aborted it by a RST.
    Rsto,
    /// The responder sent a RST.
    Rstr,
    /// The originator sent a SYN and then a RST; no SYN-ACK of the responder was seen.
    Rstos0,
    /// The responder sent a SYN-ACK and then a RST; no SYN of the originator was seen.
    Rstrh,
    /// The originator sent a SYN and then a FIN; no SYN-ACK of the responder was seen.
    Sh,
    /// The responder sent a SYN-ACK and then a FIN; no SYN of the originator was seen.
    Shr,
    /// No SYN seen, just midstream traffic.
    Oth,
}

impl ConnState {
    /// As Zeek writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::Sf => "SF",
            Self::Rej => "REJ",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::Rsto => "RSTO",
            Self::Rstr => "RSTR",
            Self::Rstos0 => "RSTOS0",
            Self::Rstrh => "RSTRH",
            Self::Sh => "SH",
            Self::Shr => "SHR",
            Self::Oth => "OTH",
        }
    }
}

pub(super) fn of(connection: &Connection) -> ConnState {
    let (client, server) = (&connection.client_side, &connection.server_side);
    if connection.protocol == Protocol::Udp {
        return match (client.packets > 0, server.packets > 0) {
            (true, true) => ConnState::Sf,
            (true, false) => ConnState::S0,
            (false, true) => ConnState::Shr,
            (false, false) => ConnState::Oth,
        };
    }
    match connection.reset_by {
        Some(Role::Server) if client.syn && !connection.was_answered() => return ConnState::Rej,
        Some(Role::Server) if server.syn && !client.syn => return ConnState::Rstrh,
        Some(Role::Client) if client.syn && !connection.was_answered() => return ConnState::Rstos0,
        Some(Role::Server) if client.syn => return ConnState::Rstr,
        Some(Role::Client) if client.syn || server.syn => return ConnState::Rsto,
        Some(_) => return ConnState::Oth,
        None => {}
    }
    let finished = |side: &Side| side.fin.is_some();
    match (client.syn, server.syn) {
        (false, false) => ConnState::Oth,
        (true, false) if finished(client) && !finished(server) => ConnState::Sh,
        (true, false) if !connection.opened => ConnState::S0,
        (false, true) if finished(server) && !finished(client) => ConnState::Shr,
        (false, true) if !connection.opened => ConnState::Oth,
        (true, _) | (false, true) => match (finished(client), finished(server)) {
            (true, true) => ConnState::Sf,
            (true, false) => ConnState::S2,
            (false, true) => ConnState::S3,
            (false, false) => ConnState::S1,
        },
    }
}

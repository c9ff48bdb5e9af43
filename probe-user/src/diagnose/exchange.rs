//! The frames of one connection, and of the search for its next hop.

use std::net::SocketAddr;

use probe_flow::{
    Connection, ConnectionId, Event, Limits, Protocol, Role, Seen, State, Tracker, What,
};
use probe_frame::{Frame, WallTime};

use super::neighbours::Neighbour;

/// Frames that are kept to lay them out; a diagnosis is made of far fewer.
const KEPT: usize = 1000;

/// Which connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Whom it is with.
    pub server: SocketAddr,
    /// The client's port, where that is known.
    pub client_port: Option<u16>,
}

impl Wanted {
    fn is(&self, connection: &Connection) -> bool {
        let server = connection.address(Role::Server);
        let port = connection.address(Role::Client).port();
        connection.protocol() == self.protocol
            && (server.ip(), server.port()) == (self.server.ip(), self.server.port())
            && self.client_port.is_none_or(|wanted| wanted == port)
    }
}

/// A frame of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it was seen.
    pub time: WallTime,
    /// Who sent it, or who had sent what it quotes.
    pub from: Role,
    /// What it was.
    pub what: What,
    /// Where client and server were after it.
    pub states: [State; 2],
}

/// What was seen of the connection.
pub struct Exchange {
    wanted: Wanted,
    tracker: Tracker,
    id: Option<ConnectionId>,
    ended: Option<Connection>,
    steps: Vec<Step>,
    /// Frames behind those that are kept.
    more_steps: u64,
    /// Other connections with the same server and port.
    others: u64,
    neighbour: Option<Neighbour>,
}

impl Exchange {
    /// Nothing was seen yet. Where the next hop is given, it is also looked for.
    pub fn new(wanted: Wanted, next_hop: Option<Neighbour>) -> Self {
        Self {
            wanted,
            tracker: Tracker::new(Limits::default()),
            id: None,
            ended: None,
            steps: Vec::new(),
            more_steps: 0,
            others: 0,
            neighbour: next_hop,
        }
    }

    /// Takes any frame.
    pub fn take(&mut self, frame: &Frame<'_>) {
        if let Some(neighbour) = &mut self.neighbour {
            neighbour.take(frame);
        }
        let mut ended = Vec::new();
        let (wanted, mut begun) = (self.wanted, Vec::new());
        let seen = self.tracker.frame(frame, &mut |event: Event<'_>| match event {
            Event::Started(connection) if wanted.is(connection) => begun.push(connection.id()),
            Event::Ended(connection) => ended.push(connection.clone()),
            _ => {}
        });
        for id in begun {
            if self.id.is_none() {
                self.id = Some(id);
            } else if wanted.client_port.is_none() {
                // From our own port it is a SYN that was sent again behind an error.
                self.others += 1;
            }
        }
        self.ended = self.ended.take().or(ended.into_iter().find(|one| Some(one.id()) == self.id));
        if let Some(seen) = seen.filter(|seen| Some(seen.id) == self.id) {
            self.note(frame.time, seen);
        }
    }

    fn note(&mut self, time: WallTime, Seen { from, what, .. }: Seen) {
        if self.steps.len() >= KEPT {
            self.more_steps += 1;
            return;
        }
        let Some(connection) = self.connection() else { return };
        let states = [Role::Client, Role::Server].map(|role| connection.state(role));
        self.steps.push(Step { time, from, what, states });
    }

    /// Whether nothing more will become clear.
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// The capture is over.
    pub fn finish(&mut self) {
        let mut ended = Vec::new();
        self.tracker.finish(&mut |event: Event<'_>| {
            if let Event::Ended(connection) = event {
                ended.push(connection.clone());
            }
        });
        self.ended = self.ended.take().or(ended.into_iter().find(|one| Some(one.id()) == self.id));
    }

    /// The connection as it stands.
    pub fn connection(&self) -> Option<&Connection> {
        let followed = self.id.and_then(|id| self.tracker.get(id));
        self.ended.as_ref().or(followed)
    }

    /// Its frames, in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Frames that came behind those.
    pub fn more_steps(&self) -> u64 {
        self.more_steps
    }

    /// Other connections with the same server and port that were seen.
    pub fn others(&self) -> u64 {
        self.others
    }

    /// The search for the next hop, if it was looked for.
    pub fn neighbour(&self) -> Option<Neighbour> {
        self.neighbour
    }
}

//! From frames to connections.

use std::net::SocketAddr;

use probe_frame::{Frame, WallTime};

use crate::{
    connection::{Changes, Connection, ConnectionId, Ending, Protocol, Role},
    event::{Event, Seen, Sink, What},
    figures::Figures,
    limits::Limits,
    packet::{self, Data, IcmpError, Packet, Segment, Skipped},
    sample::{Choice, Sample},
    table::{Index, Key, Room, Table},
    talk::Told,
};

/// Follows connections.
///
/// It has no clock: the time is that of the last frame, or of the last [`expire`](Self::expire). Times
/// may go backwards; where they do by more than a connection may be silent, that one has ended.
pub struct Tracker {
    limits: Limits,
    table: Table,
    sample: Sample,
    figures: Figures,
    /// Memory of all talks, in bytes.
    talks: usize,
    /// What a frame has made clear of them: here, so that its memory is used again.
    told: Vec<Told>,
    now: WallTime,
    /// Connections that began before this time may have had a frame that was lost.
    lost: Option<WallTime>,
}

impl Tracker {
    /// Follows nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            table: Table::new(),
            sample: Sample::default(),
            figures: Figures::default(),
            talks: 0,
            told: Vec::new(),
            now: WallTime::default(),
            lost: None,
        }
    }

    /// Takes a frame, and tells what becomes clear by it. Says what it was, if it belongs to a
    /// connection that is followed.
    pub fn frame(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) -> Option<Seen> {
        self.figures.frames += 1;
        self.expire(frame.time, sink);
        let packet = match packet::read(frame) {
            Ok(packet) => packet,
            Err(skipped) => {
                *self.figures.skipped(skipped) += 1;
                return None;
            }
        };
        match packet {
            Packet::Tcp { source, destination, segment, payload } => {
                self.segment(frame, source, destination, &segment, payload, sink)
            }
            Packet::Udp { source, destination, payload } => {
                self.datagram(frame, source, destination, payload, sink)
            }
            Packet::Error(error) => self.error(&error, frame.time, sink),
        }
    }

    /// Tells of those of which nothing was heard for too long. Each [`frame`](Self::frame) does it, too:
    /// it is for times without frames.
    pub fn expire(&mut self, now: WallTime, sink: &mut impl Sink) {
        self.now = now;
        for at in self.table.due(now, &self.limits) {
            self.conclude(at, Ending::Silence, sink);
        }
    }

    /// Notes that frames of before this time have been lost: each connection that is followed now, or is told
    /// later on to have begun before it, may have had one of them, and what is incomplete may be complete.
    pub fn lost(&mut self, before: WallTime) {
        self.table.iter_mut().for_each(Connection::note_loss);
        self.lost = self.lost.max(Some(before));
    }

    /// Lets it leave out connections: where there is no room for another, and where it is
    /// [told to](Self::follow_fewer). Without it newcomers are refused instead.
    pub fn choose_by(&mut self, choice: Choice) {
        self.sample.choose_by(choice);
    }

    /// From now on the connections are one in so many, or fewer if they are already: with a
    /// [choice](Self::choose_by) those that are not among them are forgotten, without a word. Each that is left
    /// [stands for](Connection::one_in) so many. For whoever leaves out frames afterwards: those of before may
    /// still come.
    pub fn follow_fewer(&mut self, one_in: u32) {
        if one_in <= self.sample.one_in() {
            return;
        }
        self.sample.narrow_to(one_in);
        for at in self.table.indices() {
            let Some(connection) = self.table.connection_mut(at) else { continue };
            let (client, server) =
                (connection.address(Role::Client), connection.address(Role::Server));
            if self.sample.chooses(connection.protocol(), [client, server]) {
                connection.stand_for(one_in);
            } else {
                self.forget(at);
            }
        }
    }

    /// From this time on frames are those of one connection in so many, which are more than before.
    pub fn follow_more(&mut self, one_in: u32, since: WallTime) {
        if one_in < self.sample.one_in() {
            self.sample.widen_to(one_in, since);
        }
    }

    /// One connection in how many is followed.
    pub fn one_in(&self) -> u32 {
        self.sample.one_in()
    }

    /// Whether all were followed all the time.
    pub fn has_followed_all(&self) -> bool {
        self.sample.is_all()
    }

    /// Whether twice as many connections would take half of the room at most.
    pub fn has_room(&self) -> bool {
        self.table.len() <= self.limits.connections / 4
    }

    /// Ends all: the capture is over.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        let mut open: Vec<_> = self
            .table
            .indices()
            .filter_map(|at| Some((self.table.connection(at)?.started(), at)))
            .collect();
        open.sort_unstable();
        for (_, at) in open {
            self.conclude(at, Ending::CaptureEnd, sink);
        }
    }

    /// The connections that are followed and not over, in no order.
    pub fn open(&self) -> impl Iterator<Item = &Connection> {
        self.table.iter().filter(|connection| connection.ending().is_none())
    }

    /// A connection, if it is still followed, or has ended a moment ago.
    pub fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.table.by_id(id)
    }

    /// What became of the frames.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    fn segment(
        &mut self,
        frame: &Frame<'_>,
        source: SocketAddr,
        destination: SocketAddr,
        segment: &Segment,
        payload: Data<'_>,
        sink: &mut impl Sink,
    ) -> Option<Seen> {
        let key = Key::new(Protocol::Tcp, source, destination);
        let mut found = self.find(&key, sink);
        if let Some(at) = found
            && let Some(connection) = self.table.connection(at)
            && connection.is_replaced_by(connection.role(source), segment)
        {
            self.conclude(at, Ending::Replaced, sink);
            found = None;
        }
        let flags = segment.flags;
        let at = match found {
            Some(at) => at,
            None => {
                let told = flags.syn() && !flags.rst();
                let from = match (told, flags.ack()) {
                    (true, false) => Role::Client,
                    (true, true) => Role::Server,
                    (false, _) if source.port() < destination.port() => Role::Server,
                    (false, _) => Role::Client,
                };
                self.admit(key, Protocol::Tcp, from, source, destination, told, sink)?
            }
        };
        self.figures.followed += 1;
        let connection = self.table.connection_mut(at)?;
        let seen = Seen {
            id: connection.id(),
            from: connection.role(source),
            what: What::Segment(*segment),
        };
        if connection.ending().is_none() {
            let changes = connection.segment(seen.from, segment, frame.time, frame.wire_len);
            self.talk(at, |connection, room, told| {
                connection.talk_segment(seen.from, changes.offset, payload, frame.time, room, told)
            });
            self.tell(at, changes, sink);
        }
        Some(seen)
    }

    fn datagram(
        &mut self,
        frame: &Frame<'_>,
        source: SocketAddr,
        destination: SocketAddr,
        payload: Data<'_>,
        sink: &mut impl Sink,
    ) -> Option<Seen> {
        /// Ports below are the system's (RFC 6335, section 6): servers have them.
        const SYSTEM_PORTS: u16 = 1024;
        let key = Key::new(Protocol::Udp, source, destination);
        let mut found = self.find(&key, sink);
        // What comes behind an error is another exchange.
        if let Some(at) = found
            && self.table.connection(at).is_some_and(|connection| connection.ending().is_some())
        {
            self.conclude(at, Ending::Replaced, sink);
            found = None;
        }
        let at = match found {
            Some(at) => at,
            None => {
                let answers = source.port() < SYSTEM_PORTS && destination.port() >= SYSTEM_PORTS;
                let from = if answers { Role::Server } else { Role::Client };
                self.admit(key, Protocol::Udp, from, source, destination, false, sink)?
            }
        };
        self.figures.followed += 1;
        let connection = self.table.connection_mut(at)?;
        let from = connection.role(source);
        let seen = Seen { id: connection.id(), from, what: What::Datagram(payload.len as u32) };
        let changes = connection.datagram(from, payload.len as u64, frame.time, frame.wire_len);
        self.talk(at, |connection, room, told| {
            connection.talk_datagram(from, payload, frame.time, room, told)
        });
        self.tell(at, changes, sink);
        Some(seen)
    }

    fn error(&mut self, error: &IcmpError, time: WallTime, sink: &mut impl Sink) -> Option<Seen> {
        let key = Key::new(error.protocol, error.source, error.destination);
        let Some(at) = self.find(&key, sink) else {
            self.figures.errors_about_others += 1;
            return None;
        };
        self.figures.followed += 1;
        let connection = self.table.connection_mut(at)?;
        let from = connection.role(error.source);
        let seen = Seen { id: connection.id(), from, what: What::Error(*error) };
        if connection.ending().is_none() {
            let changes = connection.error(from, error, time);
            self.tell(at, changes, sink);
        }
        Some(seen)
    }

    /// A connection that is followed, unless its time is up by now.
    fn find(&mut self, key: &Key, sink: &mut impl Sink) -> Option<Index> {
        let at = self.table.find(key)?;
        if self.table.is_due(at, self.now, &self.limits) {
            self.conclude(at, Ending::Silence, sink);
            return None;
        }
        Some(at)
    }

    /// Makes an entry, if there is room.
    #[expect(clippy::too_many_arguments, reason = "the facts of a new connection, each once")]
    fn admit(
        &mut self,
        key: Key,
        protocol: Protocol,
        from: Role,
        source: SocketAddr,
        destination: SocketAddr,
        roles_known: bool,
        sink: &mut impl Sink,
    ) -> Option<Index> {
        loop {
            if !self.sample.chooses(protocol, [source, destination]) {
                self.figures.not_chosen += 1;
                return None;
            }
            match (self.table.room(&self.limits, self.now), self.sample.halved()) {
                (Room::Free, _) => break,
                (Room::ThrowOut(at), _) => {
                    if self.table.connection(at).is_some_and(|old| old.ending().is_none()) {
                        self.figures.thrown_out += 1;
                    }
                    self.conclude(at, Ending::ThrownOut, sink);
                    break;
                }
                (Room::Full, Some(one_in)) => self.follow_fewer(one_in),
                (Room::Full, None) => {
                    self.figures.refused += 1;
                    return None;
                }
            }
        }
        self.figures.connections += 1;
        let ends = match from {
            Role::Client => [source, destination],
            Role::Server => [destination, source],
        };
        let now = self.now;
        let at =
            self.table.insert(key, now, |id| Connection::new(id, protocol, ends, roles_known, now));
        let one_in = self.sample.stands_for(now);
        self.table.connection_mut(at)?.stand_for(one_in);
        if self.lost.is_some_and(|before| now < before) {
            self.table.connection_mut(at)?.note_loss();
        }
        Some(at)
    }

    /// Lets a connection read what is said on it, within the memory for all of them.
    fn talk(
        &mut self,
        at: Index,
        read: impl FnOnce(&mut Connection, bool, &mut Vec<Told>) -> bool,
    ) {
        let Some(connection) = self.table.connection_mut(at) else { return };
        let before = connection.talk_memory();
        let room = self.talks < self.limits.detail_bytes;
        let was_read = read(connection, room, &mut self.told);
        self.talks = self.talks.saturating_sub(before).saturating_add(connection.talk_memory());
        let outgrown = self.talks > self.limits.detail_bytes && before > 0;
        if outgrown {
            self.talks = self.talks.saturating_sub(connection.talk_memory());
            connection.stop_reading();
        }
        if outgrown || !was_read {
            self.figures.unread += 1;
        }
    }

    /// Tells what a frame has changed.
    fn tell(&mut self, at: Index, changes: Changes, sink: &mut impl Sink) {
        let Some(connection) = self.table.connection_mut(at) else { return };
        if changes.ended {
            connection.end(Ending::Itself);
            self.talks = self.talks.saturating_sub(connection.talk_memory());
            connection.finish_talk(&mut self.told);
        }
        let events = [
            (changes.started, Event::Started(connection)),
            (changes.answered, Event::Answered(connection)),
            (changes.opened, Event::Opened(connection)),
            (changes.first_byte, Event::FirstByte(connection)),
        ];
        for (_, event) in events.into_iter().filter(|(happened, _)| *happened) {
            sink.event(event);
        }
        tell_talk(connection, &mut self.told, sink);
        if changes.ended {
            sink.event(Event::Ended(connection));
            connection.stop_reading();
        }
        self.table.file(at, self.now, &self.limits);
    }

    /// Takes an entry out, and tells nothing.
    fn forget(&mut self, at: Index) {
        if let Some(connection) = self.table.remove(at) {
            self.talks = self.talks.saturating_sub(connection.talk_memory());
        }
    }

    /// Takes an entry out, and tells how its connection went, if that was not told.
    fn conclude(&mut self, at: Index, ending: Ending, sink: &mut impl Sink) {
        let Some(mut connection) = self.table.remove(at) else { return };
        self.talks = self.talks.saturating_sub(connection.talk_memory());
        if connection.ending().is_some() {
            return;
        }
        connection.end(ending);
        connection.finish_talk(&mut self.told);
        tell_talk(&connection, &mut self.told, sink);
        sink.event(Event::Ended(&connection));
    }
}

/// Tells what has become known of a talk.
fn tell_talk(connection: &Connection, told: &mut Vec<Told>, sink: &mut impl Sink) {
    for told in told.drain(..) {
        sink.event(match &told {
            Told::Http(exchange) => Event::Request(connection, exchange),
            Told::Dns(exchange) => Event::Lookup(connection, exchange),
            Told::Tls(tls) => Event::Hellos(connection, tls),
        });
    }
}

impl Figures {
    fn skipped(&mut self, skipped: Skipped) -> &mut u64 {
        match skipped {
            Skipped::OtherProtocol => &mut self.other,
            Skipped::Fragment => &mut self.fragments,
            Skipped::Cut => &mut self.cut,
            Skipped::Malformed => &mut self.malformed,
        }
    }
}

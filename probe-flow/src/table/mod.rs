//! The connections that are followed: found by their ports, thrown out by their age, looked at again
//! when their time is up.
//!
//! Entries lie in one vector, and lists run through them by their numbers. A connection is in two lists:
//! that of its class, oldest first, and that of the second in which its time may be up.

mod list;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use probe_frame::WallTime;

use crate::{
    connection::{Connection, ConnectionId, Protocol},
    limits::Limits,
};
use list::{Links, List, Which};

/// The two ends of a connection, in an order that does not depend on who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    ends: [([u8; 16], u16); 2],
    protocol: Protocol,
}

impl Key {
    pub(crate) fn new(protocol: Protocol, one: SocketAddr, other: SocketAddr) -> Self {
        let end = |at: SocketAddr| match at.ip() {
            IpAddr::V4(address) => (address.to_ipv6_mapped().octets(), at.port()),
            IpAddr::V6(address) => (address.octets(), at.port()),
        };
        let (one, other) = (end(one), end(other));
        Self { ends: if one <= other { [one, other] } else { [other, one] }, protocol }
    }
}

/// What may be done with an entry where there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// It has just got its place: it is in no list yet.
    New,
    /// It is over, and lingers for late segments: goes first.
    Done,
    /// Nobody has answered yet, or that proves little: goes once it is old enough.
    Waiting,
    /// Two sides have agreed on it: stays.
    Settled,
}

/// A place in the table.
pub(crate) struct Entry {
    connection: Option<Connection>,
    /// Counts who has had this place.
    generation: u32,
    class: Class,
    /// When it joined its class, or, of UDP, was heard of last.
    queued: WallTime,
    /// Second of the wheel under which it is listed; `SLOTS` if under none.
    slot: u8,
    links: [Links; 2],
}

/// Number of an entry.
pub(crate) type Index = u32;

/// Seconds that the wheel has; what is due later is looked at again then.
const SLOTS: u8 = 64;

/// The table.
pub(crate) struct Table {
    /// The standard library's hash, with its own secret: who floods us must not know what collides.
    index: HashMap<Key, Index>,
    entries: Vec<Entry>,
    free: Vec<Index>,
    /// Done and waiting entries, oldest first.
    done: List,
    waiting: List,
    settled: List,
    wheel: [List; SLOTS as usize],
    /// The second up to which the wheel was looked through.
    second: u64,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// There is.
    Free,
    /// This one may go for it.
    ThrowOut(Index),
    /// None may go.
    Full,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            index: HashMap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            done: List::default(),
            waiting: List::default(),
            settled: List::default(),
            wheel: [List::default(); SLOTS as usize],
            second: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Index> {
        self.index.get(key).copied()
    }

    pub(crate) fn connection(&self, at: Index) -> Option<&Connection> {
        self.entries.get(at as usize)?.connection.as_ref()
    }

    pub(crate) fn connection_mut(&mut self, at: Index) -> Option<&mut Connection> {
        self.entries.get_mut(at as usize)?.connection.as_mut()
    }

    pub(crate) fn by_id(&self, id: ConnectionId) -> Option<&Connection> {
        self.connection(id.0 as Index).filter(|connection| connection.id() == id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.entries.iter().filter_map(|entry| entry.connection.as_ref())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.entries.iter_mut().filter_map(|entry| entry.connection.as_mut())
    }

    /// Entries in use, in the order of their places.
    pub(crate) fn indices(&self) -> impl Iterator<Item = Index> + use<> {
        0..self.entries.len() as Index
    }

    /// Whether there is room for one more.
    pub(crate) fn room(&self, limits: &Limits, now: WallTime) -> Room {
        if self.index.len() < limits.connections.min(1 << 31) {
            return Room::Free;
        }
        if let Some(at) = self.done.first() {
            return Room::ThrowOut(at);
        }
        let oldest = self.waiting.first();
        match oldest.and_then(|at| Some((at, self.entries.get(at as usize)?))) {
            // Also where the clock was set back.
            Some((at, entry)) if age(entry.queued, now) >= Limits::PROTECTED => Room::ThrowOut(at),
            _ => Room::Full,
        }
    }

    /// Adds a connection, whose number is known only here. It is in no list until it is
    /// [filed](Self::file).
    pub(crate) fn insert(
        &mut self,
        key: Key,
        now: WallTime,
        connection: impl FnOnce(ConnectionId) -> Connection,
    ) -> Index {
        let at = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry {
                connection: None,
                generation: 0,
                class: Class::New,
                queued: now,
                slot: SLOTS,
                links: [Links::default(); 2],
            });
            (self.entries.len() - 1) as Index
        });
        self.index.insert(key, at);
        if let Some(entry) = self.entries.get_mut(at as usize) {
            let id = ConnectionId(u64::from(entry.generation) << 32 | u64::from(at));
            entry.generation = entry.generation.wrapping_add(1);
            entry.connection = Some(connection(id));
            entry.class = Class::New;
            entry.queued = now;
            entry.slot = SLOTS;
        }
        at
    }

    /// Takes a connection out.
    pub(crate) fn remove(&mut self, at: Index) -> Option<Connection> {
        self.unlist(at);
        self.unschedule(at);
        let connection = self.entries.get_mut(at as usize)?.connection.take()?;
        let [client, server] = connection.addresses();
        self.index.remove(&Key::new(connection.protocol(), client, server));
        self.free.push(at);
        Some(connection)
    }

    /// Puts an entry where it belongs, after what has happened to its connection.
    pub(crate) fn file(&mut self, at: Index, now: WallTime, limits: &Limits) {
        let Some(entry) = self.entries.get(at as usize) else { return };
        let Some(connection) = entry.connection.as_ref() else { return };
        let class = if connection.ending().is_some() {
            Class::Done
        } else if connection.is_settled() {
            Class::Settled
        } else {
            Class::Waiting
        };
        let is_exchange = connection.protocol() == Protocol::Udp;
        if class == entry.class && !(is_exchange && class == Class::Waiting) {
            return;
        }
        let changed = class != entry.class;
        self.unlist(at);
        if let Some(entry) = self.entries.get_mut(at as usize) {
            entry.class = class;
            entry.queued = now;
        }
        let Self { entries, done, waiting, settled, .. } = self;
        if let Some(list) = of(class, [done, waiting, settled]) {
            list.push(entries, at, Which::Class);
        }
        if changed {
            self.unschedule(at);
            self.schedule(at, limits);
        }
    }

    /// Whether its time is up.
    pub(crate) fn is_due(&self, at: Index, now: WallTime, limits: &Limits) -> bool {
        self.connection(at).is_some_and(|connection| {
            // Where the clock was set back it is far away from all that was seen before.
            age(connection.last(), now) > connection.patience(limits)
        })
    }

    /// Entries whose time may be up, in no order but that of their seconds; others are scheduled
    /// anew.
    pub(crate) fn due(&mut self, now: WallTime, limits: &Limits) -> Vec<Index> {
        let mut due = Vec::new();
        let second = now.seconds();
        let seconds = second.abs_diff(self.second);
        // Frames come a little out of order.
        if seconds == 0 || (second < self.second && seconds < u64::from(SLOTS)) {
            return due;
        }
        let first = if seconds >= u64::from(SLOTS) { second } else { self.second };
        let count = seconds.min(u64::from(SLOTS));
        self.second = second;
        for past in 0..count {
            let Some(slot) =
                self.wheel.get_mut((first.wrapping_add(past) % u64::from(SLOTS)) as usize)
            else {
                continue;
            };
            let mut list = std::mem::take(slot);
            while let Some(at) = list.first() {
                list.remove(&mut self.entries, at, Which::Wheel);
                // Listed again first, so that its removal finds it in a list.
                self.schedule(at, limits);
                if self.is_due(at, now, limits) {
                    due.push(at);
                }
            }
        }
        due
    }

    /// Lists an entry under the second in which its time is up, or the last that the wheel has.
    fn schedule(&mut self, at: Index, limits: &Limits) {
        let Some(entry) = self.entries.get_mut(at as usize) else { return };
        let Some(connection) = entry.connection.as_ref() else { return };
        let patience = connection.patience(limits).as_nanos().min(u128::from(u64::MAX)) as u64;
        let due = WallTime(connection.last().0.saturating_add(patience)).seconds();
        let last = u64::from(SLOTS) - 1;
        let ahead = due.saturating_sub(self.second).clamp(1, last);
        entry.slot = (self.second.wrapping_add(ahead) % u64::from(SLOTS)) as u8;
        let slot = usize::from(entry.slot);
        if let Some(list) = self.wheel.get_mut(slot) {
            list.push(&mut self.entries, at, Which::Wheel);
        }
    }

    fn unschedule(&mut self, at: Index) {
        let Some(slot) = self.entries.get(at as usize).map(|entry| usize::from(entry.slot)) else {
            return;
        };
        if let Some(list) = self.wheel.get_mut(slot) {
            list.remove(&mut self.entries, at, Which::Wheel);
        }
    }

    fn unlist(&mut self, at: Index) {
        let Some(class) = self.entries.get(at as usize).map(|entry| entry.class) else { return };
        let Self { entries, done, waiting, settled, .. } = self;
        if let Some(list) = of(class, [done, waiting, settled]) {
            list.remove(entries, at, Which::Class);
        }
    }
}

/// The list of a class.
fn of(class: Class, [done, waiting, settled]: [&mut List; 3]) -> Option<&mut List> {
    match class {
        Class::New => None,
        Class::Done => Some(done),
        Class::Waiting => Some(waiting),
        Class::Settled => Some(settled),
    }
}

/// The time between two, whichever is the earlier.
fn age(then: WallTime, now: WallTime) -> Duration {
    Duration::from_nanos(now.0.abs_diff(then.0))
}

//! Which connections are followed, where not all of them are.

use std::net::SocketAddr;

use probe_frame::WallTime;

use crate::connection::Protocol;

/// Says whether a connection is one of those that are followed where one in so many is. It gets the protocol
/// and the two ends, in no order: both directions have one answer. Who is chosen at one in many is chosen at
/// one in fewer, too.
pub type Choice = Box<dyn Fn(Protocol, [SocketAddr; 2], u32) -> bool + Send>;

/// One connection in so many at most: what a hash of 32 bits can tell apart, and still be a sample.
pub const LEAST_SHARE: u32 = 1 << 20;

/// The connections that are followed: all, or whole ones, one in so many.
pub(crate) struct Sample {
    /// Without one nothing is left out here, whoever sent the frames may have chosen among them.
    choice: Option<Choice>,
    one_in: u32,
    /// Up to this time frames were those of one connection in so many.
    narrow: (WallTime, u32),
    /// Whether all were followed from the start on.
    is_all: bool,
}

impl Default for Sample {
    /// All.
    fn default() -> Self {
        Self { choice: None, one_in: 1, narrow: (WallTime::default(), 1), is_all: true }
    }
}

impl Sample {
    pub(crate) fn choose_by(&mut self, choice: Choice) {
        self.choice = Some(choice);
    }

    pub(crate) fn one_in(&self) -> u32 {
        self.one_in
    }

    pub(crate) fn is_all(&self) -> bool {
        self.is_all
    }

    /// Twice as few, where it can choose.
    pub(crate) fn halved(&self) -> Option<u32> {
        (self.choice.is_some() && self.one_in < LEAST_SHARE).then(|| self.one_in.saturating_mul(2))
    }

    /// Fewer: those that are read from now on stand for as many, whenever they came.
    pub(crate) fn narrow_to(&mut self, one_in: u32) {
        self.one_in = one_in;
        self.narrow = (WallTime::default(), one_in);
        self.is_all &= one_in == 1;
    }

    /// More, in frames of after this time.
    pub(crate) fn widen_to(&mut self, one_in: u32, since: WallTime) {
        self.narrow = (since, self.one_in);
        self.one_in = one_in;
    }

    /// Whether a connection is followed.
    pub(crate) fn chooses(&self, protocol: Protocol, ends: [SocketAddr; 2]) -> bool {
        let choice = self.choice.as_ref().filter(|_| self.one_in > 1);
        choice.is_none_or(|choice| choice(protocol, ends, self.one_in))
    }

    /// How many connections stand behind one that begins at this time.
    pub(crate) fn stands_for(&self, begins: WallTime) -> u32 {
        let (until, before) = self.narrow;
        if begins < until { before } else { self.one_in }
    }
}

//! Which connections are followed: said to the kernel, which leaves out frames, and to the table, which may
//! have to leave out more.

use std::net::SocketAddr;

use probe_filter::{Flow, FlowSeed, flow_limit};
use probe_flow::{Choice, Protocol, Tracker};
use probe_frame::WallTime;

use crate::rules;

/// How many records a second may come, and what chooses the connections whose records do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Records a second.
    pub records: u64,
    /// What connections are hashed with.
    pub seed: FlowSeed,
}

impl Budget {
    /// So many records a second, of connections that nobody can foretell.
    pub fn new(records: u64) -> Self {
        Self { records, seed: rules::drawn_seed() }
    }
}

/// A share of the connections that is followed instead of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// One in so many, which are fewer.
    Fewer(u32),
    /// One in so many, which are more.
    More(u32),
}

impl Share {
    /// One in how many.
    pub fn one_in(self) -> u32 {
        let (Self::Fewer(one_in) | Self::More(one_in)) = self;
        one_in
    }

    /// Tells a table. `since`: when the frames that come became those of this share.
    pub fn follow(self, tracker: &mut Tracker, since: WallTime) {
        match self {
            Self::Fewer(one_in) => tracker.follow_fewer(one_in),
            Self::More(one_in) => tracker.follow_more(one_in, since),
        }
    }
}

/// How full a table of connections is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// One connection in how many it has room for.
    pub one_in: u32,
    /// Whether it has room for twice as many.
    pub has_room: bool,
}

impl Default for Table {
    /// Nothing is held.
    fn default() -> Self {
        Self { one_in: 1, has_room: true }
    }
}

impl Table {
    /// How full that of a tracker is.
    pub fn of(tracker: &Tracker) -> Self {
        Self { one_in: tracker.one_in(), has_room: tracker.has_room() }
    }
}

/// The choice that programs in the kernel make with the same seed.
pub fn choice(seed: FlowSeed) -> Choice {
    Box::new(move |protocol, [one, other]: [SocketAddr; 2], one_in| {
        let number = match protocol {
            Protocol::Tcp => libc::IPPROTO_TCP,
            Protocol::Udp => libc::IPPROTO_UDP,
        };
        let flow = Flow {
            addresses: [one.ip(), other.ip()],
            ports: Some((number as u8, [one.port(), other.port()])),
        };
        seed.hash(&flow) <= flow_limit(one_in)
    })
}

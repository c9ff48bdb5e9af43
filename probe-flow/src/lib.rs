//! Connections: what frames and their times say about who spoke with whom, how it went and how long
//! it took.
//!
//! Pure: no I/O and no clock. Frames and their times come in, events go out. Whatever the frames are,
//! memory stays within [`Limits`], and nothing panics.
//!
//! ```
//! use probe_flow::{Event, Limits, Tracker};
//! # let frames: [probe_frame::Frame<'_>; 0] = [];
//!
//! let mut tracker = Tracker::new(Limits::default());
//! let mut told = |event: Event<'_>| {
//!     if let Event::Ended(connection) = event {
//!         println!("{}", connection.outcome());
//!     }
//! };
//! for frame in frames {
//!     tracker.frame(&frame, &mut told);
//! }
//! tracker.finish(&mut told);
//! ```
//!
//! ```text
//! tracker                frame -> packet -> connection -> events
//! table                  the connections that are followed, and who goes where there is no room
//! sample                 which ones are, where not all are
//! connection/            what is known of one: its two sides, its times, its outcome
//! talk/                  what the two sides say: streams in order, HTTP/1, the hellos of TLS, DNS
//! packet/                a frame's headers
//! limits, figures        how much is followed; what became of the frames
//! ```

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::string_slice)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable)]

mod connection;
mod cursor;
mod event;
mod figures;
pub mod histogram;
mod limits;
mod packet;
mod sample;
mod stamp;
mod table;
mod talk;
mod tracker;

pub use connection::{
    Attempts, ConnState, Connection, ConnectionId, Ending, Outcome, Protocol, Rejection, Role,
    Side, State,
};
pub use event::{Event, Seen, Sink, What};
pub use figures::Figures;
pub use limits::Limits;
pub use packet::{Flags, IcmpError, Reason, Segment};
pub use sample::{Choice, LEAST_SHARE};
pub use talk::{Application, DnsExchange, HttpExchange, RecordType, ResponseCode, Tls, TlsVersion};
pub use tracker::Tracker;

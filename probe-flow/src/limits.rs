//! How much is followed, and for how long.

use std::time::Duration;

use crate::{table::Entry, table::Key};

/// How many connections are followed at once, and how long each may be silent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once; each takes at most [`Limits::BYTES_PER_CONNECTION`], and its share of
    /// [`detail_bytes`](Self::detail_bytes). Never more than 2^31.
    pub connections: usize,
    /// Memory for what HTTP, TLS and DNS said, of all connections together. Beyond it connections are
    /// followed without.
    pub detail_bytes: usize,
    /// After a SYN without answer, or an answer without the client's ACK. When attempts follow in
    /// growing distances, two and a half of the last distance, if that is more.
    pub opening: Duration,
    /// In an open TCP connection.
    pub idle: Duration,
    /// In a TCP connection of which one side has sent its FIN.
    pub closing: Duration,
    /// In a TCP connection whose beginning was not seen.
    pub partial: Duration,
    /// Between two datagrams of an exchange.
    pub udp: Duration,
    /// How long segments behind the end of a connection still belong to it.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1 << 18,
            detail_bytes: 64 << 20,
            opening: Duration::from_secs(5),
            idle: Duration::from_secs(3600),
            closing: Duration::from_secs(120),
            partial: Duration::from_secs(300),
            udp: Duration::from_secs(10),
            linger: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// Memory of a connection in bytes, without what HTTP, TLS and DNS said: its entry, its place in
    /// the index, whose load is between 7/16 and 7/8, and at most eight gaps a side.
    pub const BYTES_PER_CONNECTION: usize =
        size_of::<Entry>() + (size_of::<(Key, u32)>() + 1) * 16 / 7 + 2 * 8 * 16;

    /// The first retransmission of a SYN comes after this time (RFC 6298, section 2.1): who is younger
    /// is not thrown out for a newcomer.
    pub const PROTECTED: Duration = Duration::from_secs(1);

    /// The longest time between two SYNs that is reckoned with (RFC 6298, section 2.4 allows to bound it
    /// by a minute).
    pub(crate) const LONGEST_GAP: Duration = Duration::from_secs(64);
}

const _: () = assert!(Limits::BYTES_PER_CONNECTION <= 800);

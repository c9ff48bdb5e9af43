//! What became of the frames: each is counted once.

/// Numbers since the tracker was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Frames that came in.
    pub frames: u64,
    /// Frames of connections that are or were followed; late ones behind their end among them.
    pub followed: u64,
    /// Frames of connections that were refused, since there was no room for them.
    pub refused: u64,
    /// Frames of connections that are left out, as only [some](crate::Tracker::choose_by) are followed.
    pub not_chosen: u64,
    /// ICMP errors about packets of no connection that is followed.
    pub errors_about_others: u64,
    /// Frames of other protocols.
    pub other: u64,
    /// Fragments behind the first.
    pub fragments: u64,
    /// Frames of which too little was captured.
    pub cut: u64,
    /// Frames with lengths that cannot be.
    pub malformed: u64,
    /// Connections that were followed.
    pub connections: u64,
    /// Connections of which HTTP, TLS and DNS are not read, since there was no memory for it.
    pub unread: u64,
    /// Connections that made room for others before they were over.
    pub thrown_out: u64,
}

//! Link types.

/// What the first bytes of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum LinkType {
    /// Ethernet (`DLT_EN10MB`).
    #[default]
    Ethernet,
    /// An IPv4 or IPv6 header (`DLT_RAW`).
    Raw,
}

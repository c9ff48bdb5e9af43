//! Link types.

/// What the first bytes of a frame are: a link type of tcpdump.org/linktypes.html, by the name that
/// pcap-linktype(7) has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum LinkType {
    /// Ethernet (`DLT_EN10MB`).
    #[default]
    Ethernet,
    /// An IPv4 or IPv6 header (`DLT_RAW`).
    Raw,
    /// An IPv4 header (`DLT_IPV4`).
    Ipv4,
    /// An IPv6 header (`DLT_IPV6`).
    Ipv6,
    /// Linux's cooked header of 16 bytes, packet(7)'s `sockaddr_ll` in short (`DLT_LINUX_SLL`).
    LinuxSll,
    /// The same with the interface's number, 20 bytes (`DLT_LINUX_SLL2`).
    LinuxSll2,
    /// An address family of BSD, 4 bytes, little-endian (`DLT_NULL`).
    ///
    /// The number is in the byte order of the machine that captured. A file of a big-endian machine
    /// holds what is [`Loop`](Self::Loop) elsewhere, and is read as such.
    Null,
    /// An address family of BSD, 4 bytes, big-endian (`DLT_LOOP`).
    Loop,
    /// PPP, with or without HDLC's address and control bytes (`DLT_PPP`).
    Ppp,
    /// PPP behind HDLC's address and control bytes, or Cisco's HDLC (`DLT_PPP_SERIAL`).
    PppSerial,
    /// A PPPoE header, and PPP behind it (`DLT_PPP_ETHER`).
    PppEther,
}

impl LinkType {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Ethernet,
        Self::Raw,
        Self::Ipv4,
        Self::Ipv6,
        Self::LinuxSll,
        Self::LinuxSll2,
        Self::Null,
        Self::Loop,
        Self::Ppp,
        Self::PppSerial,
        Self::PppEther,
    ];
}

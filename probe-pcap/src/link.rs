//! The numbers that stand for link types in files (tcpdump.org/linktypes.html).

use probe_frame::LinkType;

/// The link type that a number in a file stands for; `None` for those that probe does not
/// understand.
pub(crate) fn of_number(number: u32) -> Option<LinkType> {
    match number {
        1 => Some(LinkType::Ethernet),
        // LINKTYPE_RAW, the DLT_RAW of two systems, LINKTYPE_IPV4 and LINKTYPE_IPV6.
        101 | 12 | 14 | 228 | 229 => Some(LinkType::Raw),
        _ => None,
    }
}

/// The number that stands for a link type in a file. It has 16 bits in pcapng, and more in pcap.
pub(crate) fn number(link: LinkType) -> u16 {
    match link {
        LinkType::Ethernet => 1,
        LinkType::Raw => 101,
    }
}

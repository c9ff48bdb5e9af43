//! The link types that probe knows, as libpcap calls them.

use probe_filter::LinkType;

/// What frames can begin with.
pub struct Known {
    /// It.
    pub link: LinkType,
    /// Its name in pcap-linktype(7), without the `DLT_` or `LINKTYPE_`.
    pub name: &'static str,
    /// What libpcap says of it.
    pub description: &'static str,
    /// Its number DLT_* on Linux (pcap/dlt.h), which for raw IP is not the number in files.
    pub dlt: u32,
}

/// All of them.
pub const ALL: [&Known; 2] = [&ETHERNET, &RAW];

const ETHERNET: Known =
    Known { link: LinkType::Ethernet, name: "EN10MB", description: "Ethernet", dlt: 1 };
const RAW: Known = Known { link: LinkType::Raw, name: "RAW", description: "Raw IP", dlt: 12 };

/// What libpcap says of a link type.
pub const fn known(link: LinkType) -> &'static Known {
    match link {
        LinkType::Ethernet => &ETHERNET,
        LinkType::Raw => &RAW,
    }
}

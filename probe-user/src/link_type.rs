//! The link types that probe knows, as libpcap calls them.

use probe_filter::LinkType;

/// What frames can begin with.
#[derive(Clone, Copy, Debug)]
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
pub fn all() -> impl Iterator<Item = Known> {
    LinkType::ALL.into_iter().map(known)
}

/// What libpcap says of a link type (pcap_datalink_val_to_description).
pub const fn known(link: LinkType) -> Known {
    let (name, description, dlt) = match link {
        LinkType::Ethernet => ("EN10MB", "Ethernet", 1),
        LinkType::Raw => ("RAW", "Raw IP", 12),
        LinkType::Ipv4 => ("IPV4", "Raw IPv4", 228),
        LinkType::Ipv6 => ("IPV6", "Raw IPv6", 229),
        LinkType::LinuxSll => ("LINUX_SLL", "Linux cooked v1", 113),
        LinkType::LinuxSll2 => ("LINUX_SLL2", "Linux cooked v2", 276),
        LinkType::Null => ("NULL", "BSD loopback", 0),
        LinkType::Loop => ("LOOP", "OpenBSD loopback", 108),
        LinkType::Ppp => ("PPP", "PPP", 9),
        LinkType::PppSerial => ("PPP_SERIAL", "PPP over serial", 50),
        LinkType::PppEther => ("PPP_ETHER", "PPPoE", 51),
    };
    Known { link, name, description, dlt }
}

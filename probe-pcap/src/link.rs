//! The numbers that stand for link types in files (tcpdump.org/linktypes.html).

use probe_frame::LinkType;

/// The link type that a number in a file stands for, which is big-endian or not; `None` for those
/// that probe does not understand.
pub(crate) fn of_number(number: u32, big: bool) -> Option<LinkType> {
    match number {
        0 if big => Some(LinkType::Loop),
        0 => Some(LinkType::Null),
        1 => Some(LinkType::Ethernet),
        9 => Some(LinkType::Ppp),
        50 => Some(LinkType::PppSerial),
        51 => Some(LinkType::PppEther),
        // LINKTYPE_RAW, and the DLT_RAW of two systems.
        101 | 12 | 14 => Some(LinkType::Raw),
        108 => Some(LinkType::Loop),
        113 => Some(LinkType::LinuxSll),
        228 => Some(LinkType::Ipv4),
        229 => Some(LinkType::Ipv6),
        276 => Some(LinkType::LinuxSll2),
        _ => None,
    }
}

/// The number that stands for a link type in a file. It has 16 bits in pcapng, and more in pcap.
pub(crate) fn number(link: LinkType) -> u16 {
    match link {
        LinkType::Null => 0,
        LinkType::Ethernet => 1,
        LinkType::Ppp => 9,
        LinkType::PppSerial => 50,
        LinkType::PppEther => 51,
        LinkType::Raw => 101,
        LinkType::Loop => 108,
        LinkType::LinuxSll => 113,
        LinkType::Ipv4 => 228,
        LinkType::Ipv6 => 229,
        LinkType::LinuxSll2 => 276,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_types() {
        for link in LinkType::ALL {
            assert_eq!(of_number(number(link).into(), false), Some(link));
        }
        // The address family is in the order of the file's machine.
        assert_eq!(of_number(0, true), Some(LinkType::Loop));
        assert_eq!(of_number(147, false), None);
    }
}

//! Capture files: reading and writing pcap and pcapng.

mod pcap;
mod pcap_writer;
mod pcapng;
mod pcapng_writer;
pub mod reader;
mod unpack;
pub mod writer;

pub use pcapng_writer::{Interface, Origin};
pub use reader::{ReadError, Reader};
pub use writer::{Contents, Format, Lent, Statistics, Writer};

/// A [`Writer`] that [`Writer::create`] made: one of pcap.
pub type PcapWriter = Writer;

use probe_filter::ir::LinkType;

/// The link type that a number in a file stands for (tcpdump.org/linktypes.html);
/// `None` for those that probe does not understand.
fn link_type(number: u32) -> Option<LinkType> {
    match number {
        1 => Some(LinkType::Ethernet),
        // LINKTYPE_RAW, the DLT_RAW of two systems, LINKTYPE_IPV4 and LINKTYPE_IPV6.
        101 | 12 | 14 | 228 | 229 => Some(LinkType::Raw),
        _ => None,
    }
}

/// The number that stands for a link type in a file.
pub fn link_number(link: LinkType) -> u32 {
    match link {
        LinkType::Ethernet => 1,
        LinkType::Raw => 101,
    }
}

//! Linux's cooked headers, which stand for the link-layer header of a packet socket that was not
//! asked for it (packet(7), `SOCK_DGRAM`): of 16 bytes (`LINKTYPE_LINUX_SLL`), and of 20 with the
//! interface's number (`LINKTYPE_LINUX_SLL2`).

use super::{ethernet, llc};
use crate::{
    assigned_numbers::ETHERTYPES,
    bytes::{Bytes, Stop},
    network::ipx,
    text::{Text, name_of, put},
};

/// For whom a frame was (`PACKET_*` in linux/if_packet.h).
const PACKET_TYPES: &[(u16, &str)] = &[(0, "In"), (1, "B"), (2, "M"), (3, "P"), (OUTGOING, "Out")];
const OUTGOING: u16 = 4;

/// What stands in place of an EtherType (`ETH_P_802_3`, `ETH_P_802_2` in linux/if_ether.h).
const NOVELL: u16 = 1;
const LLC: u16 = 4;
const VLAN: u16 = 0x8100;
const TAG: usize = 4;
/// Frames of a device with radiotap headers (`ARPHRD_IEEE80211_RADIOTAP`).
const RADIOTAP: u16 = 803;
/// Bytes of the addresses that are shown.
const ADDRESS: u16 = 6;

/// Where the fields of the first header are.
mod sll {
    pub const PACKET_TYPE: usize = 0;
    pub const HARDWARE: usize = 2;
    pub const ADDRESS_LENGTH: usize = 4;
    pub const ADDRESS: usize = 6;
    pub const PROTOCOL: usize = 14;
    pub const LENGTH: usize = 16;
}

/// Where those of the second one are.
mod sll2 {
    pub const PROTOCOL: usize = 0;
    pub const INTERFACE: usize = 4;
    pub const HARDWARE: usize = 8;
    pub const PACKET_TYPE: usize = 10;
    pub const ADDRESS_LENGTH: usize = 11;
    pub const ADDRESS: usize = 12;
    pub const LENGTH: usize = 20;
}

/// What a header says.
struct Header<'a> {
    /// Bytes of it.
    length: usize,
    protocol: u16,
    hardware: u16,
    address_length: u16,
    address: &'a [u8],
    form: Form,
}

/// What the two do not have in common.
enum Form {
    /// The type of the packet.
    First(u16),
    /// The number of the interface. The type of the packet is shown in any case.
    Second(u32),
}

/// Prints a frame and says how long its link-layer header is.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
    t.protocol = "sll";
    p.slice(0, sll::LENGTH)?;
    let header = Header {
        length: sll::LENGTH,
        protocol: p.u16(sll::PROTOCOL)?,
        hardware: p.u16(sll::HARDWARE)?,
        address_length: p.u16(sll::ADDRESS_LENGTH)?,
        address: p.slice(sll::ADDRESS, ADDRESS.into())?,
        form: Form::First(p.u16(sll::PACKET_TYPE)?),
    };
    t.summary.outbound = Some(p.u16(sll::PACKET_TYPE)? == OUTGOING);
    header.print(t, p, length)
}

/// The same with the interface, which has a name where `interface` knows it.
pub(crate) fn print2(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    interface: &mut dyn FnMut(u32) -> Option<String>,
) -> Result<usize, Stop> {
    t.protocol = "sll2";
    p.slice(0, sll2::LENGTH)?;
    let index = p.u32(sll2::INTERFACE)?;
    let name = interface(index);
    let kind = name_of(PACKET_TYPES, p.u8(sll2::PACKET_TYPE)?.into()).unwrap_or("?");
    put!(t, "{:<5} {kind:<3} ", name.as_deref().unwrap_or("?"));
    t.summary.interface = name;
    let header = Header {
        length: sll2::LENGTH,
        protocol: p.u16(sll2::PROTOCOL)?,
        hardware: p.u16(sll2::HARDWARE)?,
        address_length: p.u8(sll2::ADDRESS_LENGTH)?.into(),
        address: p.slice(sll2::ADDRESS, ADDRESS.into())?,
        form: Form::Second(index),
    };
    t.summary.outbound = Some(u16::from(p.u8(sll2::PACKET_TYPE)?) == OUTGOING);
    header.print(t, p, length)
}

impl Header<'_> {
    fn print(&self, t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<usize, Stop> {
        if t.style.link_header {
            self.show(t, length);
        }
        if self.address_length == ADDRESS {
            t.note_link(Some(self.address), None);
        }
        let (mut at, mut protocol) = (self.length, self.protocol);
        if self.hardware == RADIOTAP {
            ethernet::default(t, p.from(at));
            return Ok(at);
        }
        // Each tag takes four bytes, so the loop ends with the bytes.
        while protocol == VLAN {
            if !p.has(at, TAG) {
                t.protocol = "vlan";
                t.truncated();
                return Ok(p.len());
            }
            if t.style.link_header {
                ethernet::put_tci(t, p.u16(at)?);
            }
            t.note_tag(p.u16(at)?);
            protocol = p.u16(at + 2)?;
            if protocol <= ethernet::MAX_LENGTH {
                protocol = LLC;
            }
            if !t.style.quiet {
                put!(t, "ethertype {}, ", name_of(ETHERTYPES, protocol).unwrap_or("Unknown"));
            }
            at += TAG;
        }
        let (packet, rest) = (p.from(at), length.saturating_sub(at));
        match protocol {
            NOVELL => t.part(|t| ipx::print(t, packet))?,
            LLC => {
                let header = llc::print(t, packet, rest, None)?;
                if header.known {
                    at += header.length;
                }
            }
            ..=ethernet::MAX_LENGTH => ethernet::default(t, packet),
            _ => {
                if !ethernet::by_type(t, protocol, packet, rest, None)? {
                    if !t.style.link_header {
                        // The length without tags: tcpdump adds the cooked header's alone.
                        self.show(t, rest + self.length);
                    }
                    ethernet::default(t, packet);
                }
            }
        }
        Ok(at)
    }

    /// `-e`
    fn show(&self, t: &mut Text<'_>, length: usize) {
        match self.form {
            Form::First(kind) => {
                t.protocol = "sll";
                put!(t, "{:>3} ", name_of(PACKET_TYPES, kind).unwrap_or("?"));
            }
            Form::Second(index) => {
                t.protocol = "sll2";
                put!(t, "ifindex {index} ");
            }
        }
        if self.address_length == ADDRESS {
            let address = t.link(self.address);
            put!(t, "{address} ");
        }
        if t.style.quiet {
            return;
        }
        match self.protocol {
            NOVELL => put!(t, "802.3"),
            LLC => put!(t, "802.2"),
            kind if kind <= ethernet::MAX_LENGTH => put!(t, "ethertype Unknown (0x{kind:04x})"),
            kind => {
                let name = name_of(ETHERTYPES, kind).unwrap_or("Unknown");
                put!(t, "ethertype {name} (0x{kind:04x})");
            }
        }
        put!(t, ", length {length}: ");
    }
}

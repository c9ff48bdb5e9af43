//! IEEE 802.2 LLC in 802.3 frames, and the SNAP headers behind it.

use super::{cdp, dtp, ethernet, stp, udld, vtp};
use crate::{
    address::Link,
    assigned_numbers::ETHERTYPES,
    bytes::{Bytes, Stop},
    dump,
    network::{ip, ipx, osi},
    ouis::OUIS,
    text::{Text, name_of, put, put_name},
};

const SNAP: u8 = 0xaa;
const SPANNING_TREE: u8 = 0x42;
const IP: u8 = 0x06;
const IPX: u8 = 0xe0;
const OSI: u8 = 0xfe;
const GLOBAL: u8 = 0xff;

const SAPS: &[(u8, &str)] = &[
    (0x00, "Null"),
    (GLOBAL, "Global"),
    (0x02, "802.1B I"),
    (0x03, "802.1B G"),
    (IP, "IP"),
    (0x04, "SNA"),
    (0x0e, "ProWay NM"),
    (SPANNING_TREE, "STP"),
    (0x4e, "RS511"),
    (0x7e, "ISO8208"),
    (0x8e, "ProWay"),
    (SNAP, "SNAP"),
    (IPX, "IPX"),
    (0xf0, "NetBeui"),
    (OSI, "OSI"),
];

const UNNUMBERED_INFORMATION: u16 = 0x03;
const EXCHANGE_ID: u16 = 0xaf;
const UNNUMBERED_POLL: u16 = 0x10;
const COMMANDS: &[(u16, &str)] = &[
    (UNNUMBERED_INFORMATION, "ui"),
    (0xe3, "test"),
    (EXCHANGE_ID, "xid"),
    (0x63, "ua"),
    (0x43, "disc"),
    (0x0f, "dm"),
    (0x6f, "sabme"),
    (0x87, "frmr"),
];

const SUPERVISORY: &[(u16, &str)] =
    &[(0, "Receiver Ready"), (1, "Receiver not Ready"), (2, "Reject")];

const CISCO: u32 = 0x00_000c;
const BRIDGED: u32 = 0x00_80c2;
const CISCO_PROTOCOLS: &[(u16, &str)] = &[
    (0x2000, "CDP"),
    (0x2003, "VTP"),
    (0x2004, "DTP"),
    (0x0111, "UDLD"),
    (0x010b, "PVST"),
    (0x010c, "VLAN Bridge"),
];
const BRIDGED_PROTOCOLS: &[(u16, &str)] = &[
    (0x0001, "Ethernet + FCS"),
    (0x0007, "Ethernet w/o FCS"),
    (0x0002, "802.4 + FCS"),
    (0x0008, "802.4 w/o FCS"),
    (0x0003, "Token Ring + FCS"),
    (0x0009, "Token Ring w/o FCS"),
    (0x0004, "FDDI + FCS"),
    (0x000a, "FDDI w/o FCS"),
    (0x0005, "802.6 + FCS"),
    (0x000b, "802.6 w/o FCS"),
    (0x000e, "BPDU"),
];

/// Who sent a frame to whom.
pub(super) type Ends<'a> = (Link<'a>, Link<'a>);

/// An LLC header that was printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Its bytes, with those of SNAP.
    pub(super) length: usize,
    /// Whether what is behind it was understood. If not, that was shown as it is.
    pub(super) known: bool,
}

impl Header {
    fn known(length: usize) -> Self {
        Self { length, known: true }
    }
}

/// Prints an LLC header and what is behind it, between two ends where a link header says which.
pub(super) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    ends: Option<Ends<'_>>,
) -> Result<Header, Stop> {
    t.protocol = "llc";
    let least = match p.u8(2) {
        Ok(control) if control & 3 != 3 => 4,
        _ => 3,
    };
    if p.len() < least || length < least {
        t.truncated();
        dump::hex_and_text(p.all(), "\n\t", t.out);
        return Ok(Header::known(p.len().min(length)));
    }
    let (to, from) = (p.u8(0)?, p.u8(1)?);
    let unnumbered = least == 3;
    let control = if unnumbered { u16::from(p.u8(2)?) } else { u16::from_le_bytes(p.array(2)?) };
    if (to, from) == (GLOBAL, GLOBAL) {
        // Novell's own: no LLC header at all, and a packet that begins with two bytes of 0xff.
        if t.style.link_header {
            put!(t, "IPX 802.3: ");
        }
        return t.part(|t| ipx::print(t, p)).map(|()| Header::known(0));
    }
    let (dsap, ssap) = (to & !1, from & !1);
    if t.style.link_header {
        let name = |sap| name_of(SAPS, sap).unwrap_or("Unknown");
        put!(t, "LLC, dsap {} (0x{dsap:02x}) ", name(dsap));
        put!(t, "{}", if to & 1 == 0 { "Individual" } else { "Group" });
        put!(t, ", ssap {} (0x{ssap:02x}) ", name(ssap));
        put!(t, "{}", if from & 1 == 0 { "Command" } else { "Response" });
        if unnumbered {
            put!(t, ", ctrl 0x{control:02x}: ")
        } else {
            put!(t, ", ctrl 0x{control:04x}: ")
        }
    }
    let (inner, rest) = (p.from(least), length - least);
    if dsap == ssap && control == UNNUMBERED_INFORMATION {
        match dsap {
            SNAP => {
                let known = snap(t, inner, rest, ends)?;
                if !known {
                    ethernet::default(t, p);
                }
                return Ok(Header { length: least + 5, known });
            }
            SPANNING_TREE => {
                return t.part(|t| stp::print(t, inner, rest)).map(|()| Header::known(least));
            }
            IPX => {
                if t.style.link_header {
                    put!(t, "IPX 802.2: ");
                }
                return t.part(|t| ipx::print(t, inner)).map(|()| Header::known(least));
            }
            OSI => return t.part(|t| osi::print(t, inner, rest)).map(|()| Header::known(least)),
            IP => return t.part(|t| ip::print(t, inner, rest)).map(|()| Header::known(least)),
            _ => {}
        }
    }
    if !t.style.link_header {
        if let Some((source, _)) = ends {
            put!(t, "{source} ");
        }
        if ssap != dsap {
            put_name!(t, SAPS, ssap, "Unknown SSAP 0x{ssap:02x}");
            put!(t, " ");
        }
        if ends.is_some() || ssap != dsap {
            put!(t, "> ");
        }
        if let Some((_, destination)) = ends {
            put!(t, "{destination} ");
        }
        put_name!(t, SAPS, dsap, "Unknown DSAP 0x{dsap:02x}");
        put!(t, " ");
    }
    let poll = if unnumbered { control & UNNUMBERED_POLL != 0 } else { control & 0x100 != 0 };
    let flags = match (from & 1, poll) {
        (0, false) => "Command",
        (_, false) => "Response",
        (0, true) => "Poll",
        (_, true) => "Final",
    };
    if unnumbered {
        let command = control & 0xef;
        put!(t, "Unnumbered, ");
        put_name!(t, COMMANDS, command, "{command:02x}");
        put!(t, ", Flags [{flags}], length {length}");
        if command == EXCHANGE_ID {
            if rest == 0 {
                return Ok(Header::known(least));
            }
            if inner.is_empty() {
                t.truncated();
                return Ok(Header::known(least));
            }
            if inner.u8(0)? == 0x81 {
                if inner.len() < 3 || rest < 3 {
                    t.truncated();
                    dump::hex_and_text(inner.all(), "\n\t", t.out);
                } else {
                    put!(t, ": {:02x} {:02x}", inner.u8(1)?, inner.u8(2)?);
                }
                return Ok(Header::known(least));
            }
        }
    } else {
        let received = control >> 9 & 0x7f;
        if control & 3 == 1 {
            let name = name_of(SUPERVISORY, control >> 2 & 3).unwrap_or("?");
            put!(t, "Supervisory, {name}, rcv seq {received}, Flags [{flags}], length {length}");
            return Ok(Header::known(least));
        }
        let sent = control >> 1 & 0x7f;
        put!(t, "Information, send seq {sent}, rcv seq {received}");
        put!(t, ", Flags [{flags}], length {length}");
    }
    ethernet::default(t, p);
    Ok(Header { length: least, known: false })
}

/// The protocols of an organization.
fn protocols(organization: u32) -> &'static [(u16, &'static str)] {
    match organization {
        0 | 0x00_00f8 | 0x08_0007 => ETHERTYPES,
        CISCO => CISCO_PROTOCOLS,
        BRIDGED => BRIDGED_PROTOCOLS,
        _ => &[],
    }
}

/// Prints a SNAP header and what is behind it; `false` if that is not known, and its bytes are
/// to be shown.
fn snap(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    ends: Option<Ends<'_>>,
) -> Result<bool, Stop> {
    const HEADER: usize = 5;
    t.protocol = "snap";
    if !p.has(0, HEADER) || length < HEADER {
        // The header counts as there: a dump has nothing behind it.
        t.truncated();
        return Ok(true);
    }
    let (organization, protocol) = (p.u24(0)?, p.u16(3)?);
    let organization_name = name_of(OUIS, organization).unwrap_or("Unknown");
    let name = name_of(protocols(organization), protocol).unwrap_or("Unknown");
    let (p, length) = (p.from(HEADER), length - HEADER);
    if t.style.link_header {
        let what = if organization == 0 { "ethertype" } else { "pid" };
        put!(t, "oui {organization_name} (0x{organization:06x}), {what} {name}");
        put!(t, " (0x{protocol:04x}), length {length}: ");
    }
    match (organization, protocol) {
        (0 | 0x00_00f8, _)
            if ethernet::by_type(t, protocol, p, length, ends.map(|(source, _)| source))? =>
        {
            return Ok(true);
        }
        (CISCO, 0x2000) => return t.part(|t| cdp::print(t, p, length)).map(|()| true),
        (CISCO, 0x2003) => return t.part(|t| vtp::print(t, p, length)).map(|()| true),
        (CISCO, 0x2004) => return t.part(|t| dtp::print(t, p, length)).map(|()| true),
        (CISCO, 0x0111) => return t.part(|t| udld::print(t, p, length)).map(|()| true),
        (CISCO, 0x010b | 0x010c) | (BRIDGED, 0x000e) => {
            return t.part(|t| stp::print(t, p, length)).map(|()| true);
        }
        (BRIDGED, 0x0001 | 0x0007) => {
            if !p.has(0, 2) {
                t.truncated();
                return Ok(true);
            }
            let rest = length.saturating_sub(2);
            t.nested(|t| ethernet::print(t, p.from(2), rest).map(|_| ()))?;
            return Ok(true);
        }
        _ => {}
    }
    if !t.style.link_header {
        if let Some((source, destination)) = ends {
            put!(t, "{source} > {destination} ");
        }
        put!(t, "SNAP, ");
        match organization {
            0 => put!(t, "ethertype {name} (0x{protocol:04x})"),
            _ => {
                put!(t, "oui {organization_name} (0x{organization:06x})");
                put!(t, ", pid {name} (0x{protocol:04x})");
            }
        }
        put!(t, ", length {length}: ");
    }
    Ok(false)
}

//! Cisco's VTP: which VLANs the switches of a domain have.

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};

const HEADER: usize = 36;
const LONGEST_NAME: u8 = 32;
/// Of a VLAN, before its name.
const VLAN: usize = 12;

const SUMMARY: u8 = 1;
const SUBSET: u8 = 2;
const REQUEST: u8 = 3;
const MESSAGES: &[(u8, &str)] = &[
    (SUMMARY, "Summary advertisement"),
    (SUBSET, "Subset advertisement"),
    (REQUEST, "Advertisement request"),
    (4, "Join message"),
];
const THIRD: &[(u8, &str)] = &[(1, "Followers"), (2, "Seq number"), (3, "Rsvd"), (4, "Rsvd")];
const KINDS: &[(u8, &str)] =
    &[(1, "Ethernet"), (2, "FDDI"), (3, "TrCRF"), (4, "FDDI-net"), (5, "TrBRF")];
const STATES: &[(u8, &str)] = &[(0, "Operational"), (1, "Suspended")];
const FIELDS: &[(u8, &str)] = &[
    (1, "Source-Routing Ring Number TLV"),
    (2, "Source-Routing Bridge Number TLV"),
    (3, "STP type TLV"),
    (4, "Parent VLAN TLV"),
    (5, "Translationally bridged VLANs TLV"),
    (6, "Pruning TLV"),
    (7, "Bridge Type TLV"),
    (8, "Max ARP Hop Count TLV"),
    (9, "Max STE Hop Count TLV"),
    (10, "Backup CRF Mode TLV"),
];
const SPANNING_TREES: &[(u16, &str)] = &[(1, "SRT"), (2, "SRB"), (3, "Auto")];

/// Prints the message's name; with `-v` what it says.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "vtp";
    if length < HEADER {
        return t.invalid_rest(p, length);
    }
    p.slice(0, HEADER)?;
    let kind = p.u8(1)?;
    let name = name_of(MESSAGES, kind).unwrap_or("Unknown message type");
    put!(t, "VTPv{}, Message {name} (0x{kind:02x}), length {length}", p.u8(0)?);
    if t.style.verbose == 0 {
        return p.slice(0, length).map(|_| ());
    }
    put!(t, "\n\tDomain name: ");
    let size = p.u8(3)?;
    if !(1..=LONGEST_NAME).contains(&size) {
        put!(t, " [invalid MgmtD Len {size}]");
        return t.invalid_rest(p, length);
    }
    t.padded(p.from(4), size.into())?;
    put!(t, ", {}: {}", name_of(THIRD, kind).unwrap_or("Unknown"), p.u8(2)?);
    let body = p.from(HEADER);
    match kind {
        SUMMARY => {
            put!(t, "\n\t  Config Rev {:x}, Updater {}", body.u32(0)?, t.v4(body, 4)?);
            body.u32(16)?;
            put!(t, ", Timestamp");
            for at in [8, 12, 16] {
                put!(t, " 0x{:08x}", body.u32(at)?);
            }
            let digest = body.slice(20, 16)?;
            put!(t, ", MD5 digest: ");
            t.hex(digest);
        }
        SUBSET => {
            put!(t, ", Config Rev {:x}", body.u32(0)?);
            let list = Fields::new(body.from(4), length.saturating_sub(HEADER + 4));
            match vlans(t, list) {
                Err(Stop::Invalid) => return t.invalid_rest(p, length),
                printed => printed?,
            }
        }
        REQUEST => put!(t, "\n\tStart value: {}", body.u32(0)?),
        _ => {}
    }
    Ok(())
}

fn vlans(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<(), Stop> {
    while fields.left() > 0 {
        let p = fields.rest();
        let size = usize::from(p.u8(0)?);
        if size == 0 {
            break;
        }
        p.slice(0, size)?;
        if size < VLAN {
            return Err(Stop::Invalid);
        }
        put!(t, "\n\tVLAN info status {}", name_of(STATES, p.u8(1)?).unwrap_or("Unknown"));
        put!(t, ", type {}", name_of(KINDS, p.u8(2)?).unwrap_or("Unknown"));
        put!(t, ", VLAN-id {}, MTU {}, SAID 0x{:08x}, Name ", p.u16(4)?, p.u16(6)?, p.u32(8)?);
        let name = usize::from(p.u8(3)?);
        let rest = (size - VLAN).checked_sub(name.next_multiple_of(4)).ok_or(Stop::Invalid)?;
        t.padded(p.from(VLAN), name)?;
        properties(t, Fields::new(p.from(size - rest), rest))?;
        fields.skip(size);
    }
    Ok(())
}

/// What else is to be said of a VLAN, each a number of two bytes.
fn properties(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<(), Stop> {
    const PROPERTY: usize = 4;
    while fields.left() > 0 {
        if fields.left() < 2 {
            return Err(Stop::Invalid);
        }
        let p = fields.rest();
        let (kind, words) = (p.u8(0)?, p.u8(1)?);
        put!(t, "\n\t\t{} (0x{kind:04x}) TLV", name_of(FIELDS, kind).unwrap_or("Unknown"));
        if fields.left() < 2 + 2 * usize::from(words) {
            put!(t, " (TLV goes past the end of the packet)");
            return Err(Stop::Invalid);
        }
        if words != 1 {
            put!(t, " (invalid TLV length {words} != 1)");
            return Err(Stop::Invalid);
        }
        let value = p.u16(2)?;
        let (one, other) = match kind {
            6 => ("Enabled", "Disabled"),
            7 => ("SRB", "SRT"),
            10 => ("Backup", "Not backup"),
            _ => ("", ""),
        };
        match kind {
            9 => put!(t, ", {value}"),
            3 => put!(t, ", {} ({value})", name_of(SPANNING_TREES, value).unwrap_or("Unknown")),
            6 | 7 | 10 => put!(t, ", {} ({value})", if value == 1 { one } else { other }),
            _ => t.unknown(p, PROPERTY, "\n\t\t  "),
        }
        fields.skip(PROPERTY);
    }
    Ok(())
}

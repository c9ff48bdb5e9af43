//! What organizations add to LLDP: IEEE 802.1, IEEE 802.3, IANA, and telephones (LLDP-MED).

use super::{endpoints, exchange};
use crate::{
    bytes::{Bytes, Stop},
    text::{Text, bits, name_of, name_of_two_bits, put},
};

const IEEE_802_1: u32 = 0x00_80c2;
const IEEE_802_3: u32 = 0x00_120f;
const IANA: u32 = 0x00_005e;
const TIA: u32 = 0x00_12bb;
const DCBX: u32 = 0x00_1b21;

const SUBTYPES_1: &[(u8, &str)] = &[
    (1, "Port VLAN Id"),
    (2, "Port and Protocol VLAN ID"),
    (3, "VLAN name"),
    (4, "Protocol Identity"),
    (7, "Link aggregation"),
    (8, "Congestion Notification"),
    (9, "ETS Configuration"),
    (10, "ETS Recommendation"),
    (11, "Priority Flow Control Configuration"),
    (12, "Application Priority"),
    (13, "EVB"),
    (14, "CDCP"),
];

const SUBTYPES_3: &[(u8, &str)] = &[
    (1, "MAC/PHY configuration/status"),
    (2, "Power via MDI"),
    (3, "Link aggregation"),
    (4, "Max frame size"),
];

const SUPPORTED: &[(u32, &str)] = &[(1, "supported"), (2, "enabled")];
const POWER: &[(u32, &str)] =
    &[(1, "PSE"), (2, "supported"), (4, "enabled"), (8, "can be controlled")];
const PAIRS: &[(u8, &str)] = &[(1, "signal"), (2, "spare")];
const CLASSES: &[(u8, &str)] =
    &[(1, "class0"), (2, "class1"), (3, "class2"), (4, "class3"), (5, "class4")];
const BRIDGES: [&str; 4] =
    ["Not Supported", "EVB Bridge", "EVB Station", "Reserved for future Standardization"];

const MEDIA: &[(u32, &str)] = &[
    (0x4000, "10BASE-T hdx"),
    (0x2000, "10BASE-T fdx"),
    (0x1000, "100BASE-T4"),
    (0x0800, "100BASE-TX hdx"),
    (0x0400, "100BASE-TX fdx"),
    (0x0200, "100BASE-T2 hdx"),
    (0x0100, "100BASE-T2 fdx"),
    (0x0080, "Pause for fdx links"),
    (0x0040, "Asym PAUSE for fdx"),
    (0x0020, "Sym PAUSE for fdx"),
    (0x0010, "Asym and Sym PAUSE for fdx"),
    (0x0008, "1000BASE-{X LX SX CX} hdx"),
    (0x0004, "1000BASE-{X LX SX CX} fdx"),
    (0x0002, "1000BASE-T hdx"),
    (0x0001, "1000BASE-T fdx"),
];

/// Medium attachment units, by number.
const UNITS: [&str; 41] = [
    "Unknown",
    "AUI",
    "10BASE_5",
    "FOIRL",
    "10BASE2",
    "10BASET duplex mode unknown",
    "10BASEFP",
    "10BASEFB",
    "10BASEFL duplex mode unknown",
    "10BROAD36",
    "10BASET hdx",
    "10BASET fdx",
    "10BASEFL hdx",
    "10BASEFL fdx",
    "100BASET4",
    "100BASETX hdx",
    "100BASETX fdx",
    "100BASEFX hdx",
    "100BASEFX fdx",
    "100BASET2 hdx",
    "100BASET2 fdx",
    "1000BASEX hdx",
    "1000BASEX fdx",
    "1000BASELX hdx",
    "1000BASELX fdx",
    "1000BASESX hdx",
    "1000BASESX fdx",
    "1000BASECX hdx",
    "1000BASECX fdx",
    "1000BASET hdx",
    "1000BASET fdx",
    "10GBASEX",
    "10GBASELX4",
    "10GBASER",
    "10GBASEER",
    "10GBASELR",
    "10GBASESR",
    "10GBASEW",
    "10GBASEEW",
    "10GBASELW",
    "10GBASESW",
];

/// Prints an element of an organization; says whether its bytes are to be shown, too.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, organization: u32) -> Result<bool, Stop> {
    if organization == TIA {
        return endpoints::print(t, p);
    }
    if organization == DCBX {
        return exchange::print(t, p);
    }
    let (names, least): (&[_], _) = match organization {
        IEEE_802_1 => (SUBTYPES_1, 4),
        IEEE_802_3 => (SUBTYPES_3, 4),
        IANA => (&[(1, "MUD-URL")], 8),
        _ => return Ok(true),
    };
    if p.len() < least {
        return Ok(false);
    }
    let subtype = p.u8(3)?;
    let name = name_of(names, subtype);
    put!(t, "\n\t  {} Subtype ({subtype})", name.unwrap_or("unknown"));
    if name.is_none() {
        return Ok(true);
    }
    match organization {
        IEEE_802_1 => bridging(t, p, subtype)?,
        IEEE_802_3 => ethernet(t, p, subtype)?,
        _ => {
            put!(t, "\n\t  MUD-URL=");
            t.characters(p.from(4).all());
        }
    }
    Ok(false)
}

fn aggregation(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let status = bits(SUPPORTED, p.u8(4)?.into(), ", ", "none");
    put!(t, "\n\t    aggregation status [{status}], aggregation port ID {}", p.u32(5)?);
    Ok(())
}

fn ethernet(t: &mut Text<'_>, p: Bytes<'_>, subtype: u8) -> Result<(), Stop> {
    match (subtype, p.len()) {
        (1, 9..) => {
            let (negotiation, media, unit) = (p.u8(4)?, p.u16(5)?, p.u16(7)?);
            let names = bits(SUPPORTED, negotiation.into(), ", ", "none");
            put!(t, "\n\t    autonegotiation [{names}] (0x{negotiation:02x})");
            let names = bits(MEDIA, media.into(), ", ", "unknown");
            put!(t, "\n\t    PMD autoneg capability [{names}] (0x{media:04x})");
            let name = UNITS.get(usize::from(unit)).unwrap_or(&"unknown");
            put!(t, "\n\t    MAU type {name} (0x{unit:04x})");
        }
        (2, 7..) => {
            put!(t, "\n\t    MDI power support [{}]", bits(POWER, p.u8(4)?.into(), ", ", "none"));
            put!(t, ", power pair {}", name_of(PAIRS, p.u8(5)?).unwrap_or("unknown"));
            put!(t, ", power class {}", name_of(CLASSES, p.u8(6)?).unwrap_or("unknown"));
        }
        (3, 9..) => aggregation(t, p)?,
        (4, 6..) => put!(t, "\n\t    MTU size {}", p.u16(4)?),
        _ => {}
    }
    Ok(())
}

fn bridging(t: &mut Text<'_>, p: Bytes<'_>, subtype: u8) -> Result<(), Stop> {
    let length = p.len();
    match (subtype, length) {
        (1, 6..) => put!(t, "\n\t    port vlan id (PVID): {}", p.u16(4)?),
        (2, 7..) => {
            let flags = p.u8(4)?;
            // Here the bits begin with the second.
            let names = bits(SUPPORTED, u32::from(flags >> 1), ", ", "none");
            put!(t, "\n\t    port and protocol vlan id (PPVID): {}", p.u16(5)?);
            put!(t, ", flags [{names}] (0x{flags:02x})");
        }
        (3, 6..) => {
            put!(t, "\n\t    vlan id (VID): {}", p.u16(4)?);
            if let Ok(size) = p.u8(6).map(usize::from)
                && p.has(7, size)
            {
                put!(t, "\n\t    vlan name: ");
                t.padded(p.from(7), size)?;
            }
        }
        (4, 5..) => {
            let size = usize::from(p.u8(4)?);
            if p.has(5, size) {
                put!(t, "\n\t    protocol identity: ");
                t.padded(p.from(5), size)?;
            }
        }
        (7, 9..) => aggregation(t, p)?,
        (8, 6..) => {
            for (at, name) in [(4, "CNPV"), (5, "Ready")] {
                put!(t, "\n\t    Pre-Priority {name} Indicator");
                priorities(t, p.u8(at)?);
            }
        }
        (9, 25..) => {
            let flags = p.u8(4)?;
            // The second bit of two is never set where there is one; so tcpdump has it.
            put!(t, "\n\t    Willing:{}, CBS:{}", flags >> 7, flags >> 6 & 2);
            put!(t, ", RES:{}, Max TCs:{}", flags >> 3 & 7, flags & 7);
            transmission(t, p)?;
        }
        (10, 25..) => {
            put!(t, "\n\t    RES: {}", p.u8(4)?);
            transmission(t, p)?;
        }
        (11, 6..) => {
            let flags = p.u8(4)?;
            put!(t, "\n\t    Willing: {}, MBC: {}", flags >> 7, flags >> 6 & 1);
            put!(t, ", RES: {}, PFC cap:{} ", flags >> 4 & 3, flags & 0xf);
            put!(t, "\n\t    PFC Enable");
            priorities(t, p.u8(5)?);
        }
        (12, 5..) => {
            put!(t, "\n\t    RES: {}", p.u8(4)?);
            if length > 5 && (length - 5).is_multiple_of(3) {
                put!(t, "\n\t    Application Priority Table");
                for at in (5..length).step_by(3) {
                    let flags = p.u8(at)?;
                    put!(t, "\n\t      Priority: {}, RES: {}", flags >> 5, flags >> 3 & 3);
                    put!(t, ", Sel: {}, Protocol ID: {}", flags & 7, p.u16(at + 1)?);
                }
            }
        }
        (13, 9..) => {
            let (bridge, station) = (p.u8(4)?, p.u8(5)?);
            put!(t, "\n\t    EVB Bridge Status\n\t      RES: {}", bridge >> 3);
            put!(t, ", BGID: {}, RRCAP: {}", bridge >> 2 & 1, bridge >> 1 & 1);
            put!(t, ", RRCTR: {}", bridge & 1);
            put!(t, "\n\t    EVB Station Status\n\t      RES: {}", station >> 4);
            put!(t, ", SGID: {}, RRREQ: {}", station >> 3 & 1, station >> 2 & 1);
            put!(t, ",RRSTAT: {}", station & 3);
            let (retries, mode, keep) = (p.u8(6)?, p.u8(7)?, p.u8(8)?);
            put!(t, "\n\t    R: {}, RTE: {}", retries >> 5, retries & 0x1f);
            let name = name_of_two_bits(BRIDGES, mode >> 6);
            put!(t, ", EVB Mode: {name} [{}]", mode >> 6);
            put!(t, "\n\t    ROL: {}, RWD: {}", mode >> 5 & 1, mode & 0x1f);
            put!(t, ", RES: {}, ROL: {}, RKA: {}", keep >> 6, keep >> 5 & 1, keep & 0x1f);
        }
        (14, 8..) => {
            let flags = p.u8(4)?;
            put!(t, "\n\t    Role: {}, RES: {}", flags >> 7, flags >> 4 & 7);
            put!(t, ", Scomp: {} ChnCap: {}", flags >> 3 & 1, p.u16(6)? & 0xfff);
            if (length - 8).is_multiple_of(3) {
                for at in (8..length).step_by(3) {
                    let channel = p.u24(at)?;
                    put!(t, "\n\t    SCID: {}, SVID: {}", channel >> 12, channel & 0xfff);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// A bit for each of eight priorities.
fn priorities(t: &mut Text<'_>, flags: u8) {
    put!(t, "\n\t     Priority : 0  1  2  3  4  5  6  7\n\t     Value    : ");
    for bit in 0..8 {
        put!(t, "{:<2} ", flags >> bit & 1);
    }
}

/// Which class each priority has, how much of the link each class has, and how it is
/// chosen from.
fn transmission(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let row = |t: &mut Text<'_>, values: &[u8]| {
        let values: Vec<String> = values.iter().map(|value| format!("{value:<3}")).collect();
        put!(t, "{}", values.join(" "));
    };
    put!(t, "\n\t    Priority Assignment Table");
    put!(t, "\n\t     Priority : 0   1   2   3   4   5   6   7\n\t     Value    : ");
    let classes: Vec<u8> = p.slice(5, 4)?.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).collect();
    row(t, &classes);
    put!(t, "\n\t    TC Bandwidth Table");
    put!(t, "\n\t     TC%   : 0   1   2   3   4   5   6   7\n\t     Value : ");
    row(t, p.slice(9, 8)?);
    put!(t, "\n\t    TSA Assignment Table");
    put!(t, "\n\t     Traffic Class: 0   1   2   3   4   5   6   7\n\t     Value        : ");
    row(t, p.slice(17, 8)?);
    Ok(())
}

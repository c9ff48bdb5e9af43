//! LLDP (IEEE 802.1AB): the system's name, and with `-v` what every system says.

mod endpoints;
mod exchange;
mod organizations;

use crate::{
    assigned_numbers::FAMILIES,
    bytes::{Bytes, Stop},
    dump,
    ouis::OUIS,
    text::{Text, bits, name_of, put},
};

const CHASSIS: u16 = 1;
const PORT: u16 = 2;
const TIME_TO_LIVE: u16 = 3;
const PORT_DESCRIPTION: u16 = 4;
const SYSTEM_NAME: u16 = 5;
const SYSTEM_DESCRIPTION: u16 = 6;
const CAPABILITIES: u16 = 7;
const MANAGEMENT: u16 = 8;
const PRIVATE: u16 = 127;

const NAMES: &[(u16, &str)] = &[
    (0, "End"),
    (CHASSIS, "Chassis ID"),
    (PORT, "Port ID"),
    (TIME_TO_LIVE, "Time to Live"),
    (PORT_DESCRIPTION, "Port Description"),
    (SYSTEM_NAME, "System Name"),
    (SYSTEM_DESCRIPTION, "System Description"),
    (CAPABILITIES, "System Capabilities"),
    (MANAGEMENT, "Management Address"),
    (PRIVATE, "Organization specific"),
];

const CHASSIS_KINDS: &[(u8, &str)] = &[
    (1, "Chassis component"),
    (2, "Interface alias"),
    (3, "Port component"),
    (4, "MAC address"),
    (5, "Network address"),
    (6, "Interface name"),
    (7, "Local"),
];

const PORT_KINDS: &[(u8, &str)] = &[
    (1, "Interface alias"),
    (2, "Port component"),
    (3, "MAC address"),
    (4, "Network Address"),
    (5, "Interface Name"),
    (6, "Agent circuit ID"),
    (7, "Local"),
];

const CAPABILITY_BITS: &[(u32, &str)] = &[
    (0x01, "Other"),
    (0x02, "Repeater"),
    (0x04, "Bridge"),
    (0x08, "WLAN AP"),
    (0x10, "Router"),
    (0x20, "Telephone"),
    (0x40, "Docsis"),
    (0x80, "Station Only"),
];

pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "lldp";
    let verbose = t.style.verbose;
    put!(t, "LLDP, length {length}");
    let mut at = 0;
    // Each element takes at least two bytes.
    while length >= at + 2 {
        let head = p.u16(at).or(Err(Stop::Short))?;
        at += 2;
        let (kind, size) = (head >> 9, usize::from(head & 0x1ff));
        if verbose > 0 {
            let name = name_of(NAMES, kind).unwrap_or("Unknown");
            put!(t, "\n\t{name} TLV ({kind}), length {size}");
        }
        if kind == 0 || size == 0 {
            break;
        }
        let value = Bytes::new(p.slice(at, size).or(Err(Stop::Short))?);
        if length < at + size {
            return Err(Stop::Short);
        }
        let mut unknown = false;
        match kind {
            SYSTEM_NAME => {
                put!(t, ": ");
                t.padded(value, size)?;
            }
            _ if verbose == 0 => {}
            // A value that is too short for what it says ends the frame.
            _ => unknown = details(t, value, kind).or(Err(Stop::Short))?,
        }
        if verbose > 1 || unknown {
            dump::hex(value.all(), "\n\t  ", 0, t.out);
        }
        at += size;
    }
    Ok(())
}

/// Prints an element; says whether its bytes are to be shown, too.
fn details(t: &mut Text<'_>, p: Bytes<'_>, kind: u16) -> Result<bool, Stop> {
    match kind {
        CHASSIS => return identity(t, p, CHASSIS_KINDS, 4, 5),
        PORT => return identity(t, p, PORT_KINDS, 3, 4),
        TIME_TO_LIVE => put!(t, ": TTL {}s", p.u16(0)?),
        PORT_DESCRIPTION => {
            put!(t, ": ");
            t.padded(p, p.len())?;
        }
        SYSTEM_DESCRIPTION => {
            put!(t, "\n\t  ");
            t.padded(p, p.len())?;
        }
        CAPABILITIES => {
            p.u32(0)?;
            for (at, name) in [(0, "System "), (2, "Enabled")] {
                let value = p.u16(at)?;
                let names = bits(CAPABILITY_BITS, value.into(), ", ", "none");
                put!(t, "\n\t  {name} Capabilities [{names}] (0x{value:04x})");
            }
        }
        MANAGEMENT => management(t, p)?,
        PRIVATE => {
            let organization = p.u24(0)?;
            let name = name_of(OUIS, organization).unwrap_or("Unknown");
            put!(t, ": OUI {name} (0x{organization:06x})");
            return organizations::print(t, p, organization);
        }
        _ => return Ok(true),
    }
    Ok(false)
}

/// Which chassis or port: `link` and `network` are the kinds that are addresses.
fn identity(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    kinds: &'static [(u8, &'static str)],
    link: u8,
    network: u8,
) -> Result<bool, Stop> {
    p.u16(0)?;
    let kind = p.u8(0)?;
    let name = name_of(kinds, kind);
    put!(t, "\n\t  Subtype {} ({kind}): ", name.unwrap_or("Unknown"));
    if kind == link {
        put!(t, "{}", t.link(p.slice(1, 6)?));
    } else if kind == network {
        put!(t, "{}", family_address(t, p.from(1))?);
    } else if name.is_some() {
        t.padded(p.from(1), p.len() - 1)?;
    } else {
        return Ok(true);
    }
    Ok(false)
}

/// An address behind its family.
fn family_address(t: &Text<'_>, p: Bytes<'_>) -> Result<String, Stop> {
    Ok(match p.u8(0)? {
        1 => format!("AFI IPv4 (1): {}", t.v4(p, 1)?),
        2 => format!("AFI IPv6 (2): {}", t.v6(p, 1)?),
        6 => format!("AFI 802 (6): {}", t.link(p.slice(1, 6)?)),
        family => {
            let name = name_of(FAMILIES, family.into()).unwrap_or("Unknown");
            format!("AFI {name} ({family}), no AF printer !")
        }
    })
}

/// Where the system is managed. One that is too short for what it says ends the frame.
fn management(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let size = usize::from(p.u8(0).or(Err(Stop::Short))?);
    p.need(1, size)?;
    let host = family_address(t, p.from(1).limit(size)).or(Err(Stop::Short))?;
    put!(
        t,
        "
	  Management Address length {size}, {host}"
    );
    p.need(1 + size, 5)?;
    let numbering = p.u8(1 + size)?;
    let name = match numbering {
        2 => "Interface Index",
        3 => "System Port Number",
        _ => "Unknown",
    };
    put!(
        t,
        "
	  {name} Interface Numbering ({numbering}): {}",
        p.u32(2 + size)?
    );
    // An object identifier need not be there.
    let Ok(object) = p.u8(6 + size) else { return Ok(()) };
    let object = Bytes::new(p.slice(7 + size, object.into()).or(Err(Stop::Short))?);
    if !object.is_empty() {
        put!(
            t,
            "
	  OID length {}",
            object.len()
        );
        t.padded(object, object.len())?;
    }
    Ok(())
}

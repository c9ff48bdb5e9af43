//! What telephones and switches tell each other by LLDP-MED (ANSI/TIA-1057).

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, bits, name_of, put},
};

const CAPABILITIES: u8 = 1;
const POLICY: u8 = 2;
const LOCATION: u8 = 3;
const POWER: u8 = 4;

const SUBTYPES: &[(u8, &str)] = &[
    (CAPABILITIES, "LLDP-MED Capabilities"),
    (POLICY, "Network policy"),
    (LOCATION, "Location identification"),
    (POWER, "Extended power-via-MDI"),
    (5, "Inventory - hardware revision"),
    (6, "Inventory - firmware revision"),
    (7, "Inventory - software revision"),
    (8, "Inventory - serial number"),
    (9, "Inventory - manufacturer name"),
    (10, "Inventory - model name"),
    (11, "Inventory - asset ID"),
];
const INVENTORY: &[(u8, &str)] = &[
    (5, "Hardware revision"),
    (6, "Firmware revision"),
    (7, "Software revision"),
    (8, "Serial number"),
    (9, "Manufacturer name"),
    (10, "Model name"),
    (11, "Asset ID"),
];

const CAPABILITY_BITS: &[(u32, &str)] = &[
    (0x01, "LLDP-MED capabilities"),
    (0x02, "network policy"),
    (0x04, "location identification"),
    (0x08, "extended power via MDI-PSE"),
    (0x10, "extended power via MDI-PD"),
    (0x20, "Inventory"),
];
const DEVICES: &[(u8, &str)] = &[
    (1, "endpoint class 1"),
    (2, "endpoint class 2"),
    (3, "endpoint class 3"),
    (4, "network connectivity"),
];
const APPLICATIONS: &[(u8, &str)] = &[
    (1, "voice"),
    (2, "voice signaling"),
    (3, "guest voice"),
    (4, "guest voice signaling"),
    (5, "softphone voice"),
    (6, "video conferencing"),
    (7, "streaming video"),
    (8, "video signaling"),
];
const POLICY_FLAGS: &[(u32, &str)] = &[(0x80, "Unknown"), (0x40, "Tagged"), (0x20, "reserved")];

const COORDINATES: u8 = 1;
const CIVIC: u8 = 2;
const EMERGENCY: u8 = 3;
const FORMATS: &[(u8, &str)] =
    &[(COORDINATES, "coordinate-based LCI"), (CIVIC, "civic address LCI"), (EMERGENCY, "ECS ELIN")];
const ALTITUDES: &[(u8, &str)] = &[(1, "meters"), (2, "floors")];
const DATUMS: &[(u8, &str)] = &[
    (1, "World Geodesic System 1984"),
    (2, "North American Datum 1983 (NAVD88)"),
    (3, "North American Datum 1983 (MLLW)"),
];
const PLACES: &[(u8, &str)] = &[
    (0, "location of DHCP server"),
    (1, "location of the network element believed to be closest to the client"),
    (2, "location of the client"),
];
const CIVIC_KINDS: &[(u8, &str)] = &[
    (1, "national subdivisions (state,canton,region,province,prefecture)"),
    (2, "county, parish, gun, district"),
    (3, "city, township, shi"),
    (4, "city division, borough, city district, ward chou"),
    (5, "neighborhood, block"),
    (6, "street"),
];

const SOURCES: &[(u8, &str)] = &[
    (1, "PSE - primary power source"),
    (2, "local - backup power source"),
    (3, "PSE+local - reserved"),
];
const PRIORITIES: &[(u8, &str)] = &[(1, "critical"), (2, "high"), (3, "low")];

/// Prints an element; says whether its bytes are to be shown, too. One that is too short for
/// what it says is named, and no more.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<bool, Stop> {
    let Ok(subtype) = p.u8(3) else { return Ok(false) };
    put!(t, "\n\t  {} Subtype ({subtype})", name_of(SUBTYPES, subtype).unwrap_or("unknown"));
    match (subtype, p.len()) {
        (CAPABILITIES, 7..) => {
            let (capabilities, device) = (p.u16(4)?, p.u8(6)?);
            let names = bits(CAPABILITY_BITS, capabilities.into(), ", ", "none");
            put!(t, "\n\t    Media capabilities [{names}] (0x{capabilities:04x})");
            let name = name_of(DEVICES, device).unwrap_or("unknown");
            put!(t, "\n\t    Device type [{name}] (0x{device:02x})");
        }
        (POLICY, 8..) => {
            let (application, flags) = (p.u8(4)?, p.u8(5)?);
            let name = name_of(APPLICATIONS, application).unwrap_or("none");
            put!(t, "\n\t    Application type [{name}] (0x{application:02x})");
            put!(t, ", Flags [{}]", bits(POLICY_FLAGS, flags.into(), ", ", "none"));
            put!(t, "\n\t    Vlan id {}", p.u16(5)? >> 1 & 0xfff);
            let class = p.u16(6)?;
            put!(t, ", L2 priority {}, DSCP value {}", class >> 6 & 7, class & 0x3f);
        }
        (LOCATION, 5..) => location(t, p)?,
        (POWER, 7..) => power(t, p)?,
        (CAPABILITIES | POLICY | LOCATION | POWER, _) => {}
        _ => match name_of(INVENTORY, subtype) {
            Some(name) => {
                put!(t, "\n\t  {name} ");
                t.padded(p.from(4), p.len() - 4)?;
            }
            None => return Ok(true),
        },
    }
    Ok(false)
}

/// Where the endpoint is: coordinates (RFC 3825), an address (RFC 4776), or a number to call.
fn location(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let format = p.u8(4)?;
    let name = name_of(FORMATS, format).unwrap_or("unknown");
    put!(t, "\n\t    Location data format {name} (0x{format:02x})");
    let data = p.from(5);
    match format {
        COORDINATES if data.len() >= 16 => {
            for (at, name, value) in [(0, "Latitude", "latitude"), (5, "Longitude", "longitude")] {
                let head = data.u8(at)?;
                let degrees = u64::from(head & 3) << 32 | u64::from(data.u32(at + 1)?);
                put!(t, "\n\t    {name} resolution {}, {value} value {degrees}", head >> 2);
            }
            let (kind, datum) = (data.u8(10)? >> 4, data.u8(15)?);
            let name = name_of(ALTITUDES, kind).unwrap_or("unknown");
            put!(t, "\n\t    Altitude type {name} ({kind})");
            put!(t, "\n\t    Altitude resolution {}", data.u16(10)? >> 6 & 0x3f);
            put!(t, ", altitude value 0x{:x}", data.u32(11)? & 0x3fff_ffff);
            let name = name_of(DATUMS, datum).unwrap_or("unknown");
            put!(t, "\n\t    Datum {name} (0x{datum:02x})");
        }
        COORDINATES => {}
        CIVIC => civic(t, data)?,
        EMERGENCY => {
            put!(t, "\n\t    ECS ELIN id ");
            t.padded(data, data.len())?;
        }
        _ => {
            put!(t, "\n\t    Location ID ");
            t.unknown(data, data.len(), "\n\t      ");
        }
    }
    Ok(())
}

fn civic(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    /// Whose place it is, and the country.
    const HEAD: usize = 3;
    let Ok(size) = p.u8(0) else { return Ok(()) };
    let Some(left) = usize::from(size).checked_sub(HEAD) else { return Ok(()) };
    // tcpdump wants a byte more than there need be.
    if !p.has(0, 2 + HEAD + left) {
        return Ok(());
    }
    let whose = p.u8(1)?;
    let name = name_of(PLACES, whose).unwrap_or("unknown");
    put!(t, "\n\t    LCI length {size}, LCI what {name} (0x{whose:02x}), Country-code ");
    t.padded(p.from(2), 2)?;
    let mut elements = Fields::new(p.from(1 + HEAD), left);
    while elements.left() >= 2 {
        let (kind, size) = (elements.u8()?, elements.u8()?);
        let name = name_of(CIVIC_KINDS, kind).unwrap_or("unknown");
        put!(t, "\n\t      CA type '{name}' ({kind}), length {size}: ");
        let size = usize::from(size);
        if kind == 0 || size == 0 || elements.left() < size {
            return Ok(());
        }
        t.padded(elements.rest(), size)?;
        elements.skip(size);
    }
    Ok(())
}

fn power(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let flags = p.u8(4)?;
    // tcpdump shifts its mask and not the byte: of the type's two bits it asks the lowest two of
    // the priority's.
    let kind = if flags & 3 == 0 { "PSE device" } else { "PD device" };
    let source = name_of(SOURCES, flags >> 4 & 3).unwrap_or("none");
    put!(t, "\n\t    Power type [{kind}], Power source [{source}]");
    let priority = flags & 0xf;
    let name = name_of(PRIORITIES, priority).unwrap_or("none");
    put!(t, "\n\t    Power priority [{name}] (0x{priority:02x})");
    match p.u16(5)? {
        tenths @ 0..1024 => put!(t, ", Power {:.1} Watts", f64::from(tenths) / 10.0),
        reserved => put!(t, ", Power {reserved} (Reserved)"),
    }
    Ok(())
}

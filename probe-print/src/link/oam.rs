//! Operation, administration and maintenance of Ethernet links (IEEE 802.3, clause 57).

use crate::{
    bytes::{Bytes, Fields, Stop},
    ouis::OUIS,
    text::{Text, bits, name_of, name_of_two_bits, put, put_name},
};

/// Flags and code.
const HEADER: usize = 3;
const INFORMATION: u8 = 0;
const EVENT: u8 = 1;
const LOOPBACK: u8 = 4;

const CODES: &[(u8, &str)] = &[
    (INFORMATION, "Information"),
    (EVENT, "Event Notification"),
    (2, "Variable Request"),
    (3, "Variable Response"),
    (LOOPBACK, "Loopback Control"),
    (0xfe, "Vendor Private"),
];
const FLAGS: &[(u32, &str)] = &[
    (0x01, "Link Fault"),
    (0x02, "Dying Gasp"),
    (0x04, "Critical Event"),
    (0x08, "Local Evaluating"),
    (0x10, "Local Stable"),
    (0x20, "Remote Evaluating"),
    (0x40, "Remote Stable"),
];
const END: u8 = 0;
const INFORMATIONS: &[(u8, &str)] =
    &[(END, "End of TLV marker"), (1, "Local"), (2, "Remote"), (0xfe, "Organization specific")];
const EVENTS: &[(u8, &str)] = &[
    (END, "End of TLV marker"),
    (1, "Errored Symbol Period Event"),
    (2, "Errored Frame Event"),
    (3, "Errored Frame Period Event"),
    (4, "Errored Frame Seconds Summary Event"),
    (0xfe, "Organization specific"),
];
const PARSERS: [&str; 4] = ["forwarding", "looping back", "discarding", "reserved"];
const CONFIGURATIONS: &[(u32, &str)] = &[
    (0x01, "Active"),
    (0x02, "Unidirectional"),
    (0x04, "Remote-Loopback"),
    (0x08, "Link-Events"),
    (0x10, "Variable-Retrieval"),
];
const COMMANDS: &[(u8, &str)] =
    &[(1, "Enable OAM Remote Loopback"), (2, "Disable OAM Remote Loopback")];

/// Prints what stands behind the subtype.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let mut fields = Fields::new(p, length);
    room(t, &fields, HEADER)?;
    let (flags, code) = (fields.u16()?, fields.u8()?);
    put!(t, "\n\tCode ");
    put_name!(t, CODES, code, "Unknown ({code})");
    put!(t, " OAM PDU, Flags [{}]", bits(FLAGS, flags.into(), ", ", "none"));
    match code {
        INFORMATION => elements(
            t,
            fields,
            &Element {
                what: "Information",
                names: INFORMATIONS,
                known: 1..=2,
                size: 16,
                print: information,
            },
        )?,
        EVENT => {
            room(t, &fields, 2)?;
            put!(t, "\n\t  Sequence Number {}", fields.u16()?);
            elements(
                t,
                fields,
                &Element {
                    what: "Link Event",
                    names: EVENTS,
                    known: 1..=4,
                    size: 40,
                    print: event,
                },
            )?;
        }
        LOOPBACK => {
            room(t, &fields, 1)?;
            let command = fields.u8()?;
            let name = name_of(COMMANDS, command).unwrap_or("Unknown");
            put!(t, "\n\t  Command {name} ({command})");
        }
        _ if t.style.verbose <= 1 => t.unknown(fields.rest(), fields.left(), "\n\t  "),
        _ => {}
    }
    Ok(())
}

/// Ends the message where fewer bytes are left.
fn room(t: &mut Text<'_>, fields: &Fields<'_>, least: usize) -> Result<(), Stop> {
    if fields.left() < least {
        put!(t, "\n\t\t packet is too short");
        return Err(Stop::Here);
    }
    Ok(())
}

/// The elements that a message is a list of.
struct Element {
    what: &'static str,
    names: &'static [(u8, &'static str)],
    /// Those that are shown in full, and how long they are.
    known: std::ops::RangeInclusive<u8>,
    size: usize,
    print: fn(&mut Text<'_>, Bytes<'_>) -> Result<(), Stop>,
}

fn elements(t: &mut Text<'_>, mut fields: Fields<'_>, of: &Element) -> Result<(), Stop> {
    const HEAD: usize = 2;
    while fields.left() > 0 {
        room(t, &fields, HEAD)?;
        let p = fields.rest();
        let (kind, size) = (p.u8(0)?, usize::from(p.u8(1)?));
        let name = name_of(of.names, kind).unwrap_or("Reserved");
        put!(t, "\n\t  {name} {} Type ({kind}), length {size}", of.what);
        if kind == END {
            return Ok(());
        }
        if size < HEAD {
            put!(t, "\n\t    ERROR: illegal length - should be >= {HEAD}");
            return Ok(());
        }
        room(t, &fields, size)?;
        p.slice(0, size)?;
        let known = of.known.contains(&kind);
        if known && size == of.size {
            (of.print)(t, p)?;
        } else if known {
            put!(t, "\n\t    ERROR: illegal length - should be {}", of.size);
        }
        if t.style.verbose > 1 || !known || size != of.size {
            t.unknown(p, size, "\n\t  ");
        }
        fields.skip(size);
    }
    Ok(())
}

fn information(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    put!(t, "\n\t    OAM-Version {}, Revision {}", p.u8(2)?, p.u16(3)?);
    let state = p.u8(5)?;
    put!(t, "\n\t    State-Parser-Action {}", name_of_two_bits(PARSERS, state));
    let multiplexer = if state & 4 == 0 { "forwarding" } else { "discarding" };
    put!(t, ", State-MUX-Action {multiplexer}");
    let configuration = bits(CONFIGURATIONS, p.u8(6)?.into(), ", ", "none");
    put!(t, "\n\t    OAM-Config Flags [{configuration}]");
    put!(t, ", OAM-PDU-Config max-PDU size {}", p.u16(7)? & 0x7ff);
    let organization = p.u24(9)?;
    let name = name_of(OUIS, organization).unwrap_or("Unknown");
    put!(t, "\n\t    OUI {name} (0x{organization:06x}), Vendor-Private 0x{:08x}", p.u32(12)?);
    Ok(())
}

fn event(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let milliseconds = u32::from(p.u16(2)?) * 100;
    put!(t, "\n\t    Timestamp {milliseconds} ms, Errored Window {}", p.u64(4)?);
    put!(t, "\n\t    Errored Threshold {}\n\t    Errors {}", p.u64(12)?, p.u64(20)?);
    put!(t, "\n\t    Error Running Total {}", p.u64(28)?);
    put!(t, "\n\t    Event Running Total {}", p.u32(36)?);
    Ok(())
}

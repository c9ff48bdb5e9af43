//! LDP (RFC 5036), with pseudowires (RFC 4906): which label stands for what.

use crate::{
    assigned_numbers::FAMILIES,
    bytes::{Bytes, Fields, Stop},
    routing::bgp,
    text::{Text, bits, name_of, put},
};

const HEADER: usize = 10;
/// Version and length, which the length does not count.
const UNCOUNTED: usize = 4;
const MESSAGE: usize = 8;
const VERSION: u16 = 1;

const MESSAGES: &[(u16, &str)] = &[
    (0x0001, "Notification"),
    (0x0100, "Hello"),
    (0x0200, "Initialization"),
    (0x0201, "Keepalive"),
    (0x0300, "Address"),
    (0x0301, "Address Withdraw"),
    (0x0400, "Label Mapping"),
    (0x0401, "Label Request"),
    (0x0402, "Label Withdraw"),
    (0x0403, "Label Release"),
    (0x0404, "Label Abort Request"),
];

const FEC: u16 = 0x0100;
const ADDRESSES: u16 = 0x0101;
const LABEL: u16 = 0x0200;
const STATUS: u16 = 0x0300;
const HELLO: u16 = 0x0400;
const TRANSPORT_4: u16 = 0x0401;
const SEQUENCE: u16 = 0x0402;
const TRANSPORT_6: u16 = 0x0403;
const SESSION: u16 = 0x0500;
const FAULT_TOLERANCE: u16 = 0x0503;
const MTU: u16 = 0x0601;
const FIELDS: &[(u16, &str)] = &[
    (FEC, "FEC"),
    (ADDRESSES, "Address List"),
    (0x0103, "Hop Count"),
    (0x0104, "Path Vector"),
    (LABEL, "Generic Label"),
    (0x0201, "ATM Label"),
    (0x0202, "Frame-Relay Label"),
    (STATUS, "Status"),
    (0x0301, "Extended Status"),
    (0x0302, "Returned PDU"),
    (0x0303, "Returned Message"),
    (HELLO, "Common Hello Parameters"),
    (TRANSPORT_4, "IPv4 Transport Address"),
    (SEQUENCE, "Configuration Sequence Number"),
    (TRANSPORT_6, "IPv6 Transport Address"),
    (SESSION, "Common Session Parameters"),
    (0x0501, "ATM Session Parameters"),
    (0x0502, "Frame-Relay Session Parameters"),
    (FAULT_TOLERANCE, "Fault-Tolerant Session Parameters"),
    (0x0600, "Label Request Message ID"),
    (MTU, "MTU"),
];

const CLASSES: &[(u8, &str)] =
    &[(1, "Wildcard"), (2, "Prefix"), (3, "Host address"), (0x80, "Martini VC")];

/// What a pseudowire carries (IANA, "MPLS Pseudowire Types").
const PSEUDOWIRES: &[(u16, &str)] = &[
    (0x00, "Reserved"),
    (0x01, "Frame Relay DLCI (Martini Mode)"),
    (0x02, "ATM AAL5 SDU VCC transport"),
    (0x03, "ATM transparent cell transport"),
    (0x04, "Ethernet VLAN"),
    (0x05, "Ethernet"),
    (0x06, "Cisco-HDLC"),
    (0x07, "PPP"),
    (0x08, "SONET/SDH Circuit Emulation Service over MPLS"),
    (0x09, "ATM n-to-one VCC cell transport"),
    (0x0a, "ATM n-to-one VPC cell transport"),
    (0x0b, "IP Layer2 Transport"),
    (0x0c, "ATM one-to-one VCC Cell Mode"),
    (0x0d, "ATM one-to-one VPC Cell Mode"),
    (0x0e, "ATM AAL5 PDU VCC transport"),
    (0x0f, "Frame-Relay Port mode"),
    (0x10, "SONET/SDH Circuit Emulation over Packet"),
    (0x11, "Structure-agnostic E1 over Packet"),
    (0x12, "Structure-agnostic T1 (DS1) over Packet"),
    (0x13, "Structure-agnostic E3 over Packet"),
    (0x14, "Structure-agnostic T3 (DS3) over Packet"),
    (0x15, "CESoPSN basic mode"),
    (0x16, "TDMoIP basic mode"),
    (0x17, "CESoPSN TDM with CAS"),
    (0x18, "TDMoIP TDM with CAS"),
    (0x19, "Frame Relay DLCI"),
    (0x40, "IP-interworking"),
];
const PARAMETERS: &[(u8, &str)] = &[(1, "MTU"), (3, "Description"), (0x0c, "VCCV")];
/// How a pseudowire is verified (RFC 5085).
const CHANNELS: &[(u32, &str)] =
    &[(1, "PWE3 control word"), (2, "MPLS Router Alert Label"), (4, "MPLS inner label TTL = 1")];
const VERIFICATIONS: &[(u32, &str)] = &[(1, "ICMP Ping"), (2, "LSP Ping"), (4, "BFD")];

/// Prints the units of a datagram or a segment.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ldp";
    let mut fields = Fields::new(p, length);
    while fields.left() > HEADER + MESSAGE {
        let size = unit(t, fields.rest())?;
        if fields.left() < size {
            put!(t, " [remaining length {} < {size}]", fields.left());
            t.invalid();
            break;
        }
        fields.skip(size);
    }
    Ok(())
}

/// Prints a unit and says how long it is; stops [here](Stop::Here) where no other is to be
/// printed.
fn unit(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    p.slice(0, HEADER)?;
    let margin = if t.style.verbose == 0 { "" } else { "\n\t" };
    let (version, size) = (p.u16(0)?, p.u16(2)?);
    if version != VERSION {
        put!(t, "{margin}LDP version {version} packet not supported");
        return Err(Stop::Here);
    }
    let Some(mut left) = size.checked_sub((HEADER - UNCOUNTED) as u16) else {
        let least = HEADER - UNCOUNTED;
        put!(t, "{margin}LDP, pdu-length: {size} (too short, < {least})");
        return Err(Stop::Here);
    };
    put!(t, "{margin}LDP, Label-Space-ID: {}:{}, pdu-length: {size}", t.v4(p, 4)?, p.u16(8)?);
    if t.style.verbose == 0 {
        return Err(Stop::Here);
    }
    let mut at = HEADER;
    // Each message takes its header at least, so the bytes end the loop even where the
    // length wraps, as it does in tcpdump.
    while left > 0 {
        let message = p.from(at);
        message.slice(0, MESSAGE)?;
        let (kind, size) = (message.u16(0)?, usize::from(message.u16(2)?));
        let name = name_of(MESSAGES, kind & 0x7fff).unwrap_or("Unknown");
        put!(t, "\n\t  {name} Message (0x{:04x}), length: {size}", kind & 0x7fff);
        let Some(rest) = size.checked_sub(MESSAGE - UNCOUNTED) else {
            put!(t, " (too short, < {})", MESSAGE - UNCOUNTED);
            return Err(Stop::Here);
        };
        let unknown = if kind & 0x8000 == 0 { "ignore" } else { "continue processing" };
        put!(t, ", Message ID: 0x{:08x}, Flags: [{unknown} if unknown]", message.u32(4)?);
        message.slice(0, size)?;
        let body = message.from(MESSAGE);
        match kind & 0x7fff {
            0x0001 | 0x0100 | 0x0200 | 0x0201 | 0x0300 | 0x0301 | 0x0400 | 0x0402 => {
                t.part(|t| all_fields(t, Fields::new(body, rest)))?;
            }
            _ if t.style.verbose <= 1 => t.unknown(body, rest, "\n\t  "),
            _ => {}
        }
        if t.style.verbose > 1 {
            t.unknown(body, size, "\n\t  ");
        }
        at += size + UNCOUNTED;
        left = left.wrapping_sub((size + UNCOUNTED) as u16);
    }
    Ok(usize::from(size) + UNCOUNTED)
}

fn all_fields(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<(), Stop> {
    while fields.left() >= 4 {
        let used = field(t, fields.rest(), fields.left())?;
        fields.skip(used);
    }
    Ok(())
}

/// Prints a field and says how long it is.
fn field(t: &mut Text<'_>, p: Bytes<'_>, left: usize) -> Result<usize, Stop> {
    const HEAD: usize = 4;
    p.slice(0, HEAD)?;
    let (first, size) = (p.u16(0)?, usize::from(p.u16(2)?));
    if size + HEAD > left {
        put!(t, "\n\t\t TLV contents go past end of message");
        return Err(Stop::Here);
    }
    let kind = first & 0x3fff;
    let unknown = if first & 0x8000 == 0 { "ignore" } else { "continue processing" };
    let forward = if first & 0x4000 == 0 { "don't" } else { "do" };
    put!(t, "\n\t    {} TLV (0x{kind:04x})", name_of(FIELDS, kind).unwrap_or("Unknown"));
    put!(t, ", length: {size}, Flags: [{unknown} and {forward} forward if unknown]");
    let value = Fields::new(p.from(HEAD), size);
    let least = match kind {
        HELLO | TRANSPORT_4 | SEQUENCE | LABEL => 4,
        TRANSPORT_6 => 16,
        ADDRESSES | MTU => 2,
        SESSION | STATUS => 8,
        FEC => 1,
        FAULT_TOLERANCE => 12,
        _ => 0,
    };
    match enough(t, &value, least).and_then(|()| self::value(t, kind, value)) {
        // The next field is printed nevertheless.
        Err(Stop::Invalid) => t.invalid(),
        printed => printed?,
    }
    Ok(size + HEAD)
}

/// Ends a value that has fewer bytes than that.
fn enough(t: &mut Text<'_>, value: &Fields<'_>, least: usize) -> Result<(), Stop> {
    if value.left() < least {
        put!(t, " [tlv length {} < {least}]", value.left());
        return Err(Stop::Invalid);
    }
    Ok(())
}

fn value(t: &mut Text<'_>, kind: u16, mut value: Fields<'_>) -> Result<(), Stop> {
    let p = value.rest();
    match kind {
        HELLO => {
            let (hold, flags) = (p.u16(0)?, p.u16(2)?);
            let targeted = if flags & 0x8000 == 0 { "Link" } else { "Targeted" };
            let asked = if flags & 0x4000 == 0 { "" } else { ", Request for targeted Hellos" };
            put!(t, "\n\t      Hold Time: {hold}s, Flags: [{targeted} Hello{asked}]");
        }
        TRANSPORT_4 => put!(t, "\n\t      IPv4 Transport Address: {}", t.v4(p, 0)?),
        TRANSPORT_6 => put!(t, "\n\t      IPv6 Transport Address: {}", t.v6(p, 0)?),
        SEQUENCE => put!(t, "\n\t      Sequence Number: {}", p.u32(0)?),
        ADDRESSES => {
            let family = value.u16()?;
            let name = name_of(FAMILIES, family);
            let name = name.map_or_else(|| format!("Unknown ({family})"), Into::into);
            put!(t, "\n\t      Address Family: {name}, addresses");
            while family == 1 && value.left() >= 4 {
                put!(t, " {}", t.v4(value.rest(), 0)?);
                value.skip(4);
            }
            while family == 2 && value.left() >= 16 {
                put!(t, " {}", t.v6(value.rest(), 0)?);
                value.skip(16);
            }
        }
        SESSION => {
            let flags = p.u16(6)?;
            put!(t, "\n\t      Version: {}, Keepalive: {}s", p.u16(0)?, p.u16(2)?);
            let demand = if flags & 0x8000 == 0 { "Unsolicited" } else { "On Demand" };
            let loops = if flags & 0x4000 == 0 { "Disabled" } else { "Enabled" };
            put!(t, ", Flags: [Downstream {demand}, Loop Detection {loops}]");
        }
        FEC => class(t, value)?,
        LABEL => put!(t, "\n\t      Label: {}", p.u32(0)? & 0xf_ffff),
        STATUS => {
            let status = p.u32(0)?;
            let fatal = match status >> 31 {
                0 => "Advisory Notification",
                _ => "Fatal error",
            };
            let forward = if status & 0x4000_0000 == 0 { "don't" } else { "do" };
            put!(t, "\n\t      Status: 0x{:02x}", status & 0x3fff_ffff);
            put!(t, ", Flags: [{fatal} and {forward} forward]");
            let message = p.u32(4)?;
            if message != 0 {
                put!(t, ", causing Message ID: 0x{message:08x}");
            }
        }
        FAULT_TOLERANCE => {
            let flags = p.u16(0)?;
            let unless = |bit: u16, word: &'static str| if flags & bit == 0 { word } else { "" };
            let labels = if flags & 2 == 0 { "All Labels" } else { "Sequence Numbered Label" };
            put!(t, "\n\t      Flags: [{}Reconnect", unless(0x8000, "No "));
            put!(
                t,
                ", {}Save State, {}All-Label Protection",
                unless(8, "Don't "),
                unless(4, "No ")
            );
            put!(t, ", {labels} Checkpoint, {}Re-Learn State]", unless(1, "Don't "));
            for (at, name) in [(4, "Reconnect Timeout"), (8, "Recovery Time")] {
                let time = p.u32(at)?;
                if time != 0 {
                    put!(t, ", {name}: {time}ms");
                }
            }
        }
        MTU => put!(t, "\n\t      MTU: {}", p.u16(0)?),
        _ if t.style.verbose <= 1 => t.unknown(p, value.left(), "\n\t      "),
        _ => {}
    }
    Ok(())
}

/// A forwarding equivalence class: what a label stands for.
fn class(t: &mut Text<'_>, mut value: Fields<'_>) -> Result<(), Stop> {
    let kind = value.u8()?;
    put!(t, "\n\t      {} FEC (0x{kind:02x})", name_of(CLASSES, kind).unwrap_or("Unknown"));
    match kind {
        2 => {
            enough(t, &value, 2)?;
            let family = value.u16()?;
            let six = match family {
                1 => false,
                2 => true,
                _ => {
                    put!(t, ": Address family {family} prefix");
                    return Ok(());
                }
            };
            let version = if six { "IPv6" } else { "IPv4" };
            let lead = format!(": {version} prefix ");
            match bgp::prefix(t, value.rest(), value.left(), &lead, six) {
                Err(Stop::Invalid) => put!(t, ": {version} prefix (invalid length)"),
                printed => printed?,
            }
        }
        0x80 => {
            enough(t, &value, 7)?;
            pseudowire(t, value)?;
        }
        _ => {}
    }
    Ok(())
}

fn pseudowire(t: &mut Text<'_>, mut value: Fields<'_>) -> Result<(), Stop> {
    let p = value.rest();
    let (kind, size, group) = (p.u16(0)?, usize::from(p.u8(2)?), p.u32(3)?);
    let mut circuit = None;
    if size > 0 {
        enough(t, &value, 11)?;
        circuit = Some(p.u32(7)?);
    }
    put!(t, ": {}", name_of(PSEUDOWIRES, kind & 0x7fff).unwrap_or("Unknown"));
    put!(t, ", {}control word, group-ID {group}", if kind & 0x8000 == 0 { "no " } else { "" });
    if let Some(circuit) = circuit {
        put!(t, ", VC-ID {circuit}");
    }
    put!(t, ", VC-info-length: {size}");
    if circuit.is_none() {
        return Ok(());
    }
    let Some(size) = size.checked_sub(4) else {
        put!(t, " (invalid, < 4");
        return Ok(());
    };
    value.skip(11);
    enough(t, &value, size)?;
    let mut parameters = value.part(size);
    while parameters.left() > 2 {
        let p = parameters.rest();
        let (kind, size) = (p.u8(0)?, usize::from(p.u8(1)?));
        if size < 2 || parameters.left() < size {
            break;
        }
        let name = name_of(PARAMETERS, kind).unwrap_or("Unknown");
        put!(t, "\n\t\tInterface Parameter: {name} (0x{kind:02x}), len {size}");
        match kind {
            1 => put!(t, ": {}", p.u16(2)?),
            3 => {
                put!(t, ": ");
                t.string(p.from(2), size - 2)?;
            }
            0x0c => {
                for (at, what, names) in
                    [(2, "Control Channels", CHANNELS), (3, "CV Types", VERIFICATIONS)]
                {
                    let set = p.u8(at)?;
                    let names = bits(names, set.into(), ", ", "none");
                    put!(t, "\n\t\t  {what} (0x{set:02x}) = [{names}]");
                }
            }
            _ => t.unknown(p.from(2), size - 2, "\n\t\t  "),
        }
        parameters.skip(size);
    }
    Ok(())
}

//! Cisco's discovery protocol: the device, and with `-v` what it says of itself.

use crate::{
    bytes::{Bytes, Stop},
    dump,
    text::{Text, bits, put},
};

const HEADER: usize = 4;
const FIELD: usize = 4;
const DEVICE: usize = 1;

/// How a field is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It is not known.
    Unknown,
    /// It is known, and not shown.
    Silent,
    Quoted,
    Addresses,
    Capabilities,
    Lines,
    Prefixes,
    Number,
    Duplex,
    Voice,
    Power,
    Mtu,
    Byte,
    Location,
}

/// Names, forms, and the lengths that fields may have; by number.
const FIELDS: &[(&str, Form, usize, usize)] = &[
    ("unknown field type", Form::Unknown, 0, 0),
    ("Device-ID", Form::Quoted, 0, usize::MAX),
    ("Address", Form::Addresses, 0, usize::MAX),
    ("Port-ID", Form::Quoted, 0, usize::MAX),
    ("Capability", Form::Capabilities, 4, 4),
    ("Version String", Form::Lines, 0, usize::MAX),
    ("Platform", Form::Quoted, 0, usize::MAX),
    ("Prefixes", Form::Prefixes, 0, usize::MAX),
    ("Protocol-Hello option", Form::Silent, 0, usize::MAX),
    ("VTP Management Domain", Form::Quoted, 0, usize::MAX),
    ("Native VLAN ID", Form::Number, 2, 2),
    ("Duplex", Form::Duplex, 1, 1),
    ("unknown field type", Form::Silent, 0, usize::MAX),
    ("unknown field type", Form::Silent, 0, usize::MAX),
    ("ATA-186 VoIP VLAN assignment", Form::Voice, 3, 3),
    ("ATA-186 VoIP VLAN request", Form::Voice, 2, 3),
    ("power consumption", Form::Power, 1, 3),
    ("MTU", Form::Mtu, 4, 4),
    ("AVVID trust bitmap", Form::Byte, 1, 1),
    ("AVVID untrusted ports CoS", Form::Byte, 1, 1),
    ("System Name", Form::Quoted, 0, usize::MAX),
    ("System Object ID (not decoded)", Form::Silent, 0, usize::MAX),
    ("Management Addresses", Form::Addresses, 4, usize::MAX),
    ("Physical Location", Form::Location, 1, usize::MAX),
];

const CAPABILITIES: &[(u32, &str)] = &[
    (0x01, "Router"),
    (0x02, "Transparent Bridge"),
    (0x04, "Source Route Bridge"),
    (0x08, "L2 Switch"),
    (0x10, "L3 capable"),
    (0x20, "IGMP snooping"),
    (0x40, "L1 capable"),
];

pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "cdp";
    if length < HEADER {
        put!(t, " (packet length {length} < {HEADER})");
        return invalid(t, p, length);
    }
    put!(t, "CDPv{}, ttl: {}s", p.u8(0)?, p.u8(1)?);
    let checksum = p.u16(2)?;
    let verbose = t.style.verbose > 0;
    if verbose {
        put!(t, ", checksum: 0x{checksum:04x} (unverified), length {length}");
    }
    let mut at = HEADER;
    // Each field takes at least four bytes.
    while at < length {
        let left = length - at;
        if left < FIELD {
            put!(t, " (remaining packet length {left} < {FIELD})");
            return invalid(t, p.from(at), left);
        }
        let (kind, size) = (usize::from(p.u16(at)?), usize::from(p.u16(at + 2)?));
        let unknown = ("unknown field type", Form::Unknown, 0, usize::MAX);
        let (name, form, least, most) = FIELDS.get(kind).copied().unwrap_or(unknown);
        // Number 0 is inside the table, and without a printer there.
        let form = if kind == 0 { Form::Silent } else { form };
        let (least, most) = if kind == 0 { (0, usize::MAX) } else { (least, most) };
        if size < FIELD {
            let plural = if size == 1 { "" } else { "s" };
            if verbose {
                put!(t, "\n\t{name} (0x{kind:02x})");
                put!(t, ", TLV length: {size} byte{plural} (too short)");
            } else {
                put!(t, ", {name} TLV length {size} too short");
            }
            return invalid(t, p.from(at), left);
        }
        if size > left {
            put!(t, " (TLV length {size} > {left})");
            return invalid(t, p.from(at), left);
        }
        at += FIELD;
        let size = size - FIELD;
        if verbose {
            let plural = if size == 1 { "" } else { "s" };
            put!(t, "\n\t{name} (0x{kind:02x}), value length: {size} byte{plural}: ");
        } else if kind == DEVICE {
            put!(t, ", Device-ID ");
        }
        let value = p.from(at).limit(size);
        let malformed = form != Form::Unknown && (size < least || size > most);
        if malformed {
            put!(t, " (malformed TLV)");
        }
        if malformed || form == Form::Unknown || !verbose && kind != DEVICE {
            p.slice(at, size)?;
            dump::hex(value.all(), "\n\t  ", 0, t.out);
        } else {
            field(t, value, size, form)?;
        }
        at += size;
    }
    if !verbose {
        put!(t, ", length {length}");
    }
    Ok(())
}

fn invalid(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.invalid();
    p.slice(0, length)?;
    Ok(())
}

fn field(t: &mut Text<'_>, p: Bytes<'_>, size: usize, form: Form) -> Result<(), Stop> {
    match form {
        Form::Unknown | Form::Silent => {
            p.slice(0, size)?;
        }
        Form::Quoted => {
            put!(t, "'");
            t.string(p, size)?;
            put!(t, "'");
        }
        Form::Addresses => addresses(t, p, size)?,
        Form::Capabilities => {
            let value = p.u32(0)?;
            put!(t, "(0x{value:08x}): {}", bits(CAPABILITIES, value, ", ", "none"));
        }
        Form::Lines => {
            put!(t, "\n\t  ");
            for &byte in p.all() {
                match byte {
                    b'\n' => put!(t, "\n\t  "),
                    _ => t.character(byte),
                }
            }
            p.slice(0, size)?;
        }
        Form::Prefixes => prefixes(t, p, size)?,
        Form::Number => put!(t, "{}", p.u16(0)?),
        Form::Duplex => put!(t, "{}", if p.u8(0)? == 0 { "half" } else { "full" }),
        Form::Voice if size == 2 => put!(t, "unknown 0x{:04x}", p.u16(0)?),
        Form::Voice => put!(t, "app {}, vlan {}", p.u8(0)?, p.u16(1)?),
        Form::Power => {
            let milliwatts = p.slice(0, size)?.iter().fold(0, |n, &b| n << 8 | u32::from(b));
            put!(t, "{:.2}W", f64::from(milliwatts) / 1000.0);
        }
        Form::Mtu => put!(t, "{} bytes", p.u32(0)?),
        Form::Byte => put!(t, "0x{:02x}", p.u8(0)?),
        Form::Location => {
            put!(t, "0x{:02x}", p.u8(0)?);
            if size > 1 {
                put!(t, "/");
                t.string(p.from(1), size - 1)?;
            }
        }
    }
    Ok(())
}

fn prefixes(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    if !size.is_multiple_of(5) {
        put!(t, " [length {size} is not a multiple of 5]");
        p.slice(0, size)?;
        return Ok(());
    }
    put!(t, " IPv4 Prefixes ({}):", size / 5);
    for at in (0..size).step_by(5) {
        let [a, b, c, d, width] = p.array(at)?;
        put!(t, " {a}.{b}.{c}.{d}/{width}");
    }
    Ok(())
}

fn addresses(t: &mut Text<'_>, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    /// LLC and SNAP headers of IPv6.
    const IPV6: &[u8] = &[0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd];
    const IPV4: &[u8] = &[0xcc];
    let cut_off = |t: &mut Text<'_>, what: &str, at: usize| {
        put!(t, " (not enough space for {what})");
        p.slice(at, size - at).map(|_| ())
    };
    if size < 4 {
        return cut_off(t, "num", 0);
    }
    let mut left = p.u32(0)?;
    let mut at = 4;
    // Each address takes at least four bytes.
    while left > 0 {
        if size < at + 2 {
            return cut_off(t, "PT+PL", at);
        }
        let (kind, length) = (p.u8(at)?, usize::from(p.u8(at + 1)?));
        at += 2;
        if size < at + length + 2 {
            return cut_off(t, "P+AL", at);
        }
        let protocol = p.slice(at, length)?;
        let width = usize::from(p.u16(at + length)?);
        let start = at;
        at += length + 2;
        match (kind, protocol, width) {
            (1, IPV4, 4) | (2, IPV6, 16) => {
                if size < at + width {
                    return cut_off(t, "A", at);
                }
                match kind {
                    1 => put!(t, "IPv4 ({left}) {}", t.v4(p, at)?),
                    _ => put!(t, "IPv6 ({left}) {}", t.v6(p, at)?),
                }
            }
            _ => {
                put!(t, "pt=0x{kind:02x}, pl={length}, pb=");
                spaced(t, p, start, length)?;
                put!(t, ", al={width}, a=");
                if size < at + width {
                    return cut_off(t, "A", at);
                }
                spaced(t, p, at, width)?;
            }
        }
        at += width;
        left -= 1;
        if left > 0 {
            put!(t, " ");
        }
    }
    if size > at {
        put!(t, " ({} bytes of stray data)", size - at);
    }
    Ok(())
}

/// So many bytes, each with a space in front; what there is of them, where they are [cut](Stop::Cut).
fn spaced(t: &mut Text<'_>, p: Bytes<'_>, at: usize, length: usize) -> Result<(), Stop> {
    for byte in p.from(at).limit(length).all() {
        put!(t, " {byte:02x}");
    }
    p.slice(at, length).map(|_| ())
}

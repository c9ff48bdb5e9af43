//! Connectivity fault management (IEEE 802.1ag): messages, and with `-v` what they hold.

use crate::{
    assigned_numbers::FAMILIES,
    bytes::{Bytes, Stop},
    dump,
    ouis::OUIS,
    text::{Text, bits, name_of, put},
};

const HEADER: usize = 4;
const MESSAGES: &[(u8, &str)] = &[
    (CONTINUITY, "Continuity Check Message"),
    (2, "Loopback Reply"),
    (3, "Loopback Message"),
    (TRACE_REPLY, "Linktrace Reply"),
    (TRACE, "Linktrace Message"),
];
const CONTINUITY: u8 = 1;
const TRACE_REPLY: u8 = 4;
const TRACE: u8 = 5;

/// The intervals of continuity checks, in seconds.
const INTERVALS: [f32; 8] = [0.0, 0.003_333, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0];

const DOMAIN_FORMATS: &[(u8, &str)] = &[
    (0, "IEEE 802.1"),
    (NO_DOMAIN, "No MD Name present"),
    (2, "DNS string"),
    (3, "MAC + 16Bit Integer"),
    (4, "Character string"),
];
const NO_DOMAIN: u8 = 1;
const ASSOCIATION_FORMATS: &[(u8, &str)] = &[
    (0, "IEEE 802.1"),
    (1, "Primary VID"),
    (2, "Character string"),
    (3, "16Bit Integer"),
    (4, "RFC2685 VPN-ID"),
];

const TRACE_FLAGS: &[(u32, &str)] = &[(0x80, "Use Forwarding-DB only")];
const TRACE_REPLY_FLAGS: &[(u32, &str)] =
    &[(0x80, "UseFDB Only"), (0x40, "FwdYes"), (0x20, "Terminal MEP")];
const ACTIONS: &[(u8, &str)] = &[(1, "Exact Match"), (2, "Filtering DB"), (3, "MIP CCM DB")];

const FIELDS: &[(u8, &str)] = &[
    (END, "End"),
    (SENDER, "Sender ID"),
    (PORT, "Port status"),
    (INTERFACE, "Interface status"),
    (4, "Data"),
    (5, "Reply Ingress"),
    (6, "Reply Egress"),
    (ORGANIZATION, "Organization Specific"),
];
const END: u8 = 0;
const SENDER: u8 = 1;
const PORT: u8 = 2;
const INTERFACE: u8 = 3;
const ORGANIZATION: u8 = 31;

const PORTS: &[(u8, &str)] = &[(1, "Blocked"), (2, "Up")];
const INTERFACES: &[(u8, &str)] = &[
    (1, "Up"),
    (2, "Down"),
    (3, "Testing"),
    (5, "Dormant"),
    (6, "not present"),
    (7, "lower Layer down"),
];
const CHASSIS: &[(u8, &str)] = &[
    (0, "Reserved"),
    (1, "Chassis component"),
    (2, "Interface alias"),
    (3, "Port component"),
    (4, "MAC address"),
    (5, "Network address"),
    (6, "Interface name"),
    (7, "Locally assigned"),
];

/// Prints message, level and length; with `-v` the message.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "cfm";
    if length < HEADER {
        too_short(t);
        return Ok(());
    }
    p.need(0, HEADER)?;
    let (level, version) = (p.u8(0)? >> 5, p.u8(0)? & 0x1f);
    if version != 0 {
        put!(t, "CFMv{version} not supported, length {length}");
        return Ok(());
    }
    let kind = p.u8(1)?;
    let name = name_of(MESSAGES, kind);
    let name = name.map_or_else(|| format!("unknown ({kind})"), Into::into);
    put!(t, "CFMv0 {name}, MD Level {level}, length {length}");
    if t.style.verbose == 0 {
        return Ok(());
    }
    let (flags, first) = (p.u8(2)?, usize::from(p.u8(3)?));
    put!(t, "\n\tFirst TLV offset {first}");
    let (p, length) = (p.from(HEADER), length - HEADER);
    if first > length {
        put!(t, " (too large, must be <= {length})");
        return Ok(());
    }
    let known = match kind {
        CONTINUITY => Some((1, 70)),
        TRACE => Some((4, 17)),
        TRACE_REPLY => Some((5, 6)),
        _ => None,
    };
    if let Some((number, size)) = known {
        if first < size {
            put!(t, " (too small {number}, must be >= {size})");
            return Ok(());
        }
        p.need(0, size)?;
    }
    match kind {
        CONTINUITY => {
            if !continuity(t, p, flags)? {
                return Ok(());
            }
        }
        TRACE => {
            put!(t, ", Flags [{}]", bits(TRACE_FLAGS, flags.into(), ", ", "none"));
            put!(t, "\n\t  Transaction-ID 0x{:08x}, ttl {}", p.u32(0)?, p.u8(4)?);
            let (origin, target) = (t.link(p.slice(5, 6)?), t.link(p.slice(11, 6)?));
            put!(t, "\n\t  Original-MAC {origin}, Target-MAC {target}");
        }
        TRACE_REPLY => {
            put!(t, ", Flags [{}]", bits(TRACE_REPLY_FLAGS, flags.into(), ", ", "none"));
            put!(t, "\n\t  Transaction-ID 0x{:08x}, ttl {}", p.u32(0)?, p.u8(4)?);
            let action = p.u8(5)?;
            let name = name_of(ACTIONS, action).unwrap_or("Unknown");
            put!(t, "\n\t  Replay-Action {name} ({action})");
        }
        _ => t.unknown(p, length - first, "\n\t  "),
    }
    fields(t, p.from(first), length - first)
}

fn too_short(t: &mut Text<'_>) {
    put!(t, "\n\t\t packet is too short");
}

/// Prints a continuity check; `false` where a name is too long, which ends the message.
fn continuity(t: &mut Text<'_>, p: Bytes<'_>, flags: u8) -> Result<bool, Stop> {
    const NAMES: usize = 6;
    /// How many bytes there are for both names, with their formats and lengths.
    const ROOM: usize = 48;
    let interval = flags & 7;
    let defect = if flags & 0x80 == 0 { "" } else { ", RDI" };
    put!(t, ", Flags [CCM Interval {interval}{defect}]");
    if let Some(&seconds) = INTERVALS.get(usize::from(interval)).filter(|_| interval > 0) {
        let seconds = f64::from(seconds);
        put!(t, "\n\t  CCM Interval {seconds:.3}s");
        put!(t, ", min CCM Lifetime {:.3}s", seconds * 3.25);
        put!(t, ", max CCM Lifetime {:.3}s", seconds * 3.5);
    }
    put!(t, "\n\t  Sequence Number 0x{:08x}, MA-End-Point-ID 0x{:04x}", p.u32(0)?, p.u16(4)?);
    let names = p.from(NAMES);
    let format = names.u8(0)?;
    let name = name_of(DOMAIN_FORMATS, format).unwrap_or("Unknown");
    put!(t, "\n\t  MD Name Format {name} ({format})");
    let mut at = 1;
    if format != NO_DOMAIN {
        let size = usize::from(names.u8(1)?);
        put!(t, ", MD Name length {size}");
        at = 2;
        // Format, length and a byte of the other name need room.
        if size > ROOM - at - 3 {
            put!(t, " (too large, must be <= {})", ROOM - at - 2);
            return Ok(false);
        }
        put!(t, "\n\t  MD Name: ");
        let name = names.from(at);
        match format {
            2 | 4 => t.padded(name, size)?,
            3 if size == 6 => put!(t, "\n\t  MAC {}", t.link(name.slice(0, 6)?)),
            3 => put!(t, "\n\t  MAC (length invalid)"),
            _ => t.unknown(name, size, "\n\t    "),
        }
        at += size;
    }
    let (format, size) = (names.u8(at)?, usize::from(names.u8(at + 1)?));
    at += 2;
    let name = name_of(ASSOCIATION_FORMATS, format).unwrap_or("Unknown");
    put!(t, "\n\t  MA Name-Format {name} ({format}), MA name length {size}");
    if size > ROOM - at {
        put!(t, " (too large, must be <= {})", ROOM - at);
        return Ok(false);
    }
    put!(t, "\n\t  MA Name: ");
    match format {
        2 => t.padded(names.from(at), size)?,
        _ => t.unknown(names.from(at), size, "\n\t    "),
    }
    Ok(true)
}

/// What follows the head of a message.
fn fields(t: &mut Text<'_>, mut p: Bytes<'_>, mut left: usize) -> Result<(), Stop> {
    const HEAD: usize = 3;
    while left > 0 {
        let kind = p.u8(0)?;
        put!(t, "\n\t{} TLV (0x{kind:02x})", name_of(FIELDS, kind).unwrap_or("Unknown"));
        if kind == END {
            return Ok(());
        }
        if left < HEAD {
            too_short(t);
            return Ok(());
        }
        p.need(0, HEAD)?;
        let size = usize::from(p.u16(1)?);
        put!(t, ", length {size}");
        (p, left) = (p.from(HEAD), left - HEAD);
        if left < size {
            too_short(t);
            return Ok(());
        }
        p.need(0, size)?;
        let least = match kind {
            PORT | INTERFACE => 1,
            ORGANIZATION => 4,
            _ => 0,
        };
        if size < least {
            put!(t, " (too short, must be >= {least})");
            return Ok(());
        }
        let mut dumped = t.style.verbose > 1;
        let (mut used, mut rest) = (0, size);
        match kind {
            PORT | INTERFACE => {
                let status = p.u8(0)?;
                let names = if kind == PORT { PORTS } else { INTERFACES };
                put!(t, ", Status: {} ({status})", name_of(names, status).unwrap_or("Unknown"));
            }
            ORGANIZATION => {
                let vendor = p.u24(0)?;
                let name = name_of(OUIS, vendor).unwrap_or("Unknown");
                put!(t, ", Vendor: {name} ({vendor}), Sub-Type {}", p.u8(3)?);
                dumped = true;
            }
            SENDER => {
                let mut field = Sender { p, used: 0, left: size };
                match field.print(t)? {
                    After::Dump => dumped = true,
                    After::Plain => {}
                    After::NoDump => dumped = false,
                    After::Nothing => return Ok(()),
                }
                (used, rest) = (field.used, field.left);
            }
            _ => dumped = true,
        }
        // As in tcpdump, from the field's beginning, but no more than was not taken of it.
        if dumped {
            t.unknown(p, rest, "\n\t  ");
        }
        (p, left) = (p.from(used + rest), left.saturating_sub(used + rest));
    }
    Ok(())
}

/// What follows a sender's field.
enum After {
    /// Its bytes.
    Dump,
    /// Its bytes where they are shown of all fields.
    Plain,
    /// The next field.
    NoDump,
    /// Nothing more of the message.
    Nothing,
}

/// Who sent a message (IEEE 802.1Q, section 21.5.3).
struct Sender<'a> {
    p: Bytes<'a>,
    /// How many bytes have been taken, and how many of the field are left.
    used: usize,
    left: usize,
}

impl Sender<'_> {
    fn print(&mut self, t: &mut Text<'_>) -> Result<After, Stop> {
        let too_short = |t: &mut Text<'_>| put!(t, "\n\t  (TLV too short)");
        let mut after = After::Plain;
        if self.left < 1 {
            put!(t, " (too short, must be >= 1)");
            return Ok(After::NoDump);
        }
        let size = usize::from(self.byte()?);
        if size > 0 {
            if self.left < 1 {
                too_short(t);
                return Ok(After::NoDump);
            }
            // Where the field is too short for the name, tcpdump goes on with its kind.
            let kind = self.p.u8(self.used)?;
            self.left -= 1;
            let name = name_of(CHASSIS, kind).unwrap_or("Unknown");
            put!(t, "\n\t  Chassis-ID Type {name} ({kind}), Chassis-ID length {size}");
            if self.left < size {
                too_short(t);
                return Ok(After::NoDump);
            }
            if chassis(t, kind, self.p.from(self.used + 1), size)? {
                after = After::Dump;
            }
            self.left -= size;
            self.used += 1 + size;
        }
        if self.left == 0 {
            return Ok(after);
        }
        let size = usize::from(self.byte()?);
        put!(t, "\n\t  Management Address Domain Length {size}");
        if size == 0 {
            return Ok(after);
        }
        if self.left < size {
            too_short(t);
            return Ok(After::NoDump);
        }
        self.bytes(t, "\n\t  Management Address Domain: ", size);
        if self.left < 1 {
            put!(t, " (Management Address Length is missing)");
            return Ok(After::Dump);
        }
        let size = usize::from(self.byte()?);
        put!(t, "\n\t  Management Address Length {size}");
        if size > 0 {
            if self.left < size {
                too_short(t);
                return Ok(After::Nothing);
            }
            self.bytes(t, "\n\t  Management Address: ", size);
        }
        Ok(after)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = self.p.u8(self.used)?;
        self.used += 1;
        self.left -= 1;
        Ok(byte)
    }

    fn bytes(&mut self, t: &mut Text<'_>, lead: &str, size: usize) {
        dump::hex(self.p.from(self.used).limit(size).all(), lead, 0, t.out);
        self.used += size;
        self.left -= size;
    }
}

/// Prints the name of a chassis; `true` where it is shown as bytes.
fn chassis(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, size: usize) -> Result<bool, Stop> {
    match kind {
        1..=3 | 6 | 7 => t.padded(p, size)?,
        4 if size == 6 => put!(t, "\n\t  MAC {}", t.link(p.slice(0, 6)?)),
        4 => {
            put!(t, " (invalid MAC address length)");
            return Ok(true);
        }
        5 => {
            let family = p.u8(0)?;
            let name = name_of(FAMILIES, family.into()).unwrap_or("Unknown");
            put!(t, "\n\t  Network Address Type {name} ({family})");
            let (version, right) = match family {
                1 => ("IPv4", 5),
                2 => ("IPv6", 17),
                _ => return Ok(true),
            };
            if size != right {
                put!(t, "(invalid {version} address length {})", size - 1);
                return Ok(true);
            }
            match family {
                1 => put!(t, ", {}", t.v4(p, 1)?),
                _ => put!(t, ", {}", t.v6(p, 1)?),
            }
        }
        _ => return Ok(true),
    }
    Ok(false)
}

//! DHCP options (RFC 2132 and its successors).

use crate::{
    bytes::{Bytes, Stop},
    dump,
    text::{Text, name_of, put, put_name},
};

/// How an option's value is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Nothing,
    Addresses,
    Signed,
    Words,
    Text,
    Shorts,
    Flags,
    Pairs,
    Bytes,
    /// In a way of its own.
    Own,
}

use Form::{Addresses, Bytes as Octets, Flags, Nothing, Own, Pairs, Shorts, Signed, Words};

const PAD: u8 = 0;
const END: u8 = 255;
const NETBIOS_NODE: u8 = 46;
const OVERLOAD: u8 = 52;
const MESSAGE: u8 = 53;
const PARAMETERS: u8 = 55;
const CLIENT_ID: u8 = 61;
const USER_CLASS: u8 = 77;
const CLIENT_NAME: u8 = 81;
const AGENT: u8 = 82;
const ROUTES: u8 = 121;
const ROUTES_MICROSOFT: u8 = 249;

#[rustfmt::skip]
const OPTIONS: &[(u8, Form, &str)] = &[
    (0, Nothing, "PAD"),
    (1, Addresses, "Subnet-Mask"),
    (2, Signed, "Time-Zone"),
    (3, Addresses, "Default-Gateway"),
    (4, Addresses, "Time-Server"),
    (5, Addresses, "IEN-Name-Server"),
    (6, Addresses, "Domain-Name-Server"),
    (7, Addresses, "LOG"),
    (8, Addresses, "CS"),
    (9, Addresses, "LPR-Server"),
    (10, Addresses, "IM"),
    (11, Addresses, "RL"),
    (12, Form::Text, "Hostname"),
    (13, Shorts, "BS"),
    (14, Form::Text, "DP"),
    (15, Form::Text, "Domain-Name"),
    (16, Addresses, "SS"),
    (17, Form::Text, "RP"),
    (18, Form::Text, "EP"),
    (19, Flags, "IPF"),
    (20, Flags, "SRT"),
    (21, Pairs, "PF"),
    (22, Shorts, "RSZ"),
    (23, Octets, "TTL"),
    (24, Words, "MTU-Timeout"),
    (25, Shorts, "MTU-Table"),
    (26, Shorts, "MTU"),
    (27, Flags, "LSN"),
    (28, Addresses, "BR"),
    (29, Flags, "MD"),
    (30, Flags, "MS"),
    (31, Flags, "Router-Discovery"),
    (32, Addresses, "RSA"),
    (33, Pairs, "Static-Route"),
    (34, Flags, "UT"),
    (35, Words, "AT"),
    (36, Flags, "IE"),
    (37, Octets, "TT"),
    (38, Words, "KI"),
    (39, Flags, "KG"),
    (40, Form::Text, "YD"),
    (41, Addresses, "YS"),
    (42, Addresses, "NTP"),
    (43, Octets, "Vendor-Option"),
    (44, Addresses, "Netbios-Name-Server"),
    (45, Addresses, "WDD"),
    (46, Own, "Netbios-Node"),
    (47, Form::Text, "Netbios-Scope"),
    (48, Addresses, "XFS"),
    (49, Addresses, "XDM"),
    (50, Addresses, "Requested-IP"),
    (51, Words, "Lease-Time"),
    (52, Own, "OO"),
    (53, Nothing, "DHCP-Message"),
    (54, Addresses, "Server-ID"),
    (55, Octets, "Parameter-Request"),
    (56, Form::Text, "MSG"),
    (57, Shorts, "MSZ"),
    (58, Words, "RN"),
    (59, Words, "RB"),
    (60, Form::Text, "Vendor-Class"),
    (61, Own, "Client-ID"),
    (64, Shorts, "N+D"),
    (65, Addresses, "N+S"),
    (66, Form::Text, "TFTP"),
    (67, Form::Text, "BF"),
    (68, Addresses, "MH"),
    (69, Addresses, "SMTP"),
    (70, Addresses, "POP3"),
    (71, Addresses, "NNTP"),
    (72, Addresses, "WWW"),
    (73, Addresses, "FG"),
    (74, Addresses, "IRC"),
    (75, Addresses, "STS"),
    (76, Addresses, "STDA"),
    (77, Own, "User-Class"),
    (78, Octets, "SLP-DA"),
    (79, Octets, "SLP-SCOPE"),
    (80, Form::Text, "SLP-NA"),
    (81, Own, "FQDN"),
    (82, Own, "Agent-Information"),
    (83, Octets, "ARMT"),
    (88, Form::Text, "TZSTR"),
    (89, Octets, "FQDNS"),
    (90, Octets, "AUTH"),
    (91, Signed, "Last-Transaction-Time"),
    (92, Addresses, "Associated-IP"),
    (93, Shorts, "ARCH"),
    (94, Octets, "NDI"),
    (95, Form::Text, "LDAP"),
    (97, Octets, "GUID"),
    (98, Form::Text, "UAP"),
    (100, Form::Text, "POSIX-TZ"),
    (101, Form::Text, "TZ-Name"),
    (112, Addresses, "NI"),
    (113, Form::Text, "NITAG"),
    (114, Form::Text, "URL"),
    (116, Flags, "NOAUTO"),
    (117, Shorts, "NSSEARCH"),
    (118, Addresses, "SUBNET"),
    (121, Own, "Classless-Static-Route"),
    (150, Addresses, "TFTP-Server-Address"),
    (161, Form::Text, "MUD-URL"),
    (249, Own, "Classless-Static-Route-Microsoft"),
    (255, Nothing, "END"),
];

const MESSAGES: &[(u8, &str)] = &[
    (1, "Discover"),
    (2, "Offer"),
    (3, "Request"),
    (4, "Decline"),
    (5, "ACK"),
    (6, "NACK"),
    (7, "Release"),
    (8, "Inform"),
    (10, "LeaseQuery"),
    (11, "LeaseUnassigned"),
    (12, "LeaseUnknown"),
    (13, "LeaseActive"),
];

const NODES: &[(u8, &str)] = &[(1, "b-node"), (2, "p-node"), (4, "m-node"), (8, "h-node")];

const OVERLOADS: &[(u8, &str)] = &[(1, "file"), (2, "sname"), (3, "file+sname")];

const HARDWARE: &[(u8, &str)] =
    &[(1, "ether"), (6, "ieee802"), (7, "arcnet"), (15, "frelay"), (23, "strip"), (24, "ieee1394")];

const AGENT_OPTIONS: &[(u8, &str)] = &[(1, "Circuit-ID"), (2, "Remote-ID"), (6, "Subscriber-ID")];

fn option(number: u8) -> (Form, &'static str) {
    match OPTIONS.iter().find(|(n, _, _)| *n == number) {
        Some((_, form, name)) => (*form, name),
        None => (Nothing, "Unknown"),
    }
}

/// Prints the options behind the cookie.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, cookie: u32) -> Result<(), Stop> {
    put!(t, "\n\t  Vendor-rfc1048 Extensions\n\t    Magic Cookie 0x{cookie:08x}");
    let all = t.style.verbose > 2;
    let mut at = 0;
    // Each option takes at least one byte.
    while p.has(at, 1) {
        let number = p.u8(at)?;
        at += 1;
        if number == PAD && !all {
            continue;
        }
        if number == END && !all {
            break;
        }
        let (form, name) = option(number);
        let mut length = 0;
        if !matches!(number, PAD | END) {
            length = usize::from(p.u8(at)?);
            at += 1;
        }
        let colon = if length > 0 { ": " } else { "" };
        put!(t, "\n\t    {name} ({number}), length {length}{colon}");
        if number == PAD {
            let more = p.from(at).all().iter().take_while(|&&byte| byte == PAD).count();
            at += more;
            if more > 0 {
                put!(t, ", occurs {}", more + 1);
            }
        }
        let value = Bytes::new(p.slice(at, length).or(Err(Stop::Short))?);
        at += length;
        match number {
            MESSAGE if length == 1 => {
                let kind = value.u8(0)?;
                put_name!(t, MESSAGES, kind, "Unknown ({kind})");
                continue;
            }
            PARAMETERS => {
                for (index, &number) in value.all().iter().enumerate() {
                    put!(t, "{}", if index % 4 == 0 { "\n\t      " } else { ", " });
                    put!(t, "{} ({number})", option(number).1);
                }
                continue;
            }
            _ => {}
        }
        let used = match form {
            Own => own(t, number, value)?,
            _ => plain(t, form, number, value)?,
        };
        if used < length {
            put!(t, "\n\t  trailing data length {}", length - used);
        }
    }
    Ok(())
}

/// A list of values of one kind. Says how many bytes were shown.
fn plain(t: &mut Text<'_>, form: Form, number: u8, p: Bytes<'_>) -> Result<usize, Stop> {
    // What has no name is shown by its size.
    let form = match (form, p.len()) {
        _ if OPTIONS.iter().any(|(n, _, _)| *n == number) => form,
        (_, length) if length & 1 == 1 => Octets,
        (_, length) if length & 2 == 2 => Shorts,
        _ => Words,
    };
    let size = match form {
        Form::Text => {
            put!(t, "\"");
            t.characters(p.all());
            put!(t, "\"");
            return Ok(p.len());
        }
        Addresses | Signed | Words => 4,
        Pairs => 8,
        Shorts => 2,
        Flags | Octets | Nothing | Own => 1,
    };
    let count = p.len() / size;
    for index in 0..count {
        let at = index * size;
        if index > 0 {
            put!(t, "{}", if matches!(form, Octets | Nothing) { "." } else { "," });
        }
        match form {
            Addresses => put!(t, "{}", t.v4(p, at)?),
            Signed => put!(t, "{}", p.u32(at)?.cast_signed()),
            Words => put!(t, "{}", p.u32(at)?),
            Pairs => put!(t, "({}:{})", t.v4(p, at)?, t.v4(p, at + 4)?),
            Shorts => put!(t, "{}", p.u16(at)?),
            Flags => match p.u8(at)? {
                0 => put!(t, "N"),
                1 => put!(t, "Y"),
                other => put!(t, "{other}?"),
            },
            Octets | Nothing | Own | Form::Text => put!(t, "{}", p.u8(at)?),
        }
    }
    Ok(count * size)
}

/// Options that are shown in ways of their own. Says how many bytes were shown.
fn own(t: &mut Text<'_>, number: u8, p: Bytes<'_>) -> Result<usize, Stop> {
    let least = match number {
        NETBIOS_NODE | OVERLOAD | CLIENT_ID => 1,
        USER_CLASS => 2,
        CLIENT_NAME => 3,
        ROUTES | ROUTES_MICROSOFT => 5,
        _ => 0,
    };
    if p.len() < least {
        put!(t, "[ERROR: length < {least} bytes]");
        return Ok(p.len());
    }
    match number {
        NETBIOS_NODE => {
            let kind = p.u8(0)?;
            put_name!(t, NODES, kind, "#{kind}");
            Ok(1)
        }
        OVERLOAD => {
            let kind = p.u8(0)?;
            put_name!(t, OVERLOADS, kind, "#{kind}");
            Ok(1)
        }
        CLIENT_NAME => client_name(t, p),
        CLIENT_ID => client_id(t, p),
        AGENT => agent(t, p),
        ROUTES | ROUTES_MICROSOFT => routes(t, p),
        USER_CLASS => user_class(t, p),
        _ => Ok(p.len()),
    }
}

/// RFC 4702.
fn client_name(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    let flags = p.u8(0)?;
    if flags & 0xf0 != 0 {
        put!(t, "[ERROR: MBZ nibble 0x{:x} != 0] ", flags >> 4);
    }
    if flags & 0x0f != 0 {
        put!(t, "[");
        for (bit, name) in [(1, "S"), (2, "O"), (4, "E"), (8, "N")] {
            if flags & bit != 0 {
                put!(t, "{name}");
            }
        }
        put!(t, "] ");
    }
    let (forward, backward) = (p.u8(1)?, p.u8(2)?);
    if forward != 0 || backward != 0 {
        put!(t, "{forward}/{backward} ");
    }
    put!(t, "\"");
    t.characters(p.from(3).all());
    put!(t, "\"");
    Ok(p.len())
}

fn client_id(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    let kind = p.u8(0)?;
    if kind == 0 {
        put!(t, "\"");
        t.characters(p.from(1).all());
        put!(t, "\"");
    } else {
        put_name!(t, HARDWARE, kind, "hardware-type {kind},");
        put!(t, " ");
        for (index, byte) in p.from(1).all().iter().enumerate() {
            put!(t, "{}{byte:02x}", if index > 0 { ":" } else { "" });
        }
    }
    Ok(p.len())
}

/// What a relay adds (RFC 3046).
fn agent(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    let mut at = 0;
    // Each sub-option takes at least two bytes.
    while p.has(at, 2) {
        let (number, length) = (p.u8(at)?, usize::from(p.u8(at + 1)?));
        at += 2;
        let name = name_of(AGENT_OPTIONS, number).unwrap_or("Unknown");
        put!(t, "\n\t      {name} SubOption {number}, length {length}: ");
        let Ok(value) = p.slice(at, length) else {
            put!(t, "length goes past end of option");
            return Ok(p.len());
        };
        match name {
            "Unknown" => dump::hex(value, "\n\t\t", 0, t.out),
            _ => t.characters(value),
        }
        at += length;
    }
    Ok(at)
}

/// RFC 3442.
fn routes(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    let mut at = 0;
    // Each route takes at least five bytes.
    while at < p.len() {
        if at > 0 {
            put!(t, ",");
        }
        let width = p.u8(at)?;
        at += 1;
        if width > 32 {
            put!(t, "[ERROR: Mask width ({width}) > 32]");
            return Ok(p.len());
        }
        let octets = usize::from(width).div_ceil(8);
        let left = p.len() - at;
        if left < octets + 4 {
            put!(t, "[ERROR: Remaining length ({left}) < {} bytes]", octets + 4);
            return Ok(p.len());
        }
        put!(t, "(");
        if width == 0 {
            put!(t, "default");
        } else {
            for index in 0..4 {
                let byte = if index < octets { p.u8(at + index)? } else { 0 };
                put!(t, "{}{byte}", if index > 0 { "." } else { "" });
            }
            put!(t, "/{width}");
        }
        put!(t, ":{})", t.v4(p, at + octets)?);
        at += octets + 4;
    }
    Ok(at)
}

/// RFC 3004.
fn user_class(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    let (mut at, mut instance) = (0, 1);
    // Each class takes at least two bytes.
    while at < p.len() {
        let length = usize::from(p.u8(at)?);
        at += 1;
        put!(t, "\n\t      instance#{instance}: ");
        if length == 0 {
            put!(t, "[ERROR: suboption length must be non-zero]");
            return Ok(p.len());
        }
        let Ok(value) = p.slice(at, length) else {
            put!(t, "[ERROR: invalid option]");
            return Ok(p.len());
        };
        put!(t, "\"");
        t.characters(value);
        put!(t, "\", length {length}");
        instance += 1;
        at += length;
    }
    Ok(at)
}

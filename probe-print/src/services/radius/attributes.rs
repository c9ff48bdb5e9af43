//! The attributes of RADIUS (RFC 2865, 2866, 2868, 2869, 3162, 4675, 5090, 5176, 5447, 5580).
//!
//! Longer than other files: half of it is the table of the attributes.

use super::names;
use crate::{
    address::V6,
    bytes::{Bytes, Fields, Stop},
    dump,
    link::eapol,
    services::ntp,
    text::{Text, bits, name_of, put, put_name},
};

/// How a value is shown.
#[derive(Clone, Copy)]
enum Form {
    /// It is not.
    Silent,
    Text,
    Number,
    /// A number that has a name.
    Named(&'static [&'static str]),
    Address,
    Address6,
    Prefix6,
    Time,
    Vendor,
    /// In a way of its own.
    Own,
}
use Form::{Address, Address6, Named, Number, Own, Prefix6, Silent, Text as Words, Time, Vendor};

/// Names and forms, by number.
const ATTRIBUTES: [(&str, Form); 130] = [
    ("Unknown", Silent),
    ("User-Name", Words),
    ("User-Password", Silent),
    ("CHAP-Password", Silent),
    ("NAS-IP-Address", Address),
    ("NAS-Port", Number),
    ("Service-Type", Named(names::SERVICES)),
    ("Framed-Protocol", Named(names::PROTOCOLS)),
    ("Framed-IP-Address", Address),
    ("Framed-IP-Netmask", Address),
    ("Framed-Routing", Named(names::ROUTINGS)),
    ("Filter-Id", Words),
    ("Framed-MTU", Number),
    ("Framed-Compression", Named(names::COMPRESSIONS)),
    ("Login-IP-Host", Address),
    ("Login-Service", Named(names::LOGINS)),
    ("Login-TCP-Port", Number),
    ("Unassigned", Silent),
    ("Reply-Message", Words),
    ("Callback-Number", Words),
    ("Callback-Id", Words),
    ("Unassigned", Silent),
    ("Framed-Route", Words),
    ("Framed-IPX-Network", Number),
    ("State", Words),
    ("Class", Words),
    ("Vendor-Specific", Vendor),
    ("Session-Timeout", Number),
    ("Idle-Timeout", Number),
    ("Termination-Action", Named(names::ACTIONS)),
    ("Called-Station-Id", Words),
    ("Calling-Station-Id", Words),
    ("NAS-Identifier", Words),
    ("Proxy-State", Words),
    ("Login-LAT-Service", Words),
    ("Login-LAT-Node", Words),
    ("Login-LAT-Group", Words),
    ("Framed-AppleTalk-Link", Number),
    ("Framed-AppleTalk-Network", Number),
    ("Framed-AppleTalk-Zone", Words),
    ("Acct-Status-Type", Named(names::STATUSES)),
    ("Acct-Delay-Time", Number),
    ("Acct-Input-Octets", Number),
    ("Acct-Output-Octets", Number),
    ("Acct-Session-Id", Words),
    ("Acct-Authentic", Named(names::AUTHENTICATIONS)),
    ("Acct-Session-Time", Number),
    ("Acct-Input-Packets", Number),
    ("Acct-Output-Packets", Number),
    ("Acct-Terminate-Cause", Named(names::TERMINATIONS)),
    ("Acct-Multi-Session-Id", Words),
    ("Acct-Link-Count", Number),
    ("Acct-Input-Gigawords", Number),
    ("Acct-Output-Gigawords", Number),
    ("Unassigned", Silent),
    ("Event-Timestamp", Time),
    ("Egress-VLANID", Number),
    ("Ingress-Filters", Named(names::FILTERS)),
    ("Egress-VLAN-Name", Words),
    ("User-Priority-Table", Silent),
    ("CHAP-Challenge", Words),
    ("NAS-Port-Type", Named(names::PORTS)),
    ("Port-Limit", Number),
    ("Login-LAT-Port", Words),
    ("Tunnel-Type", Named(names::TUNNELS)),
    ("Tunnel-Medium-Type", Named(names::MEDIA)),
    ("Tunnel-Client-Endpoint", Words),
    ("Tunnel-Server-Endpoint", Words),
    ("Acct-Tunnel-Connection", Words),
    ("Tunnel-Password", Words),
    ("ARAP-Password", Own),
    ("ARAP-Features", Own),
    ("ARAP-Zone-Access", Named(names::ZONES)),
    ("ARAP-Security", Words),
    ("ARAP-Security-Data", Words),
    ("Password-Retry", Number),
    ("Prompt", Named(names::PROMPTS)),
    ("Connect-Info", Words),
    ("Configuration-Token", Words),
    ("EAP-Message", Words),
    ("Message-Authenticator", Words),
    ("Tunnel-Private-Group-ID", Words),
    ("Tunnel-Assignment-ID", Words),
    ("Tunnel-Preference", Number),
    ("ARAP-Challenge-Response", Own),
    ("Acct-Interim-Interval", Number),
    ("Acct-Tunnel-Packets-Lost", Number),
    ("NAS-Port-Id", Words),
    ("Framed-Pool", Words),
    ("CUI", Words),
    ("Tunnel-Client-Auth-ID", Words),
    ("Tunnel-Server-Auth-ID", Words),
    ("NAS-Filter-Rule", Words),
    ("Unassigned", Silent),
    ("Originating-Line-Info", Silent),
    ("NAS-IPv6-Address", Address6),
    ("Framed-Interface-ID", Silent),
    ("Framed-IPv6-Prefix", Prefix6),
    ("Login-IPv6-Host", Address6),
    ("Framed-IPv6-Route", Words),
    ("Framed-IPv6-Pool", Words),
    ("Error-Cause", Own),
    ("EAP-Key-Name", Silent),
    ("Digest-Response", Words),
    ("Digest-Realm", Words),
    ("Digest-Nonce", Words),
    ("Digest-Response-Auth", Words),
    ("Digest-Nextnonce", Words),
    ("Digest-Method", Words),
    ("Digest-URI", Words),
    ("Digest-Qop", Words),
    ("Digest-Algorithm", Words),
    ("Digest-Entity-Body-Hash", Words),
    ("Digest-CNonce", Words),
    ("Digest-Nonce-Count", Words),
    ("Digest-Username", Words),
    ("Digest-Opaque", Words),
    ("Digest-Auth-Param", Words),
    ("Digest-AKA-Auts", Words),
    ("Digest-Domain", Words),
    ("Digest-Stale", Words),
    ("Digest-HA1", Words),
    ("SIP-AOR", Words),
    ("Delegated-IPv6-Prefix", Prefix6),
    ("MIP6-Feature-Vector", Own),
    ("MIP6-Home-Link-Prefix", Own),
    ("Operator-Name", Own),
    ("Location-Information", Own),
    ("Location-Data", Own),
    ("Basic-Location-Policy-Rules", Own),
];

const FRAMED_ADDRESS: u8 = 8;
const LOGIN_HOST: u8 = 14;
const FRAMED_IPX: u8 = 23;
const SESSION_TIMEOUT: u8 = 27;
const IDLE_TIMEOUT: u8 = 28;
const APPLETALK_LINK: u8 = 37;
const APPLETALK_NETWORK: u8 = 38;
const DELAY: u8 = 41;
const SESSION_TIME: u8 = 46;
const VLAN: u8 = 56;
const VLAN_NAME: u8 = 58;
const TUNNEL_KIND: u8 = 64;
const TUNNEL_MEDIUM: u8 = 65;
const TUNNEL_CLIENT: u8 = 66;
const TUNNEL_SERVER: u8 = 67;
const TUNNEL_PASSWORD: u8 = 69;
const ARAP_PASSWORD: u8 = 70;
const ARAP_FEATURES: u8 = 71;
const EAP: u8 = 79;
const TUNNEL_GROUP: u8 = 81;
const TUNNEL_ASSIGNMENT: u8 = 82;
const TUNNEL_PREFERENCE: u8 = 83;
const ARAP_RESPONSE: u8 = 84;
const INTERVAL: u8 = 85;
const CLIENT_AUTHENTICATION: u8 = 90;
const SERVER_AUTHENTICATION: u8 = 91;
const ERROR_CAUSE: u8 = 101;
const FEATURES: u8 = 124;
const HOME_PREFIX: u8 = 125;
const OPERATOR: u8 = 126;
const LOCATION: u8 = 127;
const LOCATION_DATA: u8 = 128;

const TAGGED: &[(u8, &str)] = &[(0x31, "Tagged"), (0x32, "Untagged")];
const OPERATORS: &[(u8, &str)] = &[(0x30, "TADIG"), (0x31, "REALM"), (0x32, "E212"), (0x33, "ICC")];
const POLICY: &[(u32, &str)] = &[
    (0x0001, "MBZ-15"),
    (0x0002, "MBZ-14"),
    (0x0004, "MBZ-13"),
    (0x0008, "MBZ-12"),
    (0x0010, "MBZ-11"),
    (0x0020, "MBZ-10"),
    (0x0040, "MBZ-9"),
    (0x0080, "MBZ-8"),
    (0x0100, "MBZ-7"),
    (0x0200, "MBZ-6"),
    (0x0400, "MBZ-5"),
    (0x0800, "MBZ-4"),
    (0x1000, "MBZ-3"),
    (0x2000, "MBZ-2"),
    (0x4000, "MBZ-1"),
    (0x8000, "Retransmission Allowed"),
];

pub(super) fn print(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<(), Stop> {
    const HEADER: usize = 2;
    while fields.left() > 0 {
        let p = fields.rest();
        fields.claimed(HEADER)?;
        p.need(0, HEADER)?;
        let (kind, size) = (p.u8(0)?, usize::from(p.u8(1)?));
        let (name, form) =
            ATTRIBUTES.get(usize::from(kind)).copied().unwrap_or(("Unknown", Silent));
        put!(t, "\n\t  {name} Attribute ({kind}), length: {size}");
        if size < HEADER {
            put!(t, " (bogus, must be >= 2)");
            return Ok(());
        }
        if size > fields.left() {
            put!(t, " (bogus, goes past end of packet)");
            return Ok(());
        }
        put!(t, ", Value: ");
        let value = p.from(HEADER);
        if size > HEADER {
            t.part(|t| attribute(t, kind, form, value, size - HEADER))?;
        }
        if t.style.verbose > 1 {
            t.unknown(value, size - HEADER, "\n\t    ");
        }
        fields.skip(size);
    }
    Ok(())
}

/// Prints a value of so many bytes, of which `p` may have fewer.
fn attribute(
    t: &mut Text<'_>,
    kind: u8,
    form: Form,
    p: Bytes<'_>,
    length: usize,
) -> Result<(), Stop> {
    let right = match form {
        Number | Named(_) | Address | Time => Some(4),
        Address6 => Some(16),
        _ => None,
    };
    if let Some(right) = right.filter(|&right| right != length) {
        put!(t, "ERROR: length {length} != {right}");
        return Ok(());
    }
    match form {
        Silent => {}
        Words => return text(t, kind, p, length),
        Number => number(t, kind, p)?,
        Named(names) => named(t, kind, names, p)?,
        Address => match (kind, p.u32(0)?) {
            (FRAMED_ADDRESS | LOGIN_HOST, 0xffff_ffff) => put!(t, "User Selected"),
            (FRAMED_ADDRESS | LOGIN_HOST, 0xffff_fffe) => put!(t, "NAS Select"),
            _ => put!(t, "{}", t.v4(p, 0)?),
        },
        Address6 => put!(t, "{}", t.v6(p, 0)?),
        Prefix6 => return prefix(t, p, length),
        Time => t.date(p.u32(0)?.into(), "%a %b %e %H:%M:%S %Y"),
        Vendor => return vendor(t, Fields::new(p, length)),
        Own => return own(t, kind, p, length),
    }
    Ok(())
}

/// Text from the wire, what cannot be printed as dots.
fn dotted(t: &mut Text<'_>, bytes: &[u8]) {
    for &byte in bytes {
        t.out.push(if (0x20..0x7f).contains(&byte) { byte } else { b'.' });
    }
}

/// Which of several tunnels is meant.
fn tag(t: &mut Text<'_>, tag: u8) {
    match tag {
        0 => put!(t, "Tag[Unused] "),
        _ => put!(t, "Tag[{tag}] "),
    }
}

fn text(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    const HIGHEST_TAG: u8 = 0x1f;
    let value = p.slice(0, length).or(Err(Stop::Short))?;
    let mut value = Bytes::new(value);
    match kind {
        TUNNEL_PASSWORD => {
            let salt = value.u16(1).or(Err(Stop::Short))?;
            let first = value.u8(0)?;
            tag(t, if first <= HIGHEST_TAG { first } else { 0 });
            put!(t, "Salt {salt} ");
            value = value.from(3);
        }
        TUNNEL_CLIENT
        | TUNNEL_SERVER
        | TUNNEL_GROUP
        | TUNNEL_ASSIGNMENT
        | CLIENT_AUTHENTICATION
        | SERVER_AUTHENTICATION => {
            let first = value.u8(0)?;
            if first <= HIGHEST_TAG {
                tag(t, first);
                value = value.from(1);
            }
        }
        VLAN_NAME => {
            tagged(t, value.u8(0)?);
            value = value.from(1);
        }
        EAP => return eapol::packet(t, p, length),
        _ => {}
    }
    let bytes = value.all();
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    dotted(t, bytes.get(..end).unwrap_or_default());
    Ok(())
}

/// Whether frames of a VLAN have its tag (RFC 4675).
fn tagged(t: &mut Text<'_>, code: u8) {
    put!(t, "{} (0x{code:02x}) ", name_of(TAGGED, code).unwrap_or("Unknown tag"));
}

fn number(t: &mut Text<'_>, kind: u8, p: Bytes<'_>) -> Result<(), Stop> {
    // Of these the first byte stands by itself, also where the others are cut.
    if matches!(kind, TUNNEL_PREFERENCE | VLAN) {
        let first = p.u8(0)?;
        if kind == VLAN {
            tagged(t, first)
        } else {
            tag(t, first)
        }
        put!(t, "{}", p.u24(1)?);
        return Ok(());
    }
    let value = p.u32(0)?;
    match (kind, value) {
        (FRAMED_IPX, 0xffff_fffe) => put!(t, "NAS Select"),
        (SESSION_TIMEOUT | IDLE_TIMEOUT | DELAY | SESSION_TIME | INTERVAL, _) => {
            let (hours, minutes, seconds) = (value / 3600, value / 60 % 60, value % 60);
            match value {
                0..60 => put!(t, "{value:02} secs"),
                60..3600 => put!(t, "{minutes:02}:{seconds:02} min"),
                _ => put!(t, "{hours:02}:{minutes:02}:{seconds:02} hours"),
            }
        }
        (APPLETALK_LINK, 0) => put!(t, "Unnumbered"),
        (APPLETALK_NETWORK, 0) => put!(t, "NAS assigned"),
        _ => put!(t, "{value}"),
    }
    Ok(())
}

fn named(t: &mut Text<'_>, kind: u8, names: &[&str], p: Bytes<'_>) -> Result<(), Stop> {
    let value = if matches!(kind, TUNNEL_KIND | TUNNEL_MEDIUM) {
        tag(t, p.u8(0)?);
        p.u24(1)?
    } else {
        p.u32(0)?
    };
    match names.get(value as usize) {
        Some(name) if !name.is_empty() => put!(t, "{name}"),
        _ => put!(t, "#{value}"),
    }
    Ok(())
}

/// A prefix of IPv6 (RFC 3162).
fn prefix(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    if !(2..=18).contains(&length) {
        put!(t, "ERROR: length {length} not in range (2..18)");
        return Ok(());
    }
    let address = p.filled::<16>(2, length - 2).or(Err(Stop::Short))?;
    let width = p.u8(1)?;
    if width > 128 {
        put!(t, "ERROR: netmask {width} not in range (0..128)");
        return Ok(());
    }
    put!(t, "{}/{width}", V6(address.into()));
    if usize::from(width) > 8 * (length - 2) {
        put!(t, " (inconsistent prefix length)");
    }
    Ok(())
}

/// What a vendor says in attributes of its own.
fn vendor(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<(), Stop> {
    const HEADER: usize = 2;
    fields.claimed(4)?;
    let vendor = fields.u32()?;
    put!(t, "Vendor: {} ({vendor})", name_of(names::VENDORS, vendor).unwrap_or("Unknown"));
    while fields.left() >= HEADER {
        let (kind, size) = (fields.rest().u8(0)?, usize::from(fields.rest().u8(1)?));
        let complaint = match size {
            0..HEADER => Some("must be >= 2"),
            _ if size > fields.left() => Some("goes past end of vendor-specific attribute"),
            _ => None,
        };
        if let Some(complaint) = complaint {
            put!(t, "\n\t    Vendor Attribute: {kind}, Length: {size} (bogus, {complaint})");
            return Ok(());
        }
        fields.skip(HEADER);
        let value = fields.slice(size - HEADER).or(Err(Stop::Short))?;
        put!(t, "\n\t    Vendor Attribute: {kind}, Length: {}, Value: ", size - HEADER);
        dotted(t, value);
    }
    Ok(())
}

/// Bytes as digits, in capitals.
/// So many bytes; what there is of them, where they are [cut](Stop::Cut).
fn digits(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    for byte in p.limit(length).all() {
        put!(t, "{byte:02X}");
    }
    p.slice(0, length).map(|_| ())
}

fn own(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let right = match kind {
        ARAP_PASSWORD => length == 16,
        ARAP_FEATURES => length == 14,
        ARAP_RESPONSE => length >= 8,
        ERROR_CAUSE => length == 4,
        FEATURES => length == 8,
        HOME_PREFIX => length == 17,
        _ => true,
    };
    if !right {
        let wanted = match kind {
            ARAP_PASSWORD => 16,
            ARAP_FEATURES => 14,
            ERROR_CAUSE => 4,
            HOME_PREFIX => 17,
            _ => 8,
        };
        let error = if kind == ERROR_CAUSE { "Error" } else { "ERROR" };
        put!(t, "{error}: length {length} != {wanted}");
        return Ok(());
    }
    match kind {
        ARAP_PASSWORD => {
            put!(t, "User_challenge (");
            digits(t, p, 8)?;
            put!(t, ") User_resp(");
            digits(t, p.from(8), 8)?;
            put!(t, ")");
        }
        ARAP_FEATURES => {
            let can = if p.u8(0)? == 0 { "cannot" } else { "can" };
            put!(t, "User {can} change password");
            put!(t, ", Min password length: {}", p.u8(1)?);
            for (at, name) in [(2, "created at"), (6, "expires in"), (10, "Current Time")] {
                put!(t, ", {name}: ");
                digits(t, p.from(at), 4)?;
            }
        }
        ARAP_RESPONSE => digits(t, p, 8)?,
        ERROR_CAUSE => {
            let cause = p.u32(0)?;
            put!(t, "Error cause {cause}: ");
            put_name!(t, names::CAUSES, cause, "Error-Cause {cause} not known");
        }
        FEATURES => {
            let value = p.u64(0)?;
            let set = names::FEATURES.iter().filter(|(place, _)| value >> place & 1 == 1);
            let set: Vec<&str> = set.map(|(_, name)| *name).collect();
            put!(t, "[{}]", set.join(", "));
        }
        HOME_PREFIX => {
            let Ok([width]) = p.slice(0, length).and(p.array::<1>(0)) else {
                return Err(Stop::Short);
            };
            match width {
                129.. => put!(t, "ERROR: netmask {width} not in range (0..128)"),
                _ => put!(t, "{}/{width}", t.v6(p, 1)?),
            }
        }
        _ => return place(t, kind, p, length),
    }
    Ok(())
}

/// Who the operator is, and where the user (RFC 5580).
fn place(t: &mut Text<'_>, kind: u8, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let value = p.slice(0, length).or(Err(Stop::Short))?;
    let p = Bytes::new(value);
    let least = match kind {
        OPERATOR => 2,
        LOCATION => 21,
        LOCATION_DATA => 3,
        _ => 10,
    };
    if length < least {
        put!(t, "ERROR: length {length} < {least}");
        return Ok(());
    }
    match kind {
        OPERATOR => {
            let space = p.u8(0)?;
            put!(t, "[");
            put_name!(t, OPERATORS, space, "unknown namespace {space}");
            put!(t, "] ");
            t.characters(p.from(1).all());
        }
        LOCATION => {
            put!(t, "index {}", p.u16(0)?);
            for (at, what, names) in
                [(2, "code", ["Civic", "Geospatial"]), (3, "entity", ["User", "RADIUS"])]
            {
                let number = p.u8(at)?;
                put!(t, ", {what} ");
                match names.get(usize::from(number)) {
                    Some(name) => put!(t, "{name}"),
                    None => put!(t, "Unknown ({number})"),
                }
            }
            put!(t, ", sighting time ");
            ntp::instant(t, p.u64(4)?);
            put!(t, ", time to live ");
            ntp::instant(t, p.u64(12)?);
            put!(t, ", method \"");
            t.characters(p.from(20).all());
            put!(t, "\"");
        }
        LOCATION_DATA => {
            put!(t, "index {}, location", p.u16(0)?);
            dump::hex_and_text(p.from(2).all(), "\n\t    ", t.out);
        }
        _ => {
            put!(t, "flags [{}]", bits(POLICY, p.u16(0)?.into(), ", ", "none"));
            put!(t, ", retention expires ");
            ntp::instant(t, p.u64(2)?);
            if length > least {
                put!(t, ", note well \"");
                t.characters(p.from(least).all());
                put!(t, "\"");
            }
        }
    }
    Ok(())
}

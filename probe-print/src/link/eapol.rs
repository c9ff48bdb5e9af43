//! EAP over LANs (IEEE 802.1X), and EAP itself (RFC 3748).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, bits, name_of, put},
};

const HEADER: usize = 4;

const KINDS: &[(u8, &str)] = &[
    (0, "EAP packet"),
    (1, "EAPOL start"),
    (2, "EAPOL logoff"),
    (3, "EAPOL key"),
    (4, "Encapsulated ASF alert"),
];

const PACKET: u8 = 0;
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const CODES: &[(u8, &str)] =
    &[(REQUEST, "Request"), (RESPONSE, "Response"), (3, "Success"), (4, "Failure")];

const TLS: u8 = 13;
const TTLS: u8 = 21;
const FAST: u8 = 43;
const METHODS: &[(u8, &str)] = &[
    (0, "No proposed"),
    (1, "Identity"),
    (2, "Notification"),
    (3, "Nak"),
    (4, "MD5-challenge"),
    (5, "OTP"),
    (6, "GTC"),
    (TLS, "TLS"),
    (18, "SIM"),
    (TTLS, "TTLS"),
    (23, "AKA"),
    (FAST, "FAST"),
    (254, "Expanded types"),
    (255, "Experimental"),
];

const TLS_FLAGS: &[(u32, &str)] =
    &[(0x80, "L bit"), (0x40, "More fragments bit"), (0x20, "Start bit")];

/// Of SIM and AKA.
const SUBTYPES: &[(u8, &str)] = &[
    (1, "Challenge"),
    (2, "Auth reject"),
    (4, "Sync failure"),
    (5, "Identity"),
    (10, "Start"),
    (11, "Challenge"),
    (12, "Notification"),
    (13, "Reauth"),
    (14, "Client error"),
];

/// Prints kind, version and length; with `-v` the packet.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    t.protocol = "eap";
    p.need(0, HEADER)?;
    let kind = p.u8(1)?;
    let name = name_of(KINDS, kind).unwrap_or("unknown");
    let length = usize::from(p.u16(2)?);
    put!(t, "{name} ({kind}) v{}, len {length}", p.u8(0)?);
    if t.style.verbose > 0 && kind == PACKET {
        if length == 0 {
            return Err(Stop::Short);
        }
        put!(t, ", ");
        return packet(t, p.from(HEADER), length);
    }
    Ok(())
}

/// Prints an EAP packet of so many bytes.
pub(crate) fn packet(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let (code, stated) = (p.u8(0)?, usize::from(p.u16(2)?));
    if stated != length {
        // Not every piece of a long one has a header.
        put!(t, "EAP fragment?");
        return Ok(());
    }
    let name = name_of(CODES, code).unwrap_or("unknown");
    put!(t, "{name} ({code}), id {}, len {length}", p.u8(1)?);
    if length < HEADER {
        put!(t, " (too short for EAP header)");
        return Ok(());
    }
    p.need(0, length)?;
    if !matches!(code, REQUEST | RESPONSE) {
        return Ok(());
    }
    let too_short = |t: &mut Text<'_>, what: &str| {
        put!(t, " (too short for EAP {what})");
        Ok(())
    };
    if length < 5 {
        return too_short(t, "request/response");
    }
    let method = p.u8(4)?;
    let name = |method| name_of(METHODS, method).unwrap_or("unknown");
    put!(t, "\n\t\t Type {} ({method})", name(method));
    let data = p.limit(length).from(5);
    match method {
        1 if length > 5 => {
            put!(t, ", Identity: ");
            t.padded(data, length - 5)?;
        }
        2 if length < 6 => return too_short(t, "Notification request/response"),
        2 => {
            put!(t, ", Notification: ");
            t.padded(data, length - 5)?;
        }
        3 if length < 6 => return too_short(t, "Legacy NAK request/response"),
        3 => {
            for (index, &wanted) in data.all().iter().enumerate() {
                let separator = if index == 0 { "" } else { "," };
                put!(t, "{separator} {} ({wanted})", name(wanted));
            }
        }
        TLS | TTLS | FAST => {
            let what = if method == FAST { "FAST" } else { "TLS/TTLS" };
            if length < 6 {
                return too_short(t, &format!("{what} request/response"));
            }
            let flags = data.u8(0)?;
            match method {
                TTLS => put!(t, " TTLSv{}", flags & 7),
                FAST => put!(t, " FASTv{}", flags & 7),
                _ => {}
            }
            put!(t, " flags [{}] 0x{flags:02x}", bits(TLS_FLAGS, flags.into(), ", ", "none"));
            if flags & 0x80 != 0 {
                if length < 10 {
                    return too_short(t, &format!("{what} request/response with length"));
                }
                put!(t, ", len {}", data.u32(1)?);
            }
        }
        18 | 23 if length < 6 => return too_short(t, "SIM/AKA request/response"),
        18 | 23 => {
            let subtype = data.u8(0)?;
            let name = name_of(SUBTYPES, subtype).unwrap_or("unknown");
            put!(t, " subtype [{name}] 0x{subtype:02x}");
        }
        _ => {}
    }
    Ok(())
}

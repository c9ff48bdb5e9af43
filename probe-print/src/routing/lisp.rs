//! LISP's control plane (RFC 9301): which networks are behind which routers, registered and
//! confirmed. The other messages are named only.

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, bits, name_of, put, put_name},
};

const HEADER: usize = 16;
const RECORD: usize = 12;
const LOCATOR: usize = 8;
/// The identifier of the router, and of the site behind it.
const XTR: usize = 16;
const SITE: usize = 8;

const REGISTER: u8 = 3;
const NOTIFY: u8 = 4;
const KINDS: &[(u8, &str)] = &[
    (0, "LISP-Reserved"),
    (1, "LISP-Map-Request"),
    (2, "LISP-Map-Reply"),
    (REGISTER, "LISP-Map-Register"),
    (NOTIFY, "LISP-Map-Notify"),
    // That one letter is missing is tcpdump's own text.
    (8, "LISP-Encapsulated-Contol-Message"),
];

const REGISTER_FLAGS: &[(u32, &str)] = &[
    (0x0800_0000, "P-Proxy-Map-Reply"),
    (0x0400_0000, "S-LISP-SEC-Capable"),
    (0x0200_0000, "I-xTR-ID-Present"),
    (0x0100_0000, "R-Build-For-RTR"),
    (0x0000_0100, "M-Want-Map-Notify"),
];
const REGISTER_IDENTIFIED: u8 = 2;
const NOTIFY_FLAGS: &[(u32, &str)] =
    &[(0x0800_0000, "I-xTR-ID-Present"), (0x0400_0000, "R-Build-For-RTR")];
const NOTIFY_IDENTIFIED: u8 = 8;

const AUTHENTICATIONS: &[(u16, &str)] = &[(0, "None"), (1, "SHA1"), (2, "SHA256")];
const ACTIONS: &[(u8, &str)] =
    &[(0, "No-Action"), (1, "Natively-Forward"), (2, "Send-Map-Request"), (3, "Drop")];
const LOCATOR_FLAGS: &[(u32, &str)] = &[(4, "Local-Locator"), (2, "RLoc-Probed"), (1, "Reachable")];

const V4: u16 = 1;
const V6: u16 = 2;

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "lisp";
    p.need(0, HEADER)?;
    let first = p.u8(0)?;
    let kind = first >> 4;
    let verbose = t.style.verbose > 0;
    put_name!(t, KINDS, kind, "unknown-type-{kind}");
    put!(t, ",");
    let (flags, identified) = match kind {
        REGISTER => (REGISTER_FLAGS, first & REGISTER_IDENTIFIED != 0),
        NOTIFY => (NOTIFY_FLAGS, first & NOTIFY_IDENTIFIED != 0),
        _ => return Ok(()),
    };
    let (count, size) = (p.u8(3)?, usize::from(p.u16(14)?));
    if verbose {
        put!(t, " flags [{}],", bits(flags, p.u32(0)?, ", ", "none"));
        let method = name_of(AUTHENTICATIONS, p.u16(12)?).unwrap_or("unknown-type");
        put!(t, "\n    {count} record(s), Authentication {method},");
        t.unknown(p.from(HEADER), size, "\n    Authentication-Data: ");
        p.slice(HEADER, size)?;
    } else {
        put!(t, " {count} record(s),");
    }
    if count == 0 {
        return Err(Stop::Invalid);
    }
    let mut at = HEADER + size;
    for _ in 0..count {
        if length <= at {
            break;
        }
        p.need(at, RECORD)?;
        put!(t, "\n");
        at += record(t, p.from(at))?;
    }
    let rest = p.from(at);
    if !identified {
        t.unknown(rest, rest.len(), "\n    Data: ");
    } else if rest.has(0, XTR + SITE) {
        t.unknown(rest, XTR, "\n    xTR-ID: ");
        put!(t, "\n    SITE-ID: {}", rest.u64(XTR)?);
    } else {
        t.invalid();
    }
    Ok(())
}

/// Prints a network, and the routers that it is behind; says how long the record is.
fn record(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    let verbose = t.style.verbose > 0;
    let (count, bits_set) = (p.u8(4)?, p.u8(5)?);
    if verbose {
        let action = p.u8(6)?;
        put!(t, "      Record TTL {},", p.u32(0)?);
        put!(t, " {}Authoritative,", if action & 0x10 == 0 { "Non-" } else { "" });
        put!(t, " {},", name_of(ACTIONS, action >> 5).unwrap_or("unknown"));
        put!(t, " Map Version: {},", p.u16(8)? & 0xfff);
    }
    let mut at = RECORD;
    match p.u16(10)? {
        V4 => {
            put!(t, " EID {}/{bits_set},", t.v4(p, at)?);
            at += 4;
        }
        V6 => {
            put!(t, " EID {}/{bits_set},", t.v6(p, at)?);
            at += 16;
        }
        // Of another family, whose length nobody knows.
        _ => return Err(Stop::Here),
    }
    put!(t, " {count} locator(s)");
    for _ in 0..count {
        let locator = p.from(at);
        locator.need(0, LOCATOR)?;
        at += LOCATOR;
        if verbose {
            put!(t, "\n       ");
        }
        let family = locator.u16(6)?;
        let (size, host) = match family {
            V4 => (4, Some(t.v4(locator, LOCATOR))),
            V6 => (16, Some(t.v6(locator, LOCATOR))),
            _ => (0, None),
        };
        if let Some(host) = host {
            put!(t, " LOC {}", host.or(Err(Stop::Short))?);
        }
        at += size;
        if verbose {
            let [priority, weight, group_priority, group_weight] = locator.array(0)?;
            put!(t, "\n          Priority/Weight {priority}/{weight}");
            put!(t, ", Multicast Priority/Weight {group_priority}/{group_weight},");
            let flags = locator.u16(4)?;
            put!(t, " flags [{}],", bits(LOCATOR_FLAGS, flags.into(), ", ", "none"));
        }
    }
    Ok(at)
}

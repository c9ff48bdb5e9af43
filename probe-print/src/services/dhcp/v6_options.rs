//! The options of DHCPv6 (RFC 8415), which `-v` shows.

use super::v6;
use crate::{
    bytes::{Bytes, Fields, Stop},
    services::dns::domain_name,
    text::{Text, put, put_name},
};

const HEAD: usize = 4;
const HOST: usize = 16;

const NAMES: &[(u16, &str)] = &[
    (1, "client-ID"),
    (2, "server-ID"),
    (3, "IA_NA"),
    (4, "IA_TA"),
    (5, "IA_ADDR"),
    (6, "option-request"),
    (7, "preference"),
    (8, "elapsed-time"),
    (9, "relay-message"),
    (11, "authentication"),
    (12, "server-unicast"),
    (13, "status-code"),
    (14, "rapid-commit"),
    (15, "user-class"),
    (16, "vendor-class"),
    (17, "vendor-specific-info"),
    (18, "interface-ID"),
    (19, "reconfigure-message"),
    (20, "reconfigure-accept"),
    (21, "SIP-servers-domain"),
    (22, "SIP-servers-address"),
    (23, "DNS-server"),
    (24, "DNS-search-list"),
    (25, "IA_PD"),
    (26, "IA_PD-prefix"),
    (27, "NIS-server"),
    (28, "NIS+-server"),
    (29, "NIS-domain-name"),
    (30, "NIS+-domain-name"),
    (31, "SNTP-servers"),
    (32, "lifetime"),
    (33, "BCMCS-domain-name"),
    (34, "BCMCS-server"),
    (36, "Geoconf-Civic"),
    (37, "Remote-ID"),
    (38, "Subscriber-ID"),
    (39, "Client-FQDN"),
    (40, "PANA-agent"),
    (41, "POSIX-timezone"),
    (42, "POSIX-tz-database"),
    (43, "Echo-request-option"),
    (44, "Lease-query"),
    (45, "LQ-client-data"),
    (46, "Clt-time"),
    (47, "LQ-relay-data"),
    (48, "LQ-client-link"),
    (56, "NTP-server"),
    (64, "AFTR-Name"),
    (112, "MUD-URL"),
];

const STATUS: &[(u16, &str)] = &[
    (0, "Success"),
    (1, "UnspecFail"),
    (2, "NoAddrsAvail"),
    (3, "NoBinding"),
    (4, "NotOnLink"),
    (5, "UseMulticast"),
    (6, "NoPrefixAvail"),
    (7, "UnknownQueryType"),
    (8, "MalformedQuery"),
    (9, "NotConfigured"),
    (10, "NotAllowed"),
];

/// Prints options to the end of `fields`; says that they are cut where they are.
pub(super) fn print(t: &mut Text<'_>, mut fields: Fields<'_>) -> Result<(), Stop> {
    while fields.left() > 0 {
        fields.claimed(HEAD)?;
        fields.rest().need(0, HEAD)?;
        let (kind, size) = (fields.u16()?, usize::from(fields.u16()?));
        fields.claimed(size)?;
        put!(t, " (");
        put_name!(t, NAMES, kind, "opt_{kind}");
        let uncut = fields.rest();
        let value = fields.slice(size).or(Err(Stop::Short))?;
        match option(t, kind, Bytes::new(value), uncut) {
            Err(Stop::Invalid) => put!(t, " ?)"),
            printed => {
                printed?;
                put!(t, ")");
            }
        }
    }
    Ok(())
}

/// Prints an option's value. Of some, tcpdump reads on behind their end: those of `uncut`.
fn option(t: &mut Text<'_>, kind: u16, p: Bytes<'_>, uncut: Bytes<'_>) -> Result<(), Stop> {
    let size = p.len();
    let least = match kind {
        1 | 2 | 13 => 2,
        3 | 25 => 12,
        4 | 37 | 56 => 4,
        5 => 24,
        11 => 11,
        26 => 25,
        41 | 42 | 112 => 5,
        44 => 17,
        47 => 16,
        64 => 3,
        _ => 0,
    };
    let right = match kind {
        6 | 43 => size.is_multiple_of(2),
        7 | 19 => size == 1,
        8 => size == 2,
        22 | 23 | 27 | 28 | 31 | 34 | 40 | 48 => size.is_multiple_of(HOST),
        32 | 46 => size == 4,
        _ => size >= least,
    };
    if !right {
        return Err(Stop::Invalid);
    }
    match kind {
        1 | 2 => return identity(t, p),
        3 | 25 => {
            put!(t, " IAID:{} T1:{} T2:{}", p.u32(0)?, p.u32(4)?, p.u32(8)?);
            inner(t, uncut, 12, size)?;
        }
        4 => {
            put!(t, " IAID:{}", p.u32(0)?);
            inner(t, uncut, 4, size)?;
        }
        5 => {
            put!(t, " {} pltime:{} vltime:{}", t.v6(p, 0)?, p.u32(16)?, p.u32(20)?);
            inner(t, uncut, 24, size)?;
        }
        6 | 43 => {
            for at in (0..size).step_by(2) {
                let wanted = p.u16(at)?;
                put!(t, " ");
                put_name!(t, NAMES, wanted, "opt_{wanted}");
            }
        }
        7 => put!(t, " {}", p.u8(0)?),
        8 => put!(t, " {}", p.u16(0)?),
        9 => {
            put!(t, " (");
            t.nested(|t| v6::print(t, p, size))?;
        }
        11 => authentication(t, p)?,
        13 => {
            let code = p.u16(0)?;
            match code {
                256.. => put!(t, " INVALID code"),
                _ => {
                    put!(t, " ");
                    put_name!(t, STATUS, code, "code{code}");
                }
            }
        }
        18 | 38 => {
            put!(t, " ");
            t.hex(p.limit(10).all());
            put!(t, "...");
        }
        19 => match p.u8(0)? {
            5 => put!(t, " for renew"),
            11 => put!(t, " for inf-req"),
            kind => put!(t, " for ???({kind:02x})"),
        },
        21 | 24 => {
            let mut at = 0;
            while at < size {
                put!(t, " ");
                at = domain_name::name_from(t, uncut, at, size)?;
            }
        }
        22 | 23 | 27 | 28 | 31 | 34 | 40 | 48 => {
            for at in (0..size).step_by(HOST) {
                put!(t, " {}", t.v6(p, at)?);
            }
        }
        26 => {
            put!(t, " {}/{}", t.v6(p, 9)?, p.u8(8)?);
            put!(t, " pltime:{} vltime:{}", p.u32(0)?, p.u32(4)?);
            inner(t, uncut, 25, size)?;
        }
        32 | 46 => put!(t, " {}", p.u32(0)?),
        37 => {
            put!(t, " {} ", p.u32(0)?);
            t.hex(p.from(4).limit(10).all());
            put!(t, "...");
        }
        41 | 42 | 112 => {
            put!(t, " ");
            t.padded(p, size)?;
        }
        44 => {
            match p.u8(0)? {
                1 => put!(t, " by-address"),
                2 => put!(t, " by-clientID"),
                kind => put!(t, " type_{kind}"),
            }
            put!(t, " {}", t.v6(p, 1)?);
            inner(t, uncut, 17, size)?;
        }
        45 => inner(t, uncut, 0, size)?,
        47 => {
            put!(t, " {} ", t.v6(p, 0)?);
            t.hex(p.from(HOST).limit(10).all());
            put!(t, "...");
        }
        56 => return time_servers(t, p, uncut),
        64 => labels(t, p)?,
        _ => {}
    }
    Ok(())
}

/// Options inside of an option.
fn inner(t: &mut Text<'_>, p: Bytes<'_>, at: usize, size: usize) -> Result<(), Stop> {
    t.nested(|t| print(t, Fields::new(p.from(at), size - at)))
}

/// Who a client or a server is.
fn identity(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let rest = match (p.u16(0)?, p.len()) {
        (1, 8..) => {
            put!(t, " hwaddr/time type {} time {} ", p.u16(2)?, p.u32(4)?);
            p.from(8)
        }
        (2, 10..) => {
            put!(t, " vid ");
            p.from(2).limit(8)
        }
        (3, 4..) => {
            put!(t, " hwaddr type {} ", p.u16(2)?);
            p.from(4)
        }
        (1..=3, _) => return Err(Stop::Invalid),
        (kind, _) => {
            put!(t, " type {kind}");
            return Ok(());
        }
    };
    t.hex(rest.all());
    Ok(())
}

fn authentication(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    const DELAYED: u8 = 2;
    const RECONFIGURE: u8 = 3;
    const HEADER: usize = 11;
    let method = p.u8(0)?;
    match method {
        DELAYED => put!(t, " proto: delayed"),
        RECONFIGURE => put!(t, " proto: reconfigure"),
        _ => put!(t, " proto: {method}"),
    }
    match p.u8(1)? {
        1 => put!(t, ", alg: HMAC-MD5"),
        algorithm => put!(t, ", alg: {algorithm}"),
    }
    match p.u8(2)? {
        0 => put!(t, ", RDM: mono"),
        replay => put!(t, ", RDM: {replay}"),
    }
    put!(t, ", RD:");
    for at in (3..HEADER).step_by(2) {
        put!(t, " {:04x}", p.u16(at)?);
    }
    let mut data = Fields::new(p.from(HEADER), p.len() - HEADER);
    match (method, data.left()) {
        (DELAYED, 0) => return Ok(()),
        (DELAYED, 20..) => {
            let realm = data.slice(data.left() - 20)?;
            if !realm.is_empty() {
                put!(t, ", realm: ");
                t.hex(realm);
            }
            put!(t, ", key ID: {:08x}, HMAC-MD5:", data.u32()?);
        }
        (RECONFIGURE, 17) => {
            match data.u8()? {
                1 => put!(t, " reconfig-key"),
                2 => put!(t, " type: HMAC-MD5"),
                _ => put!(t, " type: ??"),
            }
            put!(t, " value:");
        }
        _ => {
            put!(t, " ??");
            return Ok(());
        }
    }
    for _ in 0..4 {
        put!(t, " {:08x}", data.u32()?);
    }
    Ok(())
}

fn time_servers(t: &mut Text<'_>, p: Bytes<'_>, uncut: Bytes<'_>) -> Result<(), Stop> {
    let mut fields = Fields::new(p, p.len());
    while fields.left() > HEAD {
        let (kind, size) = (fields.u16()?, usize::from(fields.u16()?));
        let value = fields.slice(size).map(Bytes::new).or(Err(Stop::Short))?;
        put!(t, " subopt:{kind}");
        match (kind, size) {
            (1 | 2, HOST) => put!(t, " {}", t.v6(value, 0)?),
            (3, _) => {
                put!(t, " ");
                let at = p.len() - fields.left() - size;
                domain_name::name_from(t, uncut, at, at + size)?;
            }
            _ => put!(t, " ?"),
        }
    }
    Ok(())
}

/// A name as labels, without pointers.
fn labels(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let mut fields = Fields::new(p, p.len());
    put!(t, " ");
    while fields.left() > 0 && fields.rest().u8(0)? != 0 {
        let size = usize::from(fields.u8()?);
        if size >= fields.left() {
            put!(t, " ?");
            break;
        }
        t.padded(fields.rest(), size)?;
        fields.skip(size);
        if fields.rest().u8(0)? != 0 {
            put!(t, ".");
        }
    }
    Ok(())
}

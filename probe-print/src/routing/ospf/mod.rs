//! OSPF, versions 2 and 3 (RFC 2328, RFC 5340): the first line, and the graceful restart
//! (RFC 3623) that both have.

mod traffic_engineering;
mod v2;
mod v3;

use crate::{
    bytes::{Bytes, Fields, Stop},
    text::{Text, name_of, put},
};

const KINDS: &[(u8, &str)] = &[
    (1, "Hello"),
    (2, "Database Description"),
    (3, "LS-Request"),
    (4, "LS-Update"),
    (5, "LS-Ack"),
];

const HELLO: u8 = 1;
const DESCRIPTION: u8 = 2;
const REQUEST: u8 = 3;
const UPDATE: u8 = 4;
const ACKNOWLEDGEMENT: u8 = 5;

/// The digest behind a packet that has one.
const DIGEST: usize = 16;
const AUTHENTICATION: usize = 14;
const MD5: u16 = 2;

/// Prints a packet of version 2.
pub(crate) fn version_2(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ospf2";
    // The length wraps in tcpdump, too, where a digest is claimed that is not there.
    let digest = if p.u16(AUTHENTICATION)? == MD5 { DIGEST } else { 0 };
    let p = p.limit(p.len().saturating_sub(digest));
    let length = (length as u32).wrapping_sub(digest as u32);
    let kind = p.u8(1)?;
    let name = name_of(KINDS, kind);
    let shown = name.map_or_else(|| format!("unknown LS-type {kind}"), Into::into);
    put!(t, "OSPFv{}, {shown}, length {length}", p.u8(0)?);
    if t.style.verbose > 0 && name.is_some() { v2::print(t, p, length as usize) } else { Ok(()) }
}

/// Prints a packet of version 3.
pub(crate) fn version_3(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ospf3";
    let kind = p.u8(1)?;
    let name = name_of(KINDS, kind);
    let shown = name.map_or_else(|| format!("unknown packet type ({kind})"), Into::into);
    put!(t, "OSPFv{}, {shown}, length {length}", p.u8(0)?);
    if t.style.verbose > 0 && name.is_some() { v3::print(t, p, length) } else { Ok(()) }
}

/// Who sent the packet, and in which area.
fn sender(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    put!(t, "\n\tRouter-ID {}", t.v4(p, 4)?);
    match p.u32(8)? {
        0 => put!(t, ", Backbone Area"),
        _ => put!(t, ", Area {}", t.v4(p, 8)?),
    }
    Ok(())
}

/// The designated routers of a Hello, which stand in the same place in both versions.
fn designated(t: &mut Text<'_>, hello: Bytes<'_>) -> Result<(), Stop> {
    for (at, name) in [(12, "\n\t  Designated Router"), (16, ", Backup Designated Router")] {
        if hello.u32(at)? != 0 {
            put!(t, "{name} {}", t.v4(hello, at)?);
        }
    }
    Ok(())
}

/// A list of routers, each on a line of its own.
fn routers(t: &mut Text<'_>, mut list: Fields<'_>, lead: &str) -> Result<(), Stop> {
    while list.left() > 0 {
        put!(t, "{lead}{}", t.v4(list.rest(), 0)?);
        list.skip(4);
    }
    Ok(())
}

const GRACE: &[(u16, &str)] =
    &[(1, "Grace Period"), (2, "Graceful restart Reason"), (3, "IPv4 interface address")];
const REASONS: &[(u8, &str)] = &[
    (0, "Unknown"),
    (1, "Software Restart"),
    (2, "Software Reload/Upgrade"),
    (3, "Control Processor Switch"),
];

/// Prints what a router says that restarts.
pub(crate) fn grace(t: &mut Text<'_>, mut part: Fields<'_>) -> Result<(), Stop> {
    const HEAD: usize = 4;
    while part.left() > 0 {
        part.rest().need(0, HEAD)?;
        if part.left() < HEAD {
            put!(t, "\n\t    Remaining LS length {} < 4", part.left());
            return Err(Stop::Short);
        }
        let (kind, length) = (part.u16()?, usize::from(part.u16()?));
        let name = name_of(GRACE, kind).unwrap_or("unknown");
        put!(t, "\n\t    {name} TLV ({kind}), length {length}, value: ");
        if length > part.left() {
            put!(t, "\n\t    Bogus length {length} > {}", part.left());
            return Err(Stop::Short);
        }
        let p = part.rest();
        if kind == 0 || length == 0 || !p.has(0, length) {
            return Err(Stop::Short);
        }
        let right = match kind {
            1 | 3 => 4,
            2 => 1,
            _ => length,
        };
        if length != right {
            put!(t, "\n\t    Bogus length {length} != {right}");
            return Err(Stop::Short);
        }
        match kind {
            1 => put!(t, "{}s", p.u32(0)?),
            2 => {
                let reason = p.u8(0)?;
                put!(t, "{} ({reason})", name_of(REASONS, reason).unwrap_or("Unknown"));
            }
            3 => put!(t, "{}", t.v4(p, 0)?),
            _ if t.style.verbose <= 1 => t.unknown(p, length, "\n\t      "),
            _ => {}
        }
        part.skip_wrapping(length.next_multiple_of(4));
    }
    Ok(())
}

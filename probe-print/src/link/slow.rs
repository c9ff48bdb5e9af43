//! The slow protocols of Ethernet (IEEE 802.3, annex 57A): link aggregation, and what
//! watches links.

use super::oam;
use crate::{
    bytes::{Bytes, Fields, Stop},
    dump,
    text::{Text, bits, name_of, put},
};

const LACP: u8 = 1;
const MARKER: u8 = 2;
const OAM: u8 = 3;
const VERSION: u8 = 1;

/// Parts of a message, by protocol and kind.
const PARTS: &[((u8, u8), &str)] = &[
    ((LACP, TERMINATOR), "Terminator"),
    ((LACP, ACTOR), "Actor Information"),
    ((LACP, PARTNER), "Partner Information"),
    ((LACP, COLLECTOR), "Collector Information"),
    ((MARKER, TERMINATOR), "Terminator"),
    ((MARKER, MARKED), "Marker Information"),
];
const TERMINATOR: u8 = 0;
const ACTOR: u8 = 1;
const PARTNER: u8 = 2;
const COLLECTOR: u8 = 3;
const MARKED: u8 = 1;
const PART_HEADER: usize = 2;

const STATES: &[(u32, &str)] = &[
    (0x01, "Activity"),
    (0x02, "Timeout"),
    (0x04, "Aggregation"),
    (0x08, "Synchronization"),
    (0x10, "Collecting"),
    (0x20, "Distributing"),
    (0x40, "Default"),
    (0x80, "Expired"),
];

/// Prints protocol, version and length.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "slow";
    let too_short = |t: &mut Text<'_>| {
        if t.style.verbose == 0 {
            put!(t, " (packet is too short)");
        } else {
            put!(t, "\n\t\t packet is too short");
        }
    };
    if length < 1 {
        too_short(t);
        return Ok(());
    }
    let kind = p.u8(0)?;
    match kind {
        LACP | MARKER => {
            if length < 2 {
                too_short(t);
                return Ok(());
            }
            let version = p.u8(1)?;
            let name = if kind == LACP { "LACP" } else { "MARKER" };
            match version {
                VERSION => {
                    put!(t, "{name}v{version}, length {length}");
                    if t.style.verbose > 0 {
                        parts(t, kind, Fields::new(p.from(2), length - 2))?;
                    }
                }
                _ => put!(t, "{name} version {version} packet not supported"),
            }
        }
        OAM => {
            put!(t, "OAM, length {length}");
            if t.style.verbose > 0 {
                oam::print(t, p.from(1), length - 1)?;
            }
        }
        _ => {
            put!(t, "unknown ({kind}), length {length}");
            dump::hex(p.limit(length).all(), "\n\t", 0, t.out);
        }
    }
    Ok(())
}

fn parts(t: &mut Text<'_>, protocol: u8, mut fields: Fields<'_>) -> Result<(), Stop> {
    while fields.left() > 0 {
        if fields.left() < PART_HEADER {
            put!(t, "\n\t\t packet is too short");
            return Ok(());
        }
        let (kind, length) = (fields.u8()?, usize::from(fields.u8()?));
        let name = name_of(PARTS, (protocol, kind)).unwrap_or("Unknown");
        put!(t, "\n\t{name} TLV (0x{kind:02x}), length {length}");
        if kind == TERMINATOR {
            return Ok(());
        }
        let Some(size) = length.checked_sub(PART_HEADER) else {
            put!(t, "\n\t    ERROR: illegal length - should be >= {PART_HEADER}");
            return Ok(());
        };
        if fields.left() < size {
            put!(t, "\n\t\t packet is too short");
            return Ok(());
        }
        let value = Bytes::new(fields.slice(size)?);
        let right = match (protocol, kind) {
            (LACP, ACTOR | PARTNER) => Some(18),
            (LACP, COLLECTOR) | (MARKER, MARKED) => Some(14),
            _ => None,
        };
        match right {
            Some(right) if right == size => part(t, protocol, kind, value)?,
            Some(right) => {
                let right = PART_HEADER + right;
                put!(t, "\n\t    ERROR: illegal length - should be {right}");
            }
            None if t.style.verbose <= 1 => t.unknown(value, size, "\n\t  "),
            None => {}
        }
        if t.style.verbose > 1 {
            t.unknown(value, size, "\n\t  ");
        }
    }
    Ok(())
}

fn part(t: &mut Text<'_>, protocol: u8, kind: u8, p: Bytes<'_>) -> Result<(), Stop> {
    if protocol == MARKER {
        put!(t, "\n\t  Request System {}", t.link(p.slice(2, 6)?));
        put!(t, ", Request Port {}, Request Transaction ID 0x{:08x}", p.u16(0)?, p.u32(8)?);
    } else if kind == COLLECTOR {
        put!(t, "\n\t  Max Delay {}", p.u16(0)?);
    } else {
        let (priority, key) = (p.u16(0)?, p.u16(8)?);
        put!(t, "\n\t  System {}, System Priority {priority}", t.link(p.slice(2, 6)?));
        put!(t, ", Key {key}, Port {}, Port Priority {}", p.u16(12)?, p.u16(10)?);
        put!(t, "\n\t  State Flags [{}]", bits(STATES, p.u8(14)?.into(), ", ", "none"));
    }
    Ok(())
}

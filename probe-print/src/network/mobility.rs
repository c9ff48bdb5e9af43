//! Mobility of IPv6 (RFC 6275).

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, bits, put},
};

pub(super) const PROTOCOL: u8 = 135;
/// What drafts of it were sent as.
pub(super) const DRAFT: u8 = 62;

const HEADER: usize = 8;

/// Names of the messages, and how many bytes each has before its options.
const MESSAGES: &[(u8, &str, usize)] = &[
    (REFRESH, "BRR", HEADER),
    (HOME_INIT, "HoTI", HEADER + 8),
    (CARE_OF_INIT, "CoTI", HEADER + 8),
    (HOME, "HoT", HEADER + 16),
    (CARE_OF, "CoT", HEADER + 16),
    (UPDATE, "BU", HEADER + 4),
    (ACKNOWLEDGMENT, "BA", HEADER + 4),
    (ERROR, "BE", HEADER + 16),
];
const REFRESH: u8 = 0;
const HOME_INIT: u8 = 1;
const CARE_OF_INIT: u8 = 2;
const HOME: u8 = 3;
const CARE_OF: u8 = 4;
const UPDATE: u8 = 5;
const ACKNOWLEDGMENT: u8 = 6;
const ERROR: u8 = 7;

const UPDATE_FLAGS: &[(u32, &str)] = &[(8, "A"), (4, "H"), (2, "L"), (1, "K")];

/// Prints a message, the last that the packet has.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    t.protocol = "mobility";
    p.need(1, 1)?;
    let size = 8 * (usize::from(p.u8(1)?) + 1);
    let kind = p.u8(2)?;
    let Some(&(_, name, header)) = MESSAGES.iter().find(|message| message.0 == kind) else {
        put!(t, "mobility: type-#{kind} len={}", p.u8(1)?);
        return Ok(());
    };
    if size < header {
        put!(t, "(header length {size} is too small for type {kind})");
        return Err(Stop::Short);
    }
    put!(t, "mobility: {name}");
    let verbose = t.style.verbose > 0;
    match kind {
        HOME_INIT | CARE_OF_INIT | HOME | CARE_OF => {
            let end = if matches!(kind, HOME_INIT | HOME) { "Home" } else { "Care-of" };
            let answers = matches!(kind, HOME | CARE_OF);
            if answers {
                put!(t, " nonce id=0x{:x}", p.u16(6)?);
            }
            if verbose {
                put!(t, " {end} Init Cookie={:08x}:{:08x}", p.u32(8)?, p.u32(12)?);
            }
            if verbose && answers {
                put!(t, " {end} Keygen Token={:08x}:{:08x}", p.u32(16)?, p.u32(20)?);
            }
        }
        UPDATE => {
            put!(t, " seq#={}", p.u16(6)?);
            p.need(8, 2)?;
            let flags = p.u8(8)? >> 4;
            if flags != 0 {
                put!(t, " {}", bits(UPDATE_FLAGS, flags.into(), "", ""));
            }
            put!(t, " lifetime={}", u32::from(p.u16(10)?) * 4);
        }
        ACKNOWLEDGMENT => {
            put!(t, " status={}", p.u8(6)?);
            if p.u8(7)? & 0x80 != 0 {
                put!(t, " K");
            }
            put!(t, " seq#={}", p.u16(8)?);
            put!(t, " lifetime={}", u32::from(p.u16(10)?) * 4);
        }
        ERROR => {
            put!(t, " status={}", p.u8(6)?);
            put!(t, " homeaddr {}", t.v6(p, 8)?);
        }
        _ => {}
    }
    if verbose {
        options(t, p.from(header), size - header)?;
    }
    Ok(())
}

fn options(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let mut at = 0;
    while at < length {
        let kind = p.u8(at)?;
        let size = match kind {
            0 => 1,
            _ if at + 1 < length => usize::from(p.u8(at + 1)?) + 2,
            _ => return Err(Stop::Short),
        };
        // As in tcpdump, a byte behind the option has to be there.
        if at + size > length || !p.has(at + size, 1) {
            return Err(Stop::Short);
        }
        let (name, least) = match kind {
            0 => ("pad1", 1),
            1 => ("padn", 2),
            2 => ("refresh", 4),
            3 => ("altcoa", 18),
            4 => ("ni", 6),
            5 => ("auth", 12),
            _ => ("", 2),
        };
        if length - at < least {
            put!(t, "({name}: trunc)");
            return Err(Stop::Short);
        }
        match kind {
            0 | 1 | 5 => put!(t, "({name})"),
            2 => put!(t, "({name}: {})", u32::from(p.u16(at + 2)?) * 4),
            3 => put!(t, "(alt-CoA: {})", t.v6(p, at + 2)?),
            4 => put!(t, "(ni: ho=0x{:04x} co=0x{:04x})", p.u16(at + 2)?, p.u16(at + 4)?),
            _ => put!(t, "(type-0x{kind:02x}: len={})", p.u8(at + 1)?),
        }
        at += size;
    }
    Ok(())
}

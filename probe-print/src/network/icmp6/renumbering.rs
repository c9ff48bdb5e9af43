//! Router renumbering (RFC 2894): other prefixes for all routers of a site.

use crate::{
    address::v6,
    bytes::{Bytes, Stop},
    text::{Text, put},
};

const HEADER: usize = 16;
const COMMAND: u8 = 0;
/// The part that says which prefixes are meant, and each that says what becomes of them.
const MATCH: usize = 24;
const USE: usize = 32;

pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    p.need(0, HEADER)?;
    let code = p.u8(1)?;
    match code {
        COMMAND => put!(t, ", command"),
        1 => put!(t, ", result"),
        255 => put!(t, ", sequence number reset"),
        _ => put!(t, ", code-#{code}"),
    }
    put!(t, ", seq={}", p.u32(4)?);
    if t.style.verbose > 0 {
        put!(t, "[");
        let flags = p.u8(9)?;
        if flags != 0 {
            put_flags(t, flags, &[(0x80, 'T'), (0x40, 'R'), (0x20, 'A'), (0x10, 'S'), (0x08, 'P')]);
        }
        put!(t, "seg={},maxdelay={}", p.u8(8)?, p.u16(10)?);
        let reserved = p.u32(12)?;
        if reserved != 0 {
            put!(t, "rsvd=0x{reserved:x}");
        }
        put!(t, "]");
    }
    if code == COMMAND { command(t, p.from(HEADER)) } else { Ok(()) }
}

fn put_flags(t: &mut Text<'_>, flags: u8, names: &[(u8, char)]) {
    for (_, name) in names.iter().filter(|(bit, _)| flags & bit != 0) {
        put!(t, "{name}");
    }
    put!(t, ",");
}

fn command(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let separator = if t.style.verbose > 1 { "\n\t" } else { " " };
    p.need(0, MATCH)?;
    put!(t, "{separator}match(");
    match p.u8(0)? {
        1 => put!(t, "add"),
        2 => put!(t, "change"),
        3 => put!(t, "setglobal"),
        code => put!(t, "#{code}"),
    }
    if t.style.verbose > 0 {
        put!(t, ",ord={},min={},max={}", p.u8(2)?, p.u8(4)?, p.u8(5)?);
    }
    put!(t, ",{}/{})", v6(p, 8)?, p.u8(3)?);
    // 4N + 3 for N uses (RFC 2894, section 3.2.1.1).
    let words = i32::from(p.u8(1)?) - 3;
    if words % 4 != 0 {
        return Err(Stop::Short);
    }
    let mut p = p.from(MATCH);
    for _ in 0..words / 4 {
        p.need(0, USE)?;
        put!(t, "{separator}use(");
        let flags = p.u8(12)?;
        if flags != 0 {
            put_flags(t, flags, &[(0x80, 'V'), (0x40, 'P')]);
        }
        if t.style.verbose > 0 {
            put!(t, "mask=0x{:x},raflags=0x{:x},", p.u8(2)?, p.u8(3)?);
            for (at, name) in [(4, "vltime"), (8, "pltime")] {
                match p.u32(at)? {
                    u32::MAX => put!(t, "{name}=infty,"),
                    seconds => put!(t, "{name}={seconds},"),
                }
            }
        }
        put!(t, "{}/{}/{})", v6(p, 16)?, p.u8(0)?, p.u8(1)?);
        p = p.from(USE);
    }
    Ok(())
}

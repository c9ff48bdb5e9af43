//! Arista's EtherType: the time at which a switch saw the frame, in front of it.

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, name_of, put},
};

const TIMESTAMP: u16 = 1;
const SCALES: &[(u8, &str)] = &[(0, "TAI"), (1, "UTC")];
const FORMATS: &[(u8, &str)] = &[(1, "64-bit"), (2, "48-bit")];
const HARDWARE: &[(u8, &str)] = &[(0, "R/R2"), (1, "R3")];

/// Prints the header and says how long it is; none if it is of an unknown kind, of
/// which the bytes are to be shown.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>) -> Result<Option<usize>, Stop> {
    const NANOSECONDS: u32 = 1_000_000_000;
    t.protocol = "arista";
    let kind = p.u16(0)?;
    let name = if kind == TIMESTAMP { "Timestamp" } else { "Unknown" };
    put!(t, "SubType {name} (0x{kind:04x}), ");
    if kind != TIMESTAMP {
        return Ok(None);
    }
    let name = |names, number| name_of(names, number).unwrap_or("Unknown");
    let scale = p.u8(2)?;
    put!(t, "Timescale {} ({scale}), ", name(SCALES, scale));
    let (format, hardware) = (p.u8(3)? >> 4, p.u8(3)? & 0xf);
    put!(t, "Format {} ({format})", name(FORMATS, format));
    put!(t, ", HwInfo {} ({hardware}), Timestamp ", name(HARDWARE, hardware));
    let size = match format {
        1 => {
            let (seconds, fraction) = (p.u32(4)?, p.u32(8)?);
            let seconds = i64::from(seconds) + i64::from(fraction / NANOSECONDS);
            let time = Timestamp::from_second(seconds).unwrap_or_default();
            let text = time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S");
            put!(t, "{text}.{:09}", fraction % NANOSECONDS);
            12
        }
        2 => {
            let (seconds, fraction) = (u32::from(p.u16(4)?), p.u32(6)?);
            put!(t, "{}.{:09}", seconds + fraction / NANOSECONDS, fraction % NANOSECONDS);
            10
        }
        _ => return Ok(None),
    };
    put!(t, ": ");
    Ok(Some(size))
}

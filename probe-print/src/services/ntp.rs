//! NTP (RFC 5905).

use jiff::Timestamp;

use crate::{
    bytes::{Bytes, Stop},
    text::{Text, put, put_name},
};

const MODES: &[(u8, &str)] = &[
    (0, "unspecified"),
    (1, "symmetric active"),
    (2, "symmetric passive"),
    (3, "Client"),
    (4, "Server"),
    (5, "Broadcast"),
    (6, "Control Message"),
    (7, "Reserved"),
];

const LEAP: &[(u8, &str)] =
    &[(0, ""), (0x40, "+1s"), (0x80, "-1s"), (0xc0, "clock unsynchronized")];

const CONTROL: u8 = 6;
const TIME_HEADER: usize = 48;
const CONTROL_HEADER: usize = 12;

const STRATUM: usize = 1;
const POLL: usize = 2;
const PRECISION: usize = 3;
const ROOT_DELAY: usize = 4;
const ROOT_DISPERSION: usize = 8;
const REFERENCE_ID: usize = 12;
const REFERENCE: usize = 16;
const ORIGINATOR: usize = 24;
const RECEIVE: usize = 32;
const TRANSMIT: usize = 40;

/// Seconds from 1900, where NTP counts from, to 1970.
const SINCE_1900: i64 = 2_208_988_800;

/// Prints version, mode and length; with `-v` the fields.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ntp";
    let first = p.u8(0)?;
    put!(t, "NTPv{}, ", first >> 3 & 7);
    put_name!(t, MODES, first & 7, "Unknown mode");
    put!(t, ", length {length}");
    if t.style.verbose == 0 {
        return Ok(());
    }
    let leap = first & 0xc0;
    put!(t, "\n\tLeap indicator: ");
    put_name!(t, LEAP, leap, "Unknown");
    put!(t, " ({leap})");
    match first & 7 {
        0..CONTROL => time(t, p, length),
        CONTROL => control(t, p, length),
        _ => Ok(()),
    }
}

/// The message that clocks are set by.
fn time(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    if length < TIME_HEADER {
        return invalid(t, p, length);
    }
    let stratum = p.u8(STRATUM)?;
    let name = match stratum {
        0 => "unspecified",
        1 => "primary reference",
        2..=15 => "secondary reference",
        _ => "reserved",
    };
    put!(t, ", Stratum {stratum} ({name})");
    let poll = p.u8(POLL)?.cast_signed();
    put!(t, ", poll {poll}");
    match poll {
        0..32 => put!(t, " ({}s)", 1u32 << poll),
        -31..0 => put!(t, " (1/{}s)", 1u32 << -poll),
        _ => {}
    }
    put!(t, ", precision {}", p.u8(PRECISION)?.cast_signed());
    p.need(ROOT_DELAY, 4)?;
    put!(t, "\n\tRoot Delay: ");
    short(t, p, ROOT_DELAY)?;
    p.need(ROOT_DISPERSION, 4)?;
    put!(t, ", Root dispersion: ");
    short(t, p, ROOT_DISPERSION)?;
    let reference = p.u32(REFERENCE_ID).or(Err(Stop::Short))?;
    put!(t, ", Reference-ID: ");
    match stratum {
        0 => put!(t, "(unspec)"),
        1 => t.characters(p.slice(REFERENCE_ID, 4)?),
        62 | 63 => {
            let name = if stratum == 62 { "INFO_QUERY" } else { "INFO_REPLY" };
            put!(t, "{} {name}", t.v4(p, REFERENCE_ID)?);
            return Ok(());
        }
        _ => put!(t, "0x{reference:08x}"),
    }
    for (at, name) in [
        (REFERENCE, "Reference Timestamp:  "),
        (ORIGINATOR, "Originator Timestamp: "),
        (RECEIVE, "Receive Timestamp:    "),
        (TRANSMIT, "Transmit Timestamp:   "),
    ] {
        let stamp = p.u64(at).or(Err(Stop::Short))?;
        put!(t, "\n\t  {name}");
        instant(t, stamp);
    }
    let originator = p.u64(ORIGINATOR)?;
    for (at, name) in [(RECEIVE, "Receive Timestamp:  "), (TRANSMIT, "Transmit Timestamp: ")] {
        put!(t, "\n\t    Originator - {name}");
        difference(t, originator, p.u64(at)?);
    }
    match length - TIME_HEADER {
        0 => {}
        4 => put!(t, "\n\tKey id: {}", p.u32(TIME_HEADER)?),
        // A key and an MD5 or a SHA-1 digest.
        size @ (20 | 24) => {
            put!(t, "\n\tKey id: {}", p.u32(TIME_HEADER)?);
            let digest = p.slice(TIME_HEADER + 4, size - 4).or(Err(Stop::Short))?;
            put!(t, "\n\tAuthentication: ");
            t.hex(digest);
        }
        more => put!(t, "\n\t({more} more bytes after the header)"),
    }
    Ok(())
}

/// A message to or from `ntpq` (RFC 9327).
fn control(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    if length < CONTROL_HEADER {
        return invalid(t, p, length);
    }
    let head = p.u8(1)?;
    let bit = |mask, set, unset| if head & mask == 0 { unset } else { set };
    put!(
        t,
        ", {}, {}, {}, OpCode={}\n",
        bit(0x80, "Response", "Request"),
        bit(0x40, "Error", "OK"),
        bit(0x20, "More", "Last"),
        head & 0x1f
    );
    put!(t, "\tSequence={}", p.u16(2)?);
    match p.u16(4)? {
        0 => put!(t, ", Status=0"),
        status => put!(t, ", Status=0x{status:x}"),
    }
    put!(t, ", Assoc.={}", p.u16(6)?);
    put!(t, ", Offset={}", p.u16(8)?);
    let count = usize::from(p.u16(10)?);
    put!(t, ", Count={count}");
    if CONTROL_HEADER + count > length {
        return invalid(t, p, length);
    }
    if count != 0 {
        p.need(CONTROL_HEADER, count)?;
        put!(t, "\n\tTO-BE-DONE: data not interpreted");
    }
    Ok(())
}

fn invalid(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.invalid();
    p.need(0, length)?;
    Ok(())
}

/// A number of 16 bits before and 16 behind the point, with six decimals.
fn short(t: &mut Text<'_>, p: Bytes<'_>, at: usize) -> Result<(), Stop> {
    let fraction = f64::from(p.u16(at + 2)?) / 65_536.0;
    put!(t, "{}.{:06}", p.u16(at)?, (fraction * 1e6) as u32);
    Ok(())
}

/// Decimals of a fraction of 2^32.
fn nanoseconds(fraction: u32) -> u32 {
    (f64::from(fraction) / 4_294_967_296.0 * 1e9) as u32
}

/// Seconds since 1900, and the date.
pub(super) fn instant(t: &mut Text<'_>, stamp: u64) {
    let (seconds, fraction) = ((stamp >> 32) as u32, stamp as u32);
    put!(t, "{seconds}.{:09}", nanoseconds(fraction));
    if seconds != 0
        && let Ok(time) = Timestamp::from_second(i64::from(seconds) - SINCE_1900)
    {
        put!(t, " ({})", time.strftime("%Y-%m-%dT%H:%M:%SZ"));
    }
}

/// How much later a time is than the originator's.
fn difference(t: &mut Text<'_>, originator: u64, stamp: u64) {
    if originator == 0 {
        return instant(t, stamp);
    }
    let sign = if stamp > originator { '+' } else { '-' };
    let span = stamp.abs_diff(originator);
    put!(t, "{sign}{}.{:09}", span >> 32, nanoseconds(span as u32));
}

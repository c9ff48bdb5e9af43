//! ICMP (RFC 792, RFC 950, RFC 1256, RFC 4884).

use super::ip;
use crate::{
    bytes::{Bytes, Stop},
    checksum,
    color::Tint,
    dump,
    text::{Text, name_of, put},
};

/// The packet that an error quotes.
const QUOTED: usize = 8;
/// Where extensions begin: behind 128 bytes of the quoted packet.
const EXTENSION: usize = 136;

/// Where the fields of the header are (RFC 792).
mod field {
    pub const TYPE: usize = 0;
    pub const CODE: usize = 1;
    pub const CHECKSUM: usize = 2;
}

pub(super) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    fragmented: bool,
) -> Result<(), Stop> {
    t.protocol = "icmp";
    let is_error = matches!(p.u8(field::TYPE)?, 3 | 4 | 5 | 11 | 12);
    t.tint = if is_error { Tint::Trouble } else { Tint::Control };
    let (kind, code) = (p.u8(field::TYPE)?, p.u8(field::CODE)?);
    let text = message(t, p, kind, code)?;
    put!(t, "ICMP {text}, length {length}");
    if t.style.verbose == 0 {
        return Ok(());
    }
    if !fragmented && let Ok(bytes) = p.slice(0, length) {
        let residue = checksum::residue(&[bytes]);
        if residue != 0 {
            let found = p.u16(field::CHECKSUM)?;
            let right = checksum::should_be(found, residue);
            put!(t, " (wrong icmp cksum {found:x} (->{right:x})!)");
        }
    }
    if is_error {
        put!(t, "\n\t");
        let quoted = p.from(QUOTED);
        let quoted_len = usize::from(quoted.u16(2)?);
        // tcpdump reads the length once more, within it.
        quoted.limit(quoted_len).u16(2)?;
        t.quoted(|t| ip::print(t, quoted.limit(quoted_len), quoted_len))?;
    }
    t.protocol = "icmp";
    t.tint = if is_error { Tint::Trouble } else { Tint::Control };
    if length > EXTENSION && matches!(kind, 3 | 11 | 12) {
        extensions(t, p, length)?;
    }
    Ok(())
}

/// The message in words.
fn message(t: &Text<'_>, p: Bytes<'_>, kind: u8, code: u8) -> Result<String, Stop> {
    let id = || p.u16(4);
    let sequence = || p.u16(6);
    Ok(match kind {
        0 => format!("echo reply, id {}, seq {}", id()?, sequence()?),
        8 => format!("echo request, id {}, seq {}", id()?, sequence()?),
        3 => unreachable(t, p, code)?,
        5 => {
            let (to, via) = (t.v4(p, QUOTED + 16)?, t.v4(p, 4)?);
            match code {
                0 => format!("redirect {to} to net {via}"),
                1 => format!("redirect {to} to host {via}"),
                2 => format!("redirect-tos {to} to net {via}"),
                3 => format!("redirect-tos {to} to host {via}"),
                _ => format!("redirect-#{code} {to} to {via}"),
            }
        }
        9 => advertisement(t, p)?,
        11 => {
            p.need(QUOTED + 16, 4)?;
            match code {
                0 => "time exceeded in-transit".into(),
                1 => "ip reassembly time exceeded".into(),
                _ => format!("time exceeded-#{code}"),
            }
        }
        12 if code != 0 => format!("parameter problem - code {code}"),
        12 => format!("parameter problem - octet {}", p.u8(4)?),
        18 => format!("address mask is 0x{:08x}", p.u32(8)?),
        13 => format!("time stamp query id {} seq {}", id()?, sequence()?),
        14 => {
            p.need(16, 4)?;
            format!(
                "time stamp reply id {} seq {}: org {}, recv {}, xmit {}",
                id()?,
                sequence()?,
                day_time(p.u32(8)?),
                day_time(p.u32(12)?),
                day_time(p.u32(16)?)
            )
        }
        _ => match name_of(NAMES, kind) {
            Some(name) => name.into(),
            None => format!("type-#{kind}"),
        },
    })
}

const NAMES: &[(u8, &str)] = &[
    (4, "source quench"),
    (10, "router solicitation"),
    (15, "information request"),
    (16, "information reply"),
    (17, "address mask request"),
];

/// Destination unreachable.
fn unreachable(t: &Text<'_>, p: Bytes<'_>, code: u8) -> Result<String, Stop> {
    if code == 3 {
        p.need(QUOTED + 9, 1)?;
        let header = 4 * usize::from(p.u8(QUOTED)? & 0xf);
        let port = p.u16(QUOTED + header + 2)?;
        let to = t.v4(p, QUOTED + 16)?;
        return Ok(match p.u8(QUOTED + 9)? {
            6 => format!("{to} tcp port {} unreachable", t.tcp(port)),
            17 => format!("{to} udp port {} unreachable", t.udp(port)),
            number => format!("{to} protocol {number} port {port} unreachable"),
        });
    }
    if code == 4 {
        let mtu = p.u16(6)?;
        let to = t.v4(p, QUOTED + 16)?;
        return Ok(match mtu {
            0 => format!("{to} unreachable - need to frag"),
            _ => format!("{to} unreachable - need to frag (mtu {mtu})"),
        });
    }
    let to = t.v4(p, QUOTED + 16)?;
    Ok(match code {
        0 => format!("net {to} unreachable"),
        1 => format!("host {to} unreachable"),
        2 => format!("{to} protocol {} unreachable", p.u8(QUOTED + 9)?),
        5 => format!("{to} unreachable - source route failed"),
        6 => format!("net {to} unreachable - unknown"),
        7 => format!("host {to} unreachable - unknown"),
        8 => format!("{to} unreachable - source host isolated"),
        9 => format!("net {to} unreachable - admin prohibited"),
        10 => format!("host {to} unreachable - admin prohibited"),
        11 => format!("net {to} unreachable - tos prohibited"),
        12 => format!("host {to} unreachable - tos prohibited"),
        13 => format!("host {to} unreachable - admin prohibited filter"),
        14 => format!("host {to} unreachable - host precedence violation"),
        15 => format!("host {to} unreachable - precedence cutoff"),
        _ => format!("{to} unreachable - #{code}"),
    })
}

/// Router advertisement (RFC 1256).
fn advertisement(t: &Text<'_>, p: Bytes<'_>) -> Result<String, Stop> {
    p.need(4, 4)?;
    let lifetime = u32::from(p.u16(6)?);
    let (minutes, seconds) = (lifetime / 60 % 60, lifetime % 60);
    let lifetime = match lifetime {
        0..60 => format!("{lifetime}"),
        60..3600 => format!("{minutes}:{seconds:02}"),
        _ => format!("{}:{minutes:02}:{seconds:02}", lifetime / 3600),
    };
    let count = usize::from(p.u8(4)?);
    let mut text = format!("router advertisement lifetime {lifetime} {count}:");
    let size = p.u8(5)?;
    if size != 2 {
        text.push_str(&format!(" [size {size}]"));
        return Ok(text);
    }
    for index in 0..count {
        let at = 8 + 8 * index;
        p.need(at, 8)?;
        text.push_str(&format!(" {{{} {}}}", t.v4(p, at)?, p.u32(at + 4)?));
    }
    Ok(text)
}

/// Milliseconds since midnight.
fn day_time(milliseconds: u32) -> String {
    let seconds = milliseconds / 1000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, milliseconds % 1000)
}

/// Extensions of an error message: the MPLS labels of a traceroute, mostly.
fn extensions(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    /// Version and checksum.
    const HEAD: usize = 4;
    const OBJECT: usize = 4;
    p.need(0, EXTENSION + HEAD + 1)?;
    let area = p.slice(EXTENSION, length - EXTENSION);
    // Old routers leave the length field zero; then the checksum tells.
    if p.u8(5)? == 0
        && let Ok(area) = area
        && checksum::residue(&[area]) != 0
    {
        return Ok(());
    }
    let version = p.u8(EXTENSION)? >> 4;
    put!(t, "\n\tICMP Multi-Part extension v{version}");
    if version != 2 {
        put!(t, " packet not supported");
        return Ok(());
    }
    let mut left = length - EXTENSION;
    if let Ok(area) = area {
        let wrong = if checksum::residue(&[area]) == 0 { "" } else { "in" };
        let found = p.u16(EXTENSION + 2)?;
        put!(t, ", checksum 0x{found:04x} ({wrong}correct), length {left}");
    }
    left = left.saturating_sub(HEAD);
    let mut at = EXTENSION + HEAD;
    // Each object takes at least its head.
    while left > OBJECT {
        p.need(at, OBJECT)?;
        let size = usize::from(p.u16(at)?);
        let (class, kind) = (p.u8(at + 2)?, p.u8(at + 3)?);
        let name = match class {
            1 => "MPLS Stack Entry",
            2 => "Interface Identification",
            _ => "unknown",
        };
        put!(t, "\n\t  {name} Object ({class}), Class-Type: {kind}, length {size}");
        at += OBJECT;
        left -= OBJECT;
        if class == 0 || size < OBJECT {
            return Ok(());
        }
        let size = size - OBJECT;
        if (class, kind) == (1, 1) {
            let label = p.u32(at)?;
            put!(t, "\n\t    label {}, tc {}", label >> 12, label >> 9 & 7);
            if label >> 8 & 1 == 1 {
                put!(t, ", [S]");
            }
            put!(t, ", ttl {}", label & 0xff);
        } else {
            dump::hex(p.from(at).limit(size).all(), "\n\t    ", 0, t.out);
        }
        if left < size {
            break;
        }
        at += size;
        left -= size;
    }
    Ok(())
}

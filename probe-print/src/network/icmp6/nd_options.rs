//! Options of neighbour discovery (RFC 4861, RFC 8106, RFC 4191, RFC 6275).

use crate::{
    address::V6,
    bytes::{Bytes, Stop},
    dump,
    services::dns::domain_name,
    text::{Text, bits, name_of, put},
};

const NAMES: &[(u8, &str)] = &[
    (1, "source link-address"),
    (2, "destination link-address"),
    (3, "prefix info"),
    (4, "redirected header"),
    (5, "mtu"),
    (7, "advertisement interval"),
    (8, "homeagent information"),
    (24, "route info"),
    (25, "rdnss"),
    (31, "dnssl"),
];

const PREFIX_FLAGS: &[(u32, &str)] = &[(0x80, "onlink"), (0x40, "auto"), (0x20, "router")];

/// A router's preference in its flags.
pub(super) fn preference(flags: u8) -> &'static str {
    match flags >> 3 & 3 {
        0 => "medium",
        1 => "high",
        2 => "rsv",
        _ => "low",
    }
}

fn lifetime(seconds: u32) -> String {
    match seconds {
        u32::MAX => "infinity".into(),
        _ => format!("{seconds}s"),
    }
}

/// Prints options, which begin with `p`.
pub(super) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    let (mut at, mut left) = (0, length);
    // Each option takes at least eight bytes.
    while at < p.len() {
        let option = p.from(at);
        let units = option.u8(1).or(Err(Stop::Short))?;
        if left == 0 {
            return Ok(());
        }
        let size = 8 * usize::from(units);
        if units == 0 || !option.has(0, size) {
            return Err(Stop::Short);
        }
        let kind = option.u8(0)?;
        let name = name_of(NAMES, kind).unwrap_or("unknown");
        put!(t, "\n\t  {name} option ({kind}), length {size} ({units}): ");
        let body = p.from(at + 2).limit(size - 2);
        match value(t, p, option, kind, size)? {
            Value::Shown => {}
            Value::Unknown if t.style.verbose <= 1 => {
                dump::hex(body.all(), "\n\t  ", 0, t.out);
                return Ok(());
            }
            Value::Unknown => {}
        }
        if t.style.verbose > 1 {
            dump::hex(body.all(), "\n\t    ", 0, t.out);
        }
        at += size;
        left = left.saturating_sub(size);
    }
    Ok(())
}

enum Value {
    Shown,
    Unknown,
}

fn value(
    t: &mut Text<'_>,
    all: Bytes<'_>,
    p: Bytes<'_>,
    kind: u8,
    size: usize,
) -> Result<Value, Stop> {
    match kind {
        1 | 2 => put!(t, "{}", t.link(p.slice(2, size - 2)?)),
        3 => {
            let wrong = if size == 32 { "" } else { "badlen" };
            put!(
                t,
                "{}/{}{wrong}, Flags [{}], valid time {}, pref. time {}",
                t.v6(p, 16)?,
                p.u8(2)?,
                bits(PREFIX_FLAGS, p.u8(3)?.into(), ", ", "none"),
                lifetime(p.u32(4)?),
                lifetime(p.u32(8)?)
            );
        }
        4 => dump::hex(all.limit(size).all(), "\n\t    ", 0, t.out),
        5 => {
            let wrong = if size == 8 { "" } else { "bad option length" };
            put!(t, " {}{wrong}", p.u32(4)?);
        }
        7 => put!(t, " {}ms", p.u32(4)?),
        8 => put!(t, " preference {}, lifetime {}", p.u16(4)?, p.u16(6)?),
        24 => {
            let known = match size {
                8 => 0,
                16 => 8,
                24 => 16,
                _ => return Err(Stop::Short),
            };
            let prefix: [u8; 16] = p.filled(8, known)?;
            put!(
                t,
                " {}/{}, pref={}, lifetime={}",
                V6(prefix.into()),
                p.u8(2)?,
                preference(p.u8(3)?),
                lifetime(p.u32(4)?)
            );
        }
        25 => {
            put!(t, " lifetime {}s,", p.u32(4)?);
            for index in 0..(size - 8) / 16 {
                put!(t, " addr: {}", t.v6(p, 8 + 16 * index)?);
            }
        }
        31 => {
            put!(t, " lifetime {}s, domain(s):", p.u32(4)?);
            let mut at = 8;
            while at < size && p.u8(at)? != 0 {
                put!(t, " ");
                // Pointers lead towards the front, but a name ends behind its first one.
                at = domain_name::name_from(t, p, at, 0)?;
            }
        }
        _ => return Ok(Value::Unknown),
    }
    Ok(Value::Shown)
}

//! PGM, reliable multicast (RFC 3208).

use crate::{
    address::{v4, v6},
    bytes::{Bytes, Fields, Stop},
    color::Tint,
    network::outer::Outer,
    text::{Text, put},
};

pub(crate) const PROTOCOL: u8 = 113;
const HEADER: usize = 16;
const OPTIONS: u8 = 1;

/// Types of packets that ask for what was lost, and answer (RFC 3208, 8.1).
const NAK: u8 = 8;
const NNAK: u8 = 9;
const NCF: u8 = 10;

const INET: u16 = 1;
const INET6: u16 = 2;

pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
) -> Result<(), Stop> {
    t.protocol = "pgm";
    t.tint = Tint::Datagram;
    if !p.has(0, 4) {
        outer.print_ends(t, None)?;
        put!(t, ":");
        return Err(Stop::Short);
    }
    let (from, to) = (p.u16(0)?, p.u16(2)?);
    t.summary.ports = Some((from, to));
    let ports = (t.tcp(from), t.tcp(to));
    outer.print_flow(t, PROTOCOL, ports)?;
    p.need(0, HEADER)?;
    put!(t, "PGM, length {}", p.u16(14)?);
    if t.style.verbose == 0 {
        return Ok(());
    }
    put!(t, " 0x");
    t.hex(p.slice(8, 6)?);
    put!(t, " ");
    let used = message(t, p.u8(4)?, p.from(HEADER))?;
    if p.u8(5)? & OPTIONS != 0 {
        // As in tcpdump, which looks for them at the header where a message has no more.
        let at = if used == 0 { 0 } else { HEADER + used };
        options(t, p.from(at))?;
    }
    put!(t, " [{length}]");
    Ok(())
}

/// An address of a family, and its size.
fn nla(p: Bytes<'_>, at: usize, family: u16) -> Result<(String, usize), Stop> {
    let short = |_| Stop::Short;
    match family {
        INET => Ok((v4(p, at).map_err(short)?.to_string(), 4)),
        INET6 => Ok((v6(p, at).map_err(short)?.to_string(), 16)),
        _ => Err(Stop::Short),
    }
}

/// Prints a message and says how long it is.
fn message(t: &mut Text<'_>, kind: u8, p: Bytes<'_>) -> Result<usize, Stop> {
    let size = match kind {
        0 => 16,
        1 => 12,
        2 | 4 | 5 | 8..=11 => 8,
        _ => 0,
    };
    p.need(0, size)?;
    let mut used = size;
    match kind {
        0 => {
            let (nla, more) = nla(p, size, p.u16(12)?)?;
            put!(t, "SPM seq {} trail {} lead {} nla {nla}", p.u32(0)?, p.u32(4)?, p.u32(8)?);
            used += more;
        }
        1 => {
            let (nla, more) = nla(p, size, p.u16(8)?)?;
            used += more;
            let (interval, random, mask) = (p.u32(used)?, p.u32(used + 4)?, p.u32(used + 8)?);
            put!(t, "POLL seq {} round {} nla {nla}", p.u32(0)?, p.u16(4)?);
            put!(t, " ivl {interval} rnd 0x{random:08x} mask 0x{mask:08x}");
            used += 12;
        }
        2 => put!(t, "POLR seq {} round {}", p.u32(0)?, p.u16(4)?),
        4 | 5 => {
            let name = if kind == 4 { "ODATA" } else { "RDATA" };
            put!(t, "{name} trail {} seq {}", p.u32(4)?, p.u32(0)?);
        }
        NAK | NNAK | NCF => {
            let (source, more) = nla(p, used, p.u16(4)?)?;
            // As in tcpdump, the group's family is looked for where its address begins.
            used += more + 4;
            let (group, more) = nla(p, used, p.u16(used)?)?;
            used += more;
            let name = match kind {
                NAK => "NAK",
                NNAK => "NNAK",
                _ => "NCF",
            };
            put!(t, "{name} ({source} -> {group}), seq {}", p.u32(0)?);
        }
        12 => put!(t, "SPMR"),
        11 => put!(t, "ACK seq {}", p.u32(0)?),
        _ => put!(t, "UNKNOWN type 0x{kind:02x}"),
    }
    Ok(used)
}

/// The bit of the last option.
const LAST: u8 = 0x80;

/// Options of a fixed size: kind, size, what tcpdump calls it in complaints.
const FIXED: &[(u8, usize, &str)] = &[
    (0, 4, "OPT_LENGTH"),
    (1, 16, "OPT_FRAGMENT"),
    (3, 8, "OPT_JOIN"),
    (4, 12, "OPT_NAK_BO_IVL"),
    (5, 12, "OPT_NAK_BO_RNG"),
    (8, 8, "OPT_PARITY_PRM"),
    (9, 8, "OPT_PARITY_GRP"),
    (10, 8, "OPT_CURR_TGSIZE"),
    (11, 4, "OPT_NBR_UNREACH"),
    (13, 4, "OPT_SYN"),
    (14, 4, "OPT_FIN"),
    (15, 4, "OPT_RST"),
    (17, 4, "OPT_CRQST"),
];

fn options(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    const HEAD: usize = 2;
    const LEAST: usize = 4;
    let mut fields = Fields::new(p, p.len());
    p.need(0, LEAST)?;
    let first = fields.u8()? & !LAST;
    if first != 0 {
        put!(t, "[First option bad, should be PGM_OPT_LENGTH, is {first}]");
        return Err(Stop::Here);
    }
    let size = fields.u8()?;
    if size != 4 {
        put!(t, "[Bad OPT_LENGTH option, length {size} != 4]");
        return Err(Stop::Here);
    }
    let total = fields.u16()?;
    let Some(mut left) = usize::from(total).checked_sub(4) else {
        put!(t, "[Bad total option length {total} < 4]");
        return Err(Stop::Here);
    };
    put!(t, " OPTS LEN {total}");
    while left > 0 {
        if left < LEAST {
            put!(t, "[Total option length leaves no room for final option]");
            return Err(Stop::Here);
        }
        let (kind, size) = (fields.u8()?, usize::from(fields.u8()?));
        if size < LEAST {
            put!(t, "[Bad option, length {size} < {LEAST}]");
            break;
        }
        if left < size {
            put!(t, "[Total option length leaves no room for final option]");
            return Err(Stop::Here);
        }
        fields.rest().need(0, size - HEAD)?;
        option(t, kind, fields.rest(), size)?;
        // Of those that tcpdump does not look into, it skips the head once more.
        let unread = matches!(kind & !LAST, 6 | 12 | 16 | 20..);
        fields.skip(if unread { size } else { size - HEAD });
        left -= if kind & !LAST == 2 { size.saturating_sub(4) } else { size };
        if kind & LAST != 0 {
            break;
        }
    }
    Ok(())
}

/// Prints an option from behind its head on.
fn option(t: &mut Text<'_>, whole: u8, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
    let kind = whole & !LAST;
    if let Some((_, right, name)) = FIXED.iter().find(|(fixed, ..)| *fixed == kind)
        && size != *right
    {
        put!(t, "[Bad {name} option, length {size} != {right}]");
        return Err(Stop::Here);
    }
    match kind {
        0 => put!(t, " OPTS LEN (extra?) {}", p.u16(0)?),
        1 => put!(t, " FRAG seq {} off {} len {}", p.u32(2)?, p.u32(6)?, p.u32(10)?),
        2 => {
            put!(t, " NAK LIST");
            let mut list = Fields::new(p.from(2), size.saturating_sub(4));
            while list.left() > 0 {
                if list.left() < 4 {
                    put!(t, "[Option length not a multiple of 4]");
                    return Err(Stop::Here);
                }
                put!(t, " {}", list.u32()?);
            }
        }
        3 => put!(t, " JOIN {}", p.u32(2)?),
        4 => put!(t, " BACKOFF ivl {} ivlseq {}", p.u32(2)?, p.u32(6)?),
        5 => put!(t, " BACKOFF max {} min {}", p.u32(2)?, p.u32(6)?),
        7 | 18 | 19 => {
            let (name, fixed, at) = match kind {
                7 => ("OPT_REDIRECT", 8, 2),
                18 => ("OPT_PGMCC_DATA", 12, 6),
                _ => ("OPT_PGMCC_FEEDBACK", 12, 6),
            };
            if size < fixed {
                let name = if kind == 19 { "PGM_OPT_PGMCC_FEEDBACK" } else { name };
                put!(t, "[Bad {name} option, length {size} < {fixed}]");
                return Err(Stop::Here);
            }
            let family = p.u16(at)?;
            let right = match family {
                INET => fixed + 4,
                INET6 => fixed + 16,
                _ => return Err(Stop::Short),
            };
            if size != right {
                put!(t, "[Bad {name} option, length {size} != {fixed} + address size]");
                return Err(Stop::Here);
            }
            let (nla, _) = nla(p, at + 4, family)?;
            match kind {
                7 => put!(t, " REDIRECT {nla}"),
                18 => put!(t, " PGMCC DATA {} {nla}", p.u32(2)?),
                _ => put!(t, " PGMCC FEEDBACK {} {nla}", p.u32(2)?),
            }
        }
        8 => put!(t, " PARITY MAXTGS {}", p.u32(2)?),
        9 => put!(t, " PARITY GROUP {}", p.u32(2)?),
        10 => put!(t, " PARITY ATGS {}", p.u32(2)?),
        11 => put!(t, " NBR_UNREACH"),
        12 => put!(t, " PATH_NLA [{size}]"),
        13 => put!(t, " SYN"),
        14 => put!(t, " FIN"),
        15 => put!(t, " RST"),
        16 => put!(t, " CR"),
        17 => put!(t, " CRQST"),
        _ => put!(t, " OPT_{whole:02X} [{size}] "),
    }
    Ok(())
}

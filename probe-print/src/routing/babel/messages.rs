//! The messages of Babel (RFC 8966, RFC 9079) and what `-v` shows of each.

use std::net::Ipv6Addr;

use crate::{
    address::{MAPPED, V6},
    bytes::{Bytes, Stop},
    text::{Text, put, put_name},
};

const PAD: u8 = 0;
const HELLO: u8 = 4;
const IHU: u8 = 5;
const UPDATE: u8 = 8;
const SOURCE_UPDATE: u8 = 13;

const NAMES: &[(u8, &str)] = &[
    (1, "padN"),
    (2, "ack-req"),
    (3, "ack"),
    (HELLO, "hello"),
    (IHU, "ihu"),
    (6, "router-id"),
    (7, "nh"),
    (UPDATE, "update"),
    (9, "route-request"),
    (10, "seqno-request"),
    (11, "tspc"),
    (12, "hmac"),
    (SOURCE_UPDATE, "ss-update"),
    (14, "ss-request"),
    (15, "ss-mh-request"),
    (16, "mac"),
    (17, "pc"),
    (18, "challenge_request"),
    (19, "challenge_reply"),
];

/// No address of IPv4, among those of IPv6.
const NONE_4: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
const V4: u8 = 1;
const DIVERSITY: &[(u8, &str)] = &[(0, "reserved"), (255, "all")];

/// A walk over messages, with the prefixes that later ones leave out.
pub(super) struct Messages {
    v4: [u8; 16],
    v6: [u8; 16],
}

impl Default for Messages {
    fn default() -> Self {
        Self { v4: NONE_4, v6: [0; 16] }
    }
}

impl Messages {
    pub(super) fn print(
        mut self,
        t: &mut Text<'_>,
        p: Bytes<'_>,
        length: usize,
    ) -> Result<(), Stop> {
        let verbose = t.style.verbose > 0;
        let mut at = 0;
        // Each message takes at least one byte.
        while at < length {
            let kind = p.u8(at)?;
            if kind == PAD {
                put!(t, "{}", if verbose { "\n\tPad 1" } else { " pad1" });
                at += 1;
                continue;
            }
            if length < at + 2 {
                return Err(Stop::Invalid);
            }
            p.need(at, 2)?;
            let size = 2 + usize::from(p.u8(at + 1)?);
            if length < at + size {
                return Err(Stop::Invalid);
            }
            p.need(at, size)?;
            let message = p.from(at).limit(size);
            if verbose {
                self.details(t, kind, message)?;
            } else {
                brief(t, kind, message)?;
            }
            at += size;
        }
        Ok(())
    }

    fn details(&mut self, t: &mut Text<'_>, kind: u8, m: Bytes<'_>) -> Result<(), Stop> {
        // Of the value, as the message says it.
        let length = m.len() - 2;
        let need = |least| if length < least { Err(Stop::Invalid) } else { Ok(()) };
        match kind {
            1 => put!(t, "\n\tPad {}", length + 2),
            2 => {
                put!(t, "\n\tAcknowledgment Request ");
                need(6)?;
                put!(t, "{:04x} {}", m.u16(4)?, interval(m.u16(6)?));
            }
            3 => {
                put!(t, "\n\tAcknowledgment ");
                need(2)?;
                put!(t, "{:04x}", m.u16(2)?);
            }
            HELLO => {
                put!(t, "\n\tHello ");
                need(6)?;
                if m.u16(2)? & 0x8000 != 0 {
                    put!(t, "(Unicast) ");
                }
                put!(t, "seqno {} ", m.u16(4)?);
                match m.u16(6)? {
                    0 => put!(t, "unscheduled"),
                    hundredths => put!(t, "interval {}", interval(hundredths)),
                }
                t.part(|t| extra(t, m.from(8), kind))?;
            }
            IHU => {
                put!(t, "\n\tIHU ");
                need(6)?;
                let family = m.u8(2)?;
                let Some((address, used)) = address(family, m.from(8)) else {
                    // The next message follows.
                    t.truncated();
                    return Ok(());
                };
                match family {
                    0 => put!(t, "any"),
                    _ => put_address(t, &address)?,
                }
                put!(t, " rxcost {} interval {}", m.u16(4)?, interval(m.u16(6)?));
                t.part(|t| extra(t, m.from(8 + used), kind))?;
            }
            6 => {
                put!(t, "\n\tRouter Id");
                need(10)?;
                put!(t, " ");
                put_id(t, m.from(4))?;
            }
            7 => {
                put!(t, "\n\tNext Hop");
                need(2)?;
                let family = m.u8(2)?;
                let (address, _) = address(family, m.from(4)).ok_or(Stop::Invalid)?;
                put!(t, " ");
                match family {
                    0 => put!(t, "invalid AE 0"),
                    _ => put_address(t, &address)?,
                }
            }
            UPDATE => {
                put!(t, "\n\tUpdate");
                need(10)?;
                self.update(t, m)?;
            }
            9 => {
                put!(t, "\n\tRoute Request ");
                need(2)?;
                let (family, length) = (m.u8(2)?, m.u8(3)?);
                let (prefix, _) = prefix(family, length, 0, m.from(4), None)?;
                put!(t, "for ");
                match family {
                    0 => put!(t, "any"),
                    _ => put_prefix(t, &prefix, bits(family, length))?,
                }
            }
            10 => {
                put!(t, "\n\tSeqno Request ");
                need(14)?;
                let (family, length) = (m.u8(2)?, m.u8(3)?);
                let (prefix, _) = prefix(family, length, 0, m.from(16), None)?;
                put!(t, "({} hops) for ", m.u8(6)?);
                match family {
                    0 => put!(t, "invalid AE 0"),
                    _ => put_prefix(t, &prefix, bits(family, length))?,
                }
                put!(t, " seqno {} id ", m.u16(4)?);
                put_id(t, m.from(8))?;
            }
            11 => {
                put!(t, "\n\tTS/PC ");
                need(6)?;
                put!(t, "timestamp {} packetcounter {}", m.u32(4)?, m.u16(2)?);
            }
            12 => {
                put!(t, "\n\tHMAC ");
                need(18)?;
                put!(t, "key-id {} digest-{} ", m.u16(2)?, length - 2);
                for byte in m.from(4).all() {
                    put!(t, "{byte:02X}");
                }
            }
            SOURCE_UPDATE => {
                put!(t, "\n\tSS-Update");
                need(10)?;
                let family = m.u8(2)?;
                let (to, used) = self.prefix(family, m.u8(4)?, m.u8(5)?, m.from(12))?;
                let (from, more) = prefix(family, m.u8(3)?, 0, m.from(12 + used), None)?;
                put!(t, " ");
                put_prefix(t, &to, bits(family, m.u8(4)?))?;
                put!(t, " from ");
                put_prefix(t, &from, bits(family, m.u8(3)?))?;
                put!(t, " metric {} seqno {}", m.u16(10)?, m.u16(8)?);
                put!(t, " interval {}", update_interval(m.u16(6)?));
                t.part(|t| extra(t, m.from(12 + used + more), kind))?;
            }
            14 => {
                put!(t, "\n\tSS-Request ");
                need(3)?;
                let family = m.u8(2)?;
                let (to, used) = prefix(family, m.u8(3)?, 0, m.from(5), None)?;
                let (from, _) = prefix(family, m.u8(4)?, 0, m.from(5 + used), None)?;
                if family == 0 {
                    put!(t, "for any");
                } else {
                    put_pair(t, (&to, bits(family, m.u8(3)?)), (&from, bits(family, m.u8(4)?)))?;
                }
            }
            15 => {
                put!(t, "\n\tSS-MH-Request ");
                need(14)?;
                let family = m.u8(2)?;
                let (to, used) = prefix(family, m.u8(3)?, 0, m.from(16), None)?;
                let (from, _) = prefix(family, m.u8(7)?, 0, m.from(16 + used), None)?;
                put!(t, "({} hops) ", m.u8(6)?);
                put_pair(t, (&to, bits(family, m.u8(3)?)), (&from, bits(family, m.u8(7)?)))?;
                put!(t, " seqno {} id ", m.u16(4)?);
                put_id(t, m.from(8))?;
            }
            16 => put!(t, "\n\tMAC len {length}"),
            17 => {
                put!(t, "\n\tPC");
                need(4)?;
                put!(t, " value {} index len {}", m.u32(2)?, length - 4);
            }
            18 | 19 => {
                put!(t, "\n\tChallenge {}", if kind == 18 { "Request" } else { "Reply" });
                if length > 192 {
                    return Err(Stop::Invalid);
                }
                put!(t, " len {length}");
            }
            _ => put!(t, "\n\tUnknown message type {kind}"),
        }
        Ok(())
    }

    fn update(&mut self, t: &mut Text<'_>, m: Bytes<'_>) -> Result<(), Stop> {
        let (family, flags, length) = (m.u8(2)?, m.u8(3)?, m.u8(4)?);
        let (prefix, used) = self.prefix(family, length, m.u8(5)?, m.from(12))?;
        put_flags(t, flags);
        put!(t, " ");
        match family {
            0 => put!(t, "any"),
            _ => put_prefix(t, &prefix, bits(family, length))?,
        }
        put!(t, " metric {} seqno {}", m.u16(10)?, m.u16(8)?);
        put!(t, " interval {}", update_interval(m.u16(6)?));
        if flags & 0x80 != 0 {
            match family {
                V4 => self.v4 = prefix,
                _ => self.v6 = prefix,
            }
        }
        t.part(|t| extra(t, m.from(12 + used), UPDATE))
    }

    /// A prefix that may leave out what an earlier one said.
    fn prefix(&self, family: u8, length: u8, omitted: u8, p: Bytes<'_>) -> Prefix {
        let earlier = if family == V4 { &self.v4 } else { &self.v6 };
        prefix(family, length, omitted, p, Some(earlier))
    }
}

fn brief(t: &mut Text<'_>, kind: u8, m: Bytes<'_>) -> Result<(), Stop> {
    put!(t, " ");
    put_name!(t, NAMES, kind, "unknown");
    if kind == UPDATE {
        if m.len() < 12 {
            return Err(Stop::Invalid);
        }
        put_flags(t, m.u8(3)?);
    }
    Ok(())
}

fn put_flags(t: &mut Text<'_>, flags: u8) {
    for (mask, name) in [(0x80, "/prefix"), (0x40, "/id"), (0x3f, "/unknown")] {
        if flags & mask != 0 {
            put!(t, "{name}");
        }
    }
}

/// A prefix, and how many bytes it took.
type Prefix = Result<([u8; 16], usize), Stop>;

/// Reads a prefix of so many bits, of which `omitted` bytes are those of `earlier`.
fn prefix(family: u8, length: u8, omitted: u8, p: Bytes<'_>, earlier: Option<&[u8; 16]>) -> Prefix {
    let size = usize::from(length).div_ceil(8);
    compressed(family, size, omitted.into(), p, earlier).ok_or(Stop::Invalid)
}

/// Reads an address; none where it does not fit.
fn address(family: u8, p: Bytes<'_>) -> Option<([u8; 16], usize)> {
    compressed(family, if family == V4 { 4 } else { 16 }, 0, p, None)
}

fn compressed(
    family: u8,
    size: usize,
    omitted: usize,
    p: Bytes<'_>,
    earlier: Option<&[u8; 16]>,
) -> Option<([u8; 16], usize)> {
    let mut bytes = [0; 16];
    // Where the address begins, how much of it there can be, how much was said before.
    let (start, most, known) = match family {
        0 => return (size <= 16).then_some((bytes, 0)),
        V4 => (12, 4, omitted),
        2 => (0, 16, omitted),
        3 => (0, 16, 8),
        _ => return None,
    };
    if size > most || known > most {
        return None;
    }
    match family {
        V4 => bytes = NONE_4,
        3 => bytes[..2].copy_from_slice(&[0xfe, 0x80]),
        _ => {}
    }
    if family != 3 && omitted > 0 {
        bytes.get_mut(..start + known)?.copy_from_slice(earlier?.get(..start + known)?);
    }
    let used = size.saturating_sub(known);
    bytes.get_mut(start + known..start + known + used)?.copy_from_slice(p.slice(0, used).ok()?);
    Some((bytes, used))
}

/// The length of a prefix among addresses of IPv6.
fn bits(family: u8, length: u8) -> u8 {
    length.wrapping_add(if family == V4 { 96 } else { 0 })
}

fn is_mapped(address: &[u8; 16]) -> bool {
    address.starts_with(&MAPPED)
}

fn put_address(t: &mut Text<'_>, address: &[u8; 16]) -> Result<(), Stop> {
    let p = Bytes::new(address);
    if is_mapped(address) {
        put!(t, "{}", t.v4(p, 12)?)
    } else {
        put!(t, "{}", t.v6(p, 0)?)
    }
    Ok(())
}

fn put_prefix(t: &mut Text<'_>, prefix: &[u8; 16], bits: u8) -> Result<(), Stop> {
    if bits >= 96 && is_mapped(prefix) {
        put_address(t, prefix)?;
        put!(t, "/{}", bits - 96);
    } else {
        if is_mapped(prefix) {
            put!(t, "{}", V6(Ipv6Addr::from(*prefix)))
        } else {
            put_address(t, prefix)?
        }
        put!(t, "/{bits}");
    }
    Ok(())
}

fn put_pair(t: &mut Text<'_>, to: (&[u8; 16], u8), from: (&[u8; 16], u8)) -> Result<(), Stop> {
    put!(t, "for (");
    put_prefix(t, to.0, to.1)?;
    put!(t, ", ");
    put_prefix(t, from.0, from.1)?;
    put!(t, ")");
    Ok(())
}

fn put_id(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    for (index, byte) in p.slice(0, 8)?.iter().enumerate() {
        put!(t, "{}{byte:02x}", if index == 0 { "" } else { ":" });
    }
    Ok(())
}

fn interval(hundredths: u16) -> String {
    match hundredths {
        0 => "0.0s (bogus)".into(),
        _ => format!("{}.{:02}s", hundredths / 100, hundredths % 100),
    }
}

fn update_interval(hundredths: u16) -> String {
    if hundredths == u16::MAX { "infinity".into() } else { interval(hundredths) }
}

fn microseconds(time: u32) -> String {
    format!("{}.{:06}s", time / 1_000_000, time % 1_000_000)
}

/// Prints what follows a message's fixed part.
fn extra(t: &mut Text<'_>, p: Bytes<'_>, message: u8) -> Result<(), Stop> {
    let mut at = 0;
    while at < p.len() {
        let kind = p.u8(at)?;
        at += 1;
        if kind == 0 {
            put!(t, " sub-pad1");
            continue;
        }
        if kind & 0x80 != 0 {
            put!(t, " (M)");
        }
        let size = p.u8(at).or(Err(Stop::Invalid))?.into();
        let value = p.slice(at + 1, size).or(Err(Stop::Invalid))?;
        at += 1 + value.len();
        let value = Bytes::new(value);
        match kind {
            1 => put!(t, " sub-padn"),
            2 => {
                put!(t, " sub-diversity");
                for (index, &channel) in value.all().iter().enumerate() {
                    put!(t, "{}", if index == 0 { ' ' } else { '-' });
                    put_name!(t, DIVERSITY, channel, "{channel}");
                }
                if value.is_empty() {
                    put!(t, " empty");
                } else if !matches!(message, UPDATE | SOURCE_UPDATE) {
                    put!(t, " (bogus)");
                }
            }
            3 => {
                put!(t, " sub-timestamp");
                match (message, value.u32(0), value.u32(4)) {
                    (HELLO, Ok(sent), _) => put!(t, " {}", microseconds(sent)),
                    (IHU, Ok(sent), Ok(received)) => {
                        put!(t, " {}|{}", microseconds(sent), microseconds(received));
                    }
                    (HELLO | IHU, ..) => {
                        return Err(Stop::Invalid);
                    }
                    _ => put!(t, " (bogus)"),
                }
            }
            _ => put!(t, " sub-unknown-0x{kind:02x}"),
        }
    }
    Ok(())
}

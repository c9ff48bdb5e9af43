//! DNS (RFC 1035), over UDP and TCP, and multicast DNS (RFC 6762).

pub(crate) mod domain_name;
mod edns;
mod numbers;

use crate::{
    address::V6,
    bytes::{Bytes, Stop},
    text::{Text, put, put_name},
};
use domain_name::{name, skip};
use numbers::{CLASSES, RCODES, TYPES};

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A datagram.
    Udp,
    /// A stream: two bytes of length come first.
    Tcp,
    /// A datagram of multicast DNS.
    Multicast,
}

const HEADER: usize = 12;

/// Where the fields of the header are (RFC 1035, section 4.1.1).
mod field {
    pub const ID: usize = 0;
    pub const FLAGS: usize = 2;
    pub const QUESTIONS: usize = 4;
    pub const ANSWERS: usize = 6;
    pub const AUTHORITIES: usize = 8;
    pub const ADDITIONAL: usize = 10;
}

const RESPONSE: u16 = 0x8000;
const OPCODES: [&str; 16] = [
    "",
    " inv_q",
    " stat",
    " op3",
    " notify",
    " update",
    " op6",
    " op7",
    " op8",
    " updateA",
    " updateD",
    " updateDA",
    " updateM",
    " updateMA",
    " zoneInit",
    " zoneRef",
];

const IN: u16 = 1;
const OPT: u16 = 41;
/// Unicast wanted, in a question; cache flush, in an answer.
const TOP_BIT: u16 = 0x8000;

/// A message being printed: names point into it from its first byte.
struct Message<'a> {
    p: Bytes<'a>,
    multicast: bool,
}

pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    carrier: Carrier,
) -> Result<(), Stop> {
    t.protocol = "domain";
    let (mut p, mut length) = (p, length);
    if carrier == Carrier::Tcp {
        if length < 2 {
            put!(t, " [DNS over TCP: length {length} < 2]");
            return Err(Stop::Invalid);
        }
        length -= 2;
        let prefix = usize::from(p.u16(0)?);
        if prefix != length {
            put!(t, " [prefix length({prefix}) != length({length})]");
            return Err(Stop::Invalid);
        }
        p = p.from(2);
        put!(t, " ");
    }
    if length < HEADER {
        put!(t, "domain [length {length} < {HEADER}]");
        return Err(Stop::Invalid);
    }
    p.need(0, HEADER)?;
    let message = Message { p, multicast: carrier == Carrier::Multicast };
    match p.u16(field::FLAGS)? & RESPONSE {
        0 => message.request(t)?,
        _ => message.response(t)?,
    }
    put!(t, " ({length})");
    Ok(())
}

impl Message<'_> {
    fn counts(&self) -> Result<[u16; 4], Stop> {
        Ok([
            self.p.u16(field::QUESTIONS)?,
            self.p.u16(field::ANSWERS)?,
            self.p.u16(field::AUTHORITIES)?,
            self.p.u16(field::ADDITIONAL)?,
        ])
    }

    fn response(&self, t: &mut Text<'_>) -> Result<(), Stop> {
        let flags = self.p.u16(field::FLAGS)?;
        let [questions, answers, authorities, additional] = self.counts()?;
        put!(t, "{}{}", self.p.u16(field::ID)?, opcode(flags));
        let code = self.extended_code(flags & 0xf);
        put_name!(t, RCODES, code, " Resp{}", code & 0xfff);
        let mark = |bit, set, clear| if flags & bit != 0 { set } else { clear };
        put!(
            t,
            "{}{}{}{}",
            mark(0x0400, "*", ""),
            mark(0x0080, "", "-"),
            mark(0x0200, "|", ""),
            mark(0x0020, "$", "")
        );
        if questions != 1 {
            put!(t, " [{questions}q]");
        }
        let mut at = HEADER;
        for index in 0..questions {
            if index > 0 {
                put!(t, ",");
            }
            if t.style.verbose > 1 {
                put!(t, " q:");
                at = self.question(t, at)?;
            } else {
                at = skip(self.p, at)? + 4;
            }
        }
        put!(t, " {answers}/{authorities}/{additional}");
        at = self.answers(t, at, answers)?;
        if t.style.verbose > 1 {
            at = self.section(t, at, authorities, " ns:")?;
            self.section(t, at, additional, " ar:")?;
        }
        Ok(())
    }

    fn request(&self, t: &mut Text<'_>) -> Result<(), Stop> {
        let flags = self.p.u16(field::FLAGS)?;
        let [mut questions, answers, authorities, additional] = self.counts()?;
        put!(t, "{}{}", self.p.u16(field::ID)?, opcode(flags));
        put!(
            t,
            "{}{}",
            if flags & 0x0100 == 0 { "" } else { "+" },
            if flags & 0x0010 == 0 { "" } else { "%" }
        );
        if flags & 0x6cf != 0 {
            put!(t, " [b2&3=0x{flags:x}]");
        }
        // An inverse query has its answer with it.
        if flags >> 11 & 0xf == 1 {
            if questions > 0 {
                put!(t, " [{questions}q]");
            }
            if answers != 1 {
                put!(t, " [{answers}a]");
            }
        } else {
            if answers > 0 {
                put!(t, " [{answers}a]");
            }
            if questions != 1 {
                put!(t, " [{questions}q]");
            }
        }
        if authorities > 0 {
            put!(t, " [{authorities}n]");
        }
        if additional > 0 {
            put!(t, " [{additional}au]");
        }
        let mut at = HEADER;
        if questions > 0 {
            at = self.question(t, at)?;
            questions -= 1;
            while at < self.p.len() && questions > 0 {
                at = self.question(t, at)?;
                questions -= 1;
            }
        }
        if questions > 0 {
            return Err(Stop::Short);
        }
        if t.style.verbose > 1 {
            at = self.answers(t, at, answers)?;
            at = self.section(t, at, authorities, " ns:")?;
            self.section(t, at, additional, " ar:")?;
        }
        Ok(())
    }

    /// The answers. The first is printed wherever the message ends, as far as it is there.
    fn answers(&self, t: &mut Text<'_>, at: usize, count: u16) -> Result<usize, Stop> {
        let Some(rest) = count.checked_sub(1) else { return Ok(at) };
        let at = self.record(t, at)?;
        self.section(t, at, rest, ",")
    }

    /// A section of `-vv`, or more answers, behind what separates them from what is before.
    fn section(&self, t: &mut Text<'_>, at: usize, count: u16, name: &str) -> Result<usize, Stop> {
        let (mut at, mut count) = (at, count);
        let mut separator = name;
        while at < self.p.len() && count > 0 {
            put!(t, "{separator}");
            separator = ",";
            at = self.record(t, at)?;
            count -= 1;
        }
        if count == 0 { Ok(at) } else { Err(Stop::Short) }
    }

    /// The response code, with the bits that an OPT record adds (RFC 6891), where one is found.
    fn extended_code(&self, code: u16) -> u16 {
        self.opt_bits().map_or(code, |high| code | high << 4)
    }

    fn opt_bits(&self) -> Result<u16, Stop> {
        let [questions, answers, authorities, additional] = self.counts()?;
        let mut at = HEADER;
        for _ in 0..questions {
            at = skip(self.p, at)? + 4;
        }
        for _ in 0..u32::from(answers) + u32::from(authorities) {
            at = skip(self.p, at)? + 8;
            at += 2 + usize::from(self.p.u16(at)?);
        }
        for _ in 0..additional {
            at = skip(self.p, at)?;
            if self.p.u16(at)? == OPT {
                return self.p.u8(at + 4).map(u16::from);
            }
            at += 8;
            at += 2 + usize::from(self.p.u16(at)?);
        }
        Err(Stop::Short)
    }

    /// Prints a question, and says where it ends.
    fn question(&self, t: &mut Text<'_>, at: usize) -> Result<usize, Stop> {
        let fixed = skip(self.p, at)?;
        if !self.p.has(fixed, 4) {
            return Err(Stop::Short);
        }
        let (kind, class) = (self.p.u16(fixed)?, self.p.u16(fixed + 2)?);
        put!(t, " ");
        put_name!(t, TYPES, kind, "Type{kind}");
        let plain = if self.multicast { class & !TOP_BIT } else { class };
        put_class(t, plain);
        if self.multicast {
            put!(t, "{}", if class & TOP_BIT != 0 { " (QU)" } else { " (QM)" });
        }
        put!(t, "? ");
        Ok(name(t, self.p, at)? + 4)
    }

    /// Prints a record, and says where it ends.
    fn record(&self, t: &mut Text<'_>, at: usize) -> Result<usize, Stop> {
        let fixed = if t.style.verbose > 0 {
            put!(t, " ");
            name(t, self.p, at)?
        } else {
            match skip(self.p, at) {
                Ok(end) => end,
                Err(_) => return Ok(self.p.len()),
            }
        };
        if !self.p.has(fixed, 10) {
            return Ok(self.p.len());
        }
        let (kind, class) = (self.p.u16(fixed)?, self.p.u16(fixed + 2)?);
        let plain = if self.multicast { class & !TOP_BIT } else { class };
        if kind != OPT {
            put_class(t, plain);
        }
        if self.multicast && class & TOP_BIT != 0 {
            put!(t, " (Cache flush)");
        }
        let mut opt_flags = 0;
        if kind == OPT {
            opt_flags = self.p.u16(fixed + 6)?;
        } else if t.style.verbose > 2 {
            put!(t, " [");
            t.relative_time(self.p.u32(fixed + 4)?);
            put!(t, "]");
        }
        let length = usize::from(self.p.u16(fixed + 8)?);
        let data = fixed + 10;
        let end = data + length;
        put!(t, " ");
        put_name!(t, TYPES, kind, "Type{kind}");
        if end > self.p.len() {
            return Err(Stop::Short);
        }
        if kind == OPT {
            put!(t, " UDPsize={plain}");
            if opt_flags & 0x8000 != 0 {
                put!(t, " DO");
            }
            edns::print(t, self.p, data, end)?;
            return Ok(end);
        }
        self.data(t, kind, data, length)?;
        Ok(end)
    }

    fn data(&self, t: &mut Text<'_>, kind: u16, at: usize, length: usize) -> Result<(), Stop> {
        let p = self.p;
        match kind {
            1 => {
                if !p.has(at, 4) {
                    return Err(Stop::Short);
                }
                put!(t, " {}", t.v4(p, at)?);
            }
            28 => {
                if !p.has(at, 16) {
                    return Err(Stop::Short);
                }
                put!(t, " {}", t.v6(p, at)?);
            }
            // NS, CNAME, PTR, DNAME
            2 | 5 | 12 | 39 => {
                put!(t, " ");
                name(t, p, at)?;
            }
            6 if t.style.verbose > 0 => {
                put!(t, " ");
                let second = name(t, p, at)?;
                put!(t, " ");
                let numbers = name(t, p, second)?;
                if !p.has(numbers, 20) {
                    return Err(Stop::Short);
                }
                for index in 0..5 {
                    put!(t, " {}", p.u32(numbers + 4 * index)?);
                }
            }
            15 => {
                put!(t, " ");
                if !p.has(at, 2) {
                    return Err(Stop::Short);
                }
                name(t, p, at + 2)?;
                put!(t, " {}", p.u16(at)?);
            }
            16 => {
                let mut next = at;
                while next < at + length {
                    put!(t, " \"");
                    let size = usize::from(p.u8(next)?);
                    let text = p.from(next + 1).limit(size);
                    t.characters(text.all());
                    if text.len() < size {
                        return Err(Stop::Short);
                    }
                    put!(t, "\"");
                    next += 1 + size;
                }
            }
            33 => {
                put!(t, " ");
                if !p.has(at, 6) {
                    return Err(Stop::Short);
                }
                name(t, p, at + 6)?;
                put!(t, ":{} {} {}", p.u16(at + 4)?, p.u16(at)?, p.u16(at + 2)?);
            }
            // URI
            256 => {
                put!(t, " {} {} ", p.u16(at)?, p.u16(at + 2)?);
                // A length that is too small runs, as in tcpdump, into the end of the bytes.
                let size = length.checked_sub(4).unwrap_or(usize::MAX);
                t.string(p.from(at + 4), size).or(Err(Stop::Short))?;
            }
            // A6
            38 => {
                let Ok(bits) = p.u8(at) else { return Err(Stop::Short) };
                if bits > 128 {
                    put!(t, " {bits}(bad plen)");
                    return Ok(());
                }
                let known = usize::from(bits / 8);
                if bits < 128 {
                    // The part behind the prefix; the prefix is zero.
                    let mut address: [u8; 16] = p.filled(at + 1, 16 - known)?;
                    address.rotate_right(known);
                    put!(t, " {bits} {}", V6(address.into()));
                }
                if bits > 0 {
                    put!(t, " ");
                    name(t, p, at + 17 - known)?;
                }
            }
            104 => t.characters(p.slice(at, length)?),
            250 if t.style.verbose > 0 => {
                put!(t, " ");
                let mut next = name(t, p, at)? + 6;
                for field in ["fudge", "maclen", "origid", "error", "otherlen"] {
                    let Ok(value) = p.u16(next) else { return Err(Stop::Short) };
                    put!(t, " {field}={value}");
                    next += 2;
                    if field == "maclen" {
                        next += usize::from(value);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn opcode(flags: u16) -> &'static str {
    OPCODES.get(usize::from(flags >> 11 & 0xf)).copied().unwrap_or("")
}

fn put_class(t: &mut Text<'_>, class: u16) {
    if class != IN {
        put!(t, " ");
        put_name!(t, CLASSES, class, "(Class {class})");
    }
}

//! IPv6 (RFC 8200) and its extension headers.

use super::{ip, mobility, outer::Outer};
use crate::{
    assigned_numbers::IP_PROTOCOLS,
    bytes::{Bytes, Stop},
    text::{Text, name_of, put},
    transport::{dccp, tcp, udp},
};

const HEADER: usize = 40;

/// Where the fields of the header are (RFC 8200, section 3).
mod field {
    /// Version, traffic class and flow label: 4, 8 and 20 bits.
    pub const VERSION: usize = 0;
    pub const PAYLOAD_LENGTH: usize = 4;
    pub const NEXT_HEADER: usize = 6;
    pub const HOP_LIMIT: usize = 7;
    pub const SOURCE: usize = 8;
    pub const DESTINATION: usize = 24;
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;
const SCTP: u8 = 132;

pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "ip6";
    p.need(0, HEADER)?;
    if length < HEADER {
        put!(t, "truncated-ip6 {length}");
        return Ok(());
    }
    if !t.style.link_header {
        put!(t, "IP6 ");
    }
    let version = p.u8(field::VERSION)? >> 4;
    if version != 6 {
        put!(t, "version error: {version} != 6");
        return Ok(());
    }
    t.note_v6(p, field::SOURCE, field::DESTINATION)?;
    let stated = usize::from(p.u16(field::PAYLOAD_LENGTH)?);
    // Zero stands for a jumbogram or for no payload; the headers tell which.
    let total = if stated == 0 { length + HEADER } else { stated + HEADER };
    if stated != 0 && length < total {
        put!(t, "truncated-ip6 - {} bytes missing!", total - length);
    }
    let next = p.u8(field::NEXT_HEADER)?;
    if t.style.verbose > 0 {
        details(t, p, next, stated)?;
    }
    let packet = p.limit(total);
    Walk { p: packet, uncut: p, length, stated, jumbo: None, next, at: HEADER }.run(t, total)
}

fn details(t: &mut Text<'_>, p: Bytes<'_>, next: u8, stated: usize) -> Result<(), Stop> {
    let flow = p.u32(field::VERSION)?;
    put!(t, "(");
    if flow & 0x0ff0_0000 != 0 {
        put!(t, "class 0x{:02x}, ", flow >> 20 & 0xff);
    }
    if flow & 0xf_ffff != 0 {
        put!(t, "flowlabel 0x{:05x}, ", flow & 0xf_ffff);
    }
    put!(
        t,
        "hlim {}, next-header {} ({next}) payload length: {stated}) ",
        p.u8(field::HOP_LIMIT)?,
        name_of(IP_PROTOCOLS, next).unwrap_or("unknown")
    );
    Ok(())
}

/// The walk over the extension headers.
struct Walk<'a> {
    /// The packet, cut where its length field says.
    p: Bytes<'a>,
    /// The packet and what follows it in the frame.
    uncut: Bytes<'a>,
    /// What the layer below says the packet's length is.
    length: usize,
    /// Payload length in the header.
    stated: usize,
    /// Payload length in a jumbo option.
    jumbo: Option<usize>,
    /// The header at `at`.
    next: u8,
    at: usize,
}

impl Walk<'_> {
    /// Each extension header moves on by at least eight bytes, so the walk ends.
    fn run(&mut self, t: &mut Text<'_>, total: usize) -> Result<(), Stop> {
        let (mut first, mut hop_by_hop, mut fragmented) = (true, false, false);
        let mut left = total;
        let mut before = 0;
        // As in tcpdump, a header that begins where the captured bytes end is not looked at.
        while before < self.p.len() {
            let Some(rest) = left.checked_sub(self.at - before) else {
                return Err(Stop::Short);
            };
            left = rest;
            before = self.at;
            if first && !matches!(self.next, tcp::PROTOCOL | udp::PROTOCOL | dccp::PROTOCOL | SCTP)
            {
                put!(
                    t,
                    "{} > {}: ",
                    t.v6(self.p, field::SOURCE)?,
                    t.v6(self.p, field::DESTINATION)?
                );
            }
            let header = self.p.from(self.at);
            let advance = match self.next {
                HOP_BY_HOP if !first => {
                    let what = if hop_by_hop {
                        "was already found"
                    } else {
                        "don't follow the IPv6 header"
                    };
                    put!(t, "[The Hop-by-Hop Options header {what}]");
                    return Err(Stop::Invalid);
                }
                HOP_BY_HOP => {
                    t.protocol = "hbhopt";
                    hop_by_hop = true;
                    let advance = match self.options(t, header, "HBH ", true) {
                        // What stands below is said of options that are too short, too.
                        Err(Stop::Short) if self.stated == 0 && self.jumbo.is_none() => {
                            t.truncated();
                            0
                        }
                        advance => advance?,
                    };
                    if self.stated == 0 && self.jumbo.is_none() {
                        put!(t, "[No valid Jumbo Payload Hop-by-Hop option found]");
                        return Err(Stop::Invalid);
                    }
                    advance
                }
                DESTINATION => {
                    t.protocol = "dstopt";
                    self.options(t, header, "DSTOPT ", false)?
                }
                FRAGMENT => {
                    t.protocol = "frag6";
                    let offset = header.u16(2)? & 0xfff8;
                    let rest = (HEADER + self.stated).wrapping_sub(self.at + 8);
                    match t.style.verbose {
                        0 => put!(t, "frag ({offset}|{rest})"),
                        _ => put!(t, "frag (0x{:08x}:{offset}|{rest})", header.u32(4)?),
                    }
                    if offset != 0 {
                        return Ok(());
                    }
                    put!(t, " ");
                    if header.len() <= 8 {
                        return Ok(());
                    }
                    fragmented = true;
                    8
                }
                ROUTING => {
                    if header.is_empty() {
                        return Err(Stop::Short);
                    }
                    t.protocol = "rt6";
                    routing(t, header)?
                }
                mobility::PROTOCOL | mobility::DRAFT => return mobility::print(t, header),
                _ => return self.payload(t, left, first, fragmented),
            };
            self.next = header.u8(0)?;
            self.at += advance;
            first = false;
            t.protocol = "ip6";
        }
        Ok(())
    }

    fn payload(
        &mut self,
        t: &mut Text<'_>,
        mut left: usize,
        first: bool,
        fragmented: bool,
    ) -> Result<(), Stop> {
        let mut packet = self.p;
        if let Some(jumbo) = self.jumbo {
            let total = jumbo + HEADER;
            if total < self.at {
                return Err(Stop::Short);
            }
            if self.length < total {
                put!(t, "truncated-ip6 - {} bytes missing!", total - self.length);
            }
            packet = self.uncut.limit(total);
            left = total - self.at;
        } else if self.stated == 0 {
            if !first {
                return Err(Stop::Short);
            }
            // Segmentation offload leaves the field at zero where the length does not fit (BIG TCP
            // without a jumbo option); the frame's length tells.
            let offloaded = matches!(self.next, tcp::PROTOCOL | udp::PROTOCOL);
            let end = if offloaded { self.length.max(HEADER) } else { HEADER };
            packet = self.uncut.limit(end);
            left = end - HEADER;
        }
        ip::upper(t, packet.from(self.at), left, self.next, Outer::V6(packet), fragmented)
    }

    /// Prints hop-by-hop or destination options and says how long they are.
    fn options(
        &mut self,
        t: &mut Text<'_>,
        p: Bytes<'_>,
        name: &str,
        hop_by_hop: bool,
    ) -> Result<usize, Stop> {
        let size = (usize::from(p.u8(1)?) + 1) * 8;
        p.need(0, size)?;
        put!(t, "{name}");
        if !hop_by_hop && t.style.verbose == 0 {
            return Ok(size);
        }
        let area = p.limit(size);
        let mut at = 2;
        let mut jumbo_seen = false;
        // Each option takes at least one byte.
        while at < size {
            let kind = area.u8(at)?;
            let length = match kind {
                0 => 1,
                _ if at + 1 < size => usize::from(area.u8(at + 1)?) + 2,
                _ => size,
            };
            if at + length > size {
                return Err(Stop::Short);
            }
            if kind == 0xc9 && length > 18 && t.style.verbose > 0 {
                put!(t, "(homeaddr: {}", t.v6(area, at + 2)?);
                suboptions(t, area.from(at + 18).limit(length - 18))?;
                put!(t, ")");
                at += length;
                continue;
            }
            let complaint = match kind {
                5 if size - at < 4 => Some("(rtalert: trunc)".into()),
                5 if length != 4 => Some(format!("(rtalert: invalid len {})", length - 2)),
                0xc2 if size - at < 6 => Some("(jumbo: trunc)".into()),
                0xc2 if length != 6 => Some(format!("(jumbo: invalid len {})", length - 2)),
                0xc9 if size - at < 18 => Some("(homeaddr: trunc)".into()),
                0xc9 if length < 18 => Some(format!("(homeaddr: invalid len {})", length - 2)),
                _ => None,
            };
            if let Some(complaint) = complaint {
                put!(t, "{complaint}");
                return Err(Stop::Short);
            }
            let shown = match kind {
                0 => "(pad1)".into(),
                1 => "(padn)".into(),
                5 => format!("(rtalert: 0x{:04x}) ", area.u16(at + 2)?),
                0xc2 => {
                    let value = area.u32(at + 2)?;
                    let note = self.jumbo(value, jumbo_seen, hop_by_hop);
                    jumbo_seen = true;
                    format!("(jumbo: {value}{note}) ")
                }
                0xc9 => format!("(homeaddr: {})", t.v6(area, at + 2)?),
                _ => format!("(opt_type 0x{kind:02x}: len={})", length - 2),
            };
            if t.style.verbose > 0 {
                put!(t, "{shown}");
            }
            at += length;
        }
        if t.style.verbose > 0 {
            put!(t, " ");
        }
        Ok(size)
    }

    /// Takes a jumbo option, or says why not (RFC 2675).
    fn jumbo(&mut self, value: u32, seen: bool, hop_by_hop: bool) -> &'static str {
        if seen {
            " - already seen"
        } else if !hop_by_hop {
            " - not a hop-by-hop option"
        } else if self.stated != 0 {
            " - payload len != 0"
        } else if value < 65_536 {
            " - < 65536"
        } else {
            self.jumbo = Some(value as usize);
            ""
        }
    }
}

/// Options in the option of a home address.
fn suboptions(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let mut at = 0;
    while at < p.len() {
        let kind = p.u8(at)?;
        let length = match kind {
            0 => 0,
            _ => p.u8(at + 1).or(Err(Stop::Short))?,
        };
        let whole = if kind == 0 { 1 } else { usize::from(length) + 2 };
        p.need(at, whole)?;
        match kind {
            0 => put!(t, ", pad1"),
            1 => put!(t, ", padn"),
            _ => put!(t, ", sopt_type 0x{kind:02x}: len={length}"),
        }
        at += whole;
    }
    Ok(())
}

/// A routing header (RFC 8200, RFC 6275, RFC 8754): prints it and says how long it is.
fn routing(t: &mut Text<'_>, p: Bytes<'_>) -> Result<usize, Stop> {
    put!(t, "RT6");
    let length = usize::from(p.u8(1)?);
    put!(t, " (len={length}");
    let kind = p.u8(2)?;
    put!(t, ", type={kind}");
    if kind == 0 {
        put!(t, " [Deprecated]");
    }
    put!(t, ", segleft={}", p.u8(3)?);
    match kind {
        0 | 2 => {
            let reserved = p.u32(4)?;
            if reserved != 0 || t.style.verbose > 0 {
                put!(t, ", rsv=0x{reserved:x}");
            }
        }
        4 => {
            put!(t, ", last-entry={}", p.u8(4)?);
            let flags = p.u8(5)?;
            if flags != 0 || t.style.verbose > 0 {
                put!(t, ", flags=0x{flags:x}");
            }
            put!(t, ", tag={:x}", p.u16(6)?);
        }
        _ => {
            put!(t, " (unknown type)");
            return Err(Stop::Invalid);
        }
    }
    if length % 2 == 1 {
        put!(t, " (invalid length {length})");
        return Err(Stop::Invalid);
    }
    for index in 0..length / 2 {
        put!(t, ", [{index}]{}", t.v6(p, 8 + 16 * index)?);
    }
    put!(t, ") ");
    Ok((length + 1) * 8)
}

//! TCP (RFC 9293) and its options.

use std::collections::HashMap;

use super::mptcp;
use crate::{
    bytes::{Bytes, Cut},
    checksum,
    color::Tint,
    network::outer::Outer,
    routing::{bgp, ldp, rpki_rtr},
    services::{dns, line_protocols, openflow, resp, telnet},
    text::{Text, bits, name_of, put},
    tunnel::pptp,
};

pub(crate) const PROTOCOL: u8 = 6;
const HEADER: usize = 20;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;

const FLAGS: &[(u32, &str)] = &[
    (FIN as u32, "F"),
    (SYN as u32, "S"),
    (RST as u32, "R"),
    (0x08, "P"),
    (ACK as u32, "."),
    (URG as u32, "U"),
    (0x40, "E"),
    (0x80, "W"),
];

/// Connections that are remembered. A capture may run for months; where there are more
/// of them, all are forgotten, and numbers count from the next segment on.
const MAX_FLOWS: usize = 1 << 18;

/// First sequence numbers of the connections seen.
#[derive(Default)]
pub struct Flows(HashMap<Key, Base>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    low: ([u8; 16], u16),
    high: ([u8; 16], u16),
}

/// Sequence numbers that count as zero: of the end with the lower port, and of the other.
#[derive(Clone, Copy, Default)]
struct Base {
    sequence: u32,
    acknowledged: u32,
}

/// What [`Flows::relative`] found.
#[derive(Default)]
struct Relative {
    sequence: u32,
    acknowledgment: u32,
    /// What SACK blocks count from.
    sack: u32,
}

impl Flows {
    /// Numbers relative to the connection's first. As in tcpdump, the segment that begins
    /// a connection shows its own number, and a SYN begins a new one.
    fn relative(
        &mut self,
        outer: Outer<'_>,
        (from, to): (u16, u16),
        flags: u8,
        sequence: u32,
        acknowledgment: u32,
    ) -> Result<Relative, Cut> {
        let (source, destination) = outer.ends()?;
        let reverse = from > to || from == to && source > destination;
        let (a, b) = ((source, from), (destination, to));
        let key = if reverse { Key { low: b, high: a } } else { Key { low: a, high: b } };
        if self.0.len() >= MAX_FLOWS {
            self.0.clear();
        }
        let known = self.0.get(&key).copied().filter(|_| flags & SYN == 0);
        let base = known.unwrap_or_else(|| {
            let other = acknowledgment.wrapping_sub(1);
            let base = match reverse {
                true => Base { sequence: other, acknowledged: sequence },
                false => Base { sequence, acknowledged: other },
            };
            self.0.insert(key, base);
            base
        });
        let (own, peer) = match reverse {
            true => (base.acknowledged, base.sequence),
            false => (base.sequence, base.acknowledged),
        };
        Ok(match known {
            None => Relative { sequence, acknowledgment, sack: peer },
            Some(_) => Relative {
                sequence: sequence.wrapping_sub(own),
                acknowledgment: acknowledgment.wrapping_sub(peer),
                sack: peer,
            },
        })
    }
}

/// Prints a segment.
pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
    fragmented: bool,
) -> Result<(), Cut> {
    t.protocol = "tcp";
    let (Ok(from), Ok(to)) = (p.u16(0), p.u16(2)) else {
        outer.print_ends(t, None)?;
        put!(t, ":");
        t.truncated();
        return Ok(());
    };
    let ports = (t.tcp(from), t.tcp(to));
    outer.print_flow(t, PROTOCOL, ports)?;
    if !p.has(0, HEADER) {
        t.truncated();
        return Ok(());
    }
    let header = 4 * usize::from(p.u8(12)? >> 4);
    let payload = length.wrapping_sub(header) as u32;
    if header < HEADER {
        put!(t, " tcp {payload} [bad hdr length {header} - too short, < {HEADER}]");
        return Ok(());
    }
    if t.style.quiet {
        put!(t, "tcp {payload}");
        if header > length {
            put!(t, " [bad hdr length {header} - too long, > {length}]");
        }
        return Ok(());
    }
    let (mut sequence, mut acknowledgment) = (p.u32(4)?, p.u32(8)?);
    let flags = p.u8(13)?;
    t.tint = match flags {
        _ if flags & RST != 0 => Tint::Trouble,
        _ if flags & SYN != 0 => Tint::Opening,
        _ if flags & FIN != 0 => Tint::Closing,
        _ => Tint::Plain,
    };
    put!(t, "Flags [{}]", bits(FLAGS, flags.into(), "", "none"));
    let mut sack = 0;
    if !t.style.absolute_sequence && flags & ACK != 0 {
        let relative =
            t.memory.flows.relative(outer, (from, to), flags, sequence, acknowledgment)?;
        (sequence, acknowledgment, sack) =
            (relative.sequence, relative.acknowledgment, relative.sack);
    }
    if header > length {
        put!(t, " [bad hdr length {header} - too long, > {length}]");
        return Ok(());
    }
    if t.style.verbose > 0
        && !t.style.no_checksums
        && !fragmented
        && let Ok(segment) = p.slice(0, length)
    {
        checksum::print(t, p.u16(16)?, outer.checksum(PROTOCOL, segment)?);
    }
    let payload = length - header;
    if t.style.verbose > 1 || payload > 0 || flags & (SYN | FIN | RST) != 0 {
        put!(t, ", seq {sequence}");
        if payload > 0 {
            put!(t, ":{}", sequence.wrapping_add(payload as u32));
        }
    }
    if flags & ACK != 0 {
        put!(t, ", ack {acknowledgment}");
    }
    put!(t, ", win {}", p.u16(14)?);
    if flags & URG != 0 {
        put!(t, ", urg {}", p.u16(18)?);
    }
    if header > HEADER {
        put!(t, ", options [");
        let whole = p.has(header, payload);
        let mut options = Options { left: header - HEADER, sack, flags, whole, first: true };
        match options.print(t, p.from(HEADER))? {
            End::Whole => put!(t, "]"),
            End::Bad => {
                put!(t, "[bad opt]");
                if !options.first {
                    put!(t, "]");
                }
                return Ok(());
            }
            End::Cut => {
                t.truncated();
                if !options.first {
                    put!(t, ">");
                }
                return Ok(());
            }
        }
    }
    put!(t, ", length {payload}");
    if payload == 0 {
        return Ok(());
    }
    if !p.has(0, header) {
        put!(t, " [remaining caplen({}) < header length({header})]", p.len());
        return Err(Cut);
    }
    content(t, p.from(header), payload, flags, (from, to))
}

/// What the segment carries, where the port says what that is.
fn content(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    flags: u8,
    (from, to): (u16, u16),
) -> Result<(), Cut> {
    if flags & RST != 0 && t.style.verbose > 0 {
        return reset_reason(t, p, length);
    }
    let port = |numbers: &[u16]| numbers.contains(&from) || numbers.contains(&to);
    if port(&[23]) {
        telnet::print(t, p, length)
    } else if port(&[25]) {
        line_protocols::smtp(t, p, length)
    } else if port(&[43]) {
        line_protocols::whois(t, p, length)
    } else if port(&[179]) {
        bgp::print(t, p)
    } else if port(&[1723]) {
        pptp::print(t, p)
    } else if port(&[6379]) {
        resp::print(t, p, length)
    } else if port(&[22]) {
        line_protocols::ssh(t, p, length)
    } else if port(&[6633, 6653]) {
        openflow::print(t, p, length)
    } else if port(&[21]) {
        line_protocols::ftp(t, p, length)
    } else if port(&[80, 8080]) {
        line_protocols::http(t, p, length)
    } else if port(&[554, 8554]) {
        line_protocols::rtsp(t, p, length)
    } else if port(&[53]) {
        dns::print(t, p, length, dns::Carrier::Tcp)
    } else if port(&[323]) {
        rpki_rtr::print(t, p, length)
    } else if port(&[646]) {
        ldp::print(t, p, length)
    } else {
        Ok(())
    }
}

/// Some systems say in a reset why they sent it (RFC 9293, 3.5.3).
fn reset_reason(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Cut> {
    const SHOWN: usize = 30;
    put!(t, "{}", if p.has(0, length) { " [RST" } else { " [!RST" });
    if length > SHOWN {
        put!(t, "+");
    }
    put!(t, " ");
    t.characters(p.limit(length.min(SHOWN)).all());
    put!(t, "]");
    Ok(())
}

const OPTION_NAMES: &[(u8, &str)] = &[
    (0, "eol"),
    (1, "nop"),
    (2, "mss"),
    (3, "wscale"),
    (4, "sackOK"),
    (5, "sack"),
    (6, "echo"),
    (7, "echoreply"),
    (8, "TS"),
    (11, "cc"),
    (12, "ccnew"),
    (13, ""),
    (19, "md5"),
    (20, "scps"),
    (28, "uto"),
    (29, "tcp-ao"),
    (30, "mptcp"),
    (34, "tfo"),
    (254, "exp"),
];

/// How the options ended.
enum End {
    Whole,
    /// A length that cannot be.
    Bad,
    /// Past the captured bytes.
    Cut,
}

/// The walk over the options: `left` bytes of them by the header's length.
struct Options {
    left: usize,
    sack: u32,
    flags: u8,
    /// Whether all of the segment was captured.
    whole: bool,
    first: bool,
}

impl Options {
    fn print(&mut self, t: &mut Text<'_>, mut p: Bytes<'_>) -> Result<End, Cut> {
        // Every turn takes at least one byte off `left`, which is 40 at most.
        while self.left > 0 {
            if !self.first {
                put!(t, ",");
            }
            let kind = p.u8(0)?;
            let size = match kind {
                0 | 1 => 1,
                _ => {
                    let size = usize::from(p.u8(1)?);
                    if size < 2 || size > self.left {
                        return Ok(End::Bad);
                    }
                    size
                }
            };
            match name_of(OPTION_NAMES, kind) {
                Some(name) => put!(t, "{name}"),
                None => put!(t, "unknown-{kind}"),
            }
            let head = size.min(2);
            let data = p.from(head);
            let used = match self.value(t, kind, data, size - head)? {
                Ok(used) => used,
                Err(end) => return Ok(end),
            };
            if used + head != size {
                put!(t, "[len {size}]");
            }
            p = p.from(head + used);
            self.left -= head + used;
            self.first = false;
            if kind == 0 {
                break;
            }
        }
        Ok(End::Whole)
    }

    /// Prints an option's value and says how many bytes it took.
    fn value(
        &self,
        t: &mut Text<'_>,
        kind: u8,
        p: Bytes<'_>,
        length: usize,
    ) -> Result<Result<usize, End>, Cut> {
        let rest = self.left - self.left.min(if kind > 1 { 2 } else { 1 });
        let fits = |length: usize| match (length <= rest, p.has(0, length)) {
            (false, _) => Err(End::Bad),
            (true, false) => Err(End::Cut),
            (true, true) => Ok(length),
        };
        let fixed = match kind {
            2 | 20 | 28 => 2,
            3 => 1,
            6 | 7 | 11 | 12 | 13 => 4,
            8 => 8,
            19 => 16,
            0 | 1 | 4 => return Ok(Ok(0)),
            _ => length,
        };
        // These three print up to the byte that is missing.
        let gradual = matches!(kind, 5 | 29) || name_of(OPTION_NAMES, kind).is_none();
        if !gradual && let Err(end) = fits(fixed) {
            return Ok(Err(end));
        }
        match kind {
            2 => put!(t, " {}", p.u16(0)?),
            3 => put!(t, " {}", p.u8(0)?),
            5 if !length.is_multiple_of(8) => put!(t, " invalid sack"),
            5 => {
                put!(t, " {} ", length / 8);
                for at in (0..length).step_by(8) {
                    if let Err(end) = fits(at + 8) {
                        return Ok(Err(end));
                    }
                    let (start, end) = (p.u32(at)?, p.u32(at + 4)?);
                    let relative = |n: u32| n.wrapping_sub(self.sack);
                    put!(t, "{{{}:{}}}", relative(start), relative(end));
                }
            }
            6 | 7 | 11 | 12 | 13 => put!(t, " {}", p.u32(0)?),
            8 => put!(t, " val {} ecr {}", p.u32(0)?, p.u32(4)?),
            19 => {
                // There is no flag for the secret: passwords are not for command lines.
                let why = match self.whole {
                    true => "shared secret not supplied with -M",
                    false => "snaplen too short",
                };
                put!(t, " {why}, can't check - ");
                t.hex(p.slice(0, 16)?);
            }
            20 => put!(t, " cap {:02x} id {}", p.u8(0)?, p.u8(1)?),
            28 => {
                let value = p.u16(0)?;
                // The lowest bit says minutes (RFC 5482).
                let seconds = u32::from(value >> 1) * if value & 1 == 1 { 60 } else { 1 };
                put!(t, " 0x{value:x} {seconds}");
            }
            29 if length < 2 => t.invalid(),
            29 => {
                for (at, name) in [(0, "keyid"), (1, "rnextkeyid")] {
                    if let Err(end) = fits(at + 1) {
                        return Ok(Err(end));
                    }
                    put!(t, " {name} {}", p.u8(at)?);
                }
                if length > 2 {
                    put!(t, " mac 0x");
                }
                for at in 2..length {
                    if let Err(end) = fits(at + 1) {
                        return Ok(Err(end));
                    }
                    put!(t, "{:02x}", p.u8(at)?);
                }
            }
            30 => {
                if !mptcp::print(t, p.limit(length), length, self.flags)? {
                    return Ok(Err(End::Bad));
                }
            }
            34 => {
                put!(t, " ");
                fast_open(t, p.slice(0, length)?);
            }
            254 => {
                if length < 2 {
                    return Ok(Err(End::Bad));
                }
                put!(t, "-");
                match p.u16(0)? {
                    // Fast Open before it had a number of its own (RFC 7413, 4.1.1).
                    0xf989 => {
                        put!(t, "tfo");
                        fast_open(t, p.slice(2, length - 2)?);
                    }
                    magic => put!(t, "{magic:04x}"),
                }
            }
            _ => {
                if length > 0 {
                    put!(t, " 0x");
                }
                for at in 0..length {
                    if let Err(end) = fits(at + 1) {
                        return Ok(Err(end));
                    }
                    put!(t, "{:02x}", p.u8(at)?);
                }
            }
        }
        Ok(Ok(fixed))
    }
}

/// A Fast Open cookie, or the request for one.
fn fast_open(t: &mut Text<'_>, cookie: &[u8]) {
    if cookie.is_empty() {
        put!(t, " cookiereq");
    } else if !cookie.len().is_multiple_of(2) || !(4..=16).contains(&cookie.len()) {
        t.invalid();
    } else {
        put!(t, " cookie ");
        t.hex(cookie);
    }
}

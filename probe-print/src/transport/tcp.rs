//! TCP (RFC 9293) and its options.

use std::collections::HashMap;

use super::{
    mptcp,
    ports::{self, Ports, Ports::Either},
};
use crate::{
    bytes::{Bytes, Stop},
    checksum,
    color::Tint,
    network::outer::Outer,
    routing::{bgp, ldp, rpki_rtr},
    services::{dns, line_protocols, openflow, resp, telnet},
    summary::TcpFlags,
    text::{Text, bits, name_of, put},
    tunnel::pptp,
};

pub(crate) const PROTOCOL: u8 = 6;
const HEADER: usize = 20;

/// Where the fields of the header are (RFC 9293, section 3.1).
mod field {
    pub const SOURCE: usize = 0;
    pub const DESTINATION: usize = 2;
    pub const SEQUENCE: usize = 4;
    pub const ACKNOWLEDGMENT: usize = 8;
    /// The upper four bits: the header's length in words of four bytes.
    pub const DATA_OFFSET: usize = 12;
    pub const FLAGS: usize = 13;
    pub const WINDOW: usize = 14;
    pub const CHECKSUM: usize = 16;
    pub const URGENT: usize = 18;
}

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;

pub(crate) const FLAGS: &[(u32, &str)] = &[
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
    ) -> Result<Relative, Stop> {
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
            let base = if reverse {
                Base { sequence: other, acknowledged: sequence }
            } else {
                Base { sequence, acknowledged: other }
            };
            self.0.insert(key, base);
            base
        });
        let (own, peer) = if reverse {
            (base.acknowledged, base.sequence)
        } else {
            (base.sequence, base.acknowledged)
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

pub(crate) fn print(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    length: usize,
    outer: Outer<'_>,
    fragmented: bool,
) -> Result<(), Stop> {
    t.protocol = "tcp";
    let (Ok(from), Ok(to)) = (p.u16(field::SOURCE), p.u16(field::DESTINATION)) else {
        outer.print_ends(t, None)?;
        put!(t, ":");
        return Err(Stop::Short);
    };
    t.summary.ports = Some((from, to));
    let ports = (t.tcp(from), t.tcp(to));
    outer.print_flow(t, PROTOCOL, ports)?;
    p.need(0, HEADER)?;
    let header = 4 * usize::from(p.u8(field::DATA_OFFSET)? >> 4);
    t.summary.flags = Some(TcpFlags(p.u8(field::FLAGS)?));
    let payload = length.wrapping_sub(header) as u32;
    if header < HEADER {
        put!(t, " tcp {payload} [bad hdr length {header} - too short, < {HEADER}]");
        return Ok(());
    }
    t.note_payload(p.limit(length).from(header));
    if t.style.quiet {
        put!(t, "tcp {payload}");
        if header > length {
            put!(t, " [bad hdr length {header} - too long, > {length}]");
        }
        return Ok(());
    }
    let (mut sequence, mut acknowledgment) =
        (p.u32(field::SEQUENCE)?, p.u32(field::ACKNOWLEDGMENT)?);
    let flags = p.u8(field::FLAGS)?;
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
        checksum::print(t, p.u16(field::CHECKSUM)?, outer.checksum(PROTOCOL, segment)?);
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
    put!(t, ", win {}", p.u16(field::WINDOW)?);
    if flags & URG != 0 {
        put!(t, ", urg {}", p.u16(field::URGENT)?);
    }
    if header > HEADER {
        put!(t, ", options [");
        let whole = p.has(header, payload);
        let mut options = Options { left: header - HEADER, sack, flags, whole, first: true };
        match options.print(t, p.from(HEADER)) {
            Ok(()) => put!(t, "]"),
            Err(Stop::Cut) => return Err(Stop::Cut),
            Err(Stop::Short) => {
                t.truncated();
                put!(t, "{}", if options.first { "" } else { ">" });
                return Err(Stop::Here);
            }
            Err(Stop::Invalid | Stop::Here) => {
                put!(t, "[bad opt]{}", if options.first { "" } else { "]" });
                return Err(Stop::Here);
            }
        }
    }
    put!(t, ", length {payload}");
    if payload == 0 {
        return Ok(());
    }
    if !p.has(0, header) {
        put!(t, " [remaining caplen({}) < header length({header})]", p.len());
        return Err(Stop::Cut);
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
) -> Result<(), Stop> {
    if flags & RST != 0 && t.style.verbose > 0 {
        return reset_reason(t, p, length);
    }
    match ports::find(SERVICES, from, to) {
        Some(service) => service(t, p, length),
        None => Ok(()),
    }
}

/// What is behind a port, in tcpdump's order, for where the two ports say different things.
const SERVICES: &[(Ports, Service)] = &[
    (Either(&[23]), |t, p, length| telnet::print(t, p, length)),
    (Either(&[25]), |t, p, length| line_protocols::smtp(t, p, length)),
    (Either(&[43]), |t, p, length| line_protocols::whois(t, p, length)),
    (Either(&[179]), |t, p, _| bgp::print(t, p)),
    (Either(&[1723]), |t, p, _| pptp::print(t, p)),
    (Either(&[6379]), |t, p, length| resp::print(t, p, length)),
    (Either(&[22]), |t, p, length| line_protocols::ssh(t, p, length)),
    (Either(&[10_288]), |t, p, length| line_protocols::beep(t, p, length)),
    (Either(&[6633, 6653]), |t, p, length| openflow::print(t, p, length)),
    (Either(&[21]), |t, p, length| line_protocols::ftp(t, p, length)),
    (Either(&[80, 8080]), |t, p, length| line_protocols::http(t, p, length)),
    (Either(&[554, 8554]), |t, p, length| line_protocols::rtsp(t, p, length)),
    (Either(&[53]), |t, p, length| dns::print(t, p, length, dns::Carrier::Tcp)),
    (Either(&[323]), |t, p, length| rpki_rtr::print(t, p, length)),
    (Either(&[646]), |t, p, length| ldp::print(t, p, length)),
];

type Service = fn(&mut Text<'_>, Bytes<'_>, usize) -> Result<(), Stop>;

/// Some systems say in a reset why they sent it (RFC 9293, 3.5.3).
fn reset_reason(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
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
    /// Prints them: `Invalid` where a length cannot be, `Short` where a value was not captured.
    fn print(&mut self, t: &mut Text<'_>, mut p: Bytes<'_>) -> Result<(), Stop> {
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
                        return Err(Stop::Invalid);
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
            let used = self.value(t, kind, data, size - head)?;
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
        Ok(())
    }

    /// Prints an option's value and says how many bytes it took.
    fn value(
        &self,
        t: &mut Text<'_>,
        kind: u8,
        p: Bytes<'_>,
        length: usize,
    ) -> Result<usize, Stop> {
        let rest = self.left - self.left.min(if kind > 1 { 2 } else { 1 });
        let fits = |length: usize| match (length <= rest, p.has(0, length)) {
            (false, _) => Err(Stop::Invalid),
            (true, false) => Err(Stop::Short),
            (true, true) => Ok(length),
        };
        let fixed = match kind {
            2 | 20 | 28 => 2,
            3 => 1,
            6 | 7 | 11 | 12 | 13 => 4,
            8 => 8,
            19 => 16,
            0 | 1 | 4 => return Ok(0),
            _ => length,
        };
        // These three print up to the byte that is missing.
        let gradual = matches!(kind, 5 | 29) || name_of(OPTION_NAMES, kind).is_none();
        if !gradual {
            fits(fixed)?;
        }
        match kind {
            2 => put!(t, " {}", p.u16(0)?),
            3 => put!(t, " {}", p.u8(0)?),
            5 if !length.is_multiple_of(8) => put!(t, " invalid sack"),
            5 => {
                put!(t, " {} ", length / 8);
                for at in (0..length).step_by(8) {
                    fits(at + 8)?;
                    let (start, end) = (p.u32(at)?, p.u32(at + 4)?);
                    let relative = |n: u32| n.wrapping_sub(self.sack);
                    put!(t, "{{{}:{}}}", relative(start), relative(end));
                }
            }
            6 | 7 | 11 | 12 | 13 => put!(t, " {}", p.u32(0)?),
            8 => put!(t, " val {} ecr {}", p.u32(0)?, p.u32(4)?),
            19 => {
                // There is no flag for the secret: passwords are not for command lines.
                let why = if self.whole {
                    "shared secret not supplied with -M"
                } else {
                    "snaplen too short"
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
                    fits(at + 1)?;
                    put!(t, " {name} {}", p.u8(at)?);
                }
                if length > 2 {
                    put!(t, " mac 0x");
                }
                for at in 2..length {
                    fits(at + 1)?;
                    put!(t, "{:02x}", p.u8(at)?);
                }
            }
            30 => mptcp::print(t, p.limit(length), length, self.flags)?,
            34 => {
                put!(t, " ");
                fast_open(t, p.slice(0, length)?);
            }
            254 if length < 2 => return Err(Stop::Invalid),
            254 => {
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
                    fits(at + 1)?;
                    put!(t, "{:02x}", p.u8(at)?);
                }
            }
        }
        Ok(fixed)
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

//! HNCP (RFC 7788), by which the routers of a home find out about each other, and DNCP
//! (RFC 7787), of which it is made.

use std::net::Ipv4Addr;

use crate::{
    address::{Host, MAPPED, V6},
    bytes::{Bytes, Stop},
    services::dns::domain_name,
    text::{Text, name_of, put},
};

const HEADER: usize = 4;

const REQUEST_NETWORK: u32 = 1;
const REQUEST_NODE: u32 = 2;
const ENDPOINT: u32 = 3;
const NETWORK: u32 = 4;
const NODE: u32 = 5;
const PEER: u32 = 8;
const KEEP_ALIVE: u32 = 9;
const TRUST: u32 = 10;
const VERSION: u32 = 32;
const EXTERNAL: u32 = 33;
const DELEGATED: u32 = 34;
const ASSIGNED: u32 = 35;
const ADDRESS: u32 = 36;
const DHCPV4: u32 = 37;
const DHCPV6: u32 = 38;
const ZONE: u32 = 39;
const DOMAIN: u32 = 40;
const NAME: u32 = 41;
const KEY: u32 = 42;
const POLICY: u32 = 43;
/// Ranges of numbers that have no meaning, as numbers that none of them has.
const RESERVED: u32 = 0x1_0000;
const UNASSIGNED: u32 = 0x1_0001;
const PRIVATE: u32 = 0x1_0002;
const FUTURE: u32 = 0x1_0003;

const NAMES: &[(u32, &str)] = &[
    (REQUEST_NETWORK, "Request network state"),
    (REQUEST_NODE, "Request node state"),
    (ENDPOINT, "Node endpoint"),
    (NETWORK, "Network state"),
    (NODE, "Node state"),
    (PEER, "Peer"),
    (KEEP_ALIVE, "Keep-alive interval"),
    (TRUST, "Trust-Verdict"),
    (VERSION, "HNCP-Version"),
    (EXTERNAL, "External-Connection"),
    (DELEGATED, "Delegated-Prefix"),
    (POLICY, "Prefix-Policy"),
    (DHCPV4, "DHCPv4-Data"),
    (DHCPV6, "DHCPv6-Data"),
    (ASSIGNED, "Assigned-Prefix"),
    (ADDRESS, "Node-Address"),
    (ZONE, "DNS-Delegated-Zone"),
    (DOMAIN, "Domain-Name"),
    (NAME, "Node-Name"),
    (KEY, "Managed-PSK"),
    (RESERVED, "Reserved"),
    (UNASSIGNED, "Unassigned"),
    (PRIVATE, "Private use"),
    (FUTURE, "Future use"),
];

/// The number of an element, or of the range that it is in.
fn kind(number: u16) -> u32 {
    match u32::from(number) {
        known if name_of(NAMES, known).is_some() => known,
        0 => RESERVED,
        44..=511 => UNASSIGNED,
        768..=1023 => PRIVATE,
        _ => FUTURE,
    }
}

/// Prints the elements: their names, and with `-v` what they say, each the deeper the more
/// of it is asked for.
pub(crate) fn print(t: &mut Text<'_>, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
    t.protocol = "hncp";
    put!(t, "hncp ({length})");
    elements(t, p, length, 1)
}

fn margin(t: &mut Text<'_>, indent: usize) {
    put!(t, "\n");
    (0..indent).for_each(|_| put!(t, "\t"));
}

/// Names of elements in a line, the same ones counted.
#[derive(Default)]
struct Run {
    kind: Option<u32>,
    count: usize,
    shown: bool,
}

impl Run {
    fn add(&mut self, t: &mut Text<'_>, kind: u32, indent: usize) {
        if self.kind != Some(kind) {
            self.end(t, indent);
            *self = Self { kind: Some(kind), count: 0, ..*self };
        }
        self.count += 1;
    }

    fn end(&mut self, t: &mut Text<'_>, indent: usize) {
        let Some(kind) = self.kind else { return };
        match (self.shown, indent) {
            (true, _) => put!(t, ", "),
            (false, 1) => put!(t, " "),
            (false, _) => margin(t, indent),
        }
        self.shown = true;
        put!(t, "{}", name_of(NAMES, kind).unwrap_or_default());
        if self.count > 1 {
            put!(t, " (x{})", self.count);
        }
    }
}

fn elements(t: &mut Text<'_>, p: Bytes<'_>, length: usize, indent: usize) -> Result<(), Stop> {
    let verbose = usize::from(t.style.verbose);
    let in_line = indent > verbose && verbose < 3;
    let mut run = Run::default();
    let mut at = 0;
    // Each takes its header at least.
    while at < length {
        if !in_line {
            margin(t, indent);
        }
        let element = p.from(at);
        element.need(0, HEADER)?;
        if at + HEADER > length {
            return Err(Stop::Invalid);
        }
        let (number, size) = (element.u16(0)?, usize::from(element.u16(2)?));
        let value = element.slice(HEADER, size).or(Err(Stop::Short))?;
        if at + HEADER + size > length {
            return Err(Stop::Invalid);
        }
        let kind = kind(number);
        if in_line {
            run.add(t, kind, indent);
        } else {
            put!(t, "{}", name_of(NAMES, kind).unwrap_or_default());
            if kind >= RESERVED {
                put!(t, ": type={number}");
            }
            put!(t, " ({})", size + HEADER);
            match one(t, kind, Bytes::new(value), element.from(HEADER), indent)? {
                Value::Whole => {}
                Value::Invalid => t.invalid(),
                Value::Last => return Err(Stop::Invalid),
                // Elements behind what the element itself says.
                Value::More(from) if from <= size => {
                    // Not cut where the value ends: what is behind that tells bytes that were
                    // not captured from lengths that lie.
                    let rest = element.from(HEADER + from);
                    t.nested(|t| elements(t, rest, size - from, indent + 1))?;
                }
                Value::More(_) => {}
            }
        }
        at += HEADER + size.next_multiple_of(4);
    }
    run.end(t, indent);
    Ok(())
}

/// What an element's value was. No `Stop`: of two ways to be wrong, one ends the element alone.
enum Value {
    Whole,
    /// Against the rules.
    Invalid,
    /// So much so that nothing behind it is looked at.
    Last,
    /// It has elements in it, from there on.
    More(usize),
}

/// The fewest bytes that a value may have, and the most.
fn sizes(kind: u32) -> (usize, usize) {
    match kind {
        REQUEST_NETWORK => (0, 0),
        REQUEST_NODE => (4, 4),
        ENDPOINT | NETWORK => (8, 8),
        NODE | ADDRESS => (20, usize::MAX),
        PEER => (12, 12),
        KEEP_ALIVE => (8, usize::MAX),
        TRUST => (37, usize::MAX),
        VERSION => (5, usize::MAX),
        DELEGATED => (9, usize::MAX),
        POLICY | DHCPV4 | DHCPV6 | DOMAIN => (1, usize::MAX),
        ASSIGNED => (6, usize::MAX),
        ZONE | NAME => (17, usize::MAX),
        KEY => (32, usize::MAX),
        _ => (0, usize::MAX),
    }
}

fn one(
    t: &mut Text<'_>,
    kind: u32,
    p: Bytes<'_>,
    uncut: Bytes<'_>,
    indent: usize,
) -> Result<Value, Stop> {
    let (least, most) = sizes(kind);
    if !(least..=most).contains(&p.len()) {
        return Ok(Value::Invalid);
    }
    match kind {
        REQUEST_NODE => {
            put!(t, " NID: ");
            node(t, p)?;
        }
        ENDPOINT => {
            put!(t, " NID: ");
            node(t, p)?;
            put!(t, " EPID: {:08x}", p.u32(4)?);
        }
        NETWORK => put!(t, " hash: {:016x}", p.u64(0)?),
        NODE => {
            put!(t, " NID: ");
            node(t, p)?;
            put!(t, " seqno: {} {} hash: {:016x}", p.u32(4)?, interval(p, 8)?, p.u64(12)?);
            return Ok(Value::More(20));
        }
        PEER => {
            put!(t, " Peer-NID: ");
            node(t, p)?;
            put!(t, " Peer-EPID: {:08x} Local-EPID: {:08x}", p.u32(4)?, p.u32(8)?);
        }
        KEEP_ALIVE => put!(t, " EPID: {:08x} Interval: {}", p.u32(0)?, interval(p, 4)?),
        TRUST => {
            put!(t, " Verdict: {} Fingerprint: ", p.u8(0)?);
            t.hex(p.slice(4, 32)?);
            put!(t, " Common Name: ");
            t.padded(p.from(36), p.len() - 36)?;
        }
        VERSION => {
            let [high, low] = p.array(2)?;
            put!(t, " M: {} P: {} H: {} L: {}", high >> 4, high & 0xf, low >> 4, low & 0xf);
            put!(t, " User-agent: ");
            t.padded(p.from(4), p.len() - 4)?;
        }
        EXTERNAL => return Ok(Value::More(0)),
        DELEGATED | ASSIGNED => return prefixed(t, kind, p),
        POLICY => return policy(t, p),
        DHCPV4 => return dhcp(t, p, uncut, 4, indent + 1),
        DHCPV6 => return dhcp(t, p, uncut, 6, indent + 1),
        ADDRESS => {
            put!(t, " EPID: {:08x} IP Address: {}", p.u32(0)?, address(t, p, 4)?);
            return Ok(Value::More(20));
        }
        ZONE => {
            let flags = p.u8(16)?;
            put!(t, " IP-Address: {} ", address(t, p, 0)?);
            for (bit, letter) in [(4, 'l'), (2, 'b'), (1, 's')] {
                put!(t, "{}", if flags & bit == 0 { '-' } else { letter });
            }
            put!(t, " ");
            return Ok(match labels(t, p.from(17))? {
                Some(size) => Value::More((17 + size).next_multiple_of(4)),
                None => Value::Invalid,
            });
        }
        DOMAIN => {
            put!(t, " Domain: ");
            labels(t, p)?;
        }
        NAME => {
            const LONGEST: usize = 63;
            let size = usize::from(p.u8(16)?);
            if p.len() < 17 + size {
                return Ok(Value::Invalid);
            }
            put!(t, " IP-Address: {} Name: ", address(t, p, 0)?);
            if size <= LONGEST {
                put!(t, "\"");
                t.padded(p.from(17), size)?;
                put!(t, "\"");
            } else {
                t.invalid();
            }
            return Ok(Value::More((17 + size).next_multiple_of(4)));
        }
        KEY => {
            put!(t, " PSK: ");
            t.hex(p.slice(0, 32)?);
            return Ok(Value::More(32));
        }
        _ => {}
    }
    Ok(Value::Whole)
}

/// The identifier of a node.
fn node(t: &mut Text<'_>, p: Bytes<'_>) -> Result<(), Stop> {
    let [a, b, c, d] = p.array(0)?;
    put!(t, "{a:02x}:{b:02x}:{c:02x}:{d:02x}");
    Ok(())
}

/// Milliseconds.
fn interval(p: Bytes<'_>, at: usize) -> Result<String, Stop> {
    let time = p.u32(at)?;
    Ok(format!("{}.{:03}s", time / 1000, time % 1000))
}

fn address(t: &Text<'_>, p: Bytes<'_>, at: usize) -> Result<Host, Stop> {
    match p.array(at)? {
        MAPPED => t.v4(p, at + MAPPED.len()),
        _ => t.v6(p, at),
    }
}

/// How reading a prefix ended.
enum Prefix {
    Of(usize),
    /// Longer than an address.
    TooLong,
    /// It ends behind the element.
    Cut,
}

fn prefix(t: &mut Text<'_>, p: Bytes<'_>) -> Result<Prefix, Stop> {
    const V4_FROM: u8 = 96;
    let bits = p.u8(0)?;
    let four = bits >= V4_FROM && p.array(1) == Ok(MAPPED);
    let (width, most, start) =
        if four { (bits - V4_FROM, 32, 1 + MAPPED.len()) } else { (bits, 128, 1) };
    if width > most {
        return Ok(Prefix::TooLong);
    }
    let size = usize::from(width).div_ceil(8);
    let Ok(address) = p.prefix::<16>(start, width) else { return Ok(Prefix::Cut) };
    let [a, b, c, d, ..] = address;
    if four {
        put!(t, "{}/{width}", Ipv4Addr::from([a, b, c, d]))
    } else {
        put!(t, "{}/{width}", V6(address.into()))
    }
    Ok(Prefix::Of(start + size))
}

/// A prefix, delegated or assigned, and what is to be said of it.
fn prefixed(t: &mut Text<'_>, kind: u32, p: Bytes<'_>) -> Result<Value, Stop> {
    let at = if kind == DELEGATED { 8 } else { 5 };
    if !p.has(at, 1 + usize::from(p.u8(at)?).div_ceil(8)) {
        return Ok(Value::Invalid);
    }
    match kind {
        DELEGATED => put!(t, " VLSO: {} PLSO: {}", interval(p, 0)?, interval(p, 4)?),
        _ => put!(t, " EPID: {:08x} Prty: {}", p.u32(0)?, p.u8(4)? & 0xf),
    }
    put!(t, " Prefix: ");
    Ok(match prefix(t, p.from(at))? {
        Prefix::Of(size) if kind == DELEGATED => Value::More(at + size.next_multiple_of(4)),
        Prefix::Of(size) => Value::More((at + size).next_multiple_of(4)),
        Prefix::TooLong if kind == DELEGATED => {
            put!(t, "(length is invalid)");
            Value::Whole
        }
        Prefix::TooLong | Prefix::Cut => Value::Invalid,
    })
}

/// For whom a prefix is.
fn policy(t: &mut Text<'_>, p: Bytes<'_>) -> Result<Value, Stop> {
    let policy = p.u8(0)?;
    put!(t, " type: ");
    match policy {
        0 | 131 if p.len() != 1 => return Ok(Value::Invalid),
        0 => put!(t, "Internet connectivity"),
        1..=128 => {
            put!(t, "Dest-Prefix: ");
            match prefix(t, p)? {
                Prefix::Of(_) => {}
                Prefix::TooLong => put!(t, "(length is invalid)"),
                Prefix::Cut => return Ok(Value::Invalid),
            }
        }
        129 => {
            put!(t, "DNS domain: ");
            labels(t, p.from(1))?;
        }
        130 => {
            put!(t, "Opaque UTF-8: ");
            t.padded(p.from(1), p.len() - 1)?;
        }
        131 => put!(t, "Restrictive assignment"),
        _ => put!(t, "Unknown ({policy})"),
    }
    Ok(Value::Whole)
}

/// A domain name without pointers, and how long it is; none, which some elements allow, where
/// it is cut: the text says so.
fn labels(t: &mut Text<'_>, p: Bytes<'_>) -> Result<Option<usize>, Stop> {
    let mut at = 0;
    while let Ok(size) = p.u8(at) {
        at += 1;
        if size == 0 {
            return Ok(Some(at));
        }
        if at > 1 {
            put!(t, ".");
        }
        let size = usize::from(size);
        let label = p.from(at);
        t.padded(label, size.min(label.len()))?;
        if size > label.len() {
            break;
        }
        at += size;
    }
    put!(t, "[|DNS]");
    Ok(None)
}

/// Options of DHCP, in the form that they have there: of version 4 (RFC 2132, RFC 3397) with
/// a byte each for number and length, of version 6 (RFC 3646, RFC 4075) with two.
fn dhcp(
    t: &mut Text<'_>,
    p: Bytes<'_>,
    uncut: Bytes<'_>,
    version: u8,
    indent: usize,
) -> Result<Value, Stop> {
    let bad = if version == 4 { Value::Last } else { Value::Invalid };
    let mut at = 0;
    while at < p.len() {
        let head = if version == 4 { 2 } else { 4 };
        if !p.has(at, head) {
            return Ok(bad);
        }
        let (number, size) = match version {
            4 => (u16::from(p.u8(at)?), usize::from(p.u8(at + 1)?)),
            _ => (p.u16(at)?, usize::from(p.u16(at + 2)?)),
        };
        margin(t, indent);
        let name = match (version, number) {
            (4, 6) | (6, 23) => "DNS-server",
            (4, 42) => "NTP-server",
            (4, 119) => "DNS-search",
            (6, 24) => "DNS-search-list",
            (6, 31) => "SNTP-servers",
            _ => "Unknown",
        };
        put!(t, "{name} ({})", size + head);
        let rest = uncut.from(at + head);
        let Ok(value) = p.slice(at + head, size).map(Bytes::new) else { return Ok(bad) };
        match (version, number) {
            (4, 6 | 42) if size < 4 || !size.is_multiple_of(4) => return Ok(bad),
            (4, 6 | 42) => {
                for at in (0..size).step_by(4) {
                    put!(t, " {}", t.v4(value, at)?);
                }
            }
            (6, 23 | 31) if !size.is_multiple_of(16) => {
                t.invalid();
                return Ok(bad);
            }
            (6, 23 | 31) => {
                for at in (0..size).step_by(16) {
                    put!(t, " {}", t.v6(value, at)?);
                }
            }
            (4, 119) | (6, 24) => {
                let mut at = 0;
                while at < size {
                    put!(t, " ");
                    at = match domain_name::name_from(t, rest, at, size) {
                        Err(Stop::Short) => return Ok(bad),
                        end => end?,
                    };
                }
            }
            _ => {}
        }
        at += head + size;
    }
    Ok(Value::Whole)
}

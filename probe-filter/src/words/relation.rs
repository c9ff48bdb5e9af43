//! Comparisons of numbers in words: of fields that have a name, and of TCP's flags. Others are quoted.

use std::net::Ipv4Addr;

use super::{Teller, primitive::bytes};
use crate::ast::{Protocol, Relation, TermId, TermKind};
use crate::ir::Alu;

/// The names of fields: protocol, offset and size in bytes.
const FIELDS: [(Protocol, u32, u32, &str); 29] = [
    (Protocol::Link, 12, 2, "EtherType"),
    (Protocol::Ip, 1, 1, "IPv4 type of service"),
    (Protocol::Ip, 2, 2, "IPv4 total length"),
    (Protocol::Ip, 4, 2, "IPv4 identification"),
    (Protocol::Ip, 8, 1, "IPv4 time to live"),
    (Protocol::Ip, 9, 1, "IPv4 protocol"),
    (Protocol::Ip, 10, 2, "IPv4 header checksum"),
    (Protocol::Ip, 12, 4, "IPv4 source address"),
    (Protocol::Ip, 16, 4, "IPv4 destination address"),
    (Protocol::Ip6, 4, 2, "IPv6 payload length"),
    (Protocol::Ip6, 6, 1, "IPv6 next header"),
    (Protocol::Ip6, 7, 1, "IPv6 hop limit"),
    (Protocol::Tcp, 0, 2, "TCP source port over IPv4"),
    (Protocol::Tcp, 2, 2, "TCP destination port over IPv4"),
    (Protocol::Tcp, 4, 4, "TCP sequence number over IPv4"),
    (Protocol::Tcp, 8, 4, "TCP acknowledgment number over IPv4"),
    (Protocol::Tcp, 14, 2, "TCP window over IPv4"),
    (Protocol::Tcp, 16, 2, "TCP checksum over IPv4"),
    (Protocol::Udp, 0, 2, "UDP source port over IPv4"),
    (Protocol::Udp, 2, 2, "UDP destination port over IPv4"),
    (Protocol::Udp, 4, 2, "UDP length over IPv4"),
    (Protocol::Udp, 6, 2, "UDP checksum over IPv4"),
    (Protocol::Icmp, 0, 1, "ICMP type"),
    (Protocol::Icmp, 1, 1, "ICMP code"),
    (Protocol::Icmp6, 0, 1, "ICMPv6 type"),
    (Protocol::Icmp6, 1, 1, "ICMPv6 code"),
    (Protocol::Arp, 6, 2, "ARP operation"),
    (Protocol::Igmp, 0, 1, "IGMP type"),
    (Protocol::Sctp, 0, 2, "SCTP source port over IPv4"),
];

/// Types of ICMP messages (IANA) and of ICMPv6's.
const ICMP_TYPES: [(u32, &str); 12] = [
    (0, "echo reply"),
    (3, "destination unreachable"),
    (4, "source quench"),
    (5, "redirect"),
    (8, "echo request"),
    (9, "router advertisement"),
    (10, "router solicitation"),
    (11, "time exceeded"),
    (12, "parameter problem"),
    (13, "timestamp request"),
    (14, "timestamp reply"),
    (17, "address mask request"),
];
const ICMP6_TYPES: [(u32, &str); 12] = [
    (1, "destination unreachable"),
    (2, "packet too big"),
    (3, "time exceeded"),
    (4, "parameter problem"),
    (128, "echo request"),
    (129, "echo reply"),
    (130, "multicast listener query"),
    (133, "router solicitation"),
    (134, "router advertisement"),
    (135, "neighbor solicitation"),
    (136, "neighbor advertisement"),
    (137, "redirect"),
];

/// The byte of TCP's flags (RFC 9293), and its bits from the lowest.
const FLAGS_OFFSET: u32 = 13;
const FLAGS: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];

impl Teller<'_> {
    pub fn relation(&self, compare: Relation, left: TermId, right: TermId) -> Option<String> {
        // `5 < tcp[0]` is said as `tcp[0] > 5`.
        let (compare, left, number) = match (self.constant(left), self.constant(right)) {
            (None, Some(number)) => (compare, left, number),
            (Some(number), None) => (turned(compare), right, number),
            _ => return None,
        };
        if let Some(flags) = self.flags(compare, left, number) {
            return Some(flags);
        }
        if self.kind(left) == TermKind::Length {
            return Some(format!("the frame is {} long", compared_length(compare, number)));
        }
        let (protocol, name) = self.field(left)?;
        let types: &[(u32, &str)] = match name {
            "ICMP type" => &ICMP_TYPES,
            "ICMPv6 type" => &ICMP6_TYPES,
            _ => &[],
        };
        let known = types.iter().find(|(known, _)| *known == number);
        let meaning = known.map(|(_, meaning)| format!(" ({meaning})")).unwrap_or_default();
        let shown = match protocol {
            Protocol::Link => format!("{number:#06x}"),
            Protocol::Ip if name.ends_with("address") => Ipv4Addr::from_bits(number).to_string(),
            _ => number.to_string(),
        };
        Some(format!("{name} {} {shown}{meaning}", compared(compare)))
    }

    fn kind(&self, term: TermId) -> TermKind {
        self.tree.terms[term.0].kind
    }

    /// The number of a term that is nothing but numbers. Where it nests deep, it is none: a quotation
    /// does as well.
    fn constant(&self, term: TermId) -> Option<u32> {
        const DEEPEST: u32 = 16;
        self.constant_within(term, DEEPEST)
    }

    fn constant_within(&self, term: TermId, deepest: u32) -> Option<u32> {
        let deepest = deepest.checked_sub(1)?;
        match self.kind(term) {
            TermKind::Number(number) => Some(number),
            TermKind::Negated(of) => Some(self.constant_within(of, deepest)?.wrapping_neg()),
            TermKind::Operation(op, left, right) => {
                let left = self.constant_within(left, deepest)?;
                crate::eval::constant_alu(op, left, self.constant_within(right, deepest)?)
            }
            TermKind::Length | TermKind::Bytes(..) | TermKind::Payload(..) => None,
        }
    }

    /// The name of a field that a term is, and nothing else.
    fn field(&self, term: TermId) -> Option<(Protocol, &'static str)> {
        let TermKind::Bytes(protocol, index, size) = self.kind(term) else { return None };
        let index = self.constant(index)?;
        let known =
            FIELDS.iter().find(|(of, at, long, _)| (*of, *at, *long) == (protocol, index, size));
        known.map(|&(protocol, _, _, name)| (protocol, name))
    }

    /// `tcp[13] = 2`, `tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn`, `tcp[13] & 4 != 0`
    fn flags(&self, compare: Relation, term: TermId, number: u32) -> Option<String> {
        let (of, mask) = match self.kind(term) {
            TermKind::Operation(Alu::And, left, right) => match self.constant(right) {
                Some(mask) => (left, mask),
                None => (right, self.constant(left)?),
            },
            _ => (term, 0xff),
        };
        let TermKind::Bytes(Protocol::Tcp, index, 1) = self.kind(of) else { return None };
        let mask = mask & 0xff;
        if self.constant(index)? != FLAGS_OFFSET || number & !mask != 0 || mask == 0 {
            return None;
        }
        let words = match (compare, number) {
            (Relation::Equal, _) if mask == 0xff => {
                format!("{} set and no other flag", all_of(number, "and")?)
            }
            (Relation::Equal, 0) => format!("{} not set", all_of(mask, "nor")?),
            (Relation::Equal, _) if number == mask => format!("{} set", all_of(mask, "and")?),
            (Relation::Equal, _) => {
                let not = all_of(mask & !number, "nor")?;
                format!("{} set, and {not} not", all_of(number, "and")?)
            }
            (Relation::NotEqual | Relation::Greater, 0) if mask == 0xff => {
                "any flag set".to_owned()
            }
            (Relation::NotEqual | Relation::Greater, 0) => format!("{} set", all_of(mask, "or")?),
            (Relation::NotEqual, _) if mask == 0xff => {
                format!("other flags than just {} set", all_of(number, "and")?)
            }
            _ => return None,
        };
        Some(format!("TCP over IPv4 with {words}"))
    }
}

/// The names of flags, joined; none where there is no flag.
fn all_of(bits: u32, join: &str) -> Option<String> {
    let names: Vec<&str> = FLAGS
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| bits >> bit & 1 == 1)
        .map(|(_, n)| n)
        .collect();
    let (last, before) = names.split_last()?;
    Some(match before {
        [] => (*last).to_owned(),
        _ => format!("{} {join} {last}", before.join(", ")),
    })
}

/// The comparison with its sides exchanged.
fn turned(compare: Relation) -> Relation {
    match compare {
        Relation::Equal | Relation::NotEqual => compare,
        Relation::Greater => Relation::Less,
        Relation::GreaterEqual => Relation::LessEqual,
        Relation::Less => Relation::Greater,
        Relation::LessEqual => Relation::GreaterEqual,
    }
}

fn compared(compare: Relation) -> &'static str {
    match compare {
        Relation::Equal => "is",
        Relation::NotEqual => "is not",
        Relation::Greater => "is greater than",
        Relation::GreaterEqual => "is at least",
        Relation::Less => "is less than",
        Relation::LessEqual => "is at most",
    }
}

fn compared_length(compare: Relation, number: u32) -> String {
    let relation = match compare {
        Relation::Equal => "",
        Relation::NotEqual => "not ",
        Relation::Greater => "more than ",
        Relation::GreaterEqual => "at least ",
        Relation::Less => "less than ",
        Relation::LessEqual => "at most ",
    };
    format!("{relation}{}", bytes(number))
}

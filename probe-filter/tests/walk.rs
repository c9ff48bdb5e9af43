//! The walk to the TCP, UDP or ICMP header, held against a reader of frames that shares
//! nothing with it, on valid and broken frames and on every prefix of some.

use probe_filter::testing::frames::{Rng, pool};
use probe_filter::{Frame, LinkType, Options, VlanTag, VlanView, compile};
use test_support::expressions;

/// What a frame carries, as docs/filters.md defines it.
struct Found<'a> {
    version: u8,
    protocol: u8,
    /// From the TCP, UDP or ICMP header to the end of what was captured.
    transport: &'a [u8],
    /// Bytes from there to the end of the IP packet by its own account.
    length: i64,
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// The length that a field of 0 stands for is 65,536.
fn length(field: u16) -> i64 {
    if field == 0 { 65_536 } else { field.into() }
}

/// The version of IP that the link header announces, and what follows the header.
fn announced(frame: &[u8], link: LinkType, tags: usize) -> Option<(u8, &[u8])> {
    let by_number = |number, v4: &[u16], v6: &[u16]| match number {
        number if v4.contains(&number) => Some(4),
        number if v6.contains(&number) => Some(6),
        _ => None,
    };
    let ethernet = |kind_at, header| {
        let (mut kind, mut packet) = (half(frame, kind_at)?, frame.get(header..)?);
        for _ in 0..tags {
            if matches!(kind, 0x8100 | 0x88a8 | 0x9100) {
                (kind, packet) = (half(packet, 2)?, &packet[4..]);
            }
        }
        Some((by_number(kind, &[0x0800], &[0x86dd])?, packet))
    };
    let ppp = |kind_at: usize| {
        let version = by_number(half(frame, kind_at)?, &[0x21], &[0x57])?;
        Some((version, frame.get(kind_at + 2..)?))
    };
    let bsd = |zeros: usize, family: usize| {
        let zeros = half(frame, zeros)? == 0;
        let family = if link == LinkType::Null {
            half(frame, family)?.swap_bytes()
        } else {
            half(frame, family)?
        };
        let version = by_number(family, &[2], &[24, 28, 30]).filter(|_| zeros)?;
        Some((version, frame.get(4..)?))
    };
    match link {
        LinkType::Raw => Some((*frame.first()? >> 4, frame)),
        LinkType::Ipv4 => Some((4, frame)),
        LinkType::Ipv6 => Some((6, frame)),
        LinkType::Ethernet => ethernet(12, 14),
        LinkType::LinuxSll => ethernet(14, 16),
        LinkType::LinuxSll2 => ethernet(0, 20),
        LinkType::Null => bsd(2, 0),
        LinkType::Loop => bsd(0, 2),
        LinkType::Ppp | LinkType::PppSerial => ppp(2),
        LinkType::PppEther => ppp(6),
    }
}

fn find(frame: &[u8], link: LinkType, tags: usize) -> Option<Found<'_>> {
    let (version, packet) = announced(frame, link, tags)?;
    if packet.first()? >> 4 != version {
        return None;
    }
    find_in_packet(packet)
}

fn find_in_packet(packet: &[u8]) -> Option<Found<'_>> {
    match packet.first()? >> 4 {
        4 => find_in_ipv4(packet),
        6 => find_in_ipv6(packet),
        _ => None,
    }
}

fn find_in_ipv4(packet: &[u8]) -> Option<Found<'_>> {
    let header = usize::from(packet[0] & 15) * 4;
    if header < 20 || half(packet, 6)? & 0x1fff != 0 {
        return None;
    }
    Some(Found {
        version: 4,
        protocol: *packet.get(9)?,
        transport: packet.get(header..).unwrap_or_default(),
        length: length(half(packet, 2)?) - header as i64,
    })
}

fn find_in_ipv6(packet: &[u8]) -> Option<Found<'_>> {
    let mut protocol = *packet.get(6)?;
    let end = 40 + length(half(packet, 4)?);
    let mut at = 40;
    for _ in 0..8 {
        let size = match protocol {
            0 | 43 | 60 | 135 | 139 | 140 => (usize::from(*packet.get(at + 1)?) + 1) * 8,
            51 => (usize::from(*packet.get(at + 1)?) + 2) * 4,
            44 if half(packet, at + 2)? & 0xfff8 == 0 => 8,
            44 => return None,
            _ => break,
        };
        protocol = *packet.get(at)?;
        at += size;
    }
    Some(Found {
        version: 6,
        protocol,
        transport: packet.get(at..).unwrap_or_default(),
        length: end - at as i64,
    })
}

impl Found<'_> {
    fn tcp(&self) -> bool {
        self.protocol == 6 && self.transport.get(12).is_some_and(|byte| byte >> 4 >= 5)
    }

    fn flags(&self, mask: u8, value: u8) -> bool {
        self.tcp() && self.transport.get(13).is_some_and(|flags| flags & mask == value)
    }

    /// The payload that the packet has and the capture has too.
    fn payload(&self) -> Option<&[u8]> {
        let start = match self.protocol {
            6 if self.tcp() => usize::from(self.transport[12] >> 4) * 4,
            17 => 8,
            _ => return None,
        };
        let end = usize::try_from(self.length).ok()?.min(self.transport.len());
        Some(self.transport.get(start..end).unwrap_or_default())
    }

    fn starts(&self, with: &[&[u8]]) -> bool {
        self.tcp() && self.any_starts(with)
    }

    fn any_starts(&self, with: &[&[u8]]) -> bool {
        self.payload().is_some_and(|payload| with.iter().any(|start| payload.starts_with(start)))
    }

    /// The packet that an ICMP error is about, from its IP header on.
    fn quoted(&self) -> Option<&[u8]> {
        let quoted = self.transport.get(8..)?;
        let (first, kind) = (*quoted.first()?, self.transport[0]);
        let is_error = match (self.version, self.protocol) {
            (4, 1) => matches!(kind, 3 | 4 | 5 | 11 | 12) && (0x45..=0x4f).contains(&first),
            (6, 58) => matches!(kind, 1..=4) && first >> 4 == 6,
            _ => false,
        };
        is_error.then_some(quoted)
    }

    fn port(&self, port: u16) -> bool {
        (self.protocol == 17 || self.tcp())
            && (half(self.transport, 0) == Some(port) || half(self.transport, 2) == Some(port))
    }
}

type Question = fn(&Found<'_>) -> bool;

const QUESTIONS: [(&str, Question); 18] = [
    ("@syn", |found| found.flags(0x12, 0x02)),
    ("@synack", |found| found.flags(0x12, 0x12)),
    ("@fin", |found| found.flags(1, 1)),
    ("@rst", |found| found.flags(4, 4)),
    ("@get", |found| found.starts(&[b"GET "])),
    ("@post", |found| found.starts(&[b"POST "])),
    ("@http-response", |found| found.starts(&[b"HTTP/"])),
    ("@ssh", |found| found.starts(&[b"SSH-"])),
    ("@get or @post or @ssh", |found| found.starts(&[b"GET ", b"POST ", b"SSH-"])),
    ("@tls-hello", |found| {
        found.tcp()
            && found
                .payload()
                .is_some_and(|payload| payload.starts_with(&[22, 3]) && payload.get(5) == Some(&1))
    }),
    ("@dns", |found| found.port(53)),
    ("@unreachable", |found| found.quoted().is_some()),
    ("@unreachable and @syn", |found| {
        found.quoted().and_then(find_in_packet).is_some_and(|found| found.flags(0x12, 0x02))
    }),
    ("@unreachable and payload \"GE\"", |found| {
        found.quoted().and_then(find_in_packet).is_some_and(|found| found.any_starts(&[b"GE"]))
    }),
    ("(@unreachable and @dns) or @syn", |found| {
        let quoted = found.quoted();
        quoted.and_then(find_in_packet).is_some_and(|found| found.port(53))
            || found.flags(0x12, 0x02)
    }),
    ("payload \"GE\"", |found| found.any_starts(&[b"GE"])),
    ("payload[1:2] = 0x4554", |found| {
        found.payload().is_some_and(|payload| payload.get(1..3) == Some(b"ET"))
    }),
    ("payload[payload[0] - 68] = 32", |found| {
        found.payload().is_some_and(|payload| {
            let index = payload.first().and_then(|&first| usize::from(first).checked_sub(68));
            index.and_then(|index| payload.get(index)) == Some(&32)
        })
    }),
];

#[test]
fn the_walk_agrees_with_a_plain_reader() {
    let in_files = LinkType::ALL.map(|link| (link, VlanView::AsFrame, 2));
    for (link, vlan, tags) in in_files.into_iter().chain([(LinkType::Ethernet, VlanView::Live, 1)])
    {
        let frames = pool(link, 41, if link == LinkType::Ethernet { 90_000 } else { 60_000 });
        let options = Options::default().link(link).vlan(vlan);
        for (text, question) in QUESTIONS {
            let filter = compile(text, &options).unwrap();
            let mut matched = 0;
            for bytes in &frames {
                let tag = (vlan == VlanView::Live).then_some(VlanTag { tpid: 0x8100, tci: 1 });
                let wire_len = bytes.len() as u32;
                let frame = Frame { bytes, wire_len, vlan: tag, outbound: None };
                let expected = find(bytes, link, tags).is_some_and(|found| question(&found));
                assert_eq!(filter.matches(&frame), expected, "{text} on {link:?}: {bytes:02x?}");
                matched += usize::from(expected);
            }
            assert!(matched > 10, "{text} on {link:?} matched {matched} only");
        }
    }
}

/// Bytes of the quoted packet at places that are computed may lie before it, where the packet
/// by itself has none. Such filters are left out.
fn looks_no_further_back(text: &str) -> bool {
    let indexes = text.split('[').skip(1).map(|rest| rest.split([':', ']']).next().unwrap_or(""));
    let constant = |index: &str| index.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.matches('[').count() == text.matches(']').count()
        && indexes.into_iter().all(|index| constant(index.trim()))
}

/// The definition in docs/filters.md: behind `@unreachable` words mean what they mean in a file
/// of raw IP packets, where the quoted packet is one.
#[test]
fn words_behind_unreachable_look_at_the_quoted_packet_alone() {
    let mut rng = Rng::new(43);
    let (mut compared, mut matched) = (0, 0);
    for (link, vlan, tags) in [
        (LinkType::Ethernet, VlanView::AsFrame, 2),
        (LinkType::Ethernet, VlanView::Live, 1),
        (LinkType::Raw, VlanView::AsFrame, 0),
    ] {
        let frames = pool(link, 44, 90_000);
        let quoting: Vec<(&Vec<u8>, &[u8])> = frames
            .iter()
            .filter_map(|bytes| find(bytes, link, tags).map(|found| (bytes, found)))
            .filter_map(|(bytes, found)| {
                let at = bytes.len() - found.quoted()?.len();
                Some((bytes, &bytes[at..]))
            })
            .collect();
        assert!(quoting.len() > 500, "{} frames quote a packet", quoting.len());
        let options = Options::default().netmask(0xffff_ff00).direction(true).ifindex(1);
        for _ in 0..1_500 {
            let text = expressions::extended(&mut rng);
            if !looks_no_further_back(&text) {
                continue;
            }
            let outer = options.link(link).vlan(vlan);
            let Ok(outer) = compile(&format!("@unreachable and ({text})"), &outer) else {
                continue;
            };
            let inner = compile(&text, &options.link(LinkType::Raw));
            let inner =
                inner.unwrap_or_else(|error| panic!("accepted behind @unreachable: {error}"));
            for _ in 0..60 {
                let (bytes, quoted) = quoting[rng.below(quoting.len())];
                let wire_len = bytes.len() as u32;
                let frame = Frame { bytes, wire_len, vlan: None, outbound: Some(false) };
                let expected = inner.matches(&Frame { bytes: quoted, ..frame });
                assert_eq!(outer.matches(&frame), expected, "{text} on {link:?}: {bytes:02x?}");
                compared += 1;
                matched += usize::from(expected);
            }
        }
    }
    println!("{compared} compared, {matched} of them matches");
    assert!(compared > 50_000 && matched > 5_000, "{compared} compared, {matched} matches");
}

//! Hashes of connections beside a plain reader of frames.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use probe_filter::ir::Frame;
use probe_filter::testing::frames::pool;
use probe_filter::{Flow, FlowSeed, LinkType, Machine, NO_FLOW, Options, compile, eval};

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// What a packet says of its connection: `quoted` in an ICMP error, where what follows may be cut, and
/// extension headers are not looked for.
fn flow_of(packet: &[u8], quoted: bool) -> Option<Flow> {
    let version = packet.first()? >> 4;
    let (addresses, fragment, found): ([IpAddr; 2], _, _) = match version {
        4 => {
            let address = |at| packet.get(at..)?.first_chunk::<4>().map(|&it| IpAddr::from(it));
            let words = usize::from(packet[0] & 15);
            let addresses = [address(12)?, address(16)?];
            let fragment = half(packet, 6)? & 0x3fff != 0;
            let right = words >= 5 && half(packet, 6)? & 0x1fff == 0;
            let found = if right { Some((*packet.get(9)?, 4 * words)) } else { None };
            (addresses, fragment, found)
        }
        6 => {
            let address = |at| {
                let bytes = packet.get(at..)?.first_chunk::<16>()?;
                Some(IpAddr::from(Ipv6Addr::from(*bytes)))
            };
            let addresses = [address(8)?, address(24)?];
            let next = *packet.get(6)?;
            let found = if quoted { Some((next, 40)) } else { last_header(packet)? };
            (addresses, next == 44, found)
        }
        _ => return None,
    };
    if let (Some((protocol, at)), false) = (found, quoted)
        && let Some(inner) = quotation(packet, version, protocol, at)?
    {
        return flow_of(inner, true);
    }
    let mut ports = None;
    if let (Some((protocol @ (6 | 17 | 132), at)), false) = (found, fragment) {
        ports = Some((protocol, [half(packet, at)?, half(packet, at + 2)?]));
    }
    Some(Flow { addresses, ports })
}

/// Behind up to eight extension headers (RFC 8200; RFC 4302 for the authentication header). The inner `None`:
/// the packet is a later fragment, or goes on with what is none of them.
#[expect(clippy::option_option, reason = "the outer one is a frame that is cut")]
fn last_header(packet: &[u8]) -> Option<Option<(u8, usize)>> {
    let (mut next, mut at) = (*packet.get(6)?, 40);
    for _ in 0..8 {
        let units = |extra: usize| Some(usize::from(*packet.get(at + 1)?) + extra);
        let length = match next {
            6 | 17 | 58 => return Some(Some((next, at))),
            0 | 43 | 60 | 135 | 139 | 140 => 8 * units(1)?,
            51 => 4 * units(2)?,
            44 if half(packet, at + 2)? & 0xfff8 != 0 => return Some(None),
            44 => 8,
            _ => return Some(None),
        };
        next = *packet.get(at)?;
        at += length;
    }
    Some(matches!(next, 6 | 17 | 58).then_some((next, at)))
}

/// The packet that an ICMP error quotes.
#[expect(clippy::option_option, reason = "the outer one is a frame that is cut")]
fn quotation(packet: &[u8], version: u8, protocol: u8, at: usize) -> Option<Option<&[u8]>> {
    let (errors, inner): (&[u8], u8) = match (version, protocol) {
        (4, 1) => (&[3, 4, 5, 11, 12], 4),
        (6, 58) => (&[1, 2, 3, 4], 6),
        _ => return Some(None),
    };
    if !errors.contains(packet.get(at)?) {
        return Some(None);
    }
    let first = packet.get(at + 8)?;
    let right = first >> 4 == inner && (inner == 6 || first & 15 >= 5);
    Some(if right { packet.get(at + 8..) } else { None })
}

fn plain(bytes: &[u8]) -> Option<Flow> {
    let mut at = 12;
    for _ in 0..2 {
        if let 0x8100 | 0x88a8 | 0x9100 = half(bytes, at)? {
            at += 4;
        }
    }
    let version = match half(bytes, at)? {
        0x0800 => 4,
        0x86dd => 6,
        _ => return None,
    };
    let packet = bytes.get(at + 2..)?;
    if packet.first()? >> 4 == version { flow_of(packet, false) } else { None }
}

#[test]
fn hashes_are_what_a_plain_reader_finds() {
    let seed = FlowSeed::new(3);
    let texts = ["", "tcp", "not ip6", "len > 100", "@syn", "icmp or icmp6"];
    let options = Options::default().flows(seed);
    let filters = texts.map(|text| compile(text, &options).unwrap());
    let rules = texts.map(|text| compile(text, &Options::default()).unwrap());
    let graphs = filters.each_ref().map(|filter| filter.graph());
    let mut together = Machine::new(&graphs);
    let mut machines = graphs.map(|graph| Machine::new(&[graph]));
    let (mut with, mut quoted, mut hashes) = (0, 0, BTreeSet::new());
    for bytes in pool(LinkType::Ethernet, 5, 8_000) {
        let frame =
            Frame { bytes: &bytes, wire_len: bytes.len() as u32, vlan: None, outbound: None };
        let flow = plain(&bytes);
        let expected = flow.map_or(NO_FLOW, |flow| seed.hash(&flow));
        with += usize::from(flow.is_some_and(|flow| flow.ports.is_some()));
        let icmp = rules[5].matches(&frame);
        quoted += usize::from(icmp && flow.is_some_and(|flow| flow.ports.is_some()));
        hashes.insert(expected);
        let mut matched = [false; 6];
        together.run(&frame, |rule| matched[rule] = true);
        for (rule, text) in texts.iter().enumerate() {
            // To find the connection changes nothing of the match.
            assert_eq!(matched[rule], rules[rule].matches(&frame), "'{text}': {bytes:02x?}");
            let found = eval::flow(graphs[rule], &frame);
            assert_eq!(found, matched[rule].then_some(expected), "'{text}': {flow:?} {bytes:02x?}");
            let mut alone = false;
            machines[rule].run(&frame, |_| alone = true);
            assert_eq!(alone, matched[rule]);
            if alone {
                assert_eq!(together.flow(rule), expected, "'{text}' of all: {bytes:02x?}");
                assert_eq!(machines[rule].flow(0), expected, "'{text}' alone: {bytes:02x?}");
            }
        }
    }
    assert!(with > 1_000 && quoted > 20 && hashes.len() > 200, "{with} {quoted} {}", hashes.len());
}

/// Fragments of one packet, of which only the first has ports.
#[test]
fn fragments_stay_together() {
    let packet = |flags: u16| {
        let mut bytes = vec![0; 12];
        bytes.extend([8, 0, 0x45, 0, 0, 28, 0, 9]);
        bytes.extend(flags.to_be_bytes());
        bytes.extend([64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x10, 0, 0, 53, 0, 8, 0, 0]);
        bytes
    };
    let filter = compile("", &Options::default().flows(FlowSeed::new(3))).unwrap();
    let hash = |bytes: &[u8]| {
        let frame = Frame { bytes, wire_len: 42, vlan: None, outbound: None };
        eval::flow(filter.graph(), &frame).unwrap()
    };
    let [whole, first, middle, last] = [0x4000, 0x2000, 0x2001, 0x0002].map(packet);
    assert_eq!(hash(&first), hash(&middle));
    assert_eq!(hash(&first), hash(&last));
    assert_ne!(hash(&first), hash(&whole));
}

/// A tunnel is looked into where the filter does.
#[test]
fn the_hash_looks_where_the_last_word_looks() {
    // Geneve over UDP, and in it Ethernet, IPv4 and TCP (RFC 8926).
    let inner = [
        &[0u8; 12][..],
        &[8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
        &[0x20, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let outer = [
        &[0u8; 12][..],
        &[8, 0, 0x45, 0, 0, 100, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2],
        &[0x40, 0, 0x17, 0xc1, 0, 80, 0, 0, 0, 0, 0x65, 0x58, 0, 0, 7, 0],
        &inner,
    ]
    .concat();
    let seed = FlowSeed::new(9);
    let frame = Frame { bytes: &outer, wire_len: outer.len() as u32, vlan: None, outbound: None };
    for (text, net, ports) in [
        ("", [192, 0, 2], (17, [0x4000, 0x17c1])),
        ("geneve", [10, 0, 0], (6, [0x2000, 80])),
        ("geneve and @syn", [10, 0, 0], (6, [0x2000, 80])),
    ] {
        let filter = compile(text, &Options::default().flows(seed)).unwrap();
        let [a, b, c] = net;
        let addresses = [[a, b, c, 1].into(), [a, b, c, 2].into()];
        let expected = seed.hash(&Flow { addresses, ports: Some(ports) });
        assert_eq!(eval::flow(filter.graph(), &frame), Some(expected), "'{text}'");
    }
}

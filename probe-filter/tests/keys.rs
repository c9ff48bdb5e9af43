//! Keys beside a plain reader of frames.

use probe_filter::ir::{Frame, VlanTag, VlanView};
use probe_filter::testing::frames::pool;
use probe_filter::{
    KEY_WORDS, Key, LinkType, Machine, Options, Prefix, compile, compile_keyed, eval,
};

type Words = [u32; KEY_WORDS];

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The address at a place of the IP header, with the bits of the prefix alone. Words without any of
/// them are not looked at.
fn address(packet: &[u8], version: u8, place: usize, prefix: Prefix) -> Option<Words> {
    let part = |place, bits: u32| match bits {
        0 => Some(0),
        bits => Some(word(packet, place)? & u32::MAX << (32 - bits.min(32))),
    };
    if version == 4 {
        return Some([0, 0, 0xffff, part(place, prefix.v4.into())?, 0]);
    }
    let bits = |n: u32| u32::from(prefix.v6).saturating_sub(32 * n);
    let part = |n: u32| part(place + 4 * n as usize, bits(n));
    Some([part(0)?, part(1)?, part(2)?, part(3)?, 0])
}

/// A port of TCP, UDP or SCTP.
fn port(packet: &[u8], version: u8, place: usize) -> Option<u32> {
    let (protocol, header) = match version {
        4 => (*packet.get(9)?, usize::from(packet.first()? & 15) * 4),
        _ => (*packet.get(6)?, 40),
    };
    let first = version == 6 || half(packet, 6)? & 0x1fff == 0;
    if !first || ![6, 17, 132].contains(&protocol) {
        return None;
    }
    half(packet, header + place)
}

/// What the documentation of [`Key`] says.
fn plain(key: Key, frame: &Frame<'_>) -> Option<Words> {
    let bytes = frame.bytes;
    let first = |words: &[u32]| {
        let mut all = [0; KEY_WORDS];
        all[..words.len()].copy_from_slice(words);
        Some(all)
    };
    match key {
        Key::Mac => return first(&[half(bytes, 6)?, word(bytes, 8)?]),
        Key::Vlan => {
            if let Some(tag) = frame.vlan {
                return first(&[u32::from(tag.tci & 0xfff)]);
            }
            let tagged = [0x8100, 0x88a8, 0x9100].contains(&half(bytes, 12)?);
            return if tagged { first(&[half(bytes, 14)? & 0xfff]) } else { None };
        }
        _ => {}
    }
    let packet = bytes.get(14..)?;
    let version = match half(bytes, 12)? {
        0x0800 => 4,
        0x86dd => 6,
        _ => return None,
    };
    let (source, destination, protocol) = if version == 4 { (12, 16, 9) } else { (8, 24, 6) };
    match key {
        Key::Source(prefix) => address(packet, version, source, prefix),
        Key::Destination(prefix) => address(packet, version, destination, prefix),
        Key::SourcePort => first(&[port(packet, version, 0)?]),
        Key::DestinationPort => first(&[port(packet, version, 2)?]),
        Key::SourceAndPort => {
            let mut words = address(packet, version, source, Prefix::WHOLE)?;
            words[4] = port(packet, version, 2)?;
            Some(words)
        }
        Key::Protocol => first(&[u32::from(*packet.get(protocol)?)]),
        Key::Vlan | Key::Mac => None,
    }
}

const KEYS: [&str; 12] = [
    "src",
    "dst",
    "src/24",
    "dst/0,0",
    "src/20,49",
    "sport",
    "dport",
    "src,dport",
    "proto",
    "vlan",
    "mac",
    "dst/31,127",
];

#[test]
fn keys_of_frames_are_what_a_plain_reader_finds() {
    let frames = pool(LinkType::Ethernet, 5, 6_000);
    for vlan in [VlanView::AsFrame, VlanView::Live] {
        let options = Options::default().vlan(vlan);
        for text in ["", "tcp", "not ip6", "len > 100"] {
            let rule = compile(text, &options).unwrap();
            for name in KEYS {
                let key: Key = name.parse().unwrap();
                let filter = compile_keyed(text, key, &options).unwrap();
                let mut machine = Machine::new(&[rule.graph(), filter.graph()]);
                let mut with = 0;
                for (number, bytes) in frames.iter().enumerate() {
                    let tagged = vlan == VlanView::Live && number % 3 == 0;
                    let frame = Frame {
                        bytes,
                        wire_len: bytes.len() as u32,
                        vlan: tagged.then_some(VlanTag { tpid: 0x8100, tci: 0x6123 }),
                        outbound: None,
                    };
                    let mut matched = [false; 2];
                    machine.run(&frame, |rule| matched[rule] = true);
                    let mut expected = None;
                    if eval::matches(rule.graph(), &frame) {
                        expected = plain(key, &frame);
                        // A live frame without a tag of its own has none among its bytes.
                        if vlan == VlanView::Live && key == Key::Vlan && !tagged {
                            expected = None;
                        }
                    }
                    let found = matched[1].then(|| machine.key(1));
                    assert_eq!(found, expected, "'{text}' by {name}: {bytes:02x?}");
                    assert_eq!(found, eval::key(filter.graph(), &frame));
                    assert_eq!(matched[0], eval::matches(rule.graph(), &frame));
                    with += usize::from(found.is_some());
                }
                assert!(with > 100 || text == "tcp", "'{text}' by {name}: {with} frames have it");
            }
        }
    }
}

#[test]
fn keys_look_where_the_last_word_looks() {
    let options = Options::default();
    let packet = |source: u8| {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, source];
        packet.extend([198, 51, 100, 9, 0, 53, 0x10, 0, 0, 8, 0, 0]);
        packet
    };
    let key_of = |text: &str, bytes: &[u8]| {
        let filter = compile_keyed(text, "src,dport".parse().unwrap(), &options).unwrap();
        let frame = Frame { bytes, wire_len: bytes.len() as u32, vlan: None, outbound: None };
        eval::key(filter.graph(), &frame).map(|key| (key[3] & 0xff, key[4]))
    };
    let mut tagged = vec![2; 12];
    tagged.extend([0x81, 0, 0, 7, 8, 0]);
    tagged.extend(packet(1));
    assert_eq!(key_of("", &tagged), None);
    assert_eq!(key_of("vlan 7", &tagged), Some((1, 0x1000)));
    assert_eq!(key_of("vlan 8", &tagged), None);

    let mut error = vec![2; 12];
    error.extend([8, 0, 0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 203, 0, 113, 5, 192, 0, 2, 1]);
    error.extend([3, 3, 0, 0, 0, 0, 0, 0]);
    error.extend(packet(3));
    assert_eq!(key_of("icmp", &error), None);
    assert_eq!(key_of("@unreachable", &error), Some((3, 0x1000)));
}

#[test]
fn links_without_the_key() {
    let raw = Options::default().link(LinkType::Raw);
    for name in ["mac", "vlan"] {
        let error = compile_keyed("", name.parse().unwrap(), &raw).unwrap_err().to_string();
        assert!(
            error.contains("link has no") || error.contains("no Ethernet addresses"),
            "{error}"
        );
    }
    assert!(compile_keyed("", Key::SourcePort, &raw).is_ok());
}

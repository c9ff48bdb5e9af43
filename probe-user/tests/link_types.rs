//! Files of every link type, beside tcpdump.

mod beside;

use std::{path::Path, process::Command};

use beside::{assert_equal, output};
use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_pcap::{Contents, Format, Origin, Reader, Writer};
use testbed::{
    Random,
    requirements::{Requirement::Tool, met},
};

const PROBE: &str = env!("CARGO_BIN_EXE_probe");

/// Writes frames to a pcap file, a millisecond and a bit apart; of every fourth some bytes were
/// not captured.
fn write(path: &Path, link: LinkType, frames: &[Vec<u8>]) {
    let mut writer = Writer::create(path, &Contents::pcap(link, Precision::Micro)).unwrap();
    for (number, bytes) in (0_u64..).zip(frames) {
        let time = WallTime(1_700_000_000_000_000_000 + number * 1_234_000);
        let wire_len = bytes.len() as u32 + [0, 0, 0, 100][number as usize % 4];
        let (ifindex, outbound) = (0, None);
        writer.write(&Frame { time, wire_len, link, bytes, ifindex, outbound }).unwrap();
    }
    writer.finish(None).unwrap();
}

/// Text by frames: `--number` begins each.
fn split(text: &str) -> Vec<&str> {
    let mut frames = Vec::new();
    let mut rest = text;
    for number in 2.. {
        let Some(at) = rest.find(&format!("\n{number:>5}  ")) else { break };
        let (frame, behind) = rest.split_at(at + 1);
        frames.push(frame);
        rest = behind;
    }
    frames.push(rest);
    frames
}

/// What the testbed's samples carry, behind the header of another link type.
fn rewrapped(link: LinkType, sample: &[u8]) -> Option<Vec<u8>> {
    let (header, packet) = sample.split_at_checked(14)?;
    let kind = u16::from_be_bytes([header[12], header[13]]);
    let version = match kind {
        0x0800 => Some(4),
        0x86dd => Some(6),
        _ => None,
    };
    let turn = packet.len();
    let mut frame = match link {
        LinkType::Ethernet => header.to_vec(),
        LinkType::Raw => version.map(|_| Vec::new())?,
        LinkType::Ipv4 => version.filter(|&version| version == 4).map(|_| Vec::new())?,
        LinkType::Ipv6 => version.filter(|&version| version == 6).map(|_| Vec::new())?,
        LinkType::LinuxSll | LinkType::LinuxSll2 => {
            let protocol = if kind <= 1500 { 4 } else { kind }.to_be_bytes();
            let packet_type = (turn % 6) as u8;
            let mut frame = match link {
                LinkType::LinuxSll => vec![0, packet_type, 0, 1, 0, 6],
                _ => [protocol, [0, 0]].concat(),
            };
            if link == LinkType::LinuxSll2 {
                frame.extend([0, 0, 0, 1 + (turn % 3) as u8, 3, 4, packet_type, 6]);
            }
            frame.extend(&header[6..12]);
            frame.extend([0, 0]);
            if link == LinkType::LinuxSll {
                frame.extend(protocol);
            }
            frame
        }
        LinkType::Null | LinkType::Loop => {
            let family = match version? {
                4 => 2,
                _ => [24, 28, 30][turn % 3],
            };
            let little = (link == LinkType::Null) != turn.is_multiple_of(5);
            if little { u32::to_le_bytes(family) } else { u32::to_be_bytes(family) }.to_vec()
        }
        LinkType::Ppp | LinkType::PppSerial | LinkType::PppEther => {
            // Sessions of PPPoE have all that PPP carries.
            let payload = match (kind, version) {
                (0x8864, _) => packet.get(6..)?.to_vec(),
                (_, Some(4)) => [&[0, 0x21], packet].concat(),
                (_, Some(_)) => [&[0, 0x57], packet].concat(),
                (_, None) => return None,
            };
            let mut frame = match link {
                LinkType::Ppp => match turn % 4 {
                    0 => vec![0xff, 3],
                    1 => vec![0, 3],
                    2 => vec![1, 3],
                    _ => vec![],
                },
                LinkType::PppSerial => vec![[0xff, 0x0f, 0x8f, 7][turn % 4], 3],
                _ => {
                    let length = (payload.len() as u16).to_be_bytes();
                    [&[0x11, 0, 0, 5][..], &length].concat()
                }
            };
            frame.extend(payload);
            return Some(frame);
        }
    };
    frame.extend(packet);
    Some(frame)
}

/// The samples print on each link type as tcpdump prints them, with each of these flags.
#[test]
fn samples_print_on_every_link_type() {
    if !met(&[Tool("tcpdump")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let samples = testbed::samples::all();
    for link in LinkType::ALL {
        let path = folder.path().join("samples.pcap");
        let mut frames: Vec<_> =
            samples.iter().filter_map(|(bytes, _)| rewrapped(link, bytes)).collect();
        // Every prefix of some, down to one byte of the header.
        let cut: Vec<_> = frames
            .iter()
            .step_by(97)
            .flat_map(|frame| (1..frame.len().min(40)).map(|end| frame[..end].to_vec()))
            .collect();
        frames.extend(cut);
        assert!(frames.len() > 500, "{link:?}: {} frames", frames.len());
        write(&path, link, &frames);
        compare(link, &path, frames.len());
    }
}

fn compare(link: LinkType, path: &Path, count: usize) {
    for flags in ["", "-e", "-v", "-q", "-qe", "-ve", "-vvX", "-xx", "-x"] {
        let flags: Vec<&str> = flags.split_whitespace().chain(["-nn", "-t", "--number"]).collect();
        let ours = output(PROBE, &[&["capture"], &flags[..]].concat(), path);
        let theirs = output("tcpdump", &flags, path);
        let (ours, theirs) = (split(&ours), split(&theirs));
        assert_eq!(theirs.len(), count, "{link:?} {flags:?}");
        assert_equal(&format!("{link:?} {flags:?}"), &ours, &theirs);
    }
}

/// Whatever the bytes of the link header are.
#[test]
fn damaged_headers_print_on_every_link_type() {
    if !met(&[Tool("tcpdump")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let samples = testbed::samples::all();
    let mut random = Random::new(1);
    for link in LinkType::ALL {
        let header = match link {
            LinkType::Ethernet | LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => continue,
            LinkType::LinuxSll => 16,
            LinkType::LinuxSll2 => 20,
            LinkType::Null | LinkType::Loop | LinkType::Ppp | LinkType::PppSerial => 4,
            LinkType::PppEther => 8,
        };
        // AppleTalk has no printer (docs/output.md).
        let appletalk = [[16, 0, 0, 0], [0, 0, 0, 16]];
        let path = folder.path().join("damaged.pcap");
        let mut frames: Vec<_> =
            samples.iter().filter_map(|(bytes, _)| rewrapped(link, bytes)).collect();
        for frame in &mut frames {
            for _ in 0..=random.below(2) {
                let at = random.below(header.min(frame.len()));
                frame[at] = match random.below(3) {
                    0 => random.below(8) as u8,
                    1 => frame[at] ^ 1 << random.below(8),
                    _ => random.number() as u8,
                };
            }
        }
        if header == 4 {
            frames.retain(|frame| !appletalk.iter().any(|family| frame.starts_with(family)));
        }
        write(&path, link, &frames);
        compare(link, &path, frames.len());
    }
}

/// A pcapng file with frames of several link types is read whole, each by its own; a filter means for
/// each what it means there.
#[test]
fn several_link_types_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mixed.pcapng");
    let format = Format::PcapNg(Origin::default());
    let contents = Contents { link: LinkType::Ethernet, snaplen: 65_535, format };
    let mut writer = Writer::create(&path, &contents).unwrap();
    let ends = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let datagram = testbed::Frame::ipv4(ends.0, ends.1).udp(1000, 2000).payload(b"abcd").build();
    let mut number = 0;
    for _ in 0..3 {
        for link in LinkType::ALL {
            // IPv4 is nothing on IPv6.
            let bytes = rewrapped(link, &datagram).unwrap_or_else(|| datagram[14..].to_vec());
            number += 1;
            let time = WallTime(1_700_000_000_000_000_000 + number);
            let wire_len = bytes.len() as u32;
            let (bytes, ifindex, outbound) = (&bytes, 0, None);
            writer.write(&Frame { time, wire_len, link, bytes, ifindex, outbound }).unwrap();
        }
    }
    writer.finish(None).unwrap();
    let run = |words: &[&str]| {
        let output = Command::new(PROBE).args(words).arg("-r").arg(&path).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, text, said) = run(&["capture", "-nn", "-t", "udp port 2000"]);
    assert_eq!(code, Some(0), "{said}");
    // All but raw IPv6.
    assert_eq!(text.lines().count(), 30, "{text}");
    let line = "IP 192.0.2.1.1000 > 192.0.2.2.2000: UDP, length 4";
    let (ppp, others): (Vec<_>, Vec<_>) = text.lines().partition(|text| text.starts_with("IP: "));
    assert!(others.iter().all(|text| text.ends_with(line)), "{text}");
    // Serial PPP shows its protocol.
    assert_eq!(ppp, vec![format!("IP: {line}"); 3]);

    // What only some of the link types have.
    let (code, text, said) = run(&["capture", "-nn", "-t", "ether src 02:00:00:00:00:01 or udp"]);
    assert_eq!((code, text.lines().count()), (Some(0), 3), "{said}");
    assert_eq!(said.matches("matches none of the frames of link type").count(), 10, "{said}");
    let (code, text, said) =
        run(&["count", "--format", "csv", "--rule", "all=", "--rule", "udp=udp"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(text.contains(",33,") && text.contains(",30,"), "{text}");

    // Written again, each frame has its own link type; pcap has one for all.
    let again = folder.path().join("again.pcapng");
    let (code, _, said) = run(&["capture", "-w", again.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    let mut reader = Reader::open(&again).unwrap();
    for at in 0..33 {
        assert_eq!(reader.next().unwrap().unwrap().link, LinkType::ALL[at % LinkType::ALL.len()]);
    }
    assert!(reader.next().unwrap().is_none());
    let one = folder.path().join("one.pcap");
    let (code, _, said) = run(&["capture", "-w", one.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the file is of link type EN10MB, and a frame of RAW came"), "{said}");
    assert!(said.contains("--format pcapng"), "{said}");
}

//! Files held against another reader of pcap and pcapng, the crate pcap-parser: it finds in
//! generated files what we find, and in ours what was written.

mod theirs;

use std::io::Cursor;

use pcap_parser::{
    Block, InterfaceDescriptionBlock, InterfaceStatisticsBlock, Linktype, OptionCode,
    PcapBlockOwned,
};
use probe_pcap::{
    Contents, Format, Frame, Interface, LinkType, Origin, Precision, Reader, Statistics, WallTime,
    Writer,
};
use testbed::{CaptureFile, Random};
use theirs::{TheirFrame, value};

/// The frames of a file as we read them.
fn ours(file: &[u8]) -> Vec<TheirFrame> {
    let mut reader = Reader::new("it".into(), Box::new(Cursor::new(file.to_vec()))).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        let Frame { time, wire_len, bytes, outbound, .. } = frame;
        frames.push(TheirFrame { time: time.0, wire_len, bytes: bytes.to_vec(), outbound });
    }
    frames
}

/// What the number of a link type stands for (tcpdump.org/linktypes.html).
fn link(number: u16) -> LinkType {
    match number {
        0 => LinkType::Null,
        1 => LinkType::Ethernet,
        9 => LinkType::Ppp,
        12 | 14 | 101 => LinkType::Raw,
        50 => LinkType::PppSerial,
        51 => LinkType::PppEther,
        108 => LinkType::Loop,
        113 => LinkType::LinuxSll,
        228 => LinkType::Ipv4,
        229 => LinkType::Ipv6,
        276 => LinkType::LinuxSll2,
        number => panic!("no link type has the number {number}"),
    }
}

/// Both readers find what the file was made of, in thousands of files of all kinds.
#[test]
fn generated_files_read_alike() {
    let mut frames = [0; 2];
    for seed in 0..5_000 {
        let file = CaptureFile::random(&mut Random::new(seed));
        let made = |obsolete: bool| {
            let wanted = file.frames().filter(move |frame| obsolete || !frame.obsolete).cloned();
            let theirs = wanted.map(|frame| TheirFrame {
                time: frame.time,
                wire_len: frame.wire_len,
                bytes: frame.bytes,
                outbound: frame.outbound,
            });
            theirs.collect::<Vec<_>>()
        };
        assert_eq!(ours(&file.bytes), made(true), "seed {seed}");
        assert_eq!(theirs::frames(&file.bytes), made(false), "seed {seed}");
        let links: Vec<_> = file.frames().map(|frame| link(frame.link)).collect();
        let mut reader =
            Reader::new("it".into(), Box::new(Cursor::new(file.bytes.clone()))).unwrap();
        if let Some(&first) = links.first() {
            assert_eq!(reader.link(), first, "seed {seed}");
        }
        for link in links {
            assert_eq!(reader.next().unwrap().unwrap().link, link, "seed {seed}");
        }
        frames[0] += made(true).len();
        frames[1] += made(false).len();
    }
    // The generator has not run dry.
    assert!(frames[1] > 15_000 && frames[0] > frames[1] + 1_000, "{frames:?}");
}

const SNAPLEN: u32 = 100;

fn frames_to_write(random: &mut Random) -> Vec<(TheirFrame, u32)> {
    let frame = |random: &mut Random| {
        let length = random.below(150);
        TheirFrame {
            // 32 bits of seconds are all that pcap has.
            time: random.number() % (u64::from(u32::MAX) * 1_000_000_000),
            wire_len: length as u32 + random.below(2_000) as u32,
            bytes: random.bytes(length),
            outbound: random.pick(&[None, Some(false), Some(true)]),
        }
    };
    (0..random.below(20)).map(|_| (frame(random), random.below(4) as u32)).collect()
}

/// What a file of these frames has; half of them are lent.
fn written(
    frames: &[(TheirFrame, u32)],
    format: Format,
    statistics: Option<&Statistics>,
) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let contents = Contents { link: LinkType::Raw, snaplen: SNAPLEN, format };
    let mut writer = Writer::create(file.path(), &contents).unwrap();
    for (frame, ifindex) in frames {
        let TheirFrame { time, wire_len, ref bytes, outbound } = *frame;
        let time = WallTime(time);
        let link = LinkType::Raw;
        writer.write(&Frame { time, wire_len, link, bytes, ifindex: *ifindex, outbound }).unwrap();
    }
    writer.finish(statistics).unwrap();
    std::fs::read(file.path()).unwrap()
}

/// What a file can keep of a frame.
fn kept(frame: &TheirFrame, unit: u64, directed: bool) -> TheirFrame {
    TheirFrame {
        time: frame.time / unit * unit,
        bytes: frame.bytes[..frame.bytes.len().min(SNAPLEN as usize)].to_vec(),
        outbound: frame.outbound.filter(|_| directed),
        ..*frame
    }
}

#[test]
fn written_pcap_is_what_they_read() {
    for seed in 0..300 {
        let frames = frames_to_write(&mut Random::new(seed));
        for (precision, unit) in [(Precision::Micro, 1_000), (Precision::Nano, 1)] {
            let file = written(&frames, Format::Pcap(precision), None);
            let mut heads = 0;
            theirs::blocks(&file, |block| {
                if let PcapBlockOwned::LegacyHeader(head) = block {
                    heads += 1;
                    assert_eq!((head.version_major, head.version_minor), (2, 4));
                    assert_eq!((head.snaplen, head.network), (SNAPLEN, Linktype::RAW));
                    assert_eq!(head.is_nanosecond_precision(), precision == Precision::Nano);
                }
            });
            let expected: Vec<_> =
                frames.iter().map(|(frame, _)| kept(frame, unit, false)).collect();
            assert_eq!((heads, theirs::frames(&file)), (1, expected), "seed {seed}");
        }
    }
}

const WORDS: &str =
    "seen 100, matched 90, sampled 90, of which lost in the kernel 3, dropped in user space 2";

fn statistics() -> Statistics {
    let time = WallTime(0x0102_0304_0506_0708);
    Statistics { time, matched: 90, chosen: 90, lost: 3, dropped: 2, words: WORDS.into() }
}

/// Interfaces 0 to so many; frames of those that are not described go to the first.
fn origin(interfaces: u32) -> Origin {
    let interface = |index| Interface {
        index,
        name: format!("if{index}"),
        description: "x".repeat(index as usize),
        link: LinkType::Raw,
    };
    Origin {
        hardware: "a processor".into(),
        os: "a system".into(),
        application: "a program".into(),
        interfaces: (0..interfaces).map(interface).collect(),
        filter: "tcp port 80".into(),
        comment: Some("1 in 10".into()),
        comments: vec!["why it was written".into(), "and what it lacks".into()],
    }
}

/// Every block of our pcapng files, option by option.
#[test]
fn written_pcapng_is_what_they_read() {
    for seed in 0..300 {
        let interfaces = 1 + seed as u32 % 3;
        let frames = frames_to_write(&mut Random::new(seed));
        let file = written(&frames, Format::PcapNg(origin(interfaces)), Some(&statistics()));
        let expected: Vec<_> = frames.iter().map(|(frame, _)| kept(frame, 1, true)).collect();
        assert_eq!(theirs::frames(&file), expected, "seed {seed}");

        let (mut sections, mut described, mut accounts) = (0, 0, 0);
        let mut packets = frames.iter();
        theirs::blocks(&file, |block| match block {
            PcapBlockOwned::NG(Block::SectionHeader(block)) => {
                sections += 1;
                assert!(!block.big_endian());
                assert_eq!((block.major_version, block.minor_version), (1, 0));
                assert_eq!(block.section_len, -1);
                assert_eq!(block.shb_hardware(), Some(Ok("a processor")));
                assert_eq!(block.shb_os(), Some(Ok("a system")));
                assert_eq!(block.shb_userappl(), Some(Ok("a program")));
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
                interface(&block, described);
                described += 1;
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                let (_, ifindex) = packets.next().expect("no more packets than frames");
                let number = if *ifindex < interfaces { *ifindex } else { 0 };
                assert_eq!(block.if_id, number);
                assert_eq!(value(&block.options, OptionCode::Comment), Some(&b"1 in 10"[..]));
            }
            PcapBlockOwned::NG(Block::InterfaceStatistics(block)) => {
                assert_eq!(block.if_id, accounts);
                account(&block, &frames, interfaces);
                accounts += 1;
            }
            _ => panic!("a block that was not written"),
        });
        assert_eq!((sections, described, accounts), (1, interfaces, interfaces));
        assert_eq!(packets.next(), None);
    }
}

fn interface(block: &InterfaceDescriptionBlock<'_>, number: u32) {
    assert_eq!((block.linktype, block.snaplen), (Linktype::RAW, SNAPLEN));
    assert_eq!(block.if_name(), Some(Ok(format!("if{number}").as_str())));
    // Of nothing known, nothing is said.
    let description = "x".repeat(number as usize);
    let expected = (number > 0).then_some(Ok(description.as_str()));
    assert_eq!(block.if_description(), expected);
    assert_eq!(block.if_filter(), Some(Ok("\0tcp port 80")));
    assert_eq!(block.if_tsresol(), Some(Ok(9)));
    assert_eq!(block.if_tsoffset(), None);
}

fn account(block: &InterfaceStatisticsBlock<'_>, frames: &[(TheirFrame, u32)], interfaces: u32) {
    assert_eq!((block.ts_high, block.ts_low), (0x0102_0304, 0x0506_0708));
    let number = |ifindex: u32| if ifindex < interfaces { ifindex } else { 0 };
    let own = frames.iter().filter(|(_, ifindex)| number(*ifindex) == block.if_id).count();
    assert_eq!(block.isb_usrdeliv(), Some(Ok(own as u64)));
    let comment = value(&block.options, OptionCode::Comment).unwrap();
    assert!(String::from_utf8_lossy(comment).ends_with(WORDS));
    // The kernel counts all interfaces together, and something was lost: of one among several
    // it is not known how much.
    let known = |count: u64| (interfaces == 1).then_some(Ok(count));
    assert_eq!(block.isb_ifrecv(), known(90));
    assert_eq!(block.isb_filteraccept(), known(90));
    assert_eq!(block.isb_ifdrop(), known(5));
    assert_eq!(block.isb_osdrop(), known(3));
    let halves = |time: u64| Ok(((time >> 32) as u32, time as u32));
    let time = |frame: Option<&(TheirFrame, u32)>| frame.map(|(frame, _)| halves(frame.time));
    assert_eq!(block.isb_starttime(), time(frames.first()));
    assert_eq!(block.isb_endtime(), time(frames.last()));
}

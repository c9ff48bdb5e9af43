//! Files that the rows are made of.

use std::{
    env,
    path::{Path, PathBuf},
};

use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_pcap::{Contents, Reader, Writer};
use testbed::{
    Random,
    requirements::{Requirement, met},
};

/// tcpdump's own captures, in the folder that `PROBE_CAPTURES` names.
pub fn captures() -> Option<Vec<PathBuf>> {
    let Some(folder) = env::var_os("PROBE_CAPTURES") else {
        assert!(!met(&[Requirement::File("PROBE_CAPTURES (a folder of captures)")]));
        return None;
    };
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_capture = |path: &PathBuf| path.extension().is_some_and(|end| end != "out");
    let mut files: Vec<PathBuf> = entries.filter(is_capture).collect();
    files.sort();
    Some(files)
}

/// How many frames of a file can be read.
pub fn frames(file: &Path) -> u64 {
    let Ok(mut reader) = Reader::open(file) else { return 0 };
    let mut frames = 0;
    while let Ok(Some(_)) = reader.next() {
        frames += 1;
    }
    frames
}

/// Writes frames to a pcap file, one a millisecond and a bit behind the other.
pub fn write(file: &Path, link: LinkType, precision: Precision, frames: &[Vec<u8>]) {
    let mut writer = Writer::create(file, &Contents::pcap(link, precision)).unwrap();
    for (number, bytes) in (0_u64..).zip(frames) {
        let time = WallTime(1_700_000_000_000_000_000 + number * 1_234_000);
        let (wire_len, ifindex, outbound) = (bytes.len() as u32, 0, None);
        writer.write(&Frame { time, wire_len, link, bytes, ifindex, outbound }).unwrap();
    }
    writer.finish(None).unwrap();
}

/// Any bytes, of which half begin as a packet of the link type may.
pub fn any_frame(random: &mut Random, link: LinkType) -> Vec<u8> {
    let length = 1 + random.below(200);
    let mut bytes = random.bytes(length);
    let head: &[u8] = match link {
        LinkType::Ethernet => &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45],
        LinkType::LinuxSll => &[0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x86, 0xdd, 0x60],
        LinkType::LinuxSll2 => &[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x45],
        LinkType::Raw | LinkType::Ipv4 => &[0x45],
        LinkType::Ipv6 => &[0x60],
        LinkType::Null => &[2, 0, 0, 0, 0x45],
        LinkType::Loop => &[0, 0, 0, 2, 0x45],
        LinkType::Ppp | LinkType::PppSerial => &[0xff, 3, 0, 0x21, 0x45],
        LinkType::PppEther => &[0x11, 0, 0, 1, 0, 0x40, 0, 0x21, 0x45],
    };
    if random.one_in(2) {
        bytes.splice(..head.len().min(length), head.iter().copied());
    }
    bytes
}

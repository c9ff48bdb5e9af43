//! The testbed's samples as a file.

use std::path::Path;

use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_pcap::{Contents, Writer};
use testbed::samples::Sample;

/// Writes samples to a file, a millisecond and a bit apart.
pub fn write(path: &Path, samples: &[Sample]) {
    let mut writer =
        Writer::create(path, &Contents::pcap(LinkType::Ethernet, Precision::Micro)).unwrap();
    for (n, (bytes, wire_len)) in samples.iter().enumerate() {
        let time = WallTime(1_700_000_000_000_000_000 + n as u64 * 1_234_000);
        let wire_len = *wire_len;
        writer
            .write(&Frame {
                time,
                wire_len,
                bytes,
                link: LinkType::Ethernet,
                ifindex: 0,
                outbound: None,
            })
            .unwrap();
    }
    writer.flush().unwrap();
}

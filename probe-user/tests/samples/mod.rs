//! The testbed's samples as a file.

use std::path::Path;

use probe::file::PcapWriter;
use probe_frame::{Frame, LinkType, MAX_FRAME, Precision, WallTime};
use testbed::samples::Sample;

/// Writes samples to a file, a millisecond and a bit apart.
pub fn write(path: &Path, samples: &[Sample]) {
    let mut writer =
        PcapWriter::create(path, LinkType::Ethernet, MAX_FRAME, Precision::Micro).unwrap();
    for (n, (bytes, wire_len)) in samples.iter().enumerate() {
        let time = WallTime(1_700_000_000_000_000_000 + n as u64 * 1_234_000);
        let wire_len = *wire_len;
        writer.write(&Frame { time, wire_len, bytes, ifindex: 0, outbound: None }).unwrap();
    }
    writer.flush().unwrap();
}

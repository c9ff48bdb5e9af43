//! Frames by grammar as both programs print them.

use std::{ffi::OsString, path::Path};

use anyhow::{Result, ensure};
use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_pcap::{Contents, Writer};
use testbed::{Random, grammar::Protocol};

use super::frames::{self, Pair};

/// So many frames of a protocol, written to a file and read from it by both.
pub fn pairs(
    path: &Path,
    protocol: Protocol,
    seed: u64,
    count: usize,
    flags: &[OsString],
) -> Result<Vec<Pair>> {
    let mut random = Random::new(seed);
    let mut writer = Writer::create(path, &Contents::pcap(LinkType::Ethernet, Precision::Micro))?;
    for number in 0..count {
        let (bytes, wire_len) = protocol.frame(&mut random);
        let time = WallTime(1_700_000_000_000_000_000 + number as u64 * 1_234_000);
        let (link, ifindex, outbound) = (LinkType::Ethernet, 0, None);
        writer.write(&Frame { time, wire_len, link, bytes: &bytes, ifindex, outbound })?;
    }
    writer.flush()?;
    let mut pairs = frames::pairs(path, flags)?.unwrap_or_default();
    ensure!(pairs.len() == count, "{}: {} of {count} frames", protocol.name, pairs.len());
    pairs.retain(|pair| !is_different_on_purpose(pair));
    pairs.iter_mut().for_each(|pair| pair.protocol = protocol.name.into());
    Ok(pairs)
}

/// Whether docs/output.md names what a frame shows as different on purpose, or as something that
/// probe has no printer for.
fn is_different_on_purpose(pair: &Pair) -> bool {
    const SHOWN: [&str; 2] = [
        // A packet whose length field is zero, as segmentation offload leaves it.
        "bad-len 0",
        // M3UA in SCTP.
        "[PPID M3UA]",
    ];
    let theirs = String::from_utf8_lossy(&pair.theirs);
    SHOWN.iter().any(|shown| theirs.contains(shown))
}

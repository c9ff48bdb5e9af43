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
    pairs.iter_mut().for_each(|pair| pair.protocol = protocol.name.into());
    Ok(pairs)
}

//! Frames by grammar (`testbed::grammar`) as both programs print them.

use std::{ffi::OsString, path::Path};

use anyhow::{Result, ensure};
use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_pcap::{Contents, Writer};
use testbed::{Random, grammar::Protocol};

use super::frames::{self, Pair};

/// So many frames of each protocol, written to a file and read from it by both; without those that
/// differ on purpose.
pub fn pairs(
    path: &Path,
    protocols: &[Protocol],
    seed: u64,
    each: usize,
    flags: &[OsString],
) -> Result<Vec<Pair>> {
    let mut random = Random::new(seed);
    let mut writer = Writer::create(path, &Contents::pcap(LinkType::Ethernet, Precision::Micro))?;
    let names: Vec<&str> =
        protocols.iter().flat_map(|protocol| vec![protocol.name; each]).collect();
    for (number, protocol) in protocols.iter().flat_map(|one| vec![one; each]).enumerate() {
        let (bytes, wire_len) = protocol.frame(&mut random);
        let time = WallTime(1_700_000_000_000_000_000 + number as u64 * 1_234_000);
        let (link, ifindex, outbound) = (LinkType::Ethernet, 0, None);
        writer.write(&Frame { time, wire_len, link, bytes: &bytes, ifindex, outbound })?;
    }
    writer.flush()?;
    let mut pairs = frames::pairs(path, flags)?.unwrap_or_default();
    ensure!(pairs.len() == names.len(), "{} of {} frames", pairs.len(), names.len());
    for (pair, name) in pairs.iter_mut().zip(names) {
        pair.protocol = name.into();
    }
    pairs.retain(|pair| !is_different_on_purpose(pair));
    Ok(pairs)
}

/// Whether docs/output.md names what a frame shows as different on purpose, or as something that
/// probe has no printer for: what damage makes of a frame may be that.
fn is_different_on_purpose(pair: &Pair) -> bool {
    const THEIRS: [&str; 9] = [
        // A packet whose length field is zero, as segmentation offload leaves it.
        "bad-len 0",
        // What damage makes of other frames: other payloads of SCTP, EGP, FDDI, AppleTalk.
        "[PPID M3UA]",
        "[PPID ForCES",
        " EGPv",
        "[|egp]",
        "[|ddp",
        "aarp ",
        "pid FDDI",
        // tcpdump's own word for a mistake of its own.
        "Dissector error",
    ];
    // These two have a name and a length here, and no more.
    const OURS: [&str; 3] = ["CLNP", "ES-IS", "pid FDDI"];
    let shows = |text: &[u8], what: &[&str]| {
        let text = String::from_utf8_lossy(text);
        what.iter().any(|word| text.contains(word))
    };
    shows(&pair.theirs, &THEIRS) || shows(&pair.ours, &OURS)
}

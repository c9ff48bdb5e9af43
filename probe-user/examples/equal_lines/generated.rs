//! Frames by grammar (`testbed::grammar`) as both programs print them.

use std::{ffi::OsString, path::Path};

use anyhow::{Result, ensure};
use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_pcap::{Contents, Writer};
use testbed::{Random, grammar::Protocol};

use super::frames::{self, Pair};

/// Frames of some protocols that were compared.
pub struct Compared {
    pub pairs: Vec<Pair>,
    /// How many others differ on purpose (docs/output.md).
    pub on_purpose: usize,
}

/// So many frames of each protocol, written to a file and read from it by both.
pub fn compare(
    path: &Path,
    protocols: &[Protocol],
    seed: u64,
    each: usize,
    flags: &[OsString],
) -> Result<Compared> {
    let mut random = Random::new(seed);
    let mut writer = Writer::create(path, &Contents::pcap(LinkType::Ethernet, Precision::Micro))?;
    let mut made = Vec::new();
    for (number, protocol) in protocols.iter().flat_map(|one| vec![one; each]).enumerate() {
        let (bytes, wire_len) = protocol.frame(&mut random);
        let time = WallTime(1_700_000_000_000_000_000 + number as u64 * 1_234_000);
        let (link, ifindex, outbound) = (LinkType::Ethernet, 0, None);
        writer.write(&Frame { time, wire_len, link, bytes: &bytes, ifindex, outbound })?;
        made.push((protocol.name, bytes));
    }
    writer.flush()?;
    let pairs = frames::pairs(path, flags)?.unwrap_or_default();
    ensure!(pairs.len() == made.len(), "{} of {} frames", pairs.len(), made.len());
    let pairs: Vec<Pair> = made
        .iter()
        .zip(pairs)
        .filter(|((_, frame), pair)| pair.ours == pair.theirs || !is_on_purpose(frame, pair))
        .map(|((name, _), pair)| Pair { protocol: (*name).into(), ..pair })
        .collect();
    Ok(Compared { on_purpose: made.len() - pairs.len(), pairs })
}

/// Whether docs/output.md names the difference as one on purpose, or as something that probe has no
/// printer for: what damage makes of a frame may be that.
fn is_on_purpose(frame: &[u8], pair: &Pair) -> bool {
    const THEIRS: [&str; 11] = [
        // A packet whose length field is zero, as segmentation offload leaves it.
        "bad-len 0",
        // What damage makes of other frames: other payloads of SCTP, EGP, FDDI, AppleTalk, and
        // Mobile IP.
        "[PPID M3UA]",
        "[PPID ForCES",
        " EGPv",
        "[|egp]",
        "[|ddp",
        "aarp ",
        "pid FDDI",
        "mobile: ",
        "[|mobile]",
        // tcpdump's own word for a mistake of its own.
        "Dissector error",
    ];
    // These have a name and a length here, and no more.
    const OURS: [&str; 4] = ["CLNP", "ES-IS", "pid FDDI", "Realtek protocols"];
    let shows = |text: &[u8], what: &[&str]| {
        let text = String::from_utf8_lossy(text);
        what.iter().any(|word| text.contains(word))
    };
    shows(&pair.theirs, &THEIRS)
        || shows(&pair.ours, &OURS)
        || lacks_length(frame) && shows(&pair.theirs, &["[|tcp]", "[|udp]"])
        || is_apple_talk(&String::from_utf8_lossy(&pair.theirs))
        || is_without_printer(&String::from_utf8_lossy(&pair.ours))
}

/// Whether some IPv6 packet in a frame has a length of 0, as segmentation offload leaves it.
fn lacks_length(frame: &[u8]) -> bool {
    frame.windows(7).any(|head| {
        let (version, length, next) = (head[0] >> 4, &head[4..6], head[6]);
        version == 6 && length == [0, 0] && matches!(next, 0 | 6 | 17 | 43 | 44 | 60)
    })
}

/// Whether tcpdump shows two of AppleTalk's addresses, of three numbers (of two in short headers, but
/// not both: so DECnet's are), for which it looks in datagrams of some ports, too (KIP).
fn is_apple_talk(theirs: &str) -> bool {
    let numbers = |word: &str| -> Option<usize> {
        let numbers: Vec<&str> = word.trim_end_matches(':').split('.').collect();
        numbers.iter().all(|number| number.parse::<u16>().is_ok()).then_some(numbers.len())
    };
    let words: Vec<&str> = theirs.split_whitespace().collect();
    words.windows(3).filter(|words| words[1] == ">").any(|words| {
        matches!(
            (numbers(words[0]), numbers(words[2])),
            (Some(2 | 3), Some(3)) | (Some(3), Some(2))
        )
    })
}

/// Whether a port is one of a protocol that probe has no printer for: MSDP, lwres, NFS, Zephyr, VAT,
/// LWAPP, ZEP.
fn is_without_printer(ours: &str) -> bool {
    const PORTS: [u16; 9] = [639, 921, 2049, 2103, 2104, 3456, 12_222, 12_223, 17_754];
    let port = |word: &str| {
        let last = word.rsplit('.').next()?;
        last.trim_end_matches(':').parse::<u16>().ok()
    };
    let words: Vec<&str> = ours.split_whitespace().collect();
    words.windows(3).filter(|words| words[1] == ">").any(|words| {
        [words[0], words[2]].into_iter().filter_map(port).any(|port| PORTS.contains(&port))
    })
}

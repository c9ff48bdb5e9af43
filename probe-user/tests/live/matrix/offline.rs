//! `-r FILE --engine kernel`: the loaded program, run on each frame of a file.

use std::path::Path;

use probe_filter::LinkType;
use probe_frame::{Frame, Precision, WallTime};
use probe_pcap::{Contents, Writer};
use testbed::{Namespace, requirements::met, run};

use super::{KINDS, NEEDS, kinds};
use crate::rig::{LIMIT, Totals, alone, probe};

const FILE: &str = "/dev/shm/frames.pcap";
const ROUNDS: u64 = 20;

fn write(frames: &[Vec<u8>]) -> anyhow::Result<()> {
    let path = Path::new(FILE);
    let mut file = Writer::create(path, &Contents::pcap(LinkType::Ethernet, Precision::Micro))?;
    for bytes in (0..ROUNDS).flat_map(|_| frames) {
        let (time, wire_len) = (WallTime::new(1_700_000_000, 0), bytes.len() as u32);
        file.write(&Frame {
            time,
            wire_len,
            bytes,
            link: LinkType::Ethernet,
            ifindex: 0,
            outbound: None,
        })?;
    }
    Ok(file.flush()?)
}

#[test]
fn the_program_counts_the_frames_of_a_file() {
    if !met(NEEDS) {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new().unwrap();
    let frames = kinds();
    namespace.enter(|| write(&frames)).unwrap();
    // XDP has one program here for its modes, and tcx and clsact have one for both.
    for hook in ["xdp", "tcx"] {
        let common = ["count", "-r", FILE, "--engine", "kernel", "--hook", hook];
        let mut arguments = [&common[..], &["--format", "json"]].concat();
        let rules = KINDS.map(|(name, filter, _)| format!("{name}={filter}"));
        arguments.extend(rules.iter().flat_map(|rule| ["--rule", rule]));
        let totals = Totals::read(&run(probe(&namespace, &arguments), LIMIT).unwrap());
        assert_eq!(totals.seen.0, ROUNDS * frames.len() as u64, "{hook}");
        for (name, filter, numbers) in KINDS {
            assert_eq!(totals.packets(name), ROUNDS * numbers.len() as u64, "{hook}: {filter}");
        }
    }
}

//! Says which frames of a capture file match: `match_pcap FILE FILTER`. The file is a pcap of
//! Ethernet or raw IP, written on a machine of this one's byte order.

use std::error::Error;

use probe_filter::{Frame, LinkType, Options, compile};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: match_pcap FILE FILTER".into());
    };
    let file = std::fs::read(path)?;
    let word =
        |at: usize| -> Option<u32> { Some(u32::from_ne_bytes(*file.get(at..)?.first_chunk()?)) };
    // pcap-savefile(5): magic number, and at 20 the link type.
    if !matches!(word(0), Some(0xa1b2_c3d4 | 0xa1b2_3c4d)) {
        return Err("no pcap file of this byte order".into());
    }
    let link = match word(20) {
        Some(1) => LinkType::Ethernet,
        Some(101) => LinkType::Raw,
        _ => return Err("neither Ethernet nor raw IP".into()),
    };
    // No names: whoever wants them says who knows them.
    let filter = compile(&text, &Options::default().link(link))?;
    let (mut at, mut number) = (24, 0);
    // Of a record: seconds, fraction, captured length, length on the wire.
    while let (Some(captured), Some(wire_len)) = (word(at + 8), word(at + 12)) {
        let Some(bytes) = file.get(at + 16..).and_then(|rest| rest.get(..captured as usize)) else {
            return Err("the file ends within a frame".into());
        };
        number += 1;
        if filter.matches(&Frame { bytes, wire_len, vlan: None, outbound: None }) {
            println!("frame {number}: {wire_len} bytes");
        }
        at += 16 + bytes.len();
    }
    Ok(())
}

//! What is written reads back.

use std::{fs, io::Cursor};

use probe_pcap::{
    Contents, Format, Frame, Interface, LinkType, Origin, Precision, Reader, WallTime, Writer,
};
use proptest::{collection::vec, option, prelude::*};

/// A frame as it is made up.
type Made = (u64, Vec<u8>, u32, u32, Option<bool>);

fn made() -> impl Strategy<Value = Made> {
    // 32 bits of seconds are all that pcap has.
    let time = 0..u64::from(u32::MAX) * 1_000_000_000;
    (time, vec(any::<u8>(), 0..200), any::<u32>(), 0u32..4, option::of(any::<bool>()))
}

proptest! {
    /// Whatever the frames, they come back: pcapng with nanoseconds and directions.
    #[test]
    fn written_frames_read_back(frames in vec(made(), 0..50), snaplen in 1u32..300) {
        let interface = |index| Interface {
            index,
            name: format!("if{index}"),
            description: "x".repeat(index as usize),
        };
        let origin = Origin {
            interfaces: (0..3).map(interface).collect(),
            filter: "tcp".into(),
            comment: (snaplen % 2 == 0).then(|| "y".repeat(snaplen as usize)),
            ..Origin::default()
        };
        for (format, unit, directed) in [
            (Format::Pcap(Precision::Micro), 1_000, false),
            (Format::Pcap(Precision::Nano), 1, false),
            (Format::PcapNg(origin), 1, true),
        ] {
            let file = tempfile::NamedTempFile::new().unwrap();
            let contents = Contents { link: LinkType::Raw, snaplen, format };
            let mut writer = Writer::create(file.path(), &contents).unwrap();
            for (time, bytes, wire_len, ifindex, outbound) in &frames {
                let frame = Frame {
                    time: WallTime(*time),
                    wire_len: *wire_len,
                    bytes,
                    ifindex: *ifindex,
                    outbound: *outbound,
                };
                writer.write(&frame).unwrap();
            }
            writer.finish(None).unwrap();
            let bytes = fs::read(file.path()).unwrap();
            prop_assert_eq!(bytes.len() as u64, writer.length());
            let mut reader = Reader::new("x".into(), Box::new(Cursor::new(bytes))).unwrap();
            for (time, bytes, wire_len, _, outbound) in &frames {
                let read = reader.next().unwrap().unwrap();
                prop_assert_eq!(read.time.0, time / unit * unit);
                prop_assert_eq!(read.bytes, &bytes[..bytes.len().min(snaplen as usize)]);
                prop_assert_eq!(read.wire_len, *wire_len);
                prop_assert_eq!(read.outbound, outbound.filter(|_| directed));
            }
            prop_assert!(reader.next().unwrap().is_none());
        }
    }
}

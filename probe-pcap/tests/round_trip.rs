//! What is written reads back.

use std::{fs, io::Cursor};

use probe_pcap::{
    Contents, Format, Frame, Interface, LinkType, Origin, Precision, Reader, WallTime, Writer,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// A frame as it is made up.
type Made = (u64, Vec<u8>, u32, LinkType, u32, Option<bool>);

fn made() -> impl Strategy<Value = Made> {
    // 32 bits of seconds are all that pcap has.
    let time = 0..u64::from(u32::MAX) * 1_000_000_000;
    let link = select(LinkType::ALL.to_vec());
    (time, vec(any::<u8>(), 0..200), any::<u32>(), link, 0u32..4, option::of(any::<bool>()))
}

proptest! {
    /// Whatever the frames, they come back: pcapng with nanoseconds and directions, and with each
    /// frame's own link type.
    #[test]
    fn written_frames_read_back(
        frames in vec(made(), 0..50),
        snaplen in 1u32..300,
        one_link in select(LinkType::ALL.to_vec()),
    ) {
        let interface = |index| Interface {
            index,
            name: format!("if{index}"),
            description: "x".repeat(index as usize),
            link: one_link,
        };
        let origin = Origin {
            interfaces: (0..3).map(interface).collect(),
            filter: "tcp".into(),
            comment: (snaplen % 2 == 0).then(|| "y".repeat(snaplen as usize)),
            ..Origin::default()
        };
        for (format, unit, is_pcapng) in [
            (Format::Pcap(Precision::Micro), 1_000, false),
            (Format::Pcap(Precision::Nano), 1, false),
            (Format::PcapNg(origin), 1, true),
        ] {
            let file = tempfile::NamedTempFile::new().unwrap();
            let contents = Contents { link: one_link, snaplen, format };
            let mut writer = Writer::create(file.path(), &contents).unwrap();
            for (time, bytes, wire_len, link, ifindex, outbound) in &frames {
                let frame = Frame {
                    time: WallTime(*time),
                    wire_len: *wire_len,
                    link: if is_pcapng { *link } else { one_link },
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
            for (time, bytes, wire_len, link, _, outbound) in &frames {
                let read = reader.next().unwrap().unwrap();
                prop_assert_eq!(read.time.0, time / unit * unit);
                prop_assert_eq!(read.bytes, &bytes[..bytes.len().min(snaplen as usize)]);
                prop_assert_eq!(read.wire_len, *wire_len);
                prop_assert_eq!(read.outbound, outbound.filter(|_| is_pcapng));
                prop_assert_eq!(read.link, if is_pcapng { *link } else { one_link });
            }
            prop_assert!(reader.next().unwrap().is_none());
        }
    }
}

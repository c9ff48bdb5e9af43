//! Whatever the bytes are, a reader answers: with frames, the end, or an error that names the place.

use std::io::Cursor;

use probe_pcap::{Contents, Frame, LinkType, Precision, Reader, WallTime, Writer};
use proptest::{collection::vec, prelude::*};

/// Reads a file to its end or its error; the number of frames is bounded by its bytes.
fn read(bytes: Vec<u8>) {
    let length = bytes.len();
    let Ok(mut reader) = Reader::new("test".into(), Box::new(Cursor::new(bytes))) else { return };
    let mut frames = 0;
    while let Ok(Some(_)) = reader.next() {
        frames += 1;
    }
    assert!(frames <= length);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn noise_reads(bytes in vec(any::<u8>(), 0..500)) {
        read(bytes);
    }
}

/// A pcapng file of one section, one interface, and a frame in each kind of block.
fn pcapng(big: bool) -> Vec<u8> {
    let word = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let half = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let mut out = Vec::new();
    let mut block = |kind: u32, body: &[&[u8]]| {
        let body = body.concat();
        let total = body.len() as u32 + 12;
        out.extend([&word(kind), &word(total), body.as_slice(), &word(total)].concat());
    };
    block(0x0a0d_0d0a, &[&word(0x1a2b_3c4d), &half(1), &half(0), &[0xff; 8]]);
    // Nanoseconds, and an hour added.
    let hour = if big { 3600i64.to_be_bytes() } else { 3600i64.to_le_bytes() };
    block(
        1,
        &[
            &half(1),
            &half(0),
            &word(0),
            &half(9),
            &half(1),
            &[9, 0, 0, 0],
            &half(14),
            &half(8),
            &hour,
            &half(0),
            &half(0),
        ],
    );
    let ticks = 1_700_000_000_123_456_789u64;
    let (high, low) = (word((ticks >> 32) as u32), word(ticks as u32));
    // Outbound, by the flags.
    let options = [&half(2)[..], &half(4), &word(2), &half(0), &half(0)].concat();
    block(6, &[&word(0), &high, &low, &word(5), &word(60), b"hello\0\0\0", &options]);
    block(3, &[&word(3), b"abc\0"]);
    block(4, &[b"names and such  "]);
    block(2, &[&half(0), &half(7), &high, &low, &word(2), &word(2), b"hi\0\0"]);
    out
}

#[test]
fn pcapng_in_either_byte_order() {
    for big in [false, true] {
        let mut reader =
            Reader::new("test".into(), Box::new(Cursor::new(pcapng(big)))).expect("a capture");
        let frame = reader.next().expect("readable").expect("a frame");
        assert_eq!((frame.bytes, frame.wire_len), (&b"hello"[..], 60));
        assert_eq!(frame.time, WallTime(1_700_003_600_123_456_789));
        assert_eq!(frame.outbound, Some(true));
        let frame = reader.next().expect("readable").expect("a frame");
        assert_eq!((frame.bytes, frame.time), (&b"abc"[..], WallTime(0)));
        let frame = reader.next().expect("readable").expect("a frame");
        assert_eq!((frame.bytes, frame.outbound), (&b"hi"[..], None));
        assert!(reader.next().expect("readable").is_none());
    }
}

/// A file that ends anywhere, or has any byte changed, reads or is refused; an error names
/// the file and a place in it.
#[test]
fn damaged_files_read_or_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.pcap");
    let contents = Contents::pcap(LinkType::Ethernet, Precision::Micro);
    let mut writer = Writer::create(&path, &contents).expect("a file");
    for length in [60, 0, 90] {
        let (time, bytes) = (WallTime::new(1_700_000_000, 0), &[7; 90][..length]);
        let frame = Frame { time, wire_len: 1514, bytes, ifindex: 0, outbound: None };
        writer.write(&frame).expect("room");
    }
    writer.finish(None).expect("room");
    let pcap = std::fs::read(&path).expect("the file just written");
    for file in [pcap, pcapng(false), pcapng(true)] {
        for end in 0..file.len() {
            read(file[..end].to_vec());
        }
        for at in 0..file.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = file.clone();
                damaged[at] = value;
                read(damaged);
            }
        }
        let mut cut =
            Reader::new("x.pcap".into(), Box::new(Cursor::new(file[..file.len() - 1].to_vec())))
                .expect("its head is whole");
        let error = loop {
            match cut.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the last record is cut"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.starts_with("x.pcap ends inside the record that begins at byte "), "{error}");
    }
}

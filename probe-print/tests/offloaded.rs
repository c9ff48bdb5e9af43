//! Packets that segmentation offload left without a length in their IP header: frames of more than
//! 64 KiB (BIG TCP), and those of a network card that cuts them later. The frame's length counts.
//! tcpdump 4.99.3 has `bad-len 0` and `[|tcp]` there: see docs/output.md, "Different on purpose".

use probe_frame::{Frame, LinkType, WallTime};
use probe_print::{Printer, Style, TimeStyle};

const ADDRESSES_V4: [u8; 8] = [192, 0, 2, 1, 192, 0, 2, 2];
const ADDRESSES_V6: [u8; 32] = [
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, //
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
];
/// Ports 4000 and 80, sequence number 1, acknowledgement 1, PSH and ACK, window 100.
const TCP: [u8; 20] = [0x0f, 0xa0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0, 100, 0, 0, 0, 0];

fn v4(length: u16, next: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let header = [0x45, 0, high, low, 0, 0, 0, 0, 64, next, 0, 0];
    [&[0; 12][..], &[0x08, 0x00], &header, &ADDRESSES_V4, payload].concat()
}

fn v6(length: u16, next: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let header = [0x60, 0, 0, 0, high, low, next, 64];
    [&[0; 12][..], &[0x86, 0xdd], &header, &ADDRESSES_V6, payload].concat()
}

/// The line of a frame, of which so many bytes were captured.
fn line(frame: &[u8], captured: usize) -> String {
    let style = Style { time: TimeStyle::None, ..Style::default() };
    let mut out = Vec::new();
    Printer::new(style).print(
        &Frame {
            time: WallTime(0),
            wire_len: frame.len() as u32,
            link: LinkType::Ethernet,
            bytes: &frame[..captured.min(frame.len())],
            ifindex: 0,
            outbound: None,
        },
        &mut out,
    );
    String::from_utf8(out).unwrap()
}

#[test]
fn the_frames_length_stands_for_that_of_the_header() {
    let segment = |length: usize| [&TCP[..], &vec![b'x'; length]].concat();
    for length in [1, 100, 1400] {
        let segment = segment(length);
        let stated = segment.len() as u16;
        for captured in [usize::MAX, 96] {
            assert_eq!(
                line(&v4(0, 6, &segment), captured),
                line(&v4(stated + 20, 6, &segment), captured)
            );
            assert_eq!(
                line(&v6(0, 6, &segment), captured),
                line(&v6(stated, 6, &segment), captured)
            );
        }
    }
    let big = segment(100_000);
    for (frame, version, source) in
        [(v4(0, 6, &big), "IP", "192.0.2.1"), (v6(0, 6, &big), "IP6", "2001:db8::1")]
    {
        let line = line(&frame, usize::MAX);
        let beginning = format!("{version} {source}.4000 > ");
        assert!(line.starts_with(&beginning) && line.contains(", length 100000"), "{line}");
    }
}

/// What has no length because it has no payload stays so: Ethernet fills short frames up.
#[test]
fn no_next_header_is_no_payload() {
    let padded = v6(0, 59, &[0; 20]);
    assert_eq!(line(&padded, usize::MAX), line(&v6(0, 59, &[]), usize::MAX));
}

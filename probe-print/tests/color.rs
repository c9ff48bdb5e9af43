//! Colours change nothing about the text.

use probe_frame::{Frame, LinkType, WallTime};
use probe_print::{Dump, Printer, Style};
use testbed::samples;

/// Text without the escapes that select colours.
fn stripped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        match byte {
            0x1b => assert!(rest.any(|&byte| byte == b'm'), "an escape without an end"),
            _ => out.push(byte),
        }
    }
    out
}

#[test]
fn the_text_is_the_same() {
    for (verbose, dump) in [(0, Dump::None), (2, Dump::HexAndText { link: true })] {
        let print = |color| {
            let style = Style { verbose, dump, color, ..Style::default() };
            let mut printer = Printer::new(style);
            let mut out = Vec::new();
            for (bytes, wire_len) in &samples::all() {
                let time = WallTime(1_700_000_000_000_000_000);
                let frame = Frame {
                    time,
                    wire_len: *wire_len,
                    bytes,
                    link: LinkType::Ethernet,
                    ifindex: 1,
                    outbound: None,
                };
                printer.print(&frame, &mut out);
            }
            out
        };
        let (plain, colored) = (print(false), print(true));
        assert!(!plain.contains(&0x1b), "escapes without being asked for");
        assert_eq!(stripped(&colored), plain);
        for color in [31, 32, 33, 34, 35, 36] {
            let escape = format!("\x1b[{color}m");
            let used = colored.windows(escape.len()).any(|window| window == escape.as_bytes());
            assert!(used, "no line has colour {color}");
        }
    }
}

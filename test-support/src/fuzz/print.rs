//! Any bytes as a frame, in any style: they print, and what is printed cannot command a
//! terminal. The text beside the fields is that of the line.

use probe_frame::{Frame, LinkType, Precision, WallTime};
use probe_print::{Dump, Printer, Style, TimeStyle};

/// What the first byte of an input says of how the frame is shown.
fn settings(byte: u8) -> Style {
    let dump = match byte >> 5 & 3 {
        0 => Dump::None,
        1 => Dump::Hex { link: false },
        2 => Dump::HexAndText { link: true },
        _ => Dump::Text { link: false },
    };
    Style {
        verbose: byte >> 1 & 3,
        link_header: byte & 8 != 0,
        quiet: byte & 16 != 0,
        dump,
        time: if byte & 128 == 0 { TimeStyle::Clock } else { TimeStyle::SincePrevious },
        precision: Precision::Nano,
        ..Style::default()
    }
}

/// Prints the frame twice, as the second of a connection is printed otherwise than the first.
/// The first byte says how, the second how many bytes of the frame were not captured.
pub fn run(input: &[u8]) {
    let &[settings_byte, missing, ref bytes @ ..] = input else { return };
    let style = settings(settings_byte);
    // The first bit says whether it is Ethernet; of the others the missing bytes choose.
    let others = &LinkType::ALL[1..];
    let link = match settings_byte & 1 {
        0 => LinkType::Ethernet,
        _ => others[usize::from(missing) % others.len()],
    };
    let mut printer = Printer::new(style);
    let bare = Style { time: TimeStyle::None, dump: Dump::None, ..style };
    let (mut lines, mut texts) = (Printer::new(bare), Printer::new(bare));
    let wire_len = bytes.len() as u32 + u32::from(missing);
    for nanoseconds in [0, 1] {
        let time = WallTime::new(1_700_000_000, nanoseconds);
        let mut out = Vec::new();
        let frame = Frame { time, wire_len, bytes, link, ifindex: 0, outbound: None };
        printer.print(&frame, &mut out);
        assert_eq!(out.last(), Some(&b'\n'), "a line that does not end");
        let bad = out.iter().find(|byte| !matches!(byte, b'\n' | b'\t' | 0x20..0x7f));
        assert_eq!(bad, None, "{}", String::from_utf8_lossy(&out));
        // Dumps take five characters a byte or fewer, and texts are bounded by what they read.
        let most = 20_000 + 100 * bytes.len();
        assert!(out.len() <= most, "{} bytes of text from {}", out.len(), bytes.len());
        // What is said beside the fields is the line, and the payload is of the frame.
        let (mut line, mut text) = (Vec::new(), Vec::new());
        lines.print(&frame, &mut line);
        let summary = texts.describe(&frame, &mut text);
        assert_eq!(line.strip_suffix(b"\n"), Some(&text[..]));
        assert!(summary.payload.is_none_or(|place| bytes.get(place).is_some()));
    }
}

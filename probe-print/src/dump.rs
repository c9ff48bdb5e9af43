//! The bytes of a frame below its line: `-x`, `-X` and `-A`.

use super::text::put;

/// Which bytes, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dump {
    /// None.
    #[default]
    None,
    /// `-x`, or with the link-layer header `-xx`.
    Hex {
        /// With the link-layer header.
        link: bool,
    },
    /// `-X`, `-XX`.
    HexAndText {
        /// With the link-layer header.
        link: bool,
    },
    /// `-A`, `-AA`.
    Text {
        /// With the link-layer header.
        link: bool,
    },
}

/// Appends the dump of a frame whose link-layer header takes `header` bytes.
pub(super) fn print(dump: Dump, frame: &[u8], header: usize, out: &mut Vec<u8>) {
    let part = |link| if link { frame } else { frame.get(header..).unwrap_or_default() };
    match dump {
        Dump::None => {}
        Dump::Hex { link } => hex(part(link), "\n\t", 0, out),
        Dump::HexAndText { link } => hex_and_text(part(link), "\n\t", out),
        Dump::Text { link } => {
            if !part(link).is_empty() {
                text(part(link), out);
            }
        }
    }
}

/// Lines of 16 bytes, in pairs. `start` is the number that the first line shows.
pub(super) fn hex(bytes: &[u8], indent: &str, start: usize, out: &mut Vec<u8>) {
    for (index, line) in bytes.chunks(16).enumerate() {
        put!(out, "{indent}0x{:04x}: ", start + 16 * index);
        for pair in line.chunks(2) {
            out.push(b' ');
            for byte in pair {
                put!(out, "{byte:02x}");
            }
        }
    }
}

/// Lines of 16 bytes, in pairs, and their printable characters.
pub(super) fn hex_and_text(bytes: &[u8], indent: &str, out: &mut Vec<u8>) {
    /// Eight pairs of four digits and a space each.
    const WIDTH: usize = 40;
    for (index, line) in bytes.chunks(16).enumerate() {
        put!(out, "{indent}0x{:04x}: ", 16 * index);
        let start = out.len();
        for pair in line.chunks(2) {
            out.push(b' ');
            for byte in pair {
                put!(out, "{byte:02x}");
            }
        }
        out.resize(out.len().max(start + WIDTH), b' ');
        out.extend_from_slice(b"  ");
        out.extend(line.iter().map(|b| if b.is_ascii_graphic() { *b } else { b'.' }));
    }
}

/// Printable characters, tabs and newlines; no carriage return before a newline.
fn text(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'\n');
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' => {
                // tcpdump looks at the next byte only where another follows it.
                let rest = bytes.get(index + 1..).unwrap_or_default();
                if rest.len() > 1 && rest.first() != Some(&b'\n') {
                    out.push(b'.');
                }
            }
            b'\t' | b' ' | b'\n' => out.push(byte),
            _ if byte.is_ascii_graphic() => out.push(byte),
            _ => out.push(b'.'),
        }
    }
}

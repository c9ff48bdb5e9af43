//! Numbers and words that fit into a column.

use std::borrow::Cow;

use probe_frame::visible_lines;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What stands in the place of what was cut off.
const CUT: char = '…';

/// Columns of a terminal that a text takes at most.
pub fn width(text: &str) -> usize {
    // Of a sequence that is drawn as one character this may be more than it takes, never less.
    text.width().max(text.chars().map(char_width).sum())
}

fn char_width(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// The text, or as much of it as fits, with `…` behind it.
pub fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut left = room.saturating_sub(char_width(CUT));
    for character in text.chars() {
        let Some(rest) = left.checked_sub(char_width(character)) else { break };
        left = rest;
        out.push(character);
    }
    if room > 0 {
        out.push(CUT);
    }
    out
}

/// A number of bytes in units of `unit`, or with a suffix `K`, `M` or `G`.
pub fn size(text: &str, unit: usize) -> Result<usize, String> {
    let bad = || "expected a size such as 4096, 512K or 8M".to_string();
    let (number, factor) = match text.strip_suffix(['K', 'k', 'M', 'm', 'G', 'g']) {
        Some(number) => match text.as_bytes().last() {
            Some(b'K' | b'k') => (number, 1 << 10),
            Some(b'M' | b'm') => (number, 1 << 20),
            _ => (number, 1 << 30),
        },
        None => (text, unit),
    };
    let number: usize = number.parse().map_err(|_| bad())?;
    match number.checked_mul(factor) {
        Some(0) => Err("must be more than zero".into()),
        Some(bytes) if bytes <= 1 << 30 => Ok(bytes),
        _ => Err("must be at most 1G".into()),
    }
}

/// A field of CSV (RFC 4180). The ends of lines in it stay, as that has them; other control characters become
/// [visible](visible_lines).
pub fn csv_field(text: &str) -> String {
    csv_quoted(&visible_lines(text)).into_owned()
}

/// A field of CSV whose text is visible already.
pub fn csv_quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

/// Digits in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three or four digits and a factor; nothing at all is a plain 0.
pub fn si(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let mut value = value;
    let mut factor = "";
    for next in ["k", "M", "G", "T"] {
        // 9,999 stays as it is: most rates that people look at are below it.
        if value < 9_999.5 {
            break;
        }
        value /= 1000.0;
        factor = next;
    }
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$}{factor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (value, text) in [
            (0.0, "0"),
            (0.004, "0.00"),
            (9.994, "9.99"),
            (9.996, "10.0"),
            (99.96, "100"),
            (9_999.0, "9999"),
            (10_000.0, "10.0k"),
            (123_456_789.0, "123M"),
            (1e16, "10000T"),
        ] {
            assert_eq!(si(value), text);
        }
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(18_446_744_073_709_551_615), "18,446,744,073,709,551,615");
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        for (text, room, expected) in [
            ("tcp", 3, "tcp"),
            ("tcp port 80", 8, "tcp por…"),
            ("tcp", 1, "…"),
            ("tcp", 0, ""),
            // Two columns each: a half of one is not drawn.
            ("漢字漢字", 8, "漢字漢字"),
            ("漢字漢字", 6, "漢字…"),
            ("漢字漢字", 7, "漢字漢…"),
            // A letter and its accent go together.
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
        ] {
            let cut = cut(text, room);
            assert_eq!(cut, expected);
            assert!(width(&cut) <= room);
        }
    }
}

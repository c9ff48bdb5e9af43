//! Values of flags.

use probe_filter::{LinkType, VlanView};
use probe_frame::MAX_FRAME;

pub use crate::duration::parse as duration;
use crate::{
    kernel::{Direction, Hook},
    link_type::{self, Known},
    source::Choice,
    text::size,
};

/// A number from `MIN` to `MAX`.
pub fn number<T: TryFrom<u64>, const MIN: u64, const MAX: u64>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match MAX {
        u64::MAX => format!("expected a number, {MIN} or more"),
        _ => format!("expected a number from {MIN} to {MAX}"),
    })
}

/// Bytes that were written with escapes. A type of its own: clap takes a list of bytes for a list of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escaped(pub Vec<u8>);

/// A text with `\r`, `\n`, `\t`, `\0`, `\xHH` and `\\` in it.
pub fn escaped(text: &str) -> Result<Escaped, String> {
    const EXPECTED: &str = r"expected \r, \n, \t, \0, \xHH or \\ where a backslash stands";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.as_bytes());
        let kind = after.chars().next().ok_or(EXPECTED)?;
        rest = after.get(kind.len_utf8()..).unwrap_or_default();
        bytes.push(match kind {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '0' => 0,
            '\\' => b'\\',
            'x' => {
                let digits = rest.get(..2).filter(|two| two.bytes().all(|c| c.is_ascii_hexdigit()));
                let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
                rest = rest.get(2..).unwrap_or_default();
                byte.ok_or(EXPECTED)?
            }
            _ => return Err(EXPECTED.into()),
        });
    }
    bytes.extend(rest.as_bytes());
    Ok(Escaped(bytes))
}

/// tcpdump's `-s`, where 0 is all that there may be of a frame.
pub fn snaplen(bytes: u32) -> u32 {
    if bytes == 0 { MAX_FRAME } else { bytes }
}

/// tcpdump's `-B`: KiB unless a suffix says otherwise.
pub fn buffer_size(text: &str) -> Result<usize, String> {
    size(text, 1 << 10)
}

/// Bytes, or with a suffix `K`, `M` or `G`.
pub fn memory(text: &str) -> Result<u64, String> {
    size(text, 1).map(|bytes| bytes as u64)
}

/// tcpdump's `-C`: millions of bytes, or with a suffix of its later versions powers of
/// 1,024.
pub fn file_size(text: &str) -> Result<u64, String> {
    let bad = || format!("invalid file size {text}: expected a number, or one with k, m or g");
    let (number, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (text.get(..text.len() - 1), 1 << 10),
        Some(b'm' | b'M') => (text.get(..text.len() - 1), 1 << 20),
        Some(b'g' | b'G') => (text.get(..text.len() - 1), 1 << 30),
        _ => (Some(text), 1_000_000),
    };
    let number: i64 = number.and_then(|number| number.parse().ok()).ok_or_else(bad)?;
    match number.checked_mul(unit).and_then(|bytes| u64::try_from(bytes).ok()) {
        Some(0) => Err(bad()),
        Some(bytes) => Ok(bytes),
        None if number < 0 => Err(bad()),
        None => Err(format!("file size {text} is too large")),
    }
}

/// tcpdump's `-y`: a name of pcap-linktype(7), in any case.
pub fn link_type(text: &str) -> Result<LinkType, String> {
    let named = |known: &Known| known.name.eq_ignore_ascii_case(text);
    link_type::all().find(named).map(|known| known.link).ok_or_else(|| {
        let names: Vec<_> = link_type::all().map(|known| known.name).collect();
        format!("no such link type; the names are {}", names.join(", "))
    })
}

/// tcpdump's `-j`: a name of pcap-tstamp(7).
pub fn time_stamp_type(text: &str) -> Result<&'static str, String> {
    const OTHERS: [&str; 5] =
        ["host_lowprec", "host_hiprec", "host_hiprec_unsynced", "adapter", "adapter_unsynced"];
    match text {
        "host" => Ok("host"),
        other if OTHERS.contains(&other) => {
            Err("only host: the kernel program takes a frame's time when it sees the frame".into())
        }
        _ => Err("no such time stamp type; -J lists them".into()),
    }
}

/// Reads `auto`, or a value as `parse` does.
fn choice<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Choice<T>, String> {
    match text {
        "auto" => Ok(Choice::Auto),
        _ => parse(text).map(Choice::Given),
    }
}

/// `--hook`.
pub fn hook(text: &str) -> Result<Choice<Hook>, String> {
    choice(text, str::parse)
}

/// `--vlan`.
pub fn vlan(text: &str) -> Result<VlanView, String> {
    match text {
        "live" => Ok(VlanView::Live),
        "as-frame" => Ok(VlanView::AsFrame),
        _ => Err("expected live or as-frame".into()),
    }
}

/// `--direction` of extcap.
pub fn direction_or_auto(text: &str) -> Result<Choice<Direction>, String> {
    choice(text, direction)
}

/// `-Q`.
pub fn direction(text: &str) -> Result<Direction, String> {
    match text {
        "in" => Ok(Direction::In),
        "out" => Ok(Direction::Out),
        "inout" => Ok(Direction::InOut),
        _ => Err("expected in, out or inout".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number::<u64, 1, { u64::MAX }>("10"), Ok(10));
        assert_eq!(number::<u32, 0, 255>("255"), Ok(255));
        for (text, said) in [("ten", "1 or more"), ("0", "1 or more"), ("-1", "1 or more")] {
            assert!(number::<u64, 1, { u64::MAX }>(text).unwrap_err().contains(said), "{text}");
        }
        assert_eq!(number::<u32, 0, 255>("256"), Err("expected a number from 0 to 255".into()));
    }

    #[test]
    fn file_sizes() {
        for (text, bytes) in
            [("1", 1_000_000), ("25", 25_000_000), ("1k", 1024), ("2M", 2 << 20), ("3g", 3 << 30)]
        {
            assert_eq!(file_size(text), Ok(bytes));
        }
        for text in ["", "0", "-1", "k", "1x", "1.5", "9223372036854775807", "0k", "\u{e9}k"] {
            assert!(file_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(buffer_size("4096"), Ok(4 << 20));
        assert_eq!(buffer_size("8M"), Ok(8 << 20));
        for text in ["", "0", "x", "2G", "99999999999999999999", "-1"] {
            assert!(buffer_size(text).is_err(), "{text}");
        }
    }
}

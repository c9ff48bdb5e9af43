//! Where printers write to.

use std::fmt::{self, Write as _};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Style,
    bytes::{Bytes, Stop},
    color::Tint,
    dump,
    memory::Memory,
    names::{Names, Port, Transport},
    summary::Summary,
};

/// Writes formatted text to a [`Text`] or a byte vector. Writing to memory cannot fail.
macro_rules! put {
    ($to:expr, $($format:tt)*) => {
        // The arguments are evaluated first: they may ask the line for names.
        match format_args!($($format)*) {
            text => {
                let _ = $crate::text::Sink::put(&mut *$to, text);
            }
        }
    };
}
pub(crate) use put;

/// What [`put!`] writes to.
pub(crate) trait Sink {
    fn put(&mut self, text: fmt::Arguments<'_>) -> fmt::Result;
}

impl Sink for Vec<u8> {
    fn put(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        Pieces(self).write_fmt(text)
    }
}

impl Sink for Text<'_> {
    fn put(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        self.out.put(text)
    }
}

/// Takes the pieces of formatted text. Most have a few bytes, for which the call of memcpy takes longer than
/// the copying does, musl's several times as long.
struct Pieces<'a>(&'a mut Vec<u8>);

impl fmt::Write for Pieces<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        append(self.0, piece.as_bytes());
        Ok(())
    }
}

/// Appends a piece: a short one by two copies of one size that overlap, which take an instruction each.
fn append(out: &mut Vec<u8>, piece: &[u8]) {
    const SHORT: usize = 16;
    fn copy<const N: usize>(piece: &[u8], place: &mut [u8]) -> Option<()> {
        let (first, last) = (piece.first_chunk::<N>()?, piece.last_chunk::<N>()?);
        *place.first_chunk_mut()? = *first;
        *place.get_mut(..piece.len())?.last_chunk_mut()? = *last;
        Some(())
    }
    if piece.len() > SHORT {
        out.extend_from_slice(piece);
        return;
    }
    let start = out.len();
    out.extend_from_slice(&[0; SHORT]);
    if let Some(place) = out.get_mut(start..) {
        let _ = copy::<8>(piece, place)
            .or_else(|| copy::<4>(piece, place))
            .or_else(|| copy::<2>(piece, place))
            .or_else(|| copy::<1>(piece, place));
    }
    out.truncate(start + piece.len());
}

/// The line being written, and what is known while it is.
pub struct Text<'p> {
    pub out: &'p mut Vec<u8>,
    pub style: &'p Style,
    /// What earlier frames said.
    pub memory: &'p mut Memory,
    /// Names of hosts and ports.
    pub names: &'p dyn Names,
    /// The user's time zone.
    pub zone: &'p TimeZone,
    /// The protocol at hand: what `[|...]` names where the bytes end.
    pub protocol: &'static str,
    /// How many packets this one is inside of.
    pub depth: u8,
    /// What the line is about; the last to say so wins.
    pub tint: Tint,
    /// What the headers say.
    pub summary: Summary,
    /// All captured bytes of the frame.
    pub frame: &'p [u8],
}

impl<'p> Text<'p> {
    pub fn new(
        out: &'p mut Vec<u8>,
        style: &'p Style,
        memory: &'p mut Memory,
        names: &'p dyn Names,
        zone: &'p TimeZone,
        frame: &'p [u8],
    ) -> Self {
        Self {
            out,
            style,
            memory,
            names,
            zone,
            protocol: "",
            depth: 0,
            tint: Tint::Plain,
            summary: Summary::default(),
            frame,
        }
    }

    /// Says that the bytes end inside the protocol at hand.
    pub fn truncated(&mut self) {
        let protocol = self.protocol;
        put!(self, " [|{protocol}]");
    }

    /// Prints a part of the frame that may end early alone: why it does is said, and what it
    /// is a part of goes on. Only [`Stop::Cut`] is passed on.
    ///
    /// (tcpdump ends some packets so, and with others the whole frame, of which a dump then
    /// shows the link-layer header, too.)
    pub fn part(&mut self, print: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        match print(self) {
            Ok(()) | Err(Stop::Here) => {}
            Err(Stop::Short) => self.truncated(),
            Err(Stop::Invalid) => self.invalid(),
            Err(Stop::Cut) => return Err(Stop::Cut),
        }
        Ok(())
    }

    /// Ends a part of the frame with bytes that are against the protocol's rules: of `p`,
    /// `length` bytes that nobody has looked at.
    pub fn invalid_rest<T>(&mut self, p: Bytes<'_>, length: usize) -> Result<T, Stop> {
        self.invalid();
        p.slice(0, length)?;
        Err(Stop::Here)
    }

    pub fn tcp(&self, port: u16) -> Port<'p> {
        self.names.port(Transport::Tcp, port).map_or(Port::Number(port), Port::Name)
    }

    pub fn udp(&self, port: u16) -> Port<'p> {
        self.names.port(Transport::Udp, port).map_or(Port::Number(port), Port::Name)
    }

    /// A time in the zone of the user, in the form of strftime(3); 1970 where it is none.
    pub fn date(&mut self, seconds: i64, form: &str) {
        let time = Timestamp::from_second(seconds).unwrap_or_default();
        put!(self, "{}", time.to_zoned(self.zone.clone()).strftime(form));
    }

    /// Bytes that nothing is known of, as far as they were captured.
    pub fn unknown(&mut self, p: Bytes<'_>, length: usize, indent: &str) {
        dump::hex(p.limit(length).all(), indent, 0, self.out);
    }

    /// Prints what is inside of the packet at hand, as a [part](Self::part). Tunnels in
    /// tunnels are followed only so deep: a frame of 64 KiB could hold thousands.
    pub fn nested(
        &mut self,
        print: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        const MAX_DEPTH: u8 = 32;
        if self.depth >= MAX_DEPTH {
            put!(self, "[packets nested too deep]");
            return Ok(());
        }
        self.depth += 1;
        let printed = self.part(print);
        self.depth -= 1;
        printed
    }

    /// Says that what stands there is against the protocol's rules.
    pub fn invalid(&mut self) {
        put!(self, " (invalid)");
    }

    /// A byte from the wire: printable as it is, the rest as `^X` and `M-X`.
    pub fn character(&mut self, mut byte: u8) {
        if byte >= 0x80 {
            byte &= 0x7f;
            self.out.extend_from_slice(b"M-");
        }
        if !(0x20..0x7f).contains(&byte) {
            byte ^= 0x40;
            self.out.push(b'^');
        }
        self.out.push(byte);
    }

    /// Text from the wire.
    pub fn characters(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.character(byte);
        }
    }

    /// Text from the wire of a length given: what there is of it, where it is [cut](Stop::Cut).
    pub fn string(&mut self, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
        self.characters(p.limit(length).all());
        p.slice(0, length).map(|_| ())
    }

    /// Text from the wire that a zero byte ends, of so many bytes at most. Says how many
    /// it took; `None` where there is no zero.
    pub fn terminated(&mut self, p: Bytes<'_>, most: usize) -> Option<usize> {
        let bytes = p.limit(most).all();
        let end = bytes.iter().position(|&byte| byte == 0);
        self.characters(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default());
        end.map(|end| end + 1)
    }

    /// Text from the wire in a field of so many bytes, filled up with zeros.
    pub fn padded(&mut self, p: Bytes<'_>, size: usize) -> Result<(), Stop> {
        match self.terminated(p, size) {
            None if !p.has(0, size) => Err(Stop::Cut),
            _ => Ok(()),
        }
    }

    /// Bytes as hexadecimal digits.
    pub fn hex(&mut self, bytes: &[u8]) {
        for byte in bytes {
            put!(self, "{byte:02x}");
        }
    }

    /// So many bytes from the wire as hexadecimal digits: what there is of them, where they are
    /// [cut](Stop::Cut).
    pub fn hex_digits(&mut self, p: Bytes<'_>, length: usize) -> Result<(), Stop> {
        self.hex(p.limit(length).all());
        p.slice(0, length).map(|_| ())
    }

    /// A span of seconds, as in `1h30m`.
    pub fn relative_time(&mut self, mut seconds: u32) {
        if seconds == 0 {
            put!(self, "0s");
        }
        for (unit, name) in
            [(31_536_000, 'y'), (604_800, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')]
        {
            if seconds >= unit {
                put!(self, "{}{name}", seconds / unit);
                seconds %= unit;
            }
        }
    }
}

/// The name of a number, if it has one.
pub fn name_of<N: PartialEq + Copy>(
    names: &[(N, &'static str)],
    number: N,
) -> Option<&'static str> {
    names.iter().find(|(n, _)| *n == number).map(|(_, name)| *name)
}

/// The name of a number of two bits, the lowest of `bits`.
pub fn name_of_two_bits([zero, one, two, three]: [&str; 4], bits: u8) -> &str {
    match bits & 3 {
        0 => zero,
        1 => one,
        2 => two,
        _ => three,
    }
}

/// Writes the name of a number, or the number in the form given.
macro_rules! put_name {
    ($to:expr, $names:expr, $number:expr, $($other:tt)*) => {
        match $crate::text::name_of($names, $number) {
            Some(name) => $crate::text::put!($to, "{name}"),
            None => $crate::text::put!($to, $($other)*),
        }
    };
}
pub(crate) use put_name;

/// The names of the bits set, joined; `none` where no named bit is.
pub fn bits(names: &[(u32, &str)], value: u32, separator: &str, none: &str) -> String {
    let set: Vec<&str> =
        names.iter().filter(|(bit, _)| value & bit == *bit).map(|(_, name)| *name).collect();
    if set.is_empty() { none.to_string() } else { set.join(separator) }
}

/// What `print` writes by a style, without names, in UTC.
#[cfg(test)]
pub(crate) fn written(style: &Style, print: impl FnOnce(&mut Text<'_>)) -> String {
    let (mut out, mut memory) = (Vec::new(), Memory::default());
    print(&mut Text::new(
        &mut out,
        style,
        &mut memory,
        &crate::names::Numbers,
        &TimeZone::UTC,
        &[],
    ));
    String::from_utf8(out).expect("text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_all_lengths_are_appended_whole() {
        let letters: Vec<u8> = (b'a'..=b'z').collect();
        for before in [0, 1, 15, 16, 17, 100] {
            for length in 0..=letters.len() {
                let mut out = vec![b'.'; before];
                append(&mut out, &letters[..length]);
                assert_eq!(out, [&vec![b'.'; before], &letters[..length]].concat());
            }
        }
    }

    #[test]
    fn wire_bytes_are_neutralised() {
        let text = written(&Style::default(), |t| t.characters(b"a\x1b[2J\x7f\xff\n"));
        assert_eq!(text, "a^[[2J^?M-^?^J");
    }

    #[test]
    fn spans() {
        for (seconds, text) in [(0, "0s"), (5400, "1h30m"), (32_230_861, "1y1w1d1h1m1s")] {
            assert_eq!(written(&Style::default(), |t| t.relative_time(seconds)), text);
        }
    }
}

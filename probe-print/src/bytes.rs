//! The bytes a printer may look at. Every read is checked: what was not captured is an
//! error that ends the line, never a panic.

use std::ops::Range;

/// Why a printer stops before its end. `?` passes it on, up to the [`Text::part`] that says
/// so and goes on.
///
/// [`Text::part`]: crate::text::Text::part
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A field lies past the captured bytes: ` [|protocol]` ends the frame's line.
    Cut,
    /// A field lies past the captured bytes or past the length that a header claims:
    /// ` [|protocol]` ends this packet, and what it is inside of goes on.
    Short,
    /// What stands there is against the protocol's rules: ` (invalid)` ends this packet, and
    /// what it is inside of goes on.
    Invalid,
    /// The text says already why this packet ends; what it is inside of goes on.
    Here,
}

/// Bytes from some header on, up to the end of the layer that holds it or of what was
/// captured, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn all(self) -> &'a [u8] {
        self.0
    }

    /// Where in a frame they are; `None` where they are not of it.
    pub fn place_in(self, frame: &[u8]) -> Option<Range<usize>> {
        let start = self.0.as_ptr().addr().checked_sub(frame.as_ptr().addr())?;
        let place = start..start.checked_add(self.0.len())?;
        (place.end <= frame.len()).then_some(place)
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether `length` bytes from `at` on are there.
    pub fn has(self, at: usize, length: usize) -> bool {
        at.checked_add(length).is_some_and(|end| end <= self.0.len())
    }

    /// Ends the packet as too [short](Stop::Short) where not.
    pub fn need(self, at: usize, length: usize) -> Result<(), Stop> {
        if self.has(at, length) { Ok(()) } else { Err(Stop::Short) }
    }

    /// From `at` on; none where that is past the end.
    pub fn from(self, at: usize) -> Self {
        Self(self.0.get(at..).unwrap_or_default())
    }

    /// The first `length`, or all where there are fewer.
    pub fn limit(self, length: usize) -> Self {
        Self(self.0.get(..length).unwrap_or(self.0))
    }

    /// `length` bytes at `at`.
    pub fn slice(self, at: usize, length: usize) -> Result<&'a [u8], Stop> {
        at.checked_add(length).and_then(|end| self.0.get(at..end)).ok_or(Stop::Cut)
    }

    /// A number of bytes known beforehand.
    pub fn array<const N: usize>(self, at: usize) -> Result<[u8; N], Stop> {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(Stop::Cut)
    }

    /// The `size` bytes at `at`, filled up with zeros: of an address, what a message has of it.
    pub fn filled<const N: usize>(self, at: usize, size: usize) -> Result<[u8; N], Stop> {
        let mut filled = [0; N];
        filled.get_mut(..size).ok_or(Stop::Cut)?.copy_from_slice(self.slice(at, size)?);
        Ok(filled)
    }

    /// The first `bits` of an address, in as many bytes as they need; the others zero.
    pub fn prefix<const N: usize>(self, at: usize, bits: u8) -> Result<[u8; N], Stop> {
        let size = usize::from(bits).div_ceil(8);
        let mut prefix = self.filled(at, size)?;
        if let Some(last) = size.checked_sub(1).and_then(|last| prefix.get_mut(last))
            && !bits.is_multiple_of(8)
        {
            *last &= (0xff00_u16 >> (bits % 8)) as u8;
        }
        Ok(prefix)
    }

    pub fn u8(self, at: usize) -> Result<u8, Stop> {
        self.0.get(at).copied().ok_or(Stop::Cut)
    }

    /// Two bytes, big-endian.
    pub fn u16(self, at: usize) -> Result<u16, Stop> {
        self.array(at).map(u16::from_be_bytes)
    }

    /// Three bytes, big-endian.
    pub fn u24(self, at: usize) -> Result<u32, Stop> {
        self.array(at).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Four bytes, big-endian.
    pub fn u32(self, at: usize) -> Result<u32, Stop> {
        self.array(at).map(u32::from_be_bytes)
    }

    /// Eight bytes, big-endian.
    pub fn u64(self, at: usize) -> Result<u64, Stop> {
        self.array(at).map(u64::from_be_bytes)
    }
}

/// Fields read one after the other, up to the length that the layer below claims; what of
/// it was captured may be less.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: Bytes<'a>,
    left: usize,
}

impl<'a> Fields<'a> {
    /// The fields of so many bytes.
    pub fn new(bytes: Bytes<'a>, length: usize) -> Self {
        Self { rest: bytes, left: length }
    }

    /// How many bytes are claimed to follow.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Ends the packet as too [short](Stop::Short) where fewer bytes than that are claimed,
    /// captured or not.
    pub fn claimed(&self, length: usize) -> Result<(), Stop> {
        if self.left >= length { Ok(()) } else { Err(Stop::Short) }
    }

    /// The captured bytes from here on.
    pub fn rest(&self) -> Bytes<'a> {
        self.rest
    }

    /// Goes on behind so many bytes, captured or not.
    pub fn skip(&mut self, length: usize) {
        self.rest = self.rest.from(length);
        self.left = self.left.saturating_sub(length);
    }

    /// As [`skip`](Self::skip); but a length that is too small for that wraps, as it does in tcpdump,
    /// and then only the bytes end the fields.
    pub fn skip_wrapping(&mut self, length: usize) {
        self.rest = self.rest.from(length);
        self.left = self.left.checked_sub(length).unwrap_or(usize::MAX);
    }

    pub fn slice(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        let bytes = self.rest.slice(0, length)?;
        self.skip(length);
        Ok(bytes)
    }

    /// The fields in the next bytes, captured or not.
    pub fn part(&mut self, length: usize) -> Self {
        let part = Self { rest: self.rest, left: length };
        self.skip(length);
        part
    }

    pub fn u8(&mut self) -> Result<u8, Stop> {
        let value = self.rest.u8(0)?;
        self.skip(1);
        Ok(value)
    }

    /// The next two bytes, big-endian.
    pub fn u16(&mut self) -> Result<u16, Stop> {
        let value = self.rest.u16(0)?;
        self.skip(2);
        Ok(value)
    }

    /// The next three bytes, big-endian.
    pub fn u24(&mut self) -> Result<u32, Stop> {
        let value = self.rest.u24(0)?;
        self.skip(3);
        Ok(value)
    }

    /// The next four bytes, big-endian.
    pub fn u32(&mut self) -> Result<u32, Stop> {
        let value = self.rest.u32(0)?;
        self.skip(4);
        Ok(value)
    }

    /// The next eight bytes, big-endian.
    pub fn u64(&mut self) -> Result<u64, Stop> {
        let value = self.rest.u64(0)?;
        self.skip(8);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_which_a_part_is_there() {
        let p = Bytes::new(&[1, 0xff, 0xff, 0xff]);
        assert_eq!(p.filled(1, 2), Ok([0xff, 0xff, 0, 0]));
        assert_eq!(p.filled::<4>(2, 3), Err(Stop::Cut));
        assert_eq!(p.filled::<2>(0, 3), Err(Stop::Cut));
        assert_eq!(p.prefix(1, 11), Ok([0xff, 0xe0, 0, 0]));
        assert_eq!(p.prefix(1, 16), Ok([0xff, 0xff, 0, 0]));
        assert_eq!(p.prefix(9, 0), Err::<[u8; 4], _>(Stop::Cut));
    }
}

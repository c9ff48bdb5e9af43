//! A byte stream that is read ahead: what the decoders of both formats take their records from.

use std::{
    io::{self, Cursor, Read},
    ops::Range,
};

use probe_frame::{LinkType, WallTime};

use crate::{error::ReadError, link};

/// Bytes asked of the stream at a time. A large piece costs the kernel less a byte to copy,
/// and still is in the processor's second cache when its frames are looked at.
const PIECE: usize = 512 << 10;

/// A byte stream, read ahead, that knows its name and how far it was read.
pub(crate) struct Input {
    name: String,
    stream: Box<dyn Read>,
    /// Of it, `unread` is still to be handed out; before it stands what was.
    buffer: Vec<u8>,
    unread: Range<usize>,
    /// Bytes handed out.
    offset: u64,
    /// Where the record at hand begins.
    record: u64,
}

impl Input {
    pub(crate) fn new(name: String, stream: Box<dyn Read>) -> Self {
        Self { name, stream, buffer: Vec::new(), unread: 0..0, offset: 0, record: 0 }
    }

    /// Remembers that a record begins here.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.record = self.offset;
    }

    /// Sees to it that so many bytes are [`ahead`](Self::ahead); `false` if the stream ends
    /// before the first of them.
    #[inline]
    pub(crate) fn has(&mut self, length: usize) -> Result<bool, ReadError> {
        if self.unread.len() < length { self.gather(length) } else { Ok(true) }
    }

    /// The next bytes, so many; `None` if the stream ends before the first of them. They
    /// stay where they are until the next are asked for.
    #[inline]
    pub(crate) fn take_or_end(&mut self, length: usize) -> Result<Option<Place>, ReadError> {
        if !self.has(length)? {
            return Ok(None);
        }
        let start = self.unread.start;
        self.unread.start += length;
        self.offset += length as u64;
        Ok(Some(Place { start, length }))
    }

    /// The next bytes, of a record already begun.
    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<Place, ReadError> {
        self.take_or_end(length)?.ok_or_else(|| self.cut())
    }

    /// The next bytes, as many as the array has; `None` if the stream ends before them.
    #[inline]
    pub(crate) fn array_or_end<const N: usize>(&mut self) -> Result<Option<[u8; N]>, ReadError> {
        let place = self.take_or_end(N)?;
        Ok(place.and_then(|place| self.bytes(place).first_chunk().copied()))
    }

    /// The same of a record already begun.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        self.array_or_end()?.ok_or_else(|| self.cut())
    }

    /// What was read ahead and not taken yet.
    #[inline]
    pub(crate) fn ahead(&self) -> &[u8] {
        self.buffer.get(self.unread.clone()).unwrap_or_default()
    }

    /// What was taken last.
    #[inline]
    pub(crate) fn bytes(&self, place: Place) -> &[u8] {
        place.of(&self.buffer)
    }

    /// All that was taken and is still there, and what comes after it.
    pub(crate) fn lend(&mut self) -> (&[u8], Ahead<'_>) {
        let Self { buffer, unread, offset, .. } = self;
        let bytes = buffer.get(unread.clone()).unwrap_or_default();
        (buffer, Ahead { bytes, unread, offset })
    }

    /// The stream from here on, with what was read ahead of it.
    pub(crate) fn into_rest(self) -> impl Read {
        let ahead = self.ahead().to_vec();
        Cursor::new(ahead).chain(self.stream)
    }

    /// Reads until so many bytes can be taken; no further, so that a pipe's frames are
    /// there as soon as they come. `false` if the stream ends before the first of them.
    #[cold]
    fn gather(&mut self, length: usize) -> Result<bool, ReadError> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.buffer.len() < length.max(PIECE) {
            self.buffer.resize(length.max(PIECE), 0);
        }
        while self.unread.len() < length {
            let room = self.buffer.get_mut(self.unread.end..).unwrap_or_default();
            match self.stream.read(room) {
                Ok(0) if self.unread.is_empty() => return Ok(false),
                Ok(0) => return Err(self.cut()),
                Ok(read) => self.unread.end += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let offset = self.offset + self.unread.len() as u64;
                    return Err(ReadError::Read { name: self.name.clone(), offset, source });
                }
            }
        }
        Ok(true)
    }

    /// The first four bytes, without which it is no capture.
    pub(crate) fn magic(&mut self) -> Result<[u8; 4], ReadError> {
        match self.array_or_end() {
            Ok(Some(magic)) => Ok(magic),
            Ok(None) | Err(ReadError::Truncated { .. }) => Err(self.unknown_format()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn unknown_format(&self) -> ReadError {
        ReadError::UnknownFormat { name: self.name.clone() }
    }

    pub(crate) fn cut(&self) -> ReadError {
        ReadError::Truncated { name: self.name.clone(), offset: self.record }
    }

    pub(crate) fn version(&self, major: u16, minor: u16) -> ReadError {
        ReadError::Version { name: self.name.clone(), major, minor }
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> ReadError {
        let (name, offset) = (self.name.clone(), self.record);
        ReadError::Damaged { name, offset, what: what.into() }
    }

    /// The link type that a number of this file stands for, which is big-endian or not.
    pub(crate) fn link_type(&self, number: u32, big: bool) -> Result<LinkType, ReadError> {
        link::of_number(number, big)
            .ok_or_else(|| ReadError::LinkType { name: self.name.clone(), number })
    }
}

/// What was read ahead, which can be taken while what was taken before is still looked at.
pub(crate) struct Ahead<'a> {
    bytes: &'a [u8],
    /// The input's, moved on at the end.
    unread: &'a mut Range<usize>,
    offset: &'a mut u64,
}

impl<'a> Ahead<'a> {
    /// The bytes that are not taken yet.
    #[inline]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Takes all of them but this rest.
    #[inline]
    pub(crate) fn take_up_to(&mut self, rest: &'a [u8]) {
        self.bytes = rest;
    }
}

impl Drop for Ahead<'_> {
    fn drop(&mut self) {
        let taken = self.unread.len().saturating_sub(self.bytes.len());
        self.unread.start += taken;
        *self.offset += taken as u64;
    }
}

/// Where bytes stand in a buffer.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) length: usize,
}

impl Place {
    pub(crate) fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start..self.start + self.length).unwrap_or_default()
    }
}

/// What the formats say of a frame.
pub(crate) struct Head {
    /// Its bytes, in the input's buffer or in the decoder's block.
    pub(crate) place: Place,
    pub(crate) time: WallTime,
    pub(crate) wire_len: u32,
    pub(crate) link: LinkType,
    pub(crate) outbound: Option<bool>,
}

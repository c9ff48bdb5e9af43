//! Frames out of a capture file, one after the other, in constant memory. Whatever the
//! bytes are, the answer is a frame, the end, or an error that names the place.

use std::{
    error::Error,
    fmt, fs,
    io::{self, Cursor, Read},
    ops::Range,
    path::Path,
};

use probe_filter::ir::LinkType;
use probe_frame::{Frame, WallTime};

use super::{pcap, pcapng, unpack::unpack};

/// Why a capture file cannot be read (any further).
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The file does not open.
    Open {
        /// Which file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Reading failed half-way.
    Read {
        /// Which file.
        name: String,
        /// How many bytes had been read.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The file ends inside a record.
    Cut {
        /// Which file.
        name: String,
        /// Where the record begins.
        offset: u64,
    },
    /// The file is not a capture file.
    Foreign {
        /// Which file.
        name: String,
    },
    /// A field makes no sense.
    Damaged {
        /// Which file.
        name: String,
        /// Where the record begins.
        offset: u64,
        /// What makes no sense.
        what: String,
    },
    /// A link type that probe does not understand.
    LinkType {
        /// Which file.
        name: String,
        /// The number in the file.
        number: u32,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { name, source } => write!(f, "opening {name}: {source}"),
            Self::Read { name, offset, source } => {
                write!(f, "reading {name} at byte {offset}: {source}")
            }
            Self::Cut { name, offset } => {
                write!(f, "{name} ends inside the record that begins at byte {offset}")
            }
            Self::Foreign { name } => write!(f, "{name} is neither a pcap nor a pcapng file"),
            Self::Damaged { name, offset, what } => {
                write!(f, "{name} is damaged at byte {offset}: {what}")
            }
            Self::LinkType { name, number } => write!(
                f,
                "{name} has link type {number}; probe reads Ethernet (1) and raw IP (101)"
            ),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::Read { source, .. } => Some(source),
            Self::Cut { .. }
            | Self::Foreign { .. }
            | Self::Damaged { .. }
            | Self::LinkType { .. } => None,
        }
    }
}

/// Bytes asked of the stream at a time. A large piece costs the kernel less a byte to copy,
/// and still is in the processor's second cache when its frames are looked at.
const PIECE: usize = 512 << 10;

/// A byte stream, read ahead, that knows its name and how far it was read.
pub(super) struct Input {
    name: String,
    stream: Box<dyn Read + Send>,
    /// Of it, `unread` is still to be handed out; before it stands what was.
    buffer: Vec<u8>,
    unread: Range<usize>,
    /// Bytes handed out.
    offset: u64,
    /// Where the record at hand begins.
    record: u64,
}

impl Input {
    fn new(name: String, stream: Box<dyn Read + Send>) -> Self {
        Self { name, stream, buffer: Vec::new(), unread: 0..0, offset: 0, record: 0 }
    }

    /// Remembers that a record begins here.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.record = self.offset;
    }

    /// Sees to it that so many bytes are [`ahead`](Self::ahead); `false` if the stream ends
    /// before the first of them.
    #[inline]
    pub(super) fn has(&mut self, length: usize) -> Result<bool, ReadError> {
        if self.unread.len() < length { self.gather(length) } else { Ok(true) }
    }

    /// The next bytes, so many; `None` if the stream ends before the first of them. They
    /// stay where they are until the next are asked for.
    #[inline]
    pub(super) fn take_or_end(&mut self, length: usize) -> Result<Option<Place>, ReadError> {
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
    pub(super) fn take(&mut self, length: usize) -> Result<Place, ReadError> {
        self.take_or_end(length)?.ok_or_else(|| self.cut())
    }

    /// The next bytes, as many as the array has; `None` if the stream ends before them.
    #[inline]
    pub(super) fn array_or_end<const N: usize>(&mut self) -> Result<Option<[u8; N]>, ReadError> {
        let place = self.take_or_end(N)?;
        Ok(place.and_then(|place| self.bytes(place).first_chunk().copied()))
    }

    /// The same of a record already begun.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        self.array_or_end()?.ok_or_else(|| self.cut())
    }

    /// What was read ahead and not taken yet.
    #[inline]
    pub(super) fn ahead(&self) -> &[u8] {
        self.buffer.get(self.unread.clone()).unwrap_or_default()
    }

    /// What was taken last.
    #[inline]
    pub(super) fn bytes(&self, place: Place) -> &[u8] {
        place.of(&self.buffer)
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
    fn magic(&mut self) -> Result<[u8; 4], ReadError> {
        match self.array_or_end() {
            Ok(Some(magic)) => Ok(magic),
            Ok(None) | Err(ReadError::Cut { .. }) => Err(self.foreign()),
            Err(error) => Err(error),
        }
    }

    fn foreign(&self) -> ReadError {
        ReadError::Foreign { name: self.name.clone() }
    }

    pub(super) fn cut(&self) -> ReadError {
        ReadError::Cut { name: self.name.clone(), offset: self.record }
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> ReadError {
        let (name, offset) = (self.name.clone(), self.record);
        ReadError::Damaged { name, offset, what: what.into() }
    }

    pub(super) fn link_type(&self, number: u32) -> Result<LinkType, ReadError> {
        super::link_type(number)
            .ok_or_else(|| ReadError::LinkType { name: self.name.clone(), number })
    }
}

/// Where bytes stand in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) length: usize,
}

impl Place {
    /// What stands there.
    fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start..self.start + self.length).unwrap_or_default()
    }
}

/// What the formats say of a frame.
pub(super) struct Head {
    /// Its bytes, in the input's buffer or in the decoder's block.
    pub(super) place: Place,
    pub(super) time: WallTime,
    pub(super) wire_len: u32,
    pub(super) outbound: Option<bool>,
}

enum Format {
    Pcap(pcap::Decoder),
    PcapNg(pcapng::Decoder),
}

/// A capture file being read.
pub struct Reader {
    name: String,
    input: Input,
    format: Format,
    /// A frame that was read ahead to learn the link type.
    ahead: Option<Head>,
    link: LinkType,
}

impl Reader {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        if path.as_os_str() == "-" {
            return Self::new("standard input".into(), Box::new(io::stdin()));
        }
        let file = fs::File::open(path)
            .and_then(|file| match file.metadata()?.is_dir() {
                true => Err(io::ErrorKind::IsADirectory.into()),
                false => Ok(file),
            })
            .map_err(|source| ReadError::Open { name: name.clone(), source })?;
        Self::new(name, Box::new(file))
    }

    /// Reads a capture from any stream.
    pub fn new(name: String, stream: Box<dyn Read + Send>) -> Result<Self, ReadError> {
        let mut input = Input::new(name.clone(), stream);
        let magic = input.magic()?;
        // What was read ahead comes before the rest.
        let ahead = input.buffer.get(input.unread).unwrap_or_default().to_vec();
        let (packed, stream) = unpack(magic, Box::new(Cursor::new(ahead).chain(input.stream)));
        // Places in errors are those of what was in it.
        let within = if packed { format!("{name} (unpacked)") } else { name.clone() };
        let mut input = Input::new(within, stream);
        // Comes again, in front of the rest, or unpacked.
        let magic = input.magic()?;
        let (format, link, ahead) = if let Some(decoder) = pcap::Decoder::start(magic, &mut input)?
        {
            let link = decoder.link();
            (Format::Pcap(decoder), link, None)
        } else if magic == pcapng::SECTION {
            let mut decoder = pcapng::Decoder::start(&mut input)?;
            // The link type stands in a block of its own, before the first frame.
            let ahead = decoder.next(&mut input)?;
            let link = decoder.link().unwrap_or_default();
            (Format::PcapNg(decoder), link, ahead)
        } else {
            return Err(input.foreign());
        };
        Ok(Self { name, input, format, ahead, link })
    }

    /// What the first bytes of each frame are.
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// Name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next frame; `None` at the end of the file.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its items")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        let head = self.head()?;
        Ok(head.map(|head| self.frame(head)))
    }

    /// The next frames, as many as are at hand and at least one; `None` at the end of the
    /// file. Those that are not asked for come again, but for the first.
    pub fn batch(&mut self) -> Result<Option<Batch<'_>>, ReadError> {
        let Some(head) = self.head()? else { return Ok(None) };
        let Head { place, time, wire_len, outbound } = head;
        let Input { buffer, unread, offset, .. } = &mut self.input;
        let (bytes, many) = match &self.format {
            Format::Pcap(decoder) => {
                let bytes = buffer.get(unread.clone()).unwrap_or_default();
                (buffer.as_slice(), Some(Many { decoder, bytes, unread, offset }))
            }
            Format::PcapNg(decoder) => (decoder.block(), None),
        };
        let bytes = place.of(bytes);
        let first = Frame { time, wire_len, bytes, ifindex: 0, outbound };
        Ok(Some(Batch { first: Some(first), many }))
    }

    fn head(&mut self) -> Result<Option<Head>, ReadError> {
        match (self.ahead.take(), &mut self.format) {
            (Some(head), _) => Ok(Some(head)),
            (None, Format::Pcap(decoder)) => decoder.next(&mut self.input),
            (None, Format::PcapNg(decoder)) => decoder.next(&mut self.input),
        }
    }

    fn frame(&self, head: Head) -> Frame<'_> {
        let Head { place, time, wire_len, outbound } = head;
        let bytes = match &self.format {
            Format::Pcap(_) => &self.input.buffer,
            Format::PcapNg(decoder) => decoder.block(),
        };
        Frame { time, wire_len, bytes: place.of(bytes), ifindex: 0, outbound }
    }
}

/// Frames that lie in the reader's buffer.
pub struct Batch<'a> {
    /// Found by itself, and with it whatever may be wrong with the file.
    first: Option<Frame<'a>>,
    many: Option<Many<'a>>,
}

/// The frames of a pcap file that are read ahead.
struct Many<'a> {
    decoder: &'a pcap::Decoder,
    bytes: &'a [u8],
    /// The input's, moved on at the end.
    unread: &'a mut Range<usize>,
    offset: &'a mut u64,
}

impl<'a> Iterator for Batch<'a> {
    type Item = Frame<'a>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'a>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let many = self.many.as_mut()?;
        let (frame, rest) = many.decoder.split(many.bytes)?;
        many.bytes = rest;
        Some(frame)
    }
}

impl Drop for Many<'_> {
    fn drop(&mut self) {
        let taken = self.unread.len() - self.bytes.len();
        self.unread.start += taken;
        *self.offset += taken as u64;
    }
}

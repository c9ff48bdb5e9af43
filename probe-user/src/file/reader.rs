//! Frames out of a capture file, one after the other, in constant memory. Whatever the
//! bytes are, the answer is a frame, the end, or an error that names the place.

use std::{
    error::Error,
    fmt, fs,
    io::{self, BufReader, Read},
    path::Path,
};

use probe_filter::ir::LinkType;

use super::{pcap, pcapng, unpack::unpack};
use crate::{clock::WallTime, frame::Frame};

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

/// A byte stream that knows its name and how far it was read.
pub(super) struct Input {
    name: String,
    stream: Box<dyn Read + Send>,
    offset: u64,
    /// Where the record at hand begins.
    record: u64,
}

impl Input {
    /// Remembers that a record begins here.
    pub(super) fn begin(&mut self) {
        self.record = self.offset;
    }

    /// Fills `buffer`; `false` if the stream ends before its first byte.
    pub(super) fn fill_or_end(&mut self, buffer: &mut [u8]) -> Result<bool, ReadError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.stream.read(rest) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(self.cut()),
                Ok(read) => {
                    filled += read;
                    self.offset += read as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let name = self.name.clone();
                    return Err(ReadError::Read { name, offset: self.offset, source });
                }
            }
        }
        Ok(true)
    }

    /// Fills `buffer`, which belongs to a record already begun.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ReadError> {
        if self.fill_or_end(buffer)? || buffer.is_empty() { Ok(()) } else { Err(self.cut()) }
    }

    /// The first four bytes, without which it is no capture.
    fn magic(&mut self) -> Result<[u8; 4], ReadError> {
        let mut magic = [0; 4];
        match self.fill_or_end(&mut magic) {
            Ok(true) => Ok(magic),
            Ok(false) | Err(ReadError::Cut { .. }) => Err(self.foreign()),
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

/// What the formats say of a frame; its bytes are in the reader's buffer.
pub(super) struct Head {
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
    /// Bytes of the frame at hand.
    buffer: Vec<u8>,
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
        Self::new(name, Box::new(BufReader::with_capacity(1 << 18, file)))
    }

    /// Reads a capture from any stream.
    pub fn new(name: String, stream: Box<dyn Read + Send>) -> Result<Self, ReadError> {
        let mut input = Input { name: name.clone(), stream, offset: 0, record: 0 };
        let mut magic = input.magic()?;
        let (packed, stream) = unpack(magic, input.stream);
        input.stream = stream;
        input.offset = 0;
        if packed {
            // Places in errors are those of what was in it.
            input.name = format!("{name} (unpacked)");
        }
        // Comes again, in front of the rest, or unpacked.
        magic = input.magic()?;
        let mut buffer = Vec::new();
        let (format, link, ahead) = if let Some(decoder) = pcap::Decoder::start(magic, &mut input)?
        {
            let link = decoder.link();
            (Format::Pcap(decoder), link, None)
        } else if magic == pcapng::SECTION {
            let mut decoder = pcapng::Decoder::start(&mut input)?;
            // The link type stands in a block of its own, before the first frame.
            let ahead = decoder.next(&mut input, &mut buffer)?;
            let link = decoder.link().unwrap_or_default();
            (Format::PcapNg(decoder), link, ahead)
        } else {
            return Err(input.foreign());
        };
        Ok(Self { name, input, format, buffer, ahead, link })
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
        let head = match (self.ahead.take(), &mut self.format) {
            (Some(head), _) => Some(head),
            (None, Format::Pcap(decoder)) => decoder.next(&mut self.input, &mut self.buffer)?,
            (None, Format::PcapNg(decoder)) => decoder.next(&mut self.input, &mut self.buffer)?,
        };
        Ok(head.map(|Head { time, wire_len, outbound }| Frame {
            time,
            wire_len,
            bytes: &self.buffer,
            ifindex: 0,
            outbound,
        }))
    }
}

//! Frames out of a capture file, one after the other, in constant memory.

use std::{cell::Cell, io::Read, ops::ControlFlow, path::Path, rc::Rc};

use probe_frame::{Frame, LinkType};

use crate::{
    error::ReadError,
    input::{Ahead, Head, Input},
    pcap, pcapng,
    source::{ReadHandler, Source},
    unpack::unpack,
};

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
    /// Bytes that are kept of a frame.
    snaplen: u32,
    /// Whether the handler stopped the stream: what is left in the buffer is no record then.
    stopped: Rc<Cell<bool>>,
}

impl Reader {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Self::open_with(path, Box::new(|_| ControlFlow::Continue(())))
    }

    /// Opens a file, as [`open`](Self::open), with a handler that may stop the reading. If it does
    /// so before the first frame, the error is [`ReadError::Stopped`].
    pub fn open_with(path: &Path, handler: ReadHandler) -> Result<Self, ReadError> {
        let name = if path.as_os_str() == "-" {
            "standard input".to_string()
        } else {
            path.display().to_string()
        };
        let source = Source::open(path, handler)
            .map_err(|source| ReadError::Open { name: name.clone(), source })?;
        let stopped = source.stopped();
        match Self::new(name.clone(), Box::new(source)) {
            Err(_) if stopped.get() => Err(ReadError::Stopped { name }),
            result => result.map(|reader| Self { stopped, ..reader }),
        }
    }

    /// Reads a capture from any stream.
    pub fn new(name: String, stream: Box<dyn Read>) -> Result<Self, ReadError> {
        let mut input = Input::new(name.clone(), stream);
        let magic = input.magic()?;
        let (packed, stream) = unpack(magic, Box::new(input.into_rest()));
        // Places in errors are those of what was in it.
        let within = if packed { format!("{name} (unpacked)") } else { name.clone() };
        let mut input = Input::new(within, stream);
        // Comes again, in front of the rest, or unpacked.
        let magic = input.magic()?;
        let (format, link, snaplen, ahead) =
            if let Some(decoder) = pcap::Decoder::start(magic, &mut input)? {
                let (link, snaplen) = (decoder.link(), decoder.snaplen());
                (Format::Pcap(decoder), link, snaplen, None)
            } else if magic == pcapng::SECTION {
                let mut decoder = pcapng::Decoder::start(&mut input)?;
                // What interfaces there are stands in blocks of their own, before the first frame.
                let ahead = decoder.next(&mut input)?;
                let first = ahead.as_ref().map(|head| head.link);
                let link = first.or_else(|| decoder.first_link()).unwrap_or_default();
                let snaplen = decoder.snaplen();
                (Format::PcapNg(decoder), link, snaplen, ahead)
            } else {
                return Err(input.unknown_format());
            };
        Ok(Self { name, input, format, ahead, link, snaplen, stopped: Rc::default() })
    }

    /// What the first bytes of the first frame are; where the file has none, what it says of them.
    /// In a pcap file all frames are of one type, in a pcapng file each may be of its own.
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// Bytes of a frame that whoever wrote the file kept, as the file says; [`MAX_FRAME`](probe_frame::MAX_FRAME) where it
    /// says that there was no limit. Of the interfaces that pcapng describes in front of the first
    /// frame it is the longest.
    pub fn snaplen(&self) -> u32 {
        self.snaplen
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
        let Head { place, time, wire_len, link, outbound } = head;
        let (taken, ahead) = self.input.lend();
        let (bytes, many) = match &self.format {
            Format::Pcap(decoder) => (taken, Some(Many { decoder, ahead })),
            Format::PcapNg(decoder) => (decoder.block(), None),
        };
        let bytes = place.of(bytes);
        let first = Frame { time, wire_len, link, bytes, ifindex: 0, outbound };
        Ok(Some(Batch { first: Some(first), many }))
    }

    // Inlined, so that a head need not be put together in memory only to be copied: that would
    // take longer than all the rest of reading it.
    #[inline]
    fn head(&mut self) -> Result<Option<Head>, ReadError> {
        if self.ahead.is_some() {
            return Ok(self.ahead.take());
        }
        let head = match &mut self.format {
            Format::Pcap(decoder) => decoder.next(&mut self.input),
            Format::PcapNg(decoder) => decoder.next(&mut self.input),
        };
        match head {
            Ok(head) => Ok(head),
            Err(_) if self.stopped.get() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn frame(&self, head: Head) -> Frame<'_> {
        let Head { place, time, wire_len, link, outbound } = head;
        let bytes = match &self.format {
            Format::Pcap(_) => self.input.bytes(place),
            Format::PcapNg(decoder) => place.of(decoder.block()),
        };
        Frame { time, wire_len, link, bytes, ifindex: 0, outbound }
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
    ahead: Ahead<'a>,
}

impl<'a> Iterator for Batch<'a> {
    type Item = Frame<'a>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'a>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let many = self.many.as_mut()?;
        let (frame, rest) = many.decoder.split(many.ahead.bytes())?;
        many.ahead.take_up_to(rest);
        Some(frame)
    }
}

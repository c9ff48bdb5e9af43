//! Writes capture files. A frame is in the file whole or not at all: blocks gather in
//! memory and go out whole; where a write fails half-way, the file is cut back to the
//! last whole block, so that a full disk leaves a file that reads.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use probe_filter::ir::LinkType;

use super::{pcap_writer, pcapng_writer, pcapng_writer::Origin};
use crate::{clock::WallTime, frame::Frame};

/// Bytes gathered before a write; a longer frame is written at once.
const GATHER: usize = 256 << 10;

/// Fraction of a second in time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// Microseconds, the default of every reader.
    #[default]
    Micro,
    /// Nanoseconds.
    Nano,
}

/// The form of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// pcap, which every tool reads.
    Pcap(Precision),
    /// pcapng, which also tells where the frames came from.
    PcapNg(Origin),
}

/// What a file is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// What the frames begin with.
    pub link: LinkType,
    /// Bytes of a frame that are kept.
    pub snaplen: u32,
    /// The form of the file.
    pub format: Format,
}

/// The account of a whole capture, for the formats that have a place for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// When the account was made.
    pub time: WallTime,
    /// Frames looked at.
    pub seen: u64,
    /// Frames that the filter accepted.
    pub matched: u64,
    /// Accepted frames that sampling chose: all of them where nothing is sampled.
    pub chosen: u64,
    /// Chosen frames that the kernel lost.
    pub lost: u64,
    /// Chosen frames that did not make it through user space.
    pub dropped: u64,
}

/// Turns frames into the blocks of one format.
enum Encoder {
    Pcap(pcap_writer::Encoder),
    PcapNg(Box<pcapng_writer::Encoder>),
}

impl Encoder {
    fn new(contents: &Contents) -> Self {
        let Contents { link, snaplen, format } = contents;
        match format {
            Format::Pcap(precision) => {
                Self::Pcap(pcap_writer::Encoder::new(*link, *snaplen, *precision))
            }
            Format::PcapNg(origin) => {
                Self::PcapNg(Box::new(pcapng_writer::Encoder::new(*link, *snaplen, origin.clone())))
            }
        }
    }

    fn head(&self, out: &mut Vec<u8>) {
        match self {
            Self::Pcap(pcap) => pcap.head(out),
            Self::PcapNg(pcapng) => pcapng.head(out),
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Pcap(pcap) => pcap.frame(frame, out),
            Self::PcapNg(pcapng) => pcapng.frame(frame, out),
        }
    }

    fn tail(&self, statistics: Option<&Statistics>, out: &mut Vec<u8>) {
        match self {
            // pcap has no place for an account.
            Self::Pcap(_) => {}
            Self::PcapNg(pcapng) => pcapng.tail(statistics, out),
        }
    }

    /// Length of the block at the start of `bytes`, and whether it is a frame.
    fn block(&self, bytes: &[u8]) -> Option<(usize, bool)> {
        match self {
            Self::Pcap(_) => pcap_writer::record(bytes).map(|length| (length, true)),
            Self::PcapNg(_) => pcapng_writer::block_at(bytes),
        }
    }
}

/// Where the bytes go: `set_len` is what a pipe does not have.
enum Output {
    File(File),
    Stream(Box<dyn Write + Send>),
}

/// A capture file being written.
pub struct Writer {
    output: Output,
    encoder: Encoder,
    snaplen: u32,
    pending: Vec<u8>,
    /// Frames in `pending`.
    pending_frames: u64,
    /// Bytes of whole blocks that the output took.
    written: u64,
    /// Frames that the output took.
    frames: u64,
    /// A write failed: what follows would not be where a reader looks for it.
    failed: bool,
}

impl Writer {
    /// Creates a pcap file; `-` is standard output.
    ///
    /// # Errors
    /// Those of creating and writing files.
    pub fn create(
        path: &Path,
        link: LinkType,
        snaplen: u32,
        precision: Precision,
    ) -> io::Result<Self> {
        Self::open(path, &Contents { link, snaplen, format: Format::Pcap(precision) })
    }

    /// Creates a file; `-` is standard output.
    ///
    /// # Errors
    /// Those of creating and writing files.
    pub fn open(path: &Path, contents: &Contents) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Self::to_stream(Box::new(io::stdout()), contents);
        }
        let file = File::create(path)?;
        // A pipe or a device is written like a stream: it has no length to cut.
        if !file.metadata()?.is_file() {
            return Self::to_stream(Box::new(file), contents);
        }
        Self::start(Output::File(file), contents).inspect_err(|_| {
            // Without even a head it is a file that nobody can read, and we made it.
            let _ = std::fs::remove_file(path);
        })
    }

    /// Writes to any stream.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn to_stream(stream: Box<dyn Write + Send>, contents: &Contents) -> io::Result<Self> {
        Self::start(Output::Stream(stream), contents)
    }

    fn start(output: Output, contents: &Contents) -> io::Result<Self> {
        let mut writer = Self {
            output,
            encoder: Encoder::new(contents),
            snaplen: contents.snaplen,
            pending: Vec::with_capacity(GATHER),
            pending_frames: 0,
            written: 0,
            frames: 0,
            failed: false,
        };
        writer.encoder.head(&mut writer.pending);
        // The head goes out at once: a reader at the other end of a pipe waits for it,
        // and a disk without room is better known before the capture than after.
        writer.flush()?;
        Ok(writer)
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// As [`flush`](Self::flush), which it calls now and then.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let bytes = frame.bytes.get(..self.snaplen as usize).unwrap_or(frame.bytes);
        if self.pending.len() + bytes.len() >= GATHER {
            self.flush()?;
        }
        self.encoder.frame(&Frame { bytes, ..*frame }, &mut self.pending);
        self.pending_frames += 1;
        Ok(())
    }

    /// Hands all whole blocks to the output. On failure the frames that did not fit are
    /// dropped, and a file is cut back to what holds whole blocks.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.failed {
            let message = "an earlier write to the file had failed";
            return Err(io::Error::other(message));
        }
        let result = match &mut self.output {
            Output::File(file) => file.write_all(&self.pending),
            Output::Stream(stream) => stream.write_all(&self.pending).and_then(|()| stream.flush()),
        };
        if result.is_ok() {
            self.written += self.pending.len() as u64;
            self.frames += self.pending_frames;
        } else {
            self.failed = true;
            self.cut_back();
        }
        self.pending.clear();
        self.pending_frames = 0;
        result
    }

    /// Ends the file with what its format says at the end: the account of the capture,
    /// where it is known. After a failure there is nothing to add.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn finish(&mut self, statistics: Option<&Statistics>) -> io::Result<()> {
        if self.failed {
            return Ok(());
        }
        self.encoder.tail(statistics, &mut self.pending);
        self.flush()
    }

    /// Frames that the output took, whole.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes of the file so far, those that wait for the next write included.
    pub fn length(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// After a write that failed: keeps the whole blocks that landed.
    fn cut_back(&mut self) {
        let Output::File(file) = &self.output else { return };
        let length = file.metadata().map_or(self.written, |metadata| metadata.len());
        let landed = length.saturating_sub(self.written);
        // Before the first frame there is the head, which is of use only whole.
        if self.written > 0 {
            let (whole, frames) = whole_blocks(&self.encoder, &self.pending, landed);
            self.written += whole;
            self.frames += frames;
        }
        // Nothing can be done if even that fails; the write's error is the one to tell.
        let _ = file.set_len(self.written);
    }
}

/// How many bytes and frames of `pending` landed whole, if `landed` bytes of it did.
fn whole_blocks(encoder: &Encoder, pending: &[u8], landed: u64) -> (u64, u64) {
    let (mut at, mut frames) = (0, 0);
    while let Some((length, is_frame)) = pending.get(at..).and_then(|rest| encoder.block(rest)) {
        let end = at + length;
        if end as u64 > landed {
            break;
        }
        (at, frames) = (end, frames + u64::from(is_frame));
    }
    (at as u64, frames)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::file::Reader;

    /// A stream whose bytes can be looked at.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn frame(time: u64, bytes: &[u8], wire_len: u32) -> Frame<'_> {
        Frame { time: WallTime(time), wire_len, bytes, ifindex: 0, outbound: None }
    }

    fn formats() -> [(Format, u64); 3] {
        [
            (Format::Pcap(Precision::Micro), 1_000),
            (Format::Pcap(Precision::Nano), 1),
            (Format::PcapNg(Origin::default()), 1),
        ]
    }

    #[test]
    fn what_is_written_reads_back() {
        for (format, unit) in formats() {
            let shared = Shared::default();
            let contents = Contents { link: LinkType::Ethernet, snaplen: 100, format };
            let mut writer = Writer::to_stream(Box::new(shared.clone()), &contents).unwrap();
            let long: Vec<u8> = (0..=255).collect();
            let time = 1_700_000_000_123_456_789;
            writer.write(&frame(time, &[1, 2, 3], 60)).unwrap();
            writer.write(&frame(time + 5, &long, 1514)).unwrap();
            writer.finish(None).unwrap();
            assert_eq!(writer.frames(), 2);

            let bytes = shared.0.lock().unwrap().clone();
            assert_eq!(writer.length(), bytes.len() as u64);
            let mut reader = Reader::new("test".into(), Box::new(io::Cursor::new(bytes))).unwrap();
            assert_eq!(reader.link(), LinkType::Ethernet);
            let first = reader.next().unwrap().unwrap();
            assert_eq!(first, frame(time / unit * unit, &[1, 2, 3], 60));
            let second = reader.next().unwrap().unwrap();
            assert_eq!((second.bytes, second.wire_len), (&long[..100], 1514));
            assert!(reader.next().unwrap().is_none());
        }
    }

    /// Wherever a write breaks off, what is kept is whole blocks, and as many as fit.
    #[test]
    fn a_half_written_block_is_found() {
        for (format, _) in formats() {
            let contents = Contents { link: LinkType::Ethernet, snaplen: 1000, format };
            let mut encoder = Encoder::new(&contents);
            let (mut pending, mut ends) = (Vec::new(), vec![0]);
            for length in [5usize, 0, 300] {
                encoder.frame(&frame(1, &[7; 300][..length], 300), &mut pending);
                ends.push(pending.len());
            }
            encoder.tail(None, &mut pending);
            for landed in 0..=pending.len() {
                let frames = ends.iter().filter(|&&end| end <= landed).count() - 1;
                let (whole, kept) = whole_blocks(&encoder, &pending, landed as u64);
                assert_eq!(kept, frames as u64, "{landed} bytes");
                let tail = pending.len() as u64;
                assert!(whole == ends[frames] as u64 || whole == tail && landed == pending.len());
            }
        }
    }

    /// A device that is always full: the head already fails, and no file is left behind.
    #[test]
    fn no_room_is_told_at_once() {
        for (format, _) in formats() {
            let contents = Contents { link: LinkType::Raw, snaplen: 100, format };
            let error = Writer::open(Path::new("/dev/full"), &contents).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }

    #[test]
    fn after_a_failure_nothing_more_is_written() {
        struct Once(Shared, usize);
        impl Write for Once {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 += 1;
                match self.1 {
                    2 => Err(io::ErrorKind::StorageFull.into()),
                    _ => self.0.write(bytes),
                }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let shared = Shared::default();
        let format = Format::PcapNg(Origin::default());
        let contents = Contents { link: LinkType::Ethernet, snaplen: 100, format };
        let stream = Box::new(Once(shared.clone(), 0));
        let mut writer = Writer::to_stream(stream, &contents).unwrap();
        let head = shared.0.lock().unwrap().len();
        writer.write(&frame(1, &[1; 60], 60)).unwrap();
        assert!(writer.flush().is_err());
        writer.finish(Some(&Statistics::default())).unwrap();
        assert_eq!(shared.0.lock().unwrap().len(), head);
    }
}

//! Writes capture files. A frame is in the file whole or not at all: blocks gather in
//! memory and go out whole; where a write fails half-way, the file is cut back to the
//! last whole block, so that a full disk leaves a file that reads.
//!
//! Frames that stay where they are until the write may be lent: the bytes of long ones then
//! go from there to the output (writev(2)), without a copy in between.

use std::{
    error::Error,
    fmt,
    fs::File,
    io::{self, IoSlice, Write},
    path::Path,
};

use probe_frame::{Frame, LinkType};

use crate::{
    contents::{Contents, Format, Interface, Statistics},
    output::Output,
    pcap, pcapng,
};

/// Bytes gathered before a write to a file; a longer frame is written at once.
const GATHER: usize = 256 << 10;
/// To a stream no more than a pipe takes (pipe(7)), so that a slow reader is seen to get on.
const GATHER_STREAM: usize = 64 << 10;

/// Frames of so many bytes are not copied, if they are lent. Below, a copy costs less than
/// two more entries for writev(2).
const LONG: usize = 512;

/// Turns frames into the blocks of one format.
enum Encoder {
    Pcap(pcap::Encoder),
    PcapNg(Box<pcapng::Encoder>),
}

impl Encoder {
    fn new(contents: &Contents) -> Self {
        let Contents { link, snaplen, format } = contents;
        match format {
            Format::Pcap(precision) => Self::Pcap(pcap::Encoder::new(*link, *snaplen, *precision)),
            Format::PcapNg(origin) => {
                Self::PcapNg(Box::new(pcapng::Encoder::new(*link, *snaplen, origin.clone())))
            }
        }
    }

    fn head(&self, out: &mut Vec<u8>) {
        match self {
            Self::Pcap(pcap) => pcap.head(out),
            Self::PcapNg(pcapng) => pcapng.head(out),
        }
    }

    /// Adds a frame's block, without its bytes where they are lent. Returns where those belong.
    fn frame(&mut self, frame: &Frame<'_>, lent: bool, out: &mut Vec<u8>) -> usize {
        match self {
            Self::Pcap(pcap) => pcap.frame(frame, lent, out),
            Self::PcapNg(pcapng) => pcapng.frame(frame, lent, out),
        }
    }

    fn add_interface(&mut self, interface: Interface, out: &mut Vec<u8>) {
        match self {
            // pcap does not tell of interfaces.
            Self::Pcap(_) => {}
            Self::PcapNg(pcapng) => pcapng.add_interface(interface, out),
        }
    }

    /// A pcap file says once what its frames begin with.
    fn takes(&self, frame: &Frame<'_>) -> io::Result<()> {
        match self {
            Self::Pcap(pcap) if pcap.link() != frame.link => {
                let mixed = MixedLinkTypes { file: pcap.link(), frame: frame.link };
                Err(io::Error::new(io::ErrorKind::InvalidInput, mixed))
            }
            Self::Pcap(_) | Self::PcapNg(_) => Ok(()),
        }
    }

    fn tail(&self, statistics: Option<&Statistics>, out: &mut Vec<u8>) {
        match self {
            // pcap has no place for an account.
            Self::Pcap(_) => {}
            Self::PcapNg(pcapng) => pcapng.tail(statistics, out),
        }
    }
}

/// A frame was to go to a pcap file whose frames are of another link type; pcapng holds both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MixedLinkTypes {
    /// That of the file.
    pub file: LinkType,
    /// That of the frame.
    pub frame: LinkType,
}

impl fmt::Display for MixedLinkTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pcap file holds frames of one link type")
    }
}

impl Error for MixedLinkTypes {}

/// The bytes of frames that are part of the next write, by where they belong in what the
/// [`Writer`] gathers.
#[derive(Default)]
pub struct Lent<'a>(Vec<(usize, &'a [u8])>);

/// A capture file being written.
pub struct Writer {
    output: Output,
    encoder: Encoder,
    snaplen: u32,
    /// Bytes that gather before a write.
    gather: usize,
    /// What gathers, without what is lent.
    pending: Vec<u8>,
    /// Bytes that are lent.
    lent: u64,
    /// Where each of the blocks ends that gathered, and how many frames there are up to there.
    blocks: Vec<(u64, u64)>,
    /// Bytes of whole blocks that the output took.
    written: u64,
    /// Frames that the output took.
    frames: u64,
    /// A write failed: what follows would not be where a reader looks for it.
    failed: bool,
}

impl Writer {
    /// Creates a file, or empties the one that is there.
    ///
    /// # Errors
    /// Those of creating and writing files.
    pub fn create(path: &Path, contents: &Contents) -> io::Result<Self> {
        Self::to_file(File::create(path)?, contents)
    }

    /// Writes to an open plain file. What is a pipe or a device is better written
    /// [to as a stream](Self::to_stream): it has no length to cut.
    ///
    /// # Errors
    /// Those of writing.
    pub fn to_file(file: File, contents: &Contents) -> io::Result<Self> {
        Self::start(Output::File(file), contents)
    }

    /// Writes to any stream.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn to_stream(stream: Box<dyn Write + Send>, contents: &Contents) -> io::Result<Self> {
        Self::start(Output::Stream(stream), contents)
    }

    fn start(output: Output, contents: &Contents) -> io::Result<Self> {
        let gather = match output {
            Output::File(_) => GATHER,
            Output::Stream(_) => GATHER_STREAM,
        };
        let mut writer = Self {
            output,
            encoder: Encoder::new(contents),
            snaplen: contents.snaplen,
            gather,
            pending: Vec::with_capacity(gather),
            lent: 0,
            blocks: Vec::new(),
            written: 0,
            frames: 0,
            failed: false,
        };
        writer.encoder.head(&mut writer.pending);
        writer.end_block(0);
        // The head goes out at once: a reader at the other end of a pipe waits for it,
        // and a disk without room is better known before the capture than after.
        writer.flush()?;
        Ok(writer)
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// As [`flush`](Self::flush), which it calls now and then; [`MixedLinkTypes`] within one of
    /// kind [`InvalidInput`](io::ErrorKind::InvalidInput), after which other frames can follow.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        self.encoder.takes(frame)?;
        let frame = self.snapped(frame);
        if self.pending.len() + frame.bytes.len() >= self.gather {
            self.flush()?;
        }
        self.encoder.frame(&frame, false, &mut self.pending);
        self.end_block(1);
        Ok(())
    }

    /// Adds a frame whose bytes stay where they are until [`flush_lent`](Self::flush_lent),
    /// which has to come before anything else is done with the writer.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn write_lent<'a>(&mut self, frame: &Frame<'a>, lent: &mut Lent<'a>) -> io::Result<()> {
        self.encoder.takes(frame)?;
        let frame = self.snapped(frame);
        if self.pending.len() + frame.bytes.len() >= self.gather {
            self.flush_lent(lent)?;
        }
        let long = frame.bytes.len() >= LONG;
        let place = self.encoder.frame(&frame, long, &mut self.pending);
        if long {
            lent.0.push((place, frame.bytes));
            self.lent += frame.bytes.len() as u64;
        }
        self.end_block(1);
        Ok(())
    }

    /// Tells of an interface that frames may be of from here on; pcap has no place for it. Nothing may
    /// be lent.
    pub fn add_interface(&mut self, interface: Interface) {
        self.encoder.add_interface(interface, &mut self.pending);
        self.end_block(0);
    }

    fn snapped<'a>(&self, frame: &Frame<'a>) -> Frame<'a> {
        let bytes = frame.bytes.get(..self.snaplen as usize).unwrap_or(frame.bytes);
        Frame { bytes, ..*frame }
    }

    /// Takes note that what has gathered ends with a whole block, after so many frames more.
    fn end_block(&mut self, frames: u64) {
        let before = self.blocks.last().map_or(0, |&(_, frames)| frames);
        self.blocks.push((self.gathered(), before + frames));
    }

    /// Bytes that wait for the next write.
    fn gathered(&self) -> u64 {
        self.pending.len() as u64 + self.lent
    }

    /// Hands all whole blocks to the output. On failure the frames that did not fit are
    /// dropped, and a file is cut back to what holds whole blocks.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.flush_lent(&mut Lent::default())
    }

    /// [`flush`](Self::flush) with all that was lent since the last one.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush_lent(&mut self, lent: &mut Lent<'_>) -> io::Result<()> {
        if self.failed {
            let message = "an earlier write to the file had failed";
            return Err(io::Error::other(message));
        }
        let (landed, result) = match with_lent(&self.pending, &lent.0, self.lent) {
            Some(mut slices) => self.output.write_all(&mut slices),
            None => {
                let message = "the frames lent are not those that the writer has taken";
                (0, Err(io::Error::new(io::ErrorKind::InvalidInput, message)))
            }
        };
        self.keep(landed);
        if result.is_err() {
            self.cut_back();
        }
        lent.0.clear();
        self.pending.clear();
        self.lent = 0;
        self.blocks.clear();
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
        self.end_block(0);
        self.flush()
    }

    /// Whether it writes to a reader (a pipe, a terminal) and not into a file.
    pub fn is_stream(&self) -> bool {
        matches!(self.output, Output::Stream(_))
    }

    /// Frames that the output took, whole.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes of the file so far, those that wait for the next write included.
    pub fn length(&self) -> u64 {
        self.written + self.gathered()
    }

    /// Takes the whole blocks among the first bytes that gathered as written.
    fn keep(&mut self, landed: u64) {
        let whole = self.blocks.partition_point(|&(end, _)| end <= landed);
        if let Some((end, frames)) = whole.checked_sub(1).and_then(|last| self.blocks.get(last)) {
            self.written += end;
            self.frames += frames;
        }
    }

    /// After a write that failed: a file ends with its last whole block. From a stream nothing
    /// can be taken back, and its last block is cut.
    fn cut_back(&mut self) {
        self.failed = true;
        if let Output::File(file) = &self.output {
            // Nothing can be done if even that fails; the write's error is the one to tell.
            let _ = file.set_len(self.written);
        }
    }
}

/// What gathered, with the frames that are lent in their places; `None` where those are not the
/// ones that were taken, `total` bytes of them.
fn with_lent<'a>(
    pending: &'a [u8],
    lent: &[(usize, &'a [u8])],
    total: u64,
) -> Option<Vec<IoSlice<'a>>> {
    let mut slices = Vec::with_capacity(2 * lent.len() + 1);
    let (mut rest, mut at, mut missing) = (pending, 0, total);
    for &(place, bytes) in lent {
        let (before, behind) = rest.split_at_checked(place.checked_sub(at)?)?;
        slices.extend([IoSlice::new(before), IoSlice::new(bytes)]);
        (rest, at) = (behind, place);
        missing = missing.checked_sub(bytes.len() as u64)?;
    }
    slices.push(IoSlice::new(rest));
    (missing == 0).then_some(slices)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use probe_frame::{Precision, WallTime};

    use super::*;
    use crate::{contents::Origin, reader::Reader};

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
        Frame {
            time: WallTime(time),
            wire_len,
            bytes,
            link: LinkType::Ethernet,
            ifindex: 0,
            outbound: None,
        }
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
        let frames = [5, 0, 300, 700, 1000, 3].map(|length| frame(1, &[7; 1000][..length], 1000));
        for (format, _) in formats() {
            let contents = Contents { link: LinkType::Ethernet, snaplen: 1000, format };
            let start = || Writer::to_stream(Box::new(io::sink()), &contents).unwrap();
            let mut by_itself = start();
            let head = by_itself.length();
            let ends = frames.each_ref().map(|frame| {
                by_itself.write(frame).unwrap();
                by_itself.flush().unwrap();
                by_itself.length() - head
            });
            for landed in 0..=ends[5] {
                let (mut writer, mut lent) = (start(), Lent::default());
                frames.iter().for_each(|frame| writer.write_lent(frame, &mut lent).unwrap());
                assert_eq!((lent.0.len(), writer.length()), (2, head + ends[5]));
                writer.keep(landed);
                let whole = ends.iter().filter(|&&end| end <= landed).count();
                let kept = whole.checked_sub(1).map_or(0, |last| ends[last]);
                assert_eq!((writer.frames(), writer.written), (whole as u64, head + kept));
            }
        }
    }

    /// Lent or copied, the same bytes arrive, whatever the output takes at a time.
    #[test]
    fn lent_frames_are_written_from_where_they_are() {
        struct Reluctant(Shared, usize);
        impl Write for Reluctant {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 = (self.1 + 1) % 3;
                match self.1 {
                    0 => Err(io::ErrorKind::Interrupted.into()),
                    _ => self.0.write(&bytes[..bytes.len().min(100)]),
                }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let bytes: Vec<u8> = (0..2000u32).map(|at| (at * 7) as u8).collect();
        let lengths = [60, 1514, 511, 512, 0, 2000, 1999];
        for (format, _) in formats() {
            let contents = Contents { link: LinkType::Ethernet, snaplen: 1990, format };
            let written = |lend: bool| {
                let shared = Shared::default();
                let stream = Box::new(Reluctant(shared.clone(), 0));
                let mut writer = Writer::to_stream(stream, &contents).unwrap();
                let mut lent = Lent::default();
                for (time, length) in (0..).zip(lengths) {
                    let frame = frame(time, &bytes[..length], 2000);
                    if lend {
                        writer.write_lent(&frame, &mut lent).unwrap()
                    } else {
                        writer.write(&frame).unwrap()
                    }
                }
                writer.flush_lent(&mut lent).unwrap();
                writer.finish(Some(&Statistics::default())).unwrap();
                assert_eq!(writer.frames(), lengths.len() as u64);
                let all = shared.0.lock().unwrap().clone();
                assert_eq!(all.len() as u64, writer.length());
                all
            };
            assert!(written(true) == written(false));
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

    /// A block whose bytes are missing, or another's, would make all that follows unreadable.
    #[test]
    fn frames_that_were_not_lent_are_refused() {
        let bytes = [7; 2 * LONG];
        for (format, _) in formats() {
            let contents = Contents { link: LinkType::Ethernet, snaplen: 65_535, format };
            let start = |shared: &Shared| {
                let stream = Box::new(shared.clone());
                (Writer::to_stream(stream, &contents).unwrap(), shared.0.lock().unwrap().len())
            };
            let (to_one, to_other) = (Shared::default(), Shared::default());
            let ((mut one, head), (mut other, _)) = (start(&to_one), start(&to_other));
            let (mut lent, mut none) = (Lent::default(), Lent::default());
            one.write_lent(&frame(1, &bytes, 2000), &mut lent).unwrap();
            let error = other.flush_lent(&mut lent).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            let error = one.flush_lent(&mut none).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            for (writer, shared) in [(one, to_one), (other, to_other)] {
                assert_eq!((writer.frames(), shared.0.lock().unwrap().len()), (0, head));
            }
        }
    }
}

//! Writes capture files. A frame is in the file whole or not at all: blocks gather in
//! memory and go out whole; where a write fails half-way, the file is cut back to the
//! last whole block, so that a full disk leaves a file that reads.
//!
//! Frames that stay where they are until the write may be lent: the bytes of long ones then
//! go from there to the output (writev(2)), without a copy in between.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
    path::Path,
};

use probe_filter::ir::LinkType;
use probe_frame::{Frame, Precision, WallTime};

use super::{pcap_writer, pcapng_writer, pcapng_writer::Origin};
use crate::stdout;

/// Bytes gathered before a write; a longer frame is written at once.
const GATHER: usize = 256 << 10;

/// Frames of so many bytes are not copied, if they are lent. Below, a copy costs less than
/// two more entries for writev(2).
const LONG: usize = 512;

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

    /// Adds a frame's block, without its bytes where they are lent. Returns where those belong.
    fn frame(&mut self, frame: &Frame<'_>, lent: bool, out: &mut Vec<u8>) -> usize {
        match self {
            Self::Pcap(pcap) => pcap.frame(frame, lent, out),
            Self::PcapNg(pcapng) => pcapng.frame(frame, lent, out),
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

/// Where the bytes go: `set_len` is what a pipe does not have.
enum Output {
    File(File),
    Stream(Box<dyn Write + Send>),
}

/// The bytes of frames that are part of the next write, by where they belong in what the
/// [`Writer`] gathers.
#[derive(Default)]
pub struct Lent<'a>(Vec<(usize, &'a [u8])>);

/// A capture file being written.
pub struct Writer {
    output: Output,
    encoder: Encoder,
    snaplen: u32,
    /// What gathers before a write, without what is lent.
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
            return Self::to_stream(Box::new(stdout::open()?), contents);
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
    /// As [`flush`](Self::flush), which it calls now and then.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let frame = self.snapped(frame);
        if self.pending.len() + frame.bytes.len() >= GATHER {
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
    /// As [`flush`](Self::flush), which it calls now and then.
    pub fn write_lent<'a>(&mut self, frame: &Frame<'a>, lent: &mut Lent<'a>) -> io::Result<()> {
        let frame = self.snapped(frame);
        if self.pending.len() + frame.bytes.len() >= GATHER {
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
        let mut slices = Vec::with_capacity(2 * lent.0.len() + 1);
        let mut rest = self.pending.as_slice();
        for (place, bytes) in lent.0.drain(..) {
            let (before, behind) = rest.split_at(place - (self.pending.len() - rest.len()));
            slices.extend([IoSlice::new(before), IoSlice::new(bytes)]);
            rest = behind;
        }
        slices.push(IoSlice::new(rest));
        let result = match &mut self.output {
            Output::File(file) => write_all(file, &mut slices),
            Output::Stream(stream) => write_all(stream, &mut slices).and_then(|()| stream.flush()),
        };
        match result {
            Ok(()) => self.keep(u64::MAX),
            Err(_) => self.cut_back(),
        }
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

    /// After a write that failed: keeps the whole blocks that landed.
    fn cut_back(&mut self) {
        self.failed = true;
        let Output::File(file) = &self.output else { return };
        let length = file.metadata().map_or(self.written, |metadata| metadata.len());
        let landed = length.saturating_sub(self.written);
        // Before the first frame there is the head, which is of use only whole.
        if self.written > 0 {
            self.keep(landed);
        }
        let Output::File(file) = &self.output else { return };
        // Nothing can be done if even that fails; the write's error is the one to tell.
        let _ = file.set_len(self.written);
    }
}

/// As the library's own, which is not stable yet.
fn write_all(output: &mut dyn Write, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match output.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut slices, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
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
                    match lend {
                        true => writer.write_lent(&frame, &mut lent).unwrap(),
                        false => writer.write(&frame).unwrap(),
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

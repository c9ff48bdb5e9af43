//! Writes pcap. A frame is in the file whole or not at all: frames gather in memory and
//! go out in whole frames; where a write fails half-way, the file is cut back to the
//! last whole frame, so that a full disk leaves a file that reads.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use probe_filter::ir::LinkType;

use super::{link_number, pcap};
use crate::frame::Frame;

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

/// Where the bytes go: `set_len` is what a pipe does not have.
enum Output {
    File(File),
    Stream(Box<dyn Write + Send>),
}

/// A pcap file being written.
pub struct PcapWriter {
    output: Output,
    precision: Precision,
    snaplen: u32,
    pending: Vec<u8>,
    /// Frames in `pending`.
    pending_frames: u64,
    /// Bytes of whole frames that the output took.
    written: u64,
    /// Frames that the output took.
    frames: u64,
}

impl PcapWriter {
    /// Creates the file; `-` is standard output.
    pub fn create(
        path: &Path,
        link: LinkType,
        snaplen: u32,
        precision: Precision,
    ) -> io::Result<Self> {
        let output = if path.as_os_str() == "-" {
            Output::Stream(Box::new(io::stdout()))
        } else {
            let file = File::create(path)?;
            // A pipe or a device is written like a stream: it has no length to cut.
            match file.metadata()?.is_file() {
                true => Output::File(file),
                false => Output::Stream(Box::new(file)),
            }
        };
        Self::start(output, link, snaplen, precision)
    }

    /// Writes to any stream.
    pub fn to_stream(
        stream: Box<dyn Write + Send>,
        link: LinkType,
        snaplen: u32,
        precision: Precision,
    ) -> io::Result<Self> {
        Self::start(Output::Stream(stream), link, snaplen, precision)
    }

    fn start(
        output: Output,
        link: LinkType,
        snaplen: u32,
        precision: Precision,
    ) -> io::Result<Self> {
        let mut writer = Self {
            output,
            precision,
            snaplen,
            pending: Vec::with_capacity(GATHER),
            pending_frames: 0,
            written: 0,
            frames: 0,
        };
        let magic = match precision {
            Precision::Micro => pcap::MICRO,
            Precision::Nano => pcap::NANO,
        };
        writer.word(magic);
        writer.pending.extend_from_slice(&2u16.to_ne_bytes());
        writer.pending.extend_from_slice(&4u16.to_ne_bytes());
        writer.word(0);
        writer.word(0);
        writer.word(snaplen);
        writer.word(link_number(link));
        // The head goes out at once: a reader at the other end of a pipe waits for it,
        // and a disk without room is better known before the capture than after.
        writer.flush()?;
        Ok(writer)
    }

    fn word(&mut self, word: u32) {
        self.pending.extend_from_slice(&word.to_ne_bytes());
    }

    /// Adds a frame.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let bytes = frame.bytes.get(..self.snaplen as usize).unwrap_or(frame.bytes);
        let fraction = match self.precision {
            Precision::Micro => frame.time.nanoseconds() / 1_000,
            Precision::Nano => frame.time.nanoseconds(),
        };
        if self.pending.len() + bytes.len() + 16 > GATHER {
            self.flush()?;
        }
        // 32 bits of seconds last until 2106; the format has no more.
        self.word(frame.time.seconds() as u32);
        self.word(fraction);
        self.word(bytes.len() as u32);
        self.word(frame.wire_len);
        self.pending.extend_from_slice(bytes);
        self.pending_frames += 1;
        Ok(())
    }

    /// Hands all whole frames to the output. On failure the frames that did not fit are
    /// dropped, and a file is cut back to what holds whole frames.
    pub fn flush(&mut self) -> io::Result<()> {
        let result = match &mut self.output {
            Output::File(file) => file.write_all(&self.pending),
            Output::Stream(stream) => stream.write_all(&self.pending).and_then(|()| stream.flush()),
        };
        if result.is_ok() {
            self.written += self.pending.len() as u64;
            self.frames += self.pending_frames;
        } else if let Output::File(file) = &mut self.output {
            let (whole, frames) = whole_frames(&self.pending, file, self.written);
            self.written += whole;
            self.frames += frames;
            // Nothing can be done if even that fails; the first error is the one to tell.
            let _ = file.set_len(self.written);
        }
        self.pending.clear();
        self.pending_frames = 0;
        result
    }

    /// Frames that the output took, whole.
    pub fn frames(&self) -> u64 {
        self.frames
    }
}

/// After a write that failed: how many bytes and frames of `pending` stand in the file
/// whole, given that the file held `before` bytes.
fn whole_frames(pending: &[u8], file: &File, before: u64) -> (u64, u64) {
    let length = file.metadata().map_or(before, |metadata| metadata.len());
    let landed = length.saturating_sub(before);
    if before == 0 {
        // Not even the file's head fitted.
        return (0, 0);
    }
    let (mut at, mut frames) = (0, 0);
    while let Some(length) = pending.get(at + 8..).and_then(|rest| rest.first_chunk::<4>()) {
        let end = at + 16 + u32::from_ne_bytes(*length) as usize;
        if end as u64 > landed {
            break;
        }
        (at, frames) = (end, frames + 1);
    }
    (at as u64, frames)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Seek, SeekFrom},
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::{clock::WallTime, file::Reader};

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

    #[test]
    fn what_is_written_reads_back() {
        for (precision, unit) in [(Precision::Micro, 1_000), (Precision::Nano, 1)] {
            let shared = Shared::default();
            let stream = Box::new(shared.clone());
            let mut writer =
                PcapWriter::to_stream(stream, LinkType::Ethernet, 100, precision).unwrap();
            let long: Vec<u8> = (0..=255).collect();
            let time = 1_700_000_000_123_456_789;
            writer.write(&frame(time, &[1, 2, 3], 60)).unwrap();
            writer.write(&frame(time + 5, &long, 1514)).unwrap();
            writer.flush().unwrap();
            assert_eq!(writer.frames(), 2);

            let bytes = shared.0.lock().unwrap().clone();
            let mut reader = Reader::new("test".into(), Box::new(io::Cursor::new(bytes))).unwrap();
            assert_eq!(reader.link(), LinkType::Ethernet);
            let first = reader.next().unwrap().unwrap();
            assert_eq!(first, frame(time / unit * unit, &[1, 2, 3], 60));
            let second = reader.next().unwrap().unwrap();
            assert_eq!((second.bytes, second.wire_len), (&long[..100], 1514));
            assert!(reader.next().unwrap().is_none());
        }
    }

    /// A half-written frame is found by its length, whatever stands before it.
    #[test]
    fn a_half_written_frame_is_found() {
        let mut pending = Vec::new();
        for length in [5u32, 0, 300] {
            for word in [1, 2, length, length] {
                pending.extend_from_slice(&word.to_ne_bytes());
            }
            pending.extend(std::iter::repeat_n(7, length as usize));
        }
        let mut file = tempfile::tempfile().unwrap();
        for (landed, whole, frames) in
            [(0, 0, 0), (20, 0, 0), (21, 21, 1), (37, 37, 2), (352, 37, 2), (353, 353, 3)]
        {
            file.set_len(24).unwrap();
            file.seek(SeekFrom::End(0)).unwrap();
            file.write_all(&pending[..landed]).unwrap();
            assert_eq!(whole_frames(&pending, &file, 24), (whole, frames), "{landed} bytes");
        }
    }
}

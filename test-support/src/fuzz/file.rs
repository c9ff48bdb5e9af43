//! Any bytes as a capture file: it is read or refused, the same in whatever pieces it comes, and
//! what was read can be written and reads back.

use std::{
    io::{self, Cursor, Read, Write},
    sync::{Arc, Mutex, PoisonError},
};

use probe_pcap::{
    Contents, Format, Frame, Lent, LinkType, Origin, Precision, Reader, Statistics, WallTime,
    Writer,
};

/// Where to stop, as few bytes may be packed from many: frames, and bytes in them.
const FRAMES: usize = 2_000;
const BYTES: usize = 1 << 20;

/// No reader believes longer frames (`LONGEST_FRAME` of probe-pcap).
const SNAPLEN: u32 = 16 << 18;

/// A frame, of which the reader needs the memory again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    time: WallTime,
    wire_len: u32,
    link: LinkType,
    bytes: Vec<u8>,
    outbound: Option<bool>,
}

impl Kept {
    fn of(frame: &Frame<'_>) -> Self {
        let Frame { time, wire_len, link, outbound, .. } = *frame;
        Self { time, wire_len, link, bytes: frame.bytes.to_vec(), outbound }
    }

    fn frame(&self) -> Frame<'_> {
        let Self { time, wire_len, link, outbound, .. } = *self;
        Frame { time, wire_len, link, bytes: &self.bytes, ifindex: 0, outbound }
    }
}

/// What a file has: its frames, and how it ends, which is an error or nothing to say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    link: LinkType,
    frames: Vec<Kept>,
    bytes: usize,
    error: Option<String>,
}

impl Found {
    fn add(&mut self, frame: &Frame<'_>) {
        self.bytes += frame.bytes.len();
        self.frames.push(Kept::of(frame));
    }

    fn is_enough(&self) -> bool {
        self.frames.len() >= FRAMES || self.bytes >= BYTES
    }
}

/// Reads a frame at a time.
fn frames(stream: Box<dyn Read>) -> Found {
    let mut found = Found::default();
    let mut reader = match Reader::new("it".into(), stream) {
        Ok(reader) => reader,
        Err(error) => return Found { error: Some(error.to_string()), ..found },
    };
    found.link = reader.link();
    while !found.is_enough() {
        match reader.next() {
            Ok(Some(frame)) => found.add(&frame),
            Ok(None) => break,
            Err(error) => return Found { error: Some(error.to_string()), ..found },
        }
    }
    found
}

/// Reads as many frames at a time as there are; of each batch the last ones are left at times.
fn batches(stream: Box<dyn Read>) -> Found {
    let mut found = Found::default();
    let mut reader = match Reader::new("it".into(), stream) {
        Ok(reader) => reader,
        Err(error) => return Found { error: Some(error.to_string()), ..found },
    };
    found.link = reader.link();
    let mut most = 1;
    while !found.is_enough() {
        match reader.batch() {
            Ok(Some(batch)) => {
                for frame in batch.take(most) {
                    if !found.is_enough() {
                        found.add(&frame);
                    }
                }
            }
            Ok(None) => break,
            Err(error) => return Found { error: Some(error.to_string()), ..found },
        }
        most = most % 5 + 1;
    }
    found
}

/// A pipe that has a few bytes at a time, and is interrupted now and then.
struct Trickle(Cursor<Vec<u8>>, usize);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1 % 61 + 1;
        if self.1.is_multiple_of(7) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let room = buffer.len().min(self.1);
        self.0.read(buffer.get_mut(..room).unwrap_or_default())
    }
}

/// Memory as a stream.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes frames, by loan or by copy, and returns the file.
fn written(found: &Found, format: Format, lend: bool) -> io::Result<Vec<u8>> {
    let contents = Contents { link: found.link, snaplen: SNAPLEN, format };
    let memory = Memory::default();
    let mut writer = Writer::to_stream(Box::new(memory.clone()), &contents)?;
    let mut lent = Lent::default();
    for kept in &found.frames {
        if lend {
            writer.write_lent(&kept.frame(), &mut lent)?;
        } else {
            writer.write(&kept.frame())?;
        }
    }
    writer.flush_lent(&mut lent)?;
    writer.finish(Some(&Statistics::default()))?;
    assert_eq!(writer.frames(), found.frames.len() as u64);
    let bytes = memory.bytes();
    assert_eq!(writer.length(), bytes.len() as u64);
    Ok(bytes)
}

/// What pcap keeps of a frame: 32 bits of seconds, and no direction.
fn in_pcap(kept: &Kept) -> Kept {
    let seconds = u64::from(kept.time.seconds() as u32);
    let time = WallTime::new(seconds, kept.time.nanoseconds().into());
    Kept { time, outbound: None, ..kept.clone() }
}

/// By gzip (RFC 1952) or zstd (RFC 8878), of which there are frames and frames to skip.
fn is_packed(input: &[u8]) -> bool {
    matches!(
        input,
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]
    )
}

/// Reads the bytes in several ways, which have to agree, and writes what is in them.
pub fn run(input: &[u8]) {
    let stream = || Cursor::new(input.to_vec());
    let found = frames(Box::new(stream()));
    let in_batches = batches(Box::new(stream()));
    assert!(found == in_batches, "frame by frame {found:?}, in batches {in_batches:?}");
    let in_pieces = frames(Box::new(Trickle(stream(), 0)));
    if is_packed(input) && (found.error.is_some() || in_pieces.error.is_some()) {
        // How much can be unpacked before the damage depends on how much is unpacked at a time.
        let both = found.frames.len().min(in_pieces.frames.len());
        assert_eq!(found.frames.get(..both), in_pieces.frames.get(..both));
    } else {
        assert!(found == in_pieces, "at once {found:?}, in pieces {in_pieces:?}");
    }

    // pcap holds frames of one link type only.
    let mixed = found.frames.iter().any(|frame| frame.link != found.link);
    if mixed {
        let refused = written(&found, Format::Pcap(Precision::Nano), false);
        assert!(refused.is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput));
    }
    let formats = [
        (Format::Pcap(Precision::Nano), in_pcap as fn(&Kept) -> Kept),
        (Format::PcapNg(Origin::default()), Kept::clone),
    ];
    for (format, keeps) in formats.into_iter().skip(usize::from(mixed)) {
        let file = written(&found, format.clone(), false).expect("memory takes all");
        let by_loan = written(&found, format, true).expect("memory takes all");
        assert!(file == by_loan, "a loan changes what is written");
        let again = frames(Box::new(Cursor::new(file)));
        assert_eq!(again.error, None);
        // Where there is no frame, pcapng is of no link type.
        assert!(found.frames.is_empty() || again.link == found.link);
        let expected: Vec<Kept> = found.frames.iter().map(keeps).collect();
        assert!(again.frames == expected, "{:?} came back as {:?}", expected, again.frames);
    }
}

//! Frames out of a pcap file.

use probe_frame::{Frame, LinkType, MAX_FRAME, WallTime};

use super::numbers::{MICRO, MODIFIED, NANO};
use crate::{
    error::ReadError,
    input::{Head, Input},
};

/// Bytes before each frame: seconds, fraction, captured length, length on the wire.
const HEAD: usize = 16;
/// The same in a file of the modified libpcap: the interface's index, the protocol, the packet's
/// type and a byte of padding follow. Some versions of it wrote something else there, so that, as
/// in libpcap, nobody looks.
const MODIFIED_HEAD: usize = 24;

/// Which of the two lengths in front of a frame stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// The captured length first, as in all files of version 2.4.
    Captured,
    /// The other way round: versions before 2.3, and DG/UX tcpdump's.
    Wire,
    /// Version 2.3 was written by programs of both minds: the captured length is the smaller one.
    Smaller,
}

impl Lengths {
    /// Of a version that libpcap reads, too (`pcap_check_header` in sf-pcap.c); `None` for others.
    fn of_version(major: u16, minor: u16) -> Option<Self> {
        match (major, minor) {
            (2, 0..=2) | (543, 0) => Some(Self::Wire),
            (2, 3) => Some(Self::Smaller),
            (2, 4) => Some(Self::Captured),
            _ => None,
        }
    }
}

/// What the file's head says.
pub(crate) struct Decoder {
    /// Whether numbers are big-endian.
    big: bool,
    /// Nanoseconds in one unit of a time stamp's fraction.
    unit: u64,
    /// Bytes before each frame.
    head: usize,
    lengths: Lengths,
    /// The longest frame that is believed.
    longest: u32,
    /// Bytes of a frame that the file says to keep. As libpcap has it, what it says to have
    /// cut off does not count.
    snaplen: u32,
    link: LinkType,
}

impl Decoder {
    /// Reads the rest of the file's head; `None` if the magic number is another format's.
    pub(crate) fn start(magic: [u8; 4], input: &mut Input) -> Result<Option<Self>, ReadError> {
        let known = |magic| matches!(magic, MICRO | NANO | MODIFIED);
        let (big, magic) = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (little, _) if known(little) => (false, little),
            (_, big) if known(big) => (true, big),
            _ => return Ok(None),
        };
        let bytes: [u8; 20] = input.array()?;
        let (words, _) = bytes.as_chunks::<4>();
        let &[version, _zone, _accuracy, snaplen, link] = words else { return Err(input.cut()) };
        let [a, b, c, d] = version;
        let half = if big { u16::from_be_bytes } else { u16::from_le_bytes };
        let (major, minor) = (half([a, b]), half([c, d]));
        let lengths =
            Lengths::of_version(major, minor).ok_or_else(|| input.version(major, minor))?;
        let (snaplen, link) = (word(big, snaplen), word(big, link));
        // The upper bits carry the FCS length, which is none of our concern.
        let link = input.link_type(link & 0x03ff_ffff, big)?;
        // A snaplen field of 4 GB must not become an allocation of 4 GB.
        let longest = snaplen.clamp(MAX_FRAME, 16 * MAX_FRAME);
        // Some writers put zero, or a negative number, for no limit.
        let mut snaplen =
            if snaplen == 0 || snaplen > i32::MAX as u32 { u32::MAX } else { snaplen };
        let mut head = HEAD;
        if magic == MODIFIED {
            head = MODIFIED_HEAD;
            // Frames of cooked sockets got an Ethernet header that was not counted (libpcap).
            if link == LinkType::Ethernet {
                snaplen = snaplen.saturating_add(14);
            }
        }
        let unit = if magic == NANO { 1 } else { 1_000 };
        Ok(Some(Self { big, unit, head, lengths, longest, snaplen, link }))
    }

    /// Bytes of a frame that the file says to keep, [`MAX_FRAME`] where it names no limit.
    pub(crate) fn snaplen(&self) -> u32 {
        if self.snaplen == u32::MAX { MAX_FRAME } else { self.snaplen }
    }

    pub(crate) fn link(&self) -> LinkType {
        self.link
    }

    #[inline]
    pub(crate) fn next(&mut self, input: &mut Input) -> Result<Option<Head>, ReadError> {
        input.begin();
        if !input.has(self.head)? {
            return Ok(None);
        }
        let Some(head) = self.head(input.ahead()) else { return Err(input.cut()) };
        if head.captured > self.longest {
            return Err(input.damaged(format!("a frame of {} captured bytes", head.captured)));
        }
        let mut place = input.take(self.head + head.captured as usize)?;
        place.start += self.head;
        place.length = (place.length - self.head).min(self.snaplen as usize);
        let RecordHead { time, wire_len, .. } = head;
        Ok(Some(Head { place, time, wire_len, link: self.link, outbound: None }))
    }

    /// The frame that these bytes begin with, and what follows; `None` where it is not whole,
    /// or no frame.
    #[inline]
    pub(crate) fn split<'a>(&self, bytes: &'a [u8]) -> Option<(Frame<'a>, &'a [u8])> {
        let head = self.head(bytes)?;
        if head.captured > self.longest {
            return None;
        }
        let (bytes, rest) = bytes.get(self.head..)?.split_at_checked(head.captured as usize)?;
        let bytes = bytes.get(..self.snaplen as usize).unwrap_or(bytes);
        let RecordHead { time, wire_len, .. } = head;
        Some((Frame { time, wire_len, link: self.link, bytes, ifindex: 0, outbound: None }, rest))
    }

    #[inline]
    fn head(&self, bytes: &[u8]) -> Option<RecordHead> {
        // Two ways from the start: the usual one has nothing to turn round.
        if self.big { self.head_in::<true>(bytes) } else { self.head_in::<false>(bytes) }
    }

    #[inline]
    fn head_in<const BIG: bool>(&self, bytes: &[u8]) -> Option<RecordHead> {
        let (words, _) = bytes.first_chunk::<HEAD>()?.as_chunks::<4>();
        let &[seconds, fraction, first, second] = words else { return None };
        let word = |field| word(BIG, field);
        let nanoseconds = u64::from(word(fraction)) * self.unit;
        let time = WallTime::new(word(seconds).into(), nanoseconds);
        let (first, second) = (word(first), word(second));
        let (captured, wire_len) = match self.lengths {
            Lengths::Captured => (first, second),
            Lengths::Wire => (second, first),
            Lengths::Smaller => (first.min(second), first.max(second)),
        };
        Some(RecordHead { time, captured, wire_len })
    }
}

/// What stands before a frame.
struct RecordHead {
    time: WallTime,
    captured: u32,
    wire_len: u32,
}

#[inline]
fn word(big: bool, field: [u8; 4]) -> u32 {
    if big { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) }
}

//! Frames out of a pcap file.

use probe_frame::{Frame, LinkType, MAX_FRAME, WallTime};

use super::numbers::{MICRO, NANO};
use crate::{
    error::ReadError,
    input::{Head, Input},
};

/// Bytes before each frame: seconds, fraction, captured length, length on the wire.
const HEAD: usize = 16;

/// What the file's head says.
pub(crate) struct Decoder {
    /// Whether numbers are big-endian.
    big: bool,
    /// Nanoseconds in one unit of a time stamp's fraction.
    unit: u64,
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
        let (big, unit) = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (MICRO, _) => (false, 1_000),
            (NANO, _) => (false, 1),
            (_, MICRO) => (true, 1_000),
            (_, NANO) => (true, 1),
            _ => return Ok(None),
        };
        // Versions and reserved fields in the first words; nothing hangs on them.
        let head: [u8; 20] = input.array()?;
        let (head, _) = head.as_chunks::<4>();
        let &[_version, _zone, _accuracy, snaplen, link] = head else { return Err(input.cut()) };
        let (snaplen, link) = (word(big, snaplen), word(big, link));
        // The upper bits carry the FCS length, which is none of our concern.
        let link = input.link_type(link & 0x03ff_ffff)?;
        // A snaplen field of 4 GB must not become an allocation of 4 GB.
        let longest = snaplen.clamp(MAX_FRAME, 16 * MAX_FRAME);
        // Some writers put zero, or a negative number, for no limit.
        let snaplen = if snaplen == 0 || snaplen > i32::MAX as u32 { u32::MAX } else { snaplen };
        Ok(Some(Self { big, unit, longest, snaplen, link }))
    }

    pub(crate) fn link(&self) -> LinkType {
        self.link
    }

    pub(crate) fn next(&mut self, input: &mut Input) -> Result<Option<Head>, ReadError> {
        input.begin();
        if !input.has(HEAD)? {
            return Ok(None);
        }
        let Some(head) = self.head(input.ahead()) else { return Err(input.cut()) };
        if head.captured > self.longest {
            return Err(input.damaged(format!("a frame of {} captured bytes", head.captured)));
        }
        let mut place = input.take(HEAD + head.captured as usize)?;
        place.start += HEAD;
        place.length = (place.length - HEAD).min(self.snaplen as usize);
        Ok(Some(Head { place, time: head.time, wire_len: head.wire_len, outbound: None }))
    }

    /// The frame that these bytes begin with, and what follows; `None` where it is not whole,
    /// or no frame.
    #[inline]
    pub(crate) fn split<'a>(&self, bytes: &'a [u8]) -> Option<(Frame<'a>, &'a [u8])> {
        let head = self.head(bytes)?;
        if head.captured > self.longest {
            return None;
        }
        let (bytes, rest) = bytes.get(HEAD..)?.split_at_checked(head.captured as usize)?;
        let bytes = bytes.get(..self.snaplen as usize).unwrap_or(bytes);
        let RecordHead { time, wire_len, .. } = head;
        Some((Frame { time, wire_len, bytes, ifindex: 0, outbound: None }, rest))
    }

    #[inline]
    fn head(&self, bytes: &[u8]) -> Option<RecordHead> {
        // Two ways from the start: the usual one has nothing to turn round.
        if self.big { self.head_in::<true>(bytes) } else { self.head_in::<false>(bytes) }
    }

    #[inline]
    fn head_in<const BIG: bool>(&self, bytes: &[u8]) -> Option<RecordHead> {
        let (words, _) = bytes.first_chunk::<HEAD>()?.as_chunks::<4>();
        let &[seconds, fraction, captured, wire_len] = words else { return None };
        let word = |field| word(BIG, field);
        let nanoseconds = u64::from(word(fraction)) * self.unit;
        let time = WallTime::new(word(seconds).into(), nanoseconds);
        Some(RecordHead { time, captured: word(captured), wire_len: word(wire_len) })
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

//! The pcap format (draft-ietf-opsawg-pcap): a head of 24 bytes, then for each frame a
//! head of 16 bytes and the frame. Either byte order, micro- or nanoseconds.

use probe_filter::ir::LinkType;

use super::{
    MAX_FRAME,
    reader::{Head, Input, ReadError},
};
use crate::clock::WallTime;

/// Magic number of files with microseconds.
pub(super) const MICRO: u32 = 0xa1b2_c3d4;
/// Magic number of files with nanoseconds.
pub(super) const NANO: u32 = 0xa1b2_3c4d;

/// What the file's head says.
pub(super) struct Decoder {
    /// Whether numbers are big-endian.
    big: bool,
    /// Nanoseconds in one unit of a time stamp's fraction.
    unit: u64,
    /// The longest frame that is believed.
    longest: u32,
    /// Bytes of a frame that the file says to keep.
    snaplen: u32,
    link: LinkType,
}

impl Decoder {
    /// Reads the rest of the file's head; `None` if the magic number is another format's.
    pub(super) fn start(magic: [u8; 4], input: &mut Input) -> Result<Option<Self>, ReadError> {
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
        let longest = snaplen.max(MAX_FRAME);
        // Some writers put zero, or a negative number, for no limit.
        let snaplen = if snaplen == 0 || snaplen > i32::MAX as u32 { u32::MAX } else { snaplen };
        Ok(Some(Self { big, unit, longest, snaplen, link }))
    }

    pub(super) fn link(&self) -> LinkType {
        self.link
    }

    /// Reads the next frame.
    #[inline]
    pub(super) fn next(&mut self, input: &mut Input) -> Result<Option<Head>, ReadError> {
        input.begin();
        let Some(head) = input.array_or_end::<16>()? else { return Ok(None) };
        let (head, _) = head.as_chunks::<4>();
        let &[seconds, fraction, captured, wire_len] = head else { return Err(input.cut()) };
        let [seconds, fraction, captured, wire_len] =
            [seconds, fraction, captured, wire_len].map(|field| word(self.big, field));
        // A snaplen field of 4 GB must not become an allocation of 4 GB.
        if captured > self.longest.min(16 * MAX_FRAME) {
            return Err(input.damaged(format!("a frame of {captured} captured bytes")));
        }
        let mut place = input.take(captured as usize)?;
        // As libpcap has it: what a file says to have cut off does not count.
        place.length = place.length.min(self.snaplen as usize);
        let time = WallTime::new(seconds.into(), u64::from(fraction) * self.unit);
        Ok(Some(Head { place, time, wire_len, outbound: None }))
    }
}

#[inline]
fn word(big: bool, field: [u8; 4]) -> u32 {
    if big { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) }
}

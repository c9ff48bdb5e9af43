//! One frame on its way from a ring or a file to a sink.

use crate::{LinkType, WallTime};

/// What libpcap calls `MAXIMUM_SNAPLEN`, in bytes: no reader of pcap takes longer frames.
pub const MAX_FRAME: u32 = 262_144;

/// A captured frame. `bytes` may be fewer than the frame had on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When the kernel saw it.
    pub time: WallTime,
    /// Length on the wire in bytes, without FCS.
    pub wire_len: u32,
    /// What its first bytes are. Frames of several types may come from one file or capture.
    pub link: LinkType,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Index of the interface in the kernel, 0 where that is not known.
    pub ifindex: u32,
    /// Whether it was being sent; `None` where that is not known.
    pub outbound: Option<bool>,
}

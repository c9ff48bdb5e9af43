//! The head of a record in a ring; the frame's bytes follow it.

use bytemuck::{Pod, Zeroable};

/// What the kernel says of one frame. The ring carries this header and, right
/// behind it, [`captured_len`](Self::captured_len) bytes of the frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct RecordHeader {
    /// `CLOCK_MONOTONIC` nanoseconds (`bpf_ktime_get_ns`) when the program saw the frame.
    pub timestamp_ns: u64,
    /// The sampled rules that chose the frame, one bit each.
    pub rules: u64,
    /// Length of the frame at the hook, in bytes, without FCS. A VLAN tag that the
    /// kernel holds outside the frame ([`vlan_tpid`](Self::vlan_tpid)) is not in it.
    pub wire_len: u32,
    /// Bytes of the frame that follow this header.
    pub captured_len: u32,
    /// Index of the interface.
    pub ifindex: u32,
    /// [`RecordFlags`].
    pub flags: u32,
    /// Tag control information of a VLAN tag held outside the frame, host byte order.
    pub vlan_tci: u16,
    /// EtherType of that tag (0x8100 or 0x88a8), host byte order; 0: there is none.
    pub vlan_tpid: u16,
    /// Segments merged in a GRO or GSO frame; 0 for an ordinary one.
    pub gso_segments: u16,
    /// Payload bytes of each such segment.
    pub gso_size: u16,
}

/// Bits of [`RecordHeader::flags`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordFlags;

impl RecordFlags {
    /// The frame was being sent (tcx egress).
    pub const OUTBOUND: u32 = 1;
}

const _: () = {
    assert!(size_of::<RecordHeader>() == 40);
    assert!(core::mem::offset_of!(RecordHeader, wire_len) == 16);
};

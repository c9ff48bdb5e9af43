//! Records of the rings as frames: at the time of day, with the tags that the kernel holds beside
//! them.

use probe_common::{RecordFlags, RecordHeader};
use probe_frame::{Frame, LinkType, VlanTag, WallTime};

use crate::{clock::KernelClock, kernel::Ktime};

/// Makes frames of records.
pub struct Framing {
    clock: KernelClock,
    /// What frames begin with, by the program set that wrote them.
    links: Vec<LinkType>,
    /// Bytes of a frame that are handed on at most, the tag included that is put back.
    snaplen: usize,
    /// Scratch for a frame whose tag is put back.
    tagged: Vec<u8>,
}

impl Framing {
    /// For records with time stamps of this clock, whose frames begin as the program sets say.
    pub fn new(clock: Ktime, links: Vec<LinkType>, snaplen: u32) -> Self {
        let clock = KernelClock::start(clock);
        Self { clock, links, snaplen: snaplen as usize, tagged: Vec::new() }
    }

    /// Follows a step of the time of day, see [`KernelClock::tick`].
    pub fn tick(&mut self) {
        self.clock.tick();
    }

    /// The time of day of a kernel time stamp.
    pub fn wall(&self, stamp: u64) -> WallTime {
        self.clock.wall(stamp)
    }

    /// The frame of a record of a program set, and whether its bytes are those of the record.
    pub fn frame<'a>(
        &'a mut self,
        set: usize,
        header: &RecordHeader,
        bytes: &'a [u8],
    ) -> (Frame<'a>, bool) {
        let (mut bytes, mut wire_len) = (bytes, header.wire_len);
        let untouched = header.vlan_tpid == 0;
        if !untouched {
            let tag = VlanTag { tpid: header.vlan_tpid, tci: header.vlan_tci };
            tag.put_back(bytes, &mut self.tagged);
            let added = self.tagged.len().saturating_sub(bytes.len()) as u32;
            wire_len = wire_len.saturating_add(added);
            bytes = self.tagged.get(..self.snaplen).unwrap_or(&self.tagged);
        }
        let frame = Frame {
            time: self.clock.wall(header.timestamp_ns),
            wire_len,
            link: self.links.get(set).copied().unwrap_or_default(),
            bytes,
            ifindex: header.ifindex,
            outbound: Some(header.flags & RecordFlags::OUTBOUND != 0),
        };
        (frame, untouched)
    }
}

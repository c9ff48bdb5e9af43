//! Frames as the pump takes them: from the rings of a session, or from a test.

use std::time::Duration;

use probe_common::RecordFlags;
use probe_frame::{Frame, LinkType, VlanTag};

use crate::{
    clock::KernelClock,
    kernel::{Loan, Rings, Span},
};

/// Frames that were captured, in the order of their time.
pub(crate) trait Feed {
    /// Waits until it is time to look for frames, or as long as the timeout, and does.
    fn look(&mut self, timeout: Duration);
    /// Looks for all that there are: for the end, when no more come.
    fn look_at_all(&mut self);
    /// The next frame that was there at the last look, and where its bytes are, if they may be
    /// lent.
    fn next(&mut self) -> Option<(Frame<'_>, Option<Span>)>;
    /// The bytes of all frames since the last loan.
    fn lend(&mut self) -> Option<Loan>;
}

/// Frames out of the rings, at the time of day, with the tags that the kernel holds beside them.
pub(crate) struct RingFeed {
    rings: Rings,
    clock: KernelClock,
    /// What frames begin with, by the program set that wrote them.
    links: Vec<LinkType>,
    /// Bytes of a frame that sinks get at most, the tag included that is put back.
    snaplen: usize,
    /// Scratch for a frame whose tag is put back.
    tagged: Vec<u8>,
}

impl RingFeed {
    pub(crate) fn new(rings: Rings, links: Vec<LinkType>, snaplen: u32) -> Self {
        let clock = KernelClock::start(rings.clock());
        Self { rings, clock, links, snaplen: snaplen as usize, tagged: Vec::new() }
    }
}

impl Feed for RingFeed {
    fn look(&mut self, timeout: Duration) {
        self.rings.wait(timeout);
        self.clock.tick();
        self.rings.look();
    }

    fn look_at_all(&mut self) {
        self.rings.look_at_all();
    }

    fn next(&mut self) -> Option<(Frame<'_>, Option<Span>)> {
        let (set, record) = self.rings.next_record()?;
        let header = &record.header;
        // Just read, it is in no loan yet.
        let mut bytes = self.rings.bytes(record.frame).unwrap_or_default();
        let mut lent = Some(record.frame);
        let mut wire_len = header.wire_len;
        if header.vlan_tpid != 0 {
            let tag = VlanTag { tpid: header.vlan_tpid, tci: header.vlan_tci };
            tag.put_back(bytes, &mut self.tagged);
            let added = self.tagged.len().saturating_sub(bytes.len()) as u32;
            wire_len = wire_len.saturating_add(added);
            bytes = self.tagged.get(..self.snaplen).unwrap_or(&self.tagged);
            lent = None;
        }
        let frame = Frame {
            time: self.clock.wall(header.timestamp_ns),
            wire_len,
            link: self.links.get(set).copied().unwrap_or_default(),
            bytes,
            ifindex: header.ifindex,
            outbound: Some(header.flags & RecordFlags::OUTBOUND != 0),
        };
        Some((frame, lent))
    }

    fn lend(&mut self) -> Option<Loan> {
        self.rings.lend()
    }
}

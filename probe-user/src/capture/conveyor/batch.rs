//! A batch of frames: their heads, and where their bytes are.

use std::ops::Range;

use probe_frame::{Frame, LinkType, WallTime};

use crate::kernel::{Loan, Span};

/// A batch is full at so many bytes.
pub(super) const BATCH_BYTES: usize = 256 << 10;
/// And at so many frames.
const BATCH_FRAMES: usize = 4096;

/// Frames. The bytes of most are where the kernel wrote them, on loan.
#[derive(Default)]
pub(super) struct Batch {
    heads: Vec<Head>,
    /// Bytes of the frames that are not in a ring.
    own: Vec<u8>,
    /// Bytes of all frames.
    len: usize,
    /// Where the others are.
    pub(super) loan: Option<Loan>,
}

struct Head {
    time: WallTime,
    wire_len: u32,
    link: LinkType,
    ifindex: u32,
    outbound: Option<bool>,
    bytes: Bytes,
}

enum Bytes {
    Lent(Span),
    Own(Range<usize>),
}

impl Batch {
    pub(super) fn push(&mut self, frame: &Frame<'_>, lent: Option<Span>) {
        self.len += frame.bytes.len();
        let bytes = lent.map_or_else(|| self.copy(frame.bytes), Bytes::Lent);
        let &Frame { time, wire_len, link, ifindex, outbound, .. } = frame;
        self.heads.push(Head { time, wire_len, link, ifindex, outbound, bytes });
    }

    pub(super) fn count(&self) -> usize {
        self.heads.len()
    }

    fn copy(&mut self, bytes: &[u8]) -> Bytes {
        let start = self.own.len();
        self.own.extend_from_slice(bytes);
        Bytes::Own(start..self.own.len())
    }

    pub(super) fn is_full(&self) -> bool {
        self.len >= BATCH_BYTES || self.heads.len() >= BATCH_FRAMES
    }

    pub(super) fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.heads.iter().map(|head| {
            let bytes = match &head.bytes {
                Bytes::Lent(span) => self.loan.as_ref().and_then(|loan| loan.bytes(*span)),
                Bytes::Own(range) => self.own.get(range.clone()),
            };
            Frame {
                time: head.time,
                wire_len: head.wire_len,
                link: head.link,
                bytes: bytes.unwrap_or_default(),
                ifindex: head.ifindex,
                outbound: head.outbound,
            }
        })
    }

    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.own.clear();
        self.len = 0;
        self.loan = None;
    }
}

//! Frames as the pump takes them: from the rings of a session, or from a test.

use std::time::Duration;

use probe_frame::{Frame, LinkType};

use crate::{
    framing::Framing,
    kernel::{Fill, Loan, Rings, Span},
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

/// Frames out of the rings.
pub(crate) struct RingFeed {
    rings: Rings,
    framing: Framing,
}

impl RingFeed {
    pub(crate) fn new(rings: Rings, links: Vec<LinkType>, snaplen: u32) -> Self {
        let framing = Framing::new(rings.clock(), links, snaplen);
        Self { rings, framing }
    }

    /// See [`Rings::sleep_up_to`].
    pub(crate) fn sleep_up_to(&mut self, longest: Duration) {
        self.rings.sleep_up_to(longest);
    }

    /// How full the rings of one CPU were at most since this was asked before.
    pub(crate) fn fill(&mut self) -> Fill {
        self.rings.fill()
    }
}

impl Feed for RingFeed {
    fn look(&mut self, timeout: Duration) {
        self.rings.wait(timeout);
        self.framing.tick();
        self.rings.look();
    }

    fn look_at_all(&mut self) {
        self.rings.look_at_all();
    }

    fn next(&mut self) -> Option<(Frame<'_>, Option<Span>)> {
        let (set, record) = self.rings.next_record()?;
        // Just read, it is in no loan yet.
        let bytes = self.rings.bytes(record.frame).unwrap_or_default();
        let (frame, untouched) = self.framing.frame(set, &record.header, bytes);
        Some((frame, untouched.then_some(record.frame)))
    }

    fn lend(&mut self) -> Option<Loan> {
        self.rings.lend()
    }
}

//! What one side of a connection has sent: a stretch of sequence numbers, and what of it the other
//! side has acknowledged.

use crate::packet::Segment;

/// Gaps in what a side sent that are remembered, for telling a segment that came late from one that
/// was sent again.
const MAX_HOLES: usize = 8;

/// Offsets into the stream of bytes that a side sends. With a SYN that was seen, 0 is the first byte
/// behind it; without, the first byte that was seen.
pub(crate) type Offset = u64;

/// What a side has sent, as far as it was seen.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Frames seen.
    pub(crate) packets: u64,
    /// Their bytes on the wire.
    pub(crate) wire_bytes: u64,
    /// Sequence number of offset 0.
    origin: u32,
    /// Whether `origin` is set.
    anchored: bool,
    /// Whether its SYN was seen, so that `origin` is where the stream begins.
    pub(crate) syn: bool,
    /// Whether the acknowledgment that came with its FIN covered the other side's FIN.
    pub(crate) fin_after_peers: bool,
    /// Offset of its FIN.
    pub(crate) fin: Option<Offset>,
    /// Offset behind the last byte that was seen. For UDP: bytes of payload.
    pub(crate) next: Offset,
    /// The other side awaits this offset next.
    pub(crate) acked: Offset,
    /// Segments with payload or FIN that had been seen before.
    pub(crate) retransmitted: u32,
    /// Segments that filled a gap: they came late.
    pub(crate) reordered: u32,
    /// Bytes that were passed over and neither came since nor were acknowledged.
    holes: Vec<(Offset, Offset)>,
}

/// What a segment is to the stream of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It continues the stream, be it behind a gap.
    New,
    /// It fills a gap.
    Late,
    /// It brings nothing that was not seen.
    Again,
    /// It has no payload and no FIN.
    Empty,
    /// It tells that its sender is there (RFC 9293, section 3.8.4).
    KeepAlive,
}

impl Side {
    /// Whether the first segment of it was a SYN, and with it the beginning of its stream was seen.
    pub fn syn_seen(&self) -> bool {
        self.syn
    }

    /// Frames seen of it. Live, a filter leaves out most: then it is no measure.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes on the wire of the frames seen, without FCS.
    pub fn wire_bytes(&self) -> u64 {
        self.wire_bytes
    }

    /// Bytes of payload it has sent, by its sequence numbers and the acknowledgments: each byte once,
    /// and those too whose frames were not seen. Where its SYN was not seen, they count from the first
    /// frame that was.
    pub fn bytes(&self) -> u64 {
        match self.fin {
            Some(fin) => fin,
            None => self.next.max(self.acked),
        }
    }

    /// Segments that brought nothing but what had been seen before; SYNs are counted apart.
    pub fn retransmitted(&self) -> u32 {
        self.retransmitted
    }

    /// Segments that came behind their successors.
    pub fn reordered(&self) -> u32 {
        self.reordered
    }

    /// Whether it has said that it sends no more.
    pub fn has_finished(&self) -> bool {
        self.fin.is_some()
    }

    /// Its initial sequence number, or, without a SYN, one less than the first number seen: what
    /// relative numbers are relative to. `None` before it has sent anything.
    pub fn initial_sequence(&self) -> Option<u32> {
        self.anchored.then(|| self.origin.wrapping_sub(1))
    }

    /// Sets where the stream begins, by its SYN.
    pub(crate) fn begin(&mut self, initial_sequence: u32) {
        self.origin = initial_sequence.wrapping_add(1);
        self.anchored = true;
        self.syn = true;
    }

    /// Sets where what was seen begins, if nothing was before.
    pub(crate) fn anchor(&mut self, sequence: u32) {
        if !self.anchored {
            self.origin = sequence;
            self.anchored = true;
        }
    }

    /// The offset of a sequence number: the one nearest to the end of what was seen. `None`: in front
    /// of the stream's beginning, or nothing was seen yet.
    pub(crate) fn offset(&self, sequence: u32) -> Option<Offset> {
        if !self.anchored {
            return None;
        }
        let end = self.origin.wrapping_add(self.next as u32);
        // Numbers wrap: what is less than 2^31 away is near (RFC 9293, section 3.4).
        let distance = i64::from(sequence.wrapping_sub(end) as i32);
        self.next.checked_add_signed(distance)
    }

    /// Takes what the other side acknowledged.
    pub(crate) fn acknowledge(&mut self, acknowledgment: u32) {
        if let Some(offset) = self.offset(acknowledgment) {
            self.acked = self.acked.max(offset);
            self.holes.retain(|hole| hole.1 > self.acked);
            if self.holes.is_empty() {
                self.holes = Vec::new();
            }
        }
    }

    /// Whether the other side has acknowledged its FIN.
    pub(crate) fn fin_acked(&self) -> bool {
        self.fin.is_some_and(|fin| self.acked > fin)
    }

    /// Takes a segment that is no SYN. Its offset is `None` where it lies in front of what is known.
    pub(crate) fn send(&mut self, segment: &Segment) -> (Option<Offset>, Place) {
        self.anchor(segment.sequence);
        let payload = u64::from(segment.payload);
        let Some(start) = self.offset(segment.sequence) else {
            let place = if payload > 0 { Place::Again } else { Place::Empty };
            self.count(place);
            return (None, place);
        };
        let end = start.saturating_add(payload);
        if segment.flags.fin() {
            let again = self.fin.is_some();
            self.fin.get_or_insert(end);
            if payload == 0 {
                let place = if again { Place::Again } else { Place::New };
                self.count(place);
                return (Some(start), place);
            }
        } else if payload <= 1 && !segment.flags.rst() && start.checked_add(1) == Some(self.next) {
            return (Some(start), Place::KeepAlive);
        }
        if payload == 0 {
            return (Some(start), Place::Empty);
        }
        let place = if end > self.next {
            let known = self.next.max(self.acked);
            if start > known && self.holes.len() < MAX_HOLES {
                self.holes.push((known, start));
            }
            self.next = end;
            Place::New
        } else if self.fill(start, end) {
            Place::Late
        } else {
            Place::Again
        };
        self.count(place);
        (Some(start), place)
    }

    fn count(&mut self, place: Place) {
        let counter = match place {
            Place::Again => &mut self.retransmitted,
            Place::Late => &mut self.reordered,
            Place::New | Place::Empty | Place::KeepAlive => return,
        };
        *counter = counter.saturating_add(1);
    }

    /// Takes what fills gaps out of them. Says whether any of it did.
    fn fill(&mut self, start: Offset, end: Offset) -> bool {
        let mut filled = false;
        let mut left = Vec::new();
        for &(from, to) in &self.holes {
            if start >= to || end <= from {
                left.push((from, to));
                continue;
            }
            filled = true;
            if from < start {
                left.push((from, start));
            }
            if end < to {
                left.push((end, to));
            }
        }
        if filled {
            left.truncate(MAX_HOLES);
            self.holes = left;
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Flags;

    fn segment(sequence: u32, payload: u32, flags: u8) -> Segment {
        Segment { sequence, payload, flags: Flags(flags), ..Segment::default() }
    }

    #[test]
    fn offsets_go_on_where_sequence_numbers_wrap() {
        let mut side = Side::default();
        side.begin(u32::MAX - 10);
        assert_eq!(side.send(&segment(u32::MAX - 9, 8, 16)), (Some(0), Place::New));
        assert_eq!(side.send(&segment(u32::MAX - 1, 8, 16)), (Some(8), Place::New));
        assert_eq!(side.send(&segment(6, 4, 16)), (Some(16), Place::New));
        assert_eq!(side.send(&segment(10, 0, 17)), (Some(20), Place::New));
        side.acknowledge(11);
        assert!(side.fin_acked());
        assert_eq!(side.bytes(), 20);
    }

    #[test]
    fn late_is_not_again() {
        let mut side = Side::default();
        side.begin(0);
        let mut places = Vec::new();
        for (sequence, payload) in
            [(1, 10), (31, 10), (11, 10), (11, 10), (21, 10), (1, 40), (40, 1)]
        {
            places.push(side.send(&segment(sequence, payload, 16)).1);
        }
        use Place::{Again, KeepAlive, Late, New};
        assert_eq!(places, [New, New, Late, Again, Late, Again, KeepAlive]);
        assert_eq!((side.retransmitted, side.reordered, side.bytes()), (2, 2, 40));
    }

    /// What the other side has acknowledged has arrived: only its copy was not seen.
    #[test]
    fn a_gap_that_was_acknowledged_is_no_gap() {
        let mut side = Side::default();
        side.begin(0);
        side.send(&segment(11, 10, 16));
        side.acknowledge(21);
        assert_eq!(side.send(&segment(1, 10, 16)).1, Place::Again);
    }

    #[test]
    fn bytes_that_nobody_saw_count_once_they_are_acknowledged() {
        let mut side = Side::default();
        side.begin(99);
        side.acknowledge(1100);
        assert_eq!(side.bytes(), 1000);
    }
}

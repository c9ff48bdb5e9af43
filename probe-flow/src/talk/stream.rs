//! The bytes of one direction, put in order.

use std::collections::VecDeque;

use probe_frame::WallTime;

use crate::{connection::Offset, packet::Data};

/// Segments that wait for what is missing in front of them, and their bytes: enough for the losses of a
/// round trip, as far as messages' heads go.
const MAX_HELD: usize = 32;
const MAX_HELD_BYTES: usize = 64 << 10;

/// A stretch of a stream, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Bytes that were captured.
    Bytes {
        bytes: &'a [u8],
        /// Where in the stream they are.
        start: Offset,
        /// When their segment was seen.
        time: WallTime,
        /// Whether they are the first of their segment.
        begins: bool,
    },
    /// So many bytes were not: they were cut off, or their segment was not seen.
    Gap(u64),
}

/// A segment that waits.
#[derive(Clone, Debug)]
struct Held {
    start: Offset,
    bytes: Box<[u8]>,
    len: u64,
    time: WallTime,
}

/// One direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    /// Everything in front of this offset was handed out.
    next: Offset,
    /// By their offset.
    held: VecDeque<Held>,
    held_bytes: usize,
}

impl Stream {
    /// A stream of which what comes before that offset is of no interest.
    pub(super) fn from(next: Offset) -> Self {
        Self { next, ..Self::default() }
    }

    /// Everything in front of it was handed out.
    pub(super) fn next(&self) -> Offset {
        self.next
    }

    /// Memory of what waits, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.held_bytes + self.held.capacity() * size_of::<Held>()
    }

    /// Keeps a segment. Says whether there was room for it.
    pub(super) fn hold(&mut self, start: Offset, data: Data<'_>, time: WallTime) -> bool {
        let len = data.len as u64;
        if start.saturating_add(len) <= self.next {
            return true;
        }
        let at = self.held.partition_point(|held| held.start < start);
        if self.held.get(at).is_some_and(|held| held.start == start && held.len >= len) {
            return true;
        }
        let full = self.held.len() >= MAX_HELD
            || self.held_bytes.saturating_add(data.bytes.len()) > MAX_HELD_BYTES;
        if full {
            return false;
        }
        self.held_bytes += data.bytes.len();
        self.held.insert(at, Held { start, bytes: data.bytes.into(), len, time });
        true
    }

    /// Takes a segment, and hands out what is in order now. What the other side has acknowledged
    /// (`acked`) does not come any more, if it was not seen.
    pub(super) fn take(
        &mut self,
        start: Offset,
        data: Data<'_>,
        time: WallTime,
        acked: Offset,
        hand: &mut impl FnMut(Piece<'_>),
    ) {
        if start <= self.next {
            self.hand_out(start, data, time, hand);
        } else if !self.hold(start, data, time) {
            // Too much is missing: what waits goes on behind gaps.
            self.flush(hand);
            self.skip_to(start, hand);
            self.hand_out(start, data, time, hand);
        }
        self.advance(acked, hand);
    }

    /// Hands out what is in order, with gaps for what has arrived unseen.
    pub(super) fn advance(&mut self, acked: Offset, hand: &mut impl FnMut(Piece<'_>)) {
        while let Some(first) = self.held.front() {
            if first.start > self.next && acked < first.start {
                return;
            }
            self.hand_out_first(hand);
        }
    }

    /// Hands out all that waits.
    pub(super) fn flush(&mut self, hand: &mut impl FnMut(Piece<'_>)) {
        while !self.held.is_empty() {
            self.hand_out_first(hand);
        }
    }

    /// Passes over what is in front of an offset, if nothing waits there.
    pub(super) fn skip_to(&mut self, offset: Offset, hand: &mut impl FnMut(Piece<'_>)) {
        if offset > self.next && self.held.is_empty() {
            let gap = offset - self.next;
            self.next = offset;
            hand(Piece::Gap(gap));
        }
    }

    fn hand_out_first(&mut self, hand: &mut impl FnMut(Piece<'_>)) {
        let Some(first) = self.held.pop_front() else { return };
        self.held_bytes = self.held_bytes.saturating_sub(first.bytes.len());
        if let Some(gap) = first.start.checked_sub(self.next).filter(|gap| *gap > 0) {
            self.next = first.start;
            hand(Piece::Gap(gap));
        }
        let data = Data { bytes: &first.bytes, len: first.len as usize };
        self.hand_out(first.start, data, first.time, hand);
    }

    /// Hands out what is new of a segment that begins at or in front of the next offset.
    fn hand_out(
        &mut self,
        start: Offset,
        data: Data<'_>,
        time: WallTime,
        hand: &mut impl FnMut(Piece<'_>),
    ) {
        let end = start.saturating_add(data.len as u64);
        if end <= self.next {
            return;
        }
        let known = (self.next - start) as usize;
        let bytes = data.bytes.get(known..).unwrap_or_default();
        let missing = end - self.next - bytes.len() as u64;
        let start = std::mem::replace(&mut self.next, end);
        if !bytes.is_empty() {
            hand(Piece::Bytes { bytes, start, time, begins: known == 0 });
        }
        if missing > 0 {
            hand(Piece::Gap(missing));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Data<'_> {
        Data { bytes, len: bytes.len() }
    }

    /// What is handed out, with `-` for each byte of a gap.
    fn text(segments: &[(Offset, &str, Offset)]) -> String {
        let mut stream = Stream::default();
        let mut out = String::new();
        for (start, bytes, acked) in segments {
            let mut hand = |piece: Piece<'_>| match piece {
                Piece::Bytes { bytes, .. } => out.push_str(std::str::from_utf8(bytes).unwrap()),
                Piece::Gap(len) => out.extend((0..len).map(|_| '-')),
            };
            stream.take(*start, whole(bytes.as_bytes()), WallTime(0), *acked, &mut hand);
        }
        out
    }

    #[test]
    fn segments_in_any_order() {
        assert_eq!(text(&[(0, "ab", 0), (4, "ef", 0), (2, "cd", 0)]), "abcdef");
        assert_eq!(text(&[(4, "ef", 0), (2, "cd", 0), (4, "ef", 0), (0, "ab", 0)]), "abcdef");
        assert_eq!(text(&[(0, "abcd", 0), (2, "cdef", 0), (1, "bc", 0)]), "abcdef");
    }

    #[test]
    fn what_was_acknowledged_is_not_awaited() {
        assert_eq!(text(&[(0, "ab", 0), (4, "ef", 0)]), "ab");
        assert_eq!(text(&[(0, "ab", 0), (4, "ef", 4)]), "ab--ef");
        assert_eq!(text(&[(4, "ef", 0), (8, "ij", 0), (6, "gh", 6)]), "----efghij");
    }

    #[test]
    fn where_too_much_is_missing_it_goes_on() {
        let far: Vec<_> = (1..=MAX_HELD as u64 + 1).map(|at| (at * 2, "x", 0)).collect();
        let expected: String = "-".to_owned() + &"-x".repeat(MAX_HELD + 1);
        assert_eq!(text(&far), expected);
    }

    #[test]
    fn what_was_cut_off_is_a_gap() {
        let mut stream = Stream::default();
        let mut pieces = Vec::new();
        let data = Data { bytes: b"ab", len: 5 };
        stream.take(0, data, WallTime(7), 0, &mut |piece: Piece<'_>| match piece {
            Piece::Bytes { bytes, begins, .. } => pieces.push((bytes.len() as u64, begins)),
            Piece::Gap(len) => pieces.push((len, false)),
        });
        assert_eq!(pieces, [(2, true), (3, false)]);
        assert_eq!(stream.next(), 5);
    }
}

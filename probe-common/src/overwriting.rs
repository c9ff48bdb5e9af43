//! The ring that overwrites its oldest records: the last seconds of what matched, kept in the
//! kernel's memory for the moment at which somebody wants them. One for each CPU, in the place of the
//! two rings of a capture, with the same [`RingControl`](crate::RingControl) and the same records.
//!
//! ```text
//! link | record | link | record | link ...      positions run on and never wrap
//!      ^ p                      ^ produced      each record begins 8 bytes behind a link
//! ```
//!
//! A [`Link`] stands at the place where a record ends and the next one begins: the length of what
//! lies before it, by which a reader goes backwards from `produced`, and how many records there were
//! up to there, by which it knows exactly how many it has missed. Nobody moves `consumed`.
//!
//! A record that begins before the end of the ring runs on behind it, as in a capture's rings, and
//! the link at its end stands where the next one begins: at its position modulo the ring's length.
//!
//! # What is whole
//!
//! Programs write while somebody reads. A program writes from `produced` on, at most
//! [`reach`] bytes, before it stores `produced` anew; so a reader that copies, then loads `produced`,
//! has whole copies of the records that begin at or behind `produced + reach - length of the ring`.
//! Both sides keep that order: a program's stores become visible one after the other (`publish` in
//! probe-ebpf/src/ring.rs), and the reader's load comes after its copy (an acquire fence).

use crate::record_len;

/// Bytes of a [`Link`].
pub const LINK_LEN: u64 = size_of::<u64>() as u64;

/// Bytes of a link and a record behind it that has so many bytes of a frame.
#[inline(always)]
pub const fn slot_len(captured_len: u32) -> u64 {
    LINK_LEN + record_len(captured_len)
}

/// How far from `produced` on a program writes at most: a slot, and the link behind it.
pub const fn reach(snaplen: u32) -> u64 {
    slot_len(snaplen) + LINK_LEN
}

/// What stands between two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link(u64);

impl Link {
    /// Of the 64 bits the lower ones are the length before it in units of 8 bytes, those above them
    /// the number of records.
    const LEN_BITS: u32 = 16;

    /// Behind so many records, of which the last one's slot has `len` bytes.
    #[inline(always)]
    pub const fn new(records: u64, len: u64) -> Self {
        Self((records << Self::LEN_BITS) | (len / 8))
    }

    /// As it stands in the ring, in the machine's byte order.
    #[inline(always)]
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// As read from the ring.
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// Records before it, since the programs were loaded.
    pub const fn records(self) -> u64 {
        self.0 >> Self::LEN_BITS
    }

    /// Bytes of the slot that ends here.
    pub const fn len_before(self) -> u64 {
        (self.0 & ((1 << Self::LEN_BITS) - 1)) * 8
    }
}

const _: () = {
    // The longest slot fits into a link.
    let longest = slot_len(crate::MAX_SNAPLEN);
    let link = Link::new(1 << 40, longest);
    assert!(link.len_before() == longest && link.records() == 1 << 40);
};

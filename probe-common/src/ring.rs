//! The rings of one CPU: memory that the kernel programs write and user space maps.
//!
//! One producer, the programs of that CPU, and one consumer. A CPU has two rings in one value
//! of a `BPF_F_MMAPABLE` array: a small one, whose memory stays in the caches while it goes
//! round, and a large one in reserve, which takes what the small one has no room for. Each is
//! [`RingControl`], then the bytes of the records, then room for a record that begins before
//! the end, so that every record lies in one piece. A record is a [`RecordHeader`] and the
//! frame's bytes, filled up to a multiple of eight. Which ring's record is the older one, the
//! time stamps tell.

use bytemuck::{Pod, Zeroable};

use crate::{RecordHeader, overwriting};

/// How far both sides are, in bytes since the start; both run on and never wrap. Each
/// has a cache line of its own, because another CPU writes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct RingControl {
    /// The end of the last whole record. Stored with release order by the programs.
    pub produced: u64,
    /// Records so far; counted in rings that [overwrite](crate::overwriting) only, and before
    /// `produced` is stored.
    pub records: u64,
    _kernel: [u64; 6],
    /// The end of the last record that user space is done with.
    pub consumed: u64,
    _user: [u64; 7],
}

/// Bytes before the records: [`RingControl`].
pub const RING_CONTROL_LEN: usize = size_of::<RingControl>();

/// Bytes that a record of so many frame bytes takes in the ring.
#[inline(always)]
pub const fn record_len(captured_len: u32) -> u64 {
    (size_of::<RecordHeader>() as u64 + captured_len as u64 + 7) & !7
}

/// The sizes of a CPU's rings: of two, or of the one that [overwrites](crate::overwriting).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLayout {
    /// Bytes of records that each of them holds: powers of two, and room for the longest record.
    /// The second one is 0 where there is one ring.
    pub len: [u32; 2],
    /// Where the second one's [`RingControl`] is in the map value.
    pub second_at: u32,
    /// Bytes of a map value: the rings and what belongs to them, in whole pages.
    pub value_size: u32,
    /// Whether there is one ring, which overwrites its oldest records.
    pub overwrites: bool,
}

impl RingLayout {
    /// Bytes that the small ring takes at most. As a whole the rings may be far longer than what
    /// a processor's caches and its table of pages hold; this much is not.
    pub const SMALL: usize = 2 << 20;

    /// Bytes that a value of an array map may have before Linux 6.0: what kmalloc gives at most
    /// (`KMALLOC_MAX_SIZE` in `array_map_alloc_check`, kernel/bpf/arraymap.c; with pages of 4 KiB).
    pub const OLD_VALUE_LIMIT: u32 = 4 << 20;

    /// Bytes that one ring holds at most.
    pub const MOST: usize = 256 << 20;

    /// The rings of [`new`](Self::new) for `bytes`, or for half of them, and so on, until the map
    /// value has at most `limit` bytes.
    pub const fn within(limit: u32, bytes: usize, snaplen: u32) -> Self {
        let mut bytes = bytes;
        let mut layout = Self::new(bytes, snaplen);
        while layout.value_size > limit && bytes > 0 {
            bytes /= 2;
            layout = Self::new(bytes, snaplen);
        }
        layout
    }

    /// The smallest rings that together hold at least `bytes` of records of at most `snaplen`
    /// frame bytes. Both are cut to what the kernel can address in one map value
    /// (`BPF_MAX_VAR_OFF`, 512 MiB).
    pub const fn new(bytes: usize, snaplen: u32) -> Self {
        // A copy without the kernel's help is checked for whole pages, whatever the snaplen.
        let snaplen = if snaplen < PAGE { PAGE } else { snaplen };
        let record = record_len(snaplen) as usize;
        let bytes = if bytes > Self::MOST { Self::MOST } else { bytes };
        let small =
            Self::ring(if bytes / 2 < Self::SMALL { bytes / 2 } else { Self::SMALL }, record);
        let large = Self::ring(bytes.saturating_sub(small), record);
        let second_at = (RING_CONTROL_LEN + small + record).next_multiple_of(PAGE as usize);
        let end = (second_at + RING_CONTROL_LEN + large + record).next_multiple_of(PAGE as usize);
        Self {
            len: [small as u32, large as u32],
            second_at: second_at as u32,
            value_size: end as u32,
            overwrites: false,
        }
    }

    /// The smallest ring that holds at least `bytes` and overwrites its oldest records, or one of half
    /// the size, and so on, until the map value has at most `limit` bytes. It is cut as the rings of
    /// [`new`](Self::new) are.
    pub const fn overwriting(limit: u32, bytes: usize, snaplen: u32) -> Self {
        let snaplen = if snaplen < PAGE { PAGE } else { snaplen };
        let reach = overwriting::reach(snaplen) as usize;
        let least = reach.next_power_of_two();
        let most = if bytes > Self::MOST { Self::MOST } else { bytes };
        let mut len = Self::ring(most, reach);
        loop {
            let end = (RING_CONTROL_LEN + len + reach).next_multiple_of(PAGE as usize);
            if end <= limit as usize || len <= least {
                let value_size = end as u32;
                return Self { len: [len as u32, 0], second_at: 0, value_size, overwrites: true };
            }
            len /= 2;
        }
    }

    const fn ring(bytes: usize, record: usize) -> usize {
        if bytes < record { record.next_power_of_two() } else { bytes.next_power_of_two() }
    }
}

/// The smallest page of any machine. A driver's linear XDP frame fits into one; of longer
/// ones, which generic XDP has, kernels before 5.18 hand over so much.
pub const PAGE: u32 = 4096;

const _: () = {
    // Also with the longest snapshot length, whatever is asked for.
    let old = RingLayout::within(RingLayout::OLD_VALUE_LIMIT, 512 << 20, crate::MAX_SNAPLEN);
    assert!(old.value_size <= RingLayout::OLD_VALUE_LIMIT);
    assert!(old.len[0] >= 1 << 20 && old.len[1] >= 1 << 20);
    // What the kernel does not bound stays as it was asked for.
    let new = RingLayout::within(u32::MAX, 18 << 20, crate::MAX_SNAPLEN);
    assert!(new.len[0] == 2 << 20 && new.len[1] == 16 << 20);
    // A ring that overwrites fits as well, and is not smaller than what was asked for.
    let old = RingLayout::overwriting(RingLayout::OLD_VALUE_LIMIT, 512 << 20, crate::MAX_SNAPLEN);
    assert!(old.value_size <= RingLayout::OLD_VALUE_LIMIT && old.len[0] == 2 << 20);
    assert!(RingLayout::overwriting(u32::MAX, 65 << 20, 96).len[0] == 128 << 20);
    assert!(core::mem::offset_of!(RingControl, consumed) == 64);
    assert!(RING_CONTROL_LEN == 128);
    assert!(size_of::<RecordHeader>().is_multiple_of(8));
};

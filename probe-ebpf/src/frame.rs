//! What the hooks hand over, as one trait: the only code that touches contexts and
//! packet pointers. What only a record needs is read when there is one.

use core::{arch::asm, ffi::c_void};

use aya_ebpf::{
    EbpfContext,
    bindings::{__sk_buff, xdp_md},
    helpers::generated::{bpf_skb_load_bytes, bpf_xdp_get_buff_len, bpf_xdp_load_bytes},
    programs::{TcContext, XdpContext},
};
use probe_common::{CpuState, MAX_SNAPLEN, PAGE, RecordFlags, RecordHeader};

use crate::{
    filter::filter,
    maps::{OFFLINE, SNAPLEN, WIRE_LEN, XDP_LOAD_BYTES},
};

/// A VLAN tag takes four bytes.
const VLAN_TAG_LEN: u32 = 4;

/// How far `bpf_xdp_load_bytes` reads at once, and the last offset at which it begins
/// (`bpf_xdp_pointer`, net/core/filter.c). Two calls so read 131,070 bytes.
const XDP_REACH: u32 = 0xffff;

/// `skb->pkt_type` of a copy that the kernel hands to itself (include/uapi/linux/if_packet.h).
const PACKET_LOOPBACK: u32 = 5;

/// `EFAULT`: bytes that the frame should have are not there.
const NOT_THERE: i64 = -14;

/// One frame at its hook.
pub trait Frame: EbpfContext {
    /// Bytes that [`copy`](Self::copy) can take at most.
    #[inline(always)]
    fn longest_copy() -> u32 {
        MAX_SNAPLEN
    }

    /// The linear part.
    fn data(&self) -> (*const u8, *const u8);

    /// Length of the frame's bytes, linear or not; without a tag held outside of them.
    fn len(&self) -> u32;

    /// Whether the kernel holds the outermost VLAN tag outside the frame.
    fn is_tag_outside(&self) -> bool;

    fn flags(&self) -> u32;

    /// What a record says of the frame.
    fn header(&self, timestamp_ns: u64, rules: u64, captured_len: u32) -> RecordHeader;

    /// Copies the first `len` bytes of the frame, linear or not, into a map value.
    ///
    /// # Errors
    /// A negative errno.
    fn copy(&self, to: *mut u8, len: u32) -> Result<(), i64>;

    /// Length on the wire in bytes, without FCS, with the tag that the kernel holds
    /// outside the frame.
    #[inline(always)]
    fn wire_len(&self) -> u32 {
        if OFFLINE.load() != 0
            && let Some(&wire_len) = WIRE_LEN.get(0)
        {
            return wire_len;
        }
        self.len() + if self.is_tag_outside() { VLAN_TAG_LEN } else { 0 }
    }

    /// Runs the rules: counts, and leaves the sampled ones that match in `pending`.
    #[inline(always)]
    fn filter(&self, state: *mut CpuState, wire_len: u32) {
        let meta = u64::from(wire_len) | u64::from(self.flags() & RecordFlags::OUTBOUND) << 32;
        let (data, data_end) = self.data();
        filter(self.as_ptr(), data, data_end, state, meta);
    }
}

/// A frame at an XDP hook. `FRAGS` says whether it may have fragments beyond
/// `data_end` (kernel 5.18, `bpf_xdp_get_buff_len`); without them all of it is linear.
pub struct XdpFrame<const FRAGS: bool> {
    ctx: *mut xdp_md,
    len: u32,
}

impl<const FRAGS: bool> XdpFrame<FRAGS> {
    #[inline(always)]
    pub fn new(ctx: &XdpContext) -> Self {
        let len = if FRAGS {
            // SAFETY: the helper only reads the context, which the kernel passed in.
            unsafe { bpf_xdp_get_buff_len(ctx.ctx) as u32 }
        } else {
            (ctx.data_end() - ctx.data()) as u32
        };
        Self { ctx: ctx.ctx, len }
    }

    #[inline(always)]
    fn context(&self) -> XdpContext {
        XdpContext::new(self.ctx)
    }

    /// Copies `len` bytes from `offset` into a map value.
    #[inline(always)]
    fn load(&self, offset: u32, to: *mut u8, len: u32) -> Result<(), i64> {
        // SAFETY: the context is the kernel's, and the verifier checks that the map value
        // has room for as many bytes.
        match unsafe { bpf_xdp_load_bytes(self.ctx, offset, to.cast(), len) } {
            0 => Ok(()),
            error => Err(error),
        }
    }
}

impl<const FRAGS: bool> Frame for XdpFrame<FRAGS> {
    #[inline(always)]
    fn longest_copy() -> u32 {
        if has_load_bytes(FRAGS) { 2 * XDP_REACH } else { PAGE }
    }

    #[inline(always)]
    fn data(&self) -> (*const u8, *const u8) {
        let ctx = self.context();
        (ctx.data() as *const u8, ctx.data_end() as *const u8)
    }

    #[inline(always)]
    fn len(&self) -> u32 {
        self.len
    }

    #[inline(always)]
    fn is_tag_outside(&self) -> bool {
        false
    }

    #[inline(always)]
    fn flags(&self) -> u32 {
        0
    }

    #[inline(always)]
    fn header(&self, timestamp_ns: u64, rules: u64, captured_len: u32) -> RecordHeader {
        RecordHeader {
            timestamp_ns,
            rules,
            wire_len: self.len,
            captured_len,
            ifindex: self.context().ingress_ifindex() as u32,
            flags: 0,
            vlan_tci: 0,
            vlan_tpid: 0,
            gso_segments: 0,
            gso_size: 0,
        }
    }

    #[inline(always)]
    fn copy(&self, to: *mut u8, len: u32) -> Result<(), i64> {
        if !has_load_bytes(FRAGS) {
            return copy_linear(self.data(), to, len);
        }
        if copy_short(self.data(), to, len) {
            return Ok(());
        }
        let most = SNAPLEN.load();
        if let Some(first) = in_bounds(at_most(len, XDP_REACH), at_most(most, XDP_REACH)) {
            self.load(0, to, first)?;
        }
        // Where the snapshot length rules it out, the verifier leaves it out.
        if most > XDP_REACH
            && len > XDP_REACH
            && let Some(rest) = in_bounds(len - XDP_REACH, at_most(most - XDP_REACH, XDP_REACH))
        {
            self.load(XDP_REACH, to.wrapping_add(XDP_REACH as usize), rest)?;
        }
        Ok(())
    }
}

/// A frame at a tc or tcx hook.
pub struct SkbFrame {
    ctx: *mut __sk_buff,
    len: u32,
    flags: u32,
}

impl SkbFrame {
    #[inline(always)]
    pub fn new(ctx: &TcContext, flags: u32) -> Self {
        let ctx = ctx.skb.skb;
        // SAFETY: see `skb`.
        Self { ctx, len: unsafe { (*ctx).len }, flags }
    }

    /// Whether this is the copy of a multicast or broadcast of this host that the kernel hands
    /// to itself (`dev_loopback_xmit`). It was never on the link, and has no Ethernet header;
    /// packet sockets do not show it either (`packet_rcv`).
    #[inline(always)]
    pub fn is_own_copy(&self) -> bool {
        self.skb().pkt_type == PACKET_LOOPBACK
    }

    /// Index of the interface.
    #[inline(always)]
    pub fn ifindex(&self) -> u32 {
        self.skb().ifindex
    }

    #[inline(always)]
    fn skb(&self) -> &__sk_buff {
        // SAFETY: the kernel passes a valid context for the length of the call, and every
        // field read from it is one that programs of this type may read.
        unsafe { &*self.ctx }
    }
}

impl Frame for SkbFrame {
    #[inline(always)]
    fn data(&self) -> (*const u8, *const u8) {
        let skb = self.skb();
        (skb.data as usize as *const u8, skb.data_end as usize as *const u8)
    }

    #[inline(always)]
    fn len(&self) -> u32 {
        self.len
    }

    #[inline(always)]
    fn is_tag_outside(&self) -> bool {
        self.skb().vlan_present != 0
    }

    #[inline(always)]
    fn flags(&self) -> u32 {
        self.flags
    }

    #[inline(always)]
    fn header(&self, timestamp_ns: u64, rules: u64, captured_len: u32) -> RecordHeader {
        let skb = self.skb();
        let (vlan_tci, vlan_tpid) = if self.is_tag_outside() {
            (skb.vlan_tci as u16, u16::from_be(skb.vlan_proto as u16))
        } else {
            (0, 0)
        };
        RecordHeader {
            timestamp_ns,
            rules,
            wire_len: self.len,
            captured_len,
            ifindex: self.ifindex(),
            flags: self.flags,
            vlan_tci,
            vlan_tpid,
            gso_segments: skb.gso_segs as u16,
            gso_size: skb.gso_size as u16,
        }
    }

    #[inline(always)]
    fn copy(&self, to: *mut u8, len: u32) -> Result<(), i64> {
        if copy_short(self.data(), to, len) {
            return Ok(());
        }
        let Some(len) = in_bounds(len, SNAPLEN.load()) else {
            return Ok(());
        };
        // SAFETY: the context is the kernel's, and the verifier checks that the map value
        // has room for as many bytes.
        match unsafe { bpf_skb_load_bytes(self.ctx.cast(), 0, to.cast(), len) } {
            0 => Ok(()),
            error => Err(error),
        }
    }
}

// For aya-log, which asks whoever logs for the context.
impl<const FRAGS: bool> EbpfContext for XdpFrame<FRAGS> {
    fn as_ptr(&self) -> *mut c_void {
        self.ctx.cast()
    }
}

// As above.
impl EbpfContext for SkbFrame {
    fn as_ptr(&self) -> *mut c_void {
        self.ctx.cast()
    }
}

/// Whether an XDP program may call `bpf_xdp_load_bytes`. Kernels that have frames with
/// fragments have it.
#[inline(always)]
fn has_load_bytes(frags: bool) -> bool {
    frags || XDP_LOAD_BYTES.load() != 0
}

/// The smaller one, by a comparison that the verifier can follow.
#[inline(always)]
pub fn at_most(number: u32, most: u32) -> u32 {
    if number < most { number } else { most }
}

/// `len`, if the verifier can see that it lies in 1..=most, as the helpers want it. It is
/// `len - 1` that is compared: before Linux 6.8 the verifier learns no lower bound from
/// `len != 0` (`regs_refine_cond_op` does since), and Linux 6.1 refused the program.
#[inline(always)]
fn in_bounds(len: u32, most: u32) -> Option<u32> {
    let last = opaque(u64::from(len).wrapping_sub(1));
    if last >= u64::from(most) { None } else { Some((last + 1) as u32) }
}

/// The same number, of which the compiler knows nothing: it would leave a comparison out
/// that the verifier wants, or make it with another number than the one that is used.
#[inline(always)]
fn opaque(mut number: u64) -> u64 {
    // SAFETY: a comment.
    unsafe { asm!("/* {number} */", number = inout(reg) number) };
    number
}

/// If `len` has a piece of this size, copies it to where it belongs: behind the longer ones.
macro_rules! copy_piece {
    ($len:ident, $data:ident, $data_end:ident, $to:ident, $size:literal: $($at:literal)+) => {
        if $len & $size != 0 {
            let done = ($len & !(2 * $size - 1)) as usize;
            let from = $data.wrapping_add(done);
            if from.wrapping_add($size) > $data_end {
                return false;
            }
            // SAFETY: the comparison above is the bounds check of what is read; the caller has
            // room for all of the frame.
            unsafe {
                asm!(
                    $(concat!(
                        "{word} = *(u64 *)({from} + ", $at, ")\n",
                        "*(u64 *)({to} + ", $at, ") = {word}",
                    ),)+
                    word = out(reg) _,
                    from = in(reg) from,
                    to = in(reg) $to.wrapping_add(done),
                );
            }
        }
    };
}

/// Copies `len` bytes without a helper, if they are few and linear: the calls of a helper and
/// of its memcpy cost more than these words. Pieces of 64, 32, 16 and 8 bytes, then the last
/// word again, wherever it ends. `false` leaves it to the helper.
#[inline(always)]
fn copy_short((data, data_end): (*const u8, *const u8), to: *mut u8, len: u32) -> bool {
    const WORD: u64 = 8;
    const MOST: u64 = 127;
    let len = opaque(u64::from(len));
    if !(WORD..=MOST).contains(&len) {
        return false;
    }
    copy_piece!(len, data, data_end, to, 64: 0 8 16 24 32 40 48 56);
    copy_piece!(len, data, data_end, to, 32: 0 8 16 24);
    copy_piece!(len, data, data_end, to, 16: 0 8);
    copy_piece!(len, data, data_end, to, 8: 0);
    copy_word(data, data_end, to, opaque(len - WORD) as usize).is_ok()
}

/// Copies `len` bytes of a linear frame, a page at most, without a helper:
/// `bpf_xdp_load_bytes` came with the fragments. Words first, then the last one again,
/// wherever it ends.
#[inline(always)]
fn copy_linear((data, data_end): (*const u8, *const u8), to: *mut u8, len: u32) -> Result<(), i64> {
    const WORD: usize = 8;
    let len = opaque(u64::from(len)) as usize;
    let mut done = 0;
    if len >= WORD {
        while done + WORD <= len {
            if done + WORD > PAGE as usize {
                return Err(NOT_THERE);
            }
            copy_word(data, data_end, to, done)?;
            done += WORD;
        }
        return match opaque(len as u64 - WORD as u64) {
            last if last <= PAGE as u64 - WORD as u64 => {
                copy_word(data, data_end, to, last as usize)
            }
            _ => Err(NOT_THERE),
        };
    }
    while done < WORD && done < len {
        let from = data.wrapping_add(done);
        if from.wrapping_add(1) > data_end {
            return Err(NOT_THERE);
        }
        // SAFETY: the comparison above is the bounds check.
        let byte = unsafe { from.read_volatile() };
        // SAFETY: the caller has room for `len` bytes there.
        unsafe { to.wrapping_add(done).write_volatile(byte) };
        done += 1;
    }
    Ok(())
}

#[inline(always)]
fn copy_word(data: *const u8, data_end: *const u8, to: *mut u8, offset: usize) -> Result<(), i64> {
    let from = data.wrapping_add(offset);
    if from.wrapping_add(8) > data_end {
        return Err(NOT_THERE);
    }
    // SAFETY: the comparison above is the bounds check.
    let word = unsafe { load_word(from) };
    // SAFETY: the caller has room for all of the frame there.
    unsafe { store_word(to.wrapping_add(offset), word) };
    Ok(())
}

/// Reads eight bytes from any address. The compiler's own unaligned read goes byte by byte,
/// because not every machine takes such a load; x86-64 and arm64 do.
///
/// # Safety
/// The eight bytes are there.
#[inline(always)]
unsafe fn load_word(from: *const u8) -> u64 {
    let word;
    // SAFETY: the caller's promise.
    unsafe { asm!("{word} = *(u64 *)({from} + 0)", word = out(reg) word, from = in(reg) from) };
    word
}

/// Writes eight bytes to any address.
///
/// # Safety
/// There is room for eight bytes.
#[inline(always)]
unsafe fn store_word(to: *mut u8, word: u64) {
    // SAFETY: the caller's promise.
    unsafe { asm!("*(u64 *)({to} + 0) = {word}", to = in(reg) to, word = in(reg) word) };
}

//! What the hooks hand over, as one type: the only code that touches contexts and
//! packet pointers.

use aya_ebpf::{
    EbpfContext,
    bindings::{__sk_buff, BPF_F_CURRENT_CPU},
    helpers::generated::{bpf_perf_event_output, bpf_xdp_get_buff_len},
    programs::{TcContext, XdpContext},
};
use core::ffi::c_void;
use probe_common::{CpuState, RecordFlags, RecordHeader};

use crate::{
    filter::filter,
    maps::{OFFLINE, RECORDS, WIRE_LEN},
};

/// A VLAN tag takes four bytes.
const VLAN_TAG_LEN: u32 = 4;

/// One frame at its hook.
pub struct Frame {
    ctx: *mut c_void,
    data: *const u8,
    data_end: *const u8,
    /// Length of the frame's bytes, linear or not; without [`Frame::vlan_tpid`]'s tag.
    len: u32,
    ifindex: u32,
    flags: u32,
    vlan_tci: u16,
    vlan_tpid: u16,
    gso_segments: u16,
    gso_size: u16,
}

impl Frame {
    /// A frame at an XDP hook. `FRAGS` says whether it may have fragments beyond
    /// `data_end` (kernel 5.18, `bpf_xdp_get_buff_len`).
    #[inline(always)]
    pub fn xdp<const FRAGS: bool>(ctx: &XdpContext) -> Self {
        let (data, data_end) = (ctx.data(), ctx.data_end());
        let len = if FRAGS {
            // SAFETY: the helper only reads the context, which the kernel passed in.
            unsafe { bpf_xdp_get_buff_len(ctx.ctx) as u32 }
        } else {
            (data_end - data) as u32
        };
        Self {
            ctx: ctx.as_ptr(),
            data: data as *const u8,
            data_end: data_end as *const u8,
            len,
            ifindex: ctx.ingress_ifindex() as u32,
            flags: 0,
            vlan_tci: 0,
            vlan_tpid: 0,
            gso_segments: 0,
            gso_size: 0,
        }
    }

    /// A frame at a tc or tcx hook.
    #[inline(always)]
    pub fn skb(ctx: &TcContext, flags: u32) -> Self {
        // SAFETY: the kernel passes a valid context for the length of the call, and every
        // field read from it is one that programs of this type may read.
        let skb: &__sk_buff = unsafe { &*ctx.skb.skb };
        let (vlan_tci, vlan_tpid) = match skb.vlan_present {
            0 => (0, 0),
            _ => (skb.vlan_tci as u16, u16::from_be(skb.vlan_proto as u16)),
        };
        Self {
            ctx: ctx.as_ptr(),
            data: skb.data as usize as *const u8,
            data_end: skb.data_end as usize as *const u8,
            len: skb.len,
            ifindex: skb.ifindex,
            flags,
            vlan_tci,
            vlan_tpid,
            gso_segments: skb.gso_segs as u16,
            gso_size: skb.gso_size as u16,
        }
    }

    /// Length on the wire in bytes, without FCS, with the tag that the kernel holds
    /// outside the frame.
    #[inline(always)]
    pub fn wire_len(&self) -> u32 {
        if OFFLINE.load() != 0
            && let Some(&wire_len) = WIRE_LEN.get(0)
        {
            return wire_len;
        }
        self.len + if self.vlan_tpid == 0 { 0 } else { VLAN_TAG_LEN }
    }

    /// Runs the rules: counts, and leaves the sampled ones that match in `pending`.
    #[inline(always)]
    pub fn filter(&self, state: *mut CpuState) {
        let meta = u64::from(self.wire_len()) | u64::from(self.flags & RecordFlags::OUTBOUND) << 32;
        filter(self.ctx, self.data, self.data_end, state, meta);
    }

    /// Hands the frame to user space; the kernel appends its first `snaplen` bytes.
    ///
    /// # Errors
    /// The negative errno of `bpf_perf_event_output`.
    #[inline(always)]
    pub fn output(&self, timestamp_ns: u64, rules: u64, snaplen: u32) -> Result<(), i64> {
        let captured_len = if self.len < snaplen { self.len } else { snaplen };
        let mut header = RecordHeader {
            timestamp_ns,
            rules,
            wire_len: self.len,
            captured_len,
            ifindex: self.ifindex,
            flags: self.flags,
            vlan_tci: self.vlan_tci,
            vlan_tpid: self.vlan_tpid,
            gso_segments: self.gso_segments,
            gso_size: self.gso_size,
        };
        // Bits 32 and up: bytes of the frame to append (BPF_F_CTXLEN_MASK).
        let flags = u64::from(captured_len) << 32 | BPF_F_CURRENT_CPU;
        // SAFETY: the context is the kernel's, the map is a perf event array, and the
        // header is initialised without padding for its whole size.
        let result = unsafe {
            bpf_perf_event_output(
                self.ctx,
                (&raw const RECORDS).cast_mut().cast(),
                flags,
                (&raw mut header).cast(),
                size_of::<RecordHeader>() as u64,
            )
        };
        if result == 0 { Ok(()) } else { Err(result) }
    }
}

// For aya-log, which asks whoever logs for the context.
impl EbpfContext for Frame {
    fn as_ptr(&self) -> *mut c_void {
        self.ctx
    }
}

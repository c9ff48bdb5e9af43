//! What the benchmarks measure probe against: programs that do nothing, and one written by
//! hand for one question. No part of the product: `cargo xtask bench` builds and loads them.

#![no_std]
#![no_main]
#![expect(
    missing_docs,
    reason = "the entry points' documentation does not reach what the macros make"
)]

use aya_ebpf::{
    Global,
    bindings::BPF_RB_NO_WAKEUP,
    bindings::{TC_ACT_UNSPEC, xdp_action::XDP_PASS},
    helpers::generated::{bpf_ktime_get_ns, bpf_redirect, bpf_skb_load_bytes},
    macros::{classifier, map, xdp},
    maps::{PerCpuArray, RingBuf},
    programs::{TcContext, XdpContext},
};

/// Packets and bytes.
#[map]
static MATCHED: PerCpuArray<[u64; 2]> = PerCpuArray::with_max_entries(1, 0);

/// Records of [`ring_buffer_tcx`]: as large as a ring of probe's.
#[map]
static RECORDS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// Bytes of a frame in a record, `-s 96`.
const SNAPLEN: usize = 96;

/// As long as a record of probe's with a frame of [`SNAPLEN`] bytes.
#[repr(C)]
struct Record {
    timestamp_ns: u64,
    wire_len: u64,
    rules: u64,
    bytes: [u8; SNAPLEN],
}

/// Where [`redirect`] sends frames.
#[unsafe(no_mangle)]
static TO: Global<u32> = Global::new(0);

/// Nothing, on XDP.
#[xdp(frags)]
pub fn empty_xdp(_ctx: XdpContext) -> u32 {
    XDP_PASS
}

/// Nothing, on tcx.
#[classifier]
pub fn empty_tcx(_ctx: TcContext) -> i32 {
    TC_ACT_UNSPEC
}

/// Counts `tcp[tcpflags] = tcp-syn`, on XDP.
#[xdp(frags)]
pub fn hand_xdp(ctx: XdpContext) -> u32 {
    if is_syn(ctx.data(), ctx.data_end()) == Some(true) {
        count((ctx.data_end() - ctx.data()) as u64);
    }
    XDP_PASS
}

/// Counts `tcp[tcpflags] = tcp-syn`, on tcx.
#[classifier]
pub fn hand_tcx(ctx: TcContext) -> i32 {
    if is_syn(ctx.data(), ctx.data_end()) == Some(true) {
        count(u64::from(ctx.len()));
    }
    TC_ACT_UNSPEC
}

/// Counts `tcp[tcpflags] = tcp-syn`, on tcx, and sends the beginning of each match through
/// the BPF ring buffer, waking nobody.
#[classifier]
pub fn ring_buffer_tcx(ctx: TcContext) -> i32 {
    if is_syn(ctx.data(), ctx.data_end()) == Some(true) {
        count(u64::from(ctx.len()));
        record(&ctx);
    }
    TC_ACT_UNSPEC
}

#[inline(always)]
fn record(ctx: &TcContext) {
    let Some(mut entry) = RECORDS.reserve::<Record>(0) else { return };
    let record = entry.as_mut_ptr();
    // SAFETY: the entry has room for a record, of which all fields are numbers.
    let header = unsafe { &mut *record };
    // SAFETY: the helper takes nothing.
    header.timestamp_ns = unsafe { bpf_ktime_get_ns() };
    header.wire_len = u64::from(ctx.len());
    header.rules = 1;
    // The verifier wants to see that it is not 0.
    let captured = ctx.len().clamp(14, SNAPLEN as u32);
    let bytes = header.bytes.as_mut_ptr().cast();
    // SAFETY: no more bytes than there is room for; frames have 14 at least.
    unsafe { bpf_skb_load_bytes(ctx.skb.skb.cast(), 0, bytes, captured) };
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
}

/// Sends every frame out of an interface: how frames made by a test run reach a driver.
#[xdp]
pub fn redirect(_ctx: XdpContext) -> u32 {
    // SAFETY: the helper takes numbers; a wrong one drops the frame.
    unsafe { bpf_redirect(TO.load(), 0) as u32 }
}

#[inline(always)]
fn count(bytes: u64) {
    if let Some(counter) = MATCHED.get_ptr_mut(0) {
        // SAFETY: this CPU's value, and programs of one CPU do not interrupt each other.
        let counter = unsafe { &mut *counter };
        counter[0] += 1;
        counter[1] += bytes;
    }
}

/// Whether these are the bytes of a frame with the first fragment of an IPv4 packet with a
/// TCP header whose only flag is SYN.
#[inline(always)]
fn is_syn(data: usize, end: usize) -> Option<bool> {
    /// `ETH_P_IP`, as it lies in the frame.
    const IPV4: [u8; 2] = [0x08, 0x00];
    const TCP: u8 = 6;
    const SYN: u8 = 0x02;
    const ETHERNET: usize = 14;
    const FLAGS: usize = 13;

    let head: [u8; ETHERNET + 20] = read(data, end)?;
    let fragment = u16::from_be_bytes([head[ETHERNET + 6], head[ETHERNET + 7]]);
    if head[12..ETHERNET] != IPV4 || head[ETHERNET + 9] != TCP || fragment & 0x1fff != 0 {
        return Some(false);
    }
    let length = usize::from(head[ETHERNET] & 0x0f) * 4;
    let flags: [u8; 1] = read(data + ETHERNET + length + FLAGS, end)?;
    Some(flags[0] == SYN)
}

/// Bytes of the frame, where it is that long.
#[inline(always)]
fn read<const N: usize>(from: usize, end: usize) -> Option<[u8; N]> {
    if from + N > end {
        return None;
    }
    // SAFETY: the frame has these bytes, and bytes need no alignment.
    Some(unsafe { *(from as *const [u8; N]) })
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier admits no program in which this can be reached.
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

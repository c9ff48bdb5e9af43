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
    bindings::{TC_ACT_UNSPEC, xdp_action::XDP_PASS},
    helpers::generated::bpf_redirect,
    macros::{classifier, map, xdp},
    maps::PerCpuArray,
    programs::{TcContext, XdpContext},
};

/// Packets and bytes.
#[map]
static MATCHED: PerCpuArray<[u64; 2]> = PerCpuArray::with_max_entries(1, 0);

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

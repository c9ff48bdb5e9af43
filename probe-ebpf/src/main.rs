//! probe's kernel programs: one body, [`count::observe`], and an entry point for each
//! hook. None of them drops, delays or alters a frame.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(
    missing_docs,
    reason = "the entry points' documentation does not reach what the macros make"
)]

mod atomic;
mod count;
mod distinct;
mod filter;
mod frame;
mod lists;
mod maps;
mod ring;
mod sample;
mod top;

use aya_ebpf::{
    bindings::{TC_ACT_UNSPEC, xdp_action::XDP_PASS},
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};
use count::{observe, slot};
use frame::{SkbFrame, XdpFrame};
use probe_common::RecordFlags;

/// Native XDP, frames with fragments included (kernel 5.18). Never generic XDP: for a program
/// that takes fragments the kernel makes a new skb there (6.9, `skb_cow_data_for_xdp`), which
/// lacks `mac_len`, and tc then lacks the Ethernet header.
#[xdp(frags)]
pub fn probe_xdp(ctx: XdpContext) -> u32 {
    let slot = slot(|| ctx.ingress_ifindex() as u32, false);
    observe(&XdpFrame::<true>::new(&ctx), slot);
    XDP_PASS
}

/// Generic XDP, which hands over each frame in one piece, and native XDP where the kernel knows
/// no fragments.
#[xdp]
pub fn probe_xdp_linear(ctx: XdpContext) -> u32 {
    let slot = slot(|| ctx.ingress_ifindex() as u32, false);
    observe(&XdpFrame::<false>::new(&ctx), slot);
    XDP_PASS
}

/// tcx or clsact, frames received. `TC_ACT_UNSPEC` is `TCX_NEXT`: on to the next program.
#[classifier]
pub fn probe_ingress(ctx: TcContext) -> i32 {
    let frame = SkbFrame::new(&ctx, 0);
    if !frame.is_own_copy() {
        observe(&frame, slot(|| frame.ifindex(), false));
    }
    TC_ACT_UNSPEC
}

/// tcx or clsact, frames sent.
#[classifier]
pub fn probe_egress(ctx: TcContext) -> i32 {
    let frame = SkbFrame::new(&ctx, RecordFlags::OUTBOUND);
    observe(&frame, slot(|| frame.ifindex(), true));
    TC_ACT_UNSPEC
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier admits no program in which this can be reached.
    loop {}
}

// bpf_ktime_get_ns is for GPL-compatible programs.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
